"""The HTML report and its pictures."""

import base64
import html
import io
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from fusedlogit.errors import OutputError, SkippedFile, printable
from fusedlogit.photographs.features import Exemplar, PatchFeatures
from fusedlogit.photographs.training import TrainingOptions, train
from fusedlogit.reporting import figures, report
from fusedlogit.reporting.comparison import Comparison
from fusedlogit.reporting.report import write_report
from fusedlogit.reporting.rounding import percent

PICTURES = {
    "cost", "confusion", "roc", "reliability", "evidence", "weights", "right", "wrong",
}  # fmt: skip


def embedded(page):
    return [
        base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)', page)
    ]


@pytest.fixture(scope="module")
def mistaken(result):
    """The result with one right and one wrong answer of each kind, at least."""
    truth = np.arange(len(result.test.truth)) % 2 == 0
    answer = np.arange(len(truth)) < len(truth) // 2
    test = replace(result.test, truth=truth, answer=answer, probability=np.where(answer, 0.9, 0.2))
    return replace(result, test=test)


@pytest.fixture(scope="module")
def path(mistaken, tmp_path_factory):
    """Of the page that reports on it."""
    return write_report(tmp_path_factory.mktemp("reports") / "a" / "report", mistaken)


@pytest.fixture(scope="module")
def page(path):
    return path.read_text(encoding="utf-8")


def test_the_page_holds_the_pictures_that_lie_beside_it(path):
    files = {file.stem: file.read_bytes() for file in path.parent.glob("*.png")}
    assert files.keys() == PICTURES
    assert sorted(embedded(path.read_text(encoding="utf-8"))) == sorted(files.values())
    for content in files.values():
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            assert picture.width >= 1000


def test_the_page_needs_nothing_else(page):
    sources = re.findall(r"""\b(?:src|href|srcset)\s*=\s*["']?(.{5})""", page)
    assert sources == ["data:"] * len(PICTURES)
    for word in ("url(", "@import", "<script", "<link", "<iframe"):
        assert word not in page


def test_the_page_states_the_results(page, mistaken):
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Is it “cat” or “dog”?" in text
    for part, score in mistaken.scores.items():
        assert f"{part} {score.n_samples} {score.accuracy:.2%} {score.log_loss:.4f}" in text
    for candidate in mistaken.candidates:
        assert candidate.name in text
    assert f"{mistaken.best.name} (kept)" in text
    assert "12 cat, 12 dog" in text
    assert "No image was left out" in text


def test_few_images_are_not_said_to_be_in_ten_groups(page, mistaken):
    assert len(mistaken.test.truth) < 10
    assert "Test images in ten groups at most" in page


def test_files_left_out_are_named_with_reasons(result):
    skipped = (SkippedFile("cat.<3>.jpg", "cannot be decoded (cut off)"),)
    page = report.render_page(
        replace(result, images=replace(result.images, skipped=skipped)),
        dict.fromkeys(PICTURES, b""),
    )
    assert "1 file left out" in page
    assert "cat.&lt;3&gt;.jpg cannot be decoded (cut off)" in page


def test_no_section_for_answers_there_are_none_of(result, tmp_path):
    perfect = replace(result, test=replace(result.test, answer=result.test.truth))
    page = write_report(tmp_path, perfect).read_text(encoding="utf-8")
    assert "Surest right answers" in page
    assert "Surest wrong answers" not in page
    assert "The surest answers. Red regions" in page
    assert not (tmp_path / "wrong.png").exists()


@pytest.mark.parametrize(
    "labels", [("<script>x</script>", "$x^{"), ("喵", "tab\there"), ("a" * 300, "{{7*7}}")]
)
def test_any_label_can_be_shown(mistaken, tmp_path, labels):
    names = dict(zip(("cat", "dog"), labels, strict=True))
    files = tuple(replace(file, label=names[file.label]) for file in mistaken.images.files)
    relabelled = replace(mistaken, images=replace(mistaken.images, files=files))
    page = write_report(tmp_path, relabelled).read_text(encoding="utf-8")
    for label in labels:
        assert f"“{html.escape(printable(label), quote=False)}”" in page
    assert "<script" not in page


def test_kernel_against_reference_is_shown_when_compared(result, page, tmp_path):
    assert "Compiled kernel against NumPy" not in page
    comparison = Comparison([0.5, 0.4], [0.5, 0.4000004], speedup=6.25)
    assert comparison.max_difference == pytest.approx(1e-6, rel=1e-3)
    compared = write_report(tmp_path, result, comparison=comparison).read_text(encoding="utf-8")
    assert "Compiled kernel against NumPy" in compared
    assert "1.0e-06" in compared
    assert "6.2 times as fast" in compared
    assert (tmp_path / "twins.png").exists()


def test_a_file_in_the_way_of_the_folder_is_refused(result, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "to_png", lambda _figure: b"drawn")
    (tmp_path / "report").write_text("mine")
    with pytest.raises(OutputError, match="report cannot be written"):
        write_report(tmp_path / "report", result)
    assert (tmp_path / "report").read_text() == "mine"


def test_a_failure_while_drawing_writes_nothing(result, tmp_path, monkeypatch):
    def fail(*_args):
        raise RuntimeError("no ink")

    monkeypatch.setattr(figures, "roc_figure", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        write_report(tmp_path / "report", result)
    assert not (tmp_path / "report").exists()


def test_cost_has_a_line_for_each_learning_rate_and_named_axes():
    axes = figures.cost_figure([("a", [0.7, 0.6, 0.5]), ("b", [0.7, 0.65])]).axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.7, 0.6, 0.5], [0.7, 0.65]]
    assert axes.get_xlabel() == "iteration"
    assert axes.get_ylabel() == "cost J (nats per image)"


def test_a_runaway_cost_does_not_flatten_the_others():
    costs = [("good", [0.7, 0.6, 0.5]), ("bad", [0.7, 90.0, np.inf])]
    bottom, top = figures.cost_figure(costs).axes[0].get_ylim()
    assert bottom < 0.5
    assert 0.7 < top < 1


def test_a_runaway_cost_can_be_drawn_whole_above_the_others():
    costs = [("good", [0.7, 0.6, 0.5]), ("bad", [0.7, 90.0, 20.0])]
    above, below = figures.cost_figure(costs, whole=True).axes
    assert above.get_ylim()[1] > 90
    assert above.get_yscale() == "log"
    assert below.get_ylim()[1] < 1


@pytest.mark.parametrize("accuracies", [(0.96, 0.97, 1.0), (0.88, 0.885, 0.89), (0.4, 0.6, 0.9)])
def test_ticks_of_accuracy_say_where_they_are(accuracies):
    figure = figures.accuracy_figure("C", (0.1, 1.0, 10.0), {"validation": accuracies})
    figure.canvas.draw()
    (axes,) = figure.axes
    labels = [float(label.get_text().rstrip("%")) for label in axes.get_yticklabels()]
    np.testing.assert_allclose(labels, 100 * axes.get_yticks(), atol=1e-9)


def test_weights_are_drawn_where_they_act():
    coef = np.zeros((4, 4, 3))
    coef[1, 2] = [1e-3, -2e-3, 0]
    red, green, blue = figures.weights_figure(coef.ravel(), 4, ("cat", "dog")).axes[:3]
    for axes, weight in ((red, 1), (green, -2), (blue, 0)):
        image = axes.images[0].get_array()
        assert np.sign(image[1, 2]) == np.sign(weight)
        assert np.count_nonzero(image) == (weight != 0)
    assert [axes.get_title() for axes in (red, green, blue)] == ["red", "green", "blue"]


def test_weights_equal_in_all_channels_are_drawn_once():
    coef = np.repeat(np.linspace(-1e-3, 1e-3, 16), 3)
    figure = figures.weights_figure(coef, 4, ("cat", "dog"))
    assert [len(axes.images) for axes in figure.axes].count(1) == 1
    assert len(figures.weights_figure(np.zeros(48), 4, ("cat", "dog")).axes) == 2


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 2)), (3, (2, 3))])
def test_evidence_is_drawn_beside_a_photograph_or_below_several(count, grid):
    photographs = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    evidence = np.linspace(-1, 1, 16 * count).reshape(count, 4, 4)
    captions = [f"cat {number}" for number in range(count)]
    figure = figures.evidence_figure(photographs, evidence, captions, ("cat", "dog"))
    shown = [axes for axes in figure.axes if axes.images]
    assert shown[0].get_gridspec().get_geometry() == grid
    assert [axes.get_title() for axes in shown if axes.get_title()] == captions
    for axes, speaks in zip(shown[count:], evidence, strict=True):
        np.testing.assert_allclose(axes.images[1].get_array(), speaks * 0.16)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_captions_of_two_lines_fit_on_the_picture(count):
    photographs = np.zeros((count, 4, 4, 3), np.uint8)
    evidence = np.ones((count, 4, 4))
    figure = figures.evidence_figure(
        photographs, evidence, ["another digit\n94.0% (wrong)"] * count, ("cat", "dog")
    )
    figure.canvas.draw()
    for axes in figure.axes:
        caption = axes.title.get_window_extent()
        assert caption.y1 <= figure.bbox.y1
        assert figure.bbox.x0 <= caption.x0
        assert caption.x1 <= figure.bbox.x1


def pictures_with_captions(captions):
    n = len(captions)
    pixels = np.zeros((n, 48), np.uint8)
    yield figures.captioned_figure(pixels, captions, 4, columns=n)
    yield figures.class_weights_figure(np.ones((n, 48)), 4, captions, columns=n)
    square = pixels.reshape(n, 4, 4, 3)
    yield figures.evidence_figure(square, np.ones((n, 4, 4)), captions, ("cat", "dog"))


def test_long_captions_do_not_lie_over_each_other():
    for figure in pictures_with_captions(["Norwegian forest cat (wrong)", "W" * 16, "W" * 16, "W"]):
        figure.canvas.draw()
        titles = [axes.title for axes in figure.axes if axes.get_title()]
        assert titles[-1].get_fontsize() >= 8
        places = [title.get_window_extent() for title in titles]
        assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(places))
        assert places[0].x0 >= 0
        assert places[-1].x1 <= figure.bbox.x1


def test_labels_that_differ_at_the_end_do_so_when_they_are_cut():
    one, other = (figures.short(f"Staffordshire bull terrier, {colour}") for colour in "br")
    assert one != other
    assert len(one) == len(other) == 16


@pytest.mark.parametrize(
    ("share", "decimals", "shown"),
    [
        (0.5, 1, "50.0%"),
        (0.5851, 0, "59%"),
        (0.98765, 1, "98.8%"),
        (0.87125, 2, "87.12%"),
        (1.0, 1, "100.0%"),
        (0.0, 2, "0.00%"),
        (0.9994, 1, "99.9%"),
        (0.9996, 1, ">99.9%"),
        (0.99999, 0, ">99%"),
        (0.0004, 1, "<0.1%"),
        (0.0006, 1, "0.1%"),
    ],
)
def test_shares_are_rounded_and_nearly_certain_is_not_certain(share, decimals, shown):
    assert percent(share, decimals) == shown


def test_a_confidence_is_the_same_in_all_pictures(mistaken, monkeypatch):
    captions = {}

    def evidence(_photographs, _evidence, shown, _labels):
        captions["evidence"] = [caption.split()[1] for caption in shown]
        return Figure()

    def photographs(rows, _size, *, columns):
        captions.setdefault("photographs", []).extend(rows[0].captions)
        return Figure()

    monkeypatch.setattr(figures, "evidence_figure", evidence)
    monkeypatch.setattr(figures, "photographs_figure", photographs)
    test = replace(mistaken.test, probability=np.where(mistaken.test.answer, 0.98765, 0.01235))
    report.draw_pictures(replace(mistaken, test=test))
    assert set(captions["evidence"]) == set(captions["photographs"]) == {"98.8%"}


def test_photographs_are_the_rows_of_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48), dtype=np.uint8)
    row = figures.PhotographRow("cat", "dog", pixels, ["90%", "80%"])
    figure = figures.photographs_figure([row], 4, columns=4)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["90%", "80%"]
    for axes, image in zip(shown, pixels, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image.reshape(4, 4, 3))
    assert row.heading == "answered cat, in truth dog"


def test_filters_are_shown_by_pieces_of_test_images(images, tmp_path, few_filters):
    result = train(images, TrainingOptions(features=PatchFeatures(), C=(0.01,)))
    page = write_report(tmp_path, result).read_text(encoding="utf-8")
    assert "What its filters look for" in page
    assert (tmp_path / "filters.png").exists()
    assert not (tmp_path / "weights.png").exists()


def test_a_filter_is_a_column_with_its_weight():
    pieces = tuple(np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3), dtype=np.uint8))
    one, other = Exemplar(-0.25, pieces), Exemplar(0.5, pieces[::-1])
    figure = figures.exemplars_figure(((one,), (other, other)), ("cat", "dog"))
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["-0.250", "", "+0.500", "+0.500", "", ""]
    np.testing.assert_array_equal(shown[1].images[0].get_array(), pieces[1])
