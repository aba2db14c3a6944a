"""More than two kinds of images, from files to the last picture of the report and back."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits

from fusedlogit import LogisticRegression
from fusedlogit.command_line import cli
from fusedlogit.errors import ModelFileError, OutputError
from fusedlogit.evaluation.calibration import Temperature
from fusedlogit.evaluation.many_classes import ClassJudgement
from fusedlogit.evaluation.softmax import SoftmaxHead
from fusedlogit.photographs.classifier import ManyKindsClassifier
from fusedlogit.photographs.features import PatchFeatures
from fusedlogit.photographs.loading import load_images
from fusedlogit.photographs.model_file import load_model, save_model
from fusedlogit.photographs.training import TrainingOptions, train
from fusedlogit.reporting.report import write_report

DIGITS = load_digits()
SIZE = DIGITS.images.shape[1]
PER_KIND = 25
PATTERNS = ("{label}.{number}.png", "{label}/{number}.png")

pytestmark = pytest.mark.usefixtures("few_filters")


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def write_digits(root, pattern):
    """Ten kinds of digits as gray images."""
    for digit in range(10):
        levels = DIGITS.images[digit == DIGITS.target][:PER_KIND]
        for number, image in enumerate(np.rint(levels * (255 / 16)).astype(np.uint8)):
            path = root / pattern.format(label=f"digit {digit}", number=number)
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(path)
    return root


@pytest.fixture(scope="module", params=PATTERNS, ids=["names", "folders"])
def folder(request, tmp_path_factory):
    """Labelled by name or by folder."""
    return write_digits(tmp_path_factory.mktemp("digits"), request.param)


@pytest.fixture(scope="module")
def by_name(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("digits"), PATTERNS[0])


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("trained")
    model = tmp_path / "m.npz"
    arguments = ["--size", SIZE, "--features", "raw", "--test-from", 18, "--json"]
    result = run(
        "train", folder, *arguments, "--out", model, "--report", tmp_path / "report", "--C", 1
    )
    assert result.exit_code == 0, result.stderr
    return model, json.loads(result.stdout), tmp_path / "report"


def test_ten_kinds_of_digits_are_told_apart(trained):
    _, summary, _ = trained
    assert list(summary["images"]) == [f"digit {k}" for k in range(10)]
    assert summary["scores"]["test"]["n_images"] == 70
    assert summary["scores"]["test"]["accuracy"] > 0.85
    assert summary["scores"]["test"]["majority"] == pytest.approx(0.1)
    assert summary["test_top_5_accuracy"] > 0.97
    assert summary["test_roc_auc"] > 0.97
    confusion = np.array(summary["test_confusion"])
    assert confusion.sum(axis=1).tolist() == [7] * 10
    assert np.trace(confusion) == round(70 * summary["scores"]["test"]["accuracy"])


def test_the_report_shows_all_of_it(trained):
    _, summary, report = trained
    pictures = {"cost", "confusion", "roc", "reliability", "evidence", "weights", "right", "wrong"}
    assert {path.stem for path in report.glob("*.png")} - {"pairs"} == pictures
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "Which of 10 kinds is it?" in page
    assert "guessing among 10 kinds scores 2.3026" in page
    for number, row in enumerate(summary["test_confusion"]):
        assert f"<tr><td>digit {number}</td><td>7</td><td>{row[number] / 7:.1%}</td>" in page


def test_text_names_what_is_mistaken(folder):
    result = run("train", folder, "--size", SIZE, "--features", "raw", "--C", "1e-6", "--quiet")
    assert "250 images (25 digit 0, 25 digit 1," in result.stdout
    assert "right kind among the likeliest five" in result.stdout
    assert "Most often mistaken: digit " in result.stdout


def test_predict_tells_the_likeliest_kinds(trained, folder):
    model, _, _ = trained
    images = [path for digit in (3, 7) for path in sorted(folder.rglob("*.png"))
              if f"digit {digit}" in str(path.relative_to(folder))][:30]  # fmt: skip
    lines = [line.split("\t") for line in run("predict", model, *images).stdout.splitlines()]
    assert [line[0] for line in lines] == [str(path) for path in images]
    truth = [f"digit {3 if 'digit 3' in str(path) else 7}" for path in images]
    assert np.mean([line[1] == label for line, label in zip(lines, truth, strict=True)]) > 0.9
    answers = json.loads(run("predict", model, *images, "--top", 3, "--json").stdout)
    for answer, line in zip(answers, lines, strict=True):
        likeliest = answer["likeliest"]
        assert len({one["label"] for one in likeliest}) == 3
        assert likeliest[0] == {"label": answer["label"], "probability": answer["probability"]}
        chances = [one["probability"] for one in likeliest]
        assert chances == sorted(chances, reverse=True)
        assert line[1:] == [answer["label"], f"{answer['probability']:.4f}"]
    table = list(csv.DictReader(io.StringIO(
        run("predict", model, *images, "--top", 2, "--csv").stdout
    )))  # fmt: skip
    assert list(table[0]) == ["image", "label", "probability", "label_2", "probability_2"]
    assert [row["label"] for row in table] == [answer["label"] for answer in answers]


def assert_evidence_is_drawn(model, folder, pictures):
    result = run("predict", model, next(folder.rglob("*.png")), "--evidence", pictures)
    assert result.exit_code == 0, result.stderr
    assert len(list(pictures.iterdir())) == 1


def test_evidence_of_pixels_is_between_the_two_likeliest(trained, folder, tmp_path):
    model, _, _ = trained
    assert_evidence_is_drawn(model, folder, tmp_path / "pictures")


def test_evidence_of_patches_and_their_filters_are_drawn(by_name, tmp_path):
    model, report = tmp_path / "m.npz", tmp_path / "report"
    options = ["--size", SIZE, "--features", "patches", "--C", 0.01, "--out", model]
    result = run("train", by_name, *options, "--report", report)
    assert result.exit_code == 0, result.stderr
    assert (report / "filters.png").exists()
    assert_evidence_is_drawn(model, by_name, tmp_path / "pictures")


@pytest.fixture(scope="module")
def images(by_name):
    return load_images(by_name, size=SIZE)


def test_training_is_the_estimator_on_the_training_part(images):
    result = train(images, TrainingOptions(C=(0.1,)))
    model = LogisticRegression(C=0.1, scaling=255).fit(*images.part("train"))
    np.testing.assert_array_equal(result.classifier.head.coef, model.coef_)
    values, labels = images.part("test")
    assert result.scores["test"].accuracy == model.score(values, labels)
    probability = result.classifier.probability(result.classifier.values(values))
    np.testing.assert_allclose(probability, model.predict_proba(values), rtol=1e-6)
    np.testing.assert_allclose(probability, result.test.probability, rtol=1e-6)


@pytest.mark.parametrize("features", [False, True])
def test_what_is_saved_is_what_is_loaded(images, tmp_path, features):
    options = TrainingOptions(features=PatchFeatures() if features else None, C=(0.01,))
    result = train(images, options)
    saved = result.classifier
    save_model(tmp_path / "m.npz", saved)
    loaded = load_model(tmp_path / "m.npz")
    pixels, _ = images.part("test")
    probability = loaded.probability(loaded.values(pixels))
    np.testing.assert_array_equal(probability, saved.probability(saved.values(pixels)))
    np.testing.assert_allclose(probability, result.test.probability, rtol=1e-5, atol=1e-12)
    assert loaded.probability(loaded.values(pixels[:0])).shape == (0, 10)
    decision = loaded.head.decision(loaded.values(pixels[:1]))[0]
    average = loaded.head.coef @ loaded.mean + loaded.head.intercept
    evidence = loaded.evidence(pixels[0], 3, 8).sum()
    expected = (decision - average)[3] - (decision - average)[8]
    assert evidence == pytest.approx(expected, abs=0.02)


def test_gradient_descent_learns_many_kinds_too(images):
    options = TrainingOptions(solver="gd", learning_rates=(0.1, 1e9), max_iter=100)
    result = train(images, options)
    assert [candidate.diverged for candidate in result.candidates] == [False, True]
    assert result.scores["train"].accuracy > 0.6


def test_calibration_does_not_change_the_answers(images):
    result = train(images, TrainingOptions(features=PatchFeatures(), C=(0.01,)))
    head = result.classifier.head
    assert head.calibration.slope != 1
    values = result.classifier.values(images.part("test")[0])
    plain = SoftmaxHead(head.coef, head.intercept).probability(values)
    assert (plain.argmax(axis=1) == result.test.answer).all()


def test_kinds_without_a_mistake_make_a_report(images, tmp_path):
    result = train(images, TrainingOptions(C=(0.1,)))
    truth = result.test.truth
    perfect = ClassJudgement(truth, np.eye(10)[truth] * 0.9 + 0.01)
    page = write_report(tmp_path, replace(result, test=perfect)).read_text(encoding="utf-8")
    assert "No mistake was made" in page
    assert "surest mistakes" not in page
    assert not (tmp_path / "pairs.png").exists()
    assert not (tmp_path / "wrong.png").exists()


def a_classifier(**changes):
    generator = np.random.default_rng(0)
    head = SoftmaxHead(
        changes.pop("coef", generator.normal(0, 1e-3, (3, 12))),
        changes.pop("intercept", np.zeros(3)),
        Temperature(changes.pop("slope", 0.5)),
    )
    labels = changes.pop("labels", ("cat", "dög", "emu"))
    return ManyKindsClassifier(labels, 2, head, np.full(12, 100.0))


@pytest.mark.parametrize(
    "changes",
    [
        {"coef": np.full((3, 12), 1e300)},
        {"coef": np.full((3, 12), np.nan)},
        {"intercept": np.array([0, np.inf, 0])},
        {"slope": -1.0},
        {"slope": 1e300},
        {"labels": ("cat", "dog", "cat")},
        {"labels": ("cat", "", "dog")},
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, changes):
    with pytest.raises(OutputError, match=r"m\.npz is not written"):
        save_model(tmp_path / "m.npz", a_classifier(**changes))
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ["cat", "dog"]},
        {"labels": ["cat", "dog", "emu", "fox"]},
        {"labels": ["cat", "dog", "dog"]},
        {"coef": np.zeros((2, 12))},
        {"coef": np.zeros(12)},
        {"coef": np.full((3, 12), np.nan)},
        {"coef": np.full((3, 12), 1e37)},
        {"intercept": 0.0},
        {"intercept": np.zeros(4)},
        {"intercept": np.array([0, 0, np.nan])},
        {"calibration": [1.0, 0.0]},
        {"calibration": -1.0},
        {"threshold": 0.5},
        {"format_version": 2},
    ],
)
def test_a_changed_file_of_many_kinds_is_refused(tmp_path, changes):
    path = tmp_path / "m.npz"
    save_model(path, a_classifier())
    assert load_model(path).labels == ("cat", "dög", "emu")
    with np.load(path) as archive:
        fields = dict(archive)
    np.savez(path, **(fields | {name: np.asarray(value) for name, value in changes.items()}))
    with pytest.raises(ModelFileError, match=r"m\.npz is damaged"):
        load_model(path)
