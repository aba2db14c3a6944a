"""Studies: each runs, and what it says is what it found."""

import html
import re
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fusedlogit.command_line import cli
from fusedlogit.reporting import descents, studies

from .conftest import photograph

pytestmark = pytest.mark.usefixtures("few_filters")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten dark and ten bright noisy photographs, and some that look like the others."""
    place = tmp_path_factory.mktemp("study") / "photos"
    place.mkdir()
    for label, other in (("cat", "dog"), ("dog", "cat")):
        for number in range(20):
            photograph(other if number % 5 == 4 else label, number).save(
                place / f"{label}.{number}.png"
            )
    return place


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(studies, "ITERATIONS", 40)
    monkeypatch.setattr(studies, "SIZES", (4, 8))
    monkeypatch.setattr(studies, "SMALLEST_TRAINING", 8)
    monkeypatch.setattr(studies, "PENALTIES", (1e-4, 1e-2))
    monkeypatch.setattr(studies, "FOLDS", 2)
    monkeypatch.setattr(descents, "BATCH_PASSES", 40)
    monkeypatch.setattr(descents, "STOCHASTIC_PASSES", 20)


def study(name, folder, report, *arguments):
    size = () if name in cli.WITHOUT_SIZE else ("--size", "8")
    result = CliRunner().invoke(
        cli.app, ["study", name, str(folder), "--report", str(report), *size, *arguments]
    )
    assert result.exit_code == 0, result.stderr
    return result.stdout, (report / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "features"), [("learning-rates", "raw"), ("sgd", "patches"), ("activations", "raw")]
)
def test_features_that_a_study_does_not_heed_are_refused(name, features, folder):
    result = CliRunner().invoke(cli.app, ["study", name, str(folder), "--features", features])
    assert result.exit_code == 2
    assert "leave" in result.stderr


def test_the_command_line_knows_every_study():
    assert tuple(studies.STUDIES) == cli.STUDIES


@pytest.mark.parametrize("features", ["raw", "patches"])
@pytest.mark.parametrize("name", [name for name in cli.STUDIES if name != "activations"])
def test_a_study_writes_a_page_with_a_picture_and_what_it_shows(name, features, folder, tmp_path):
    told = () if name in cli.WITHOUT_FEATURES else ("--features", features)
    out, page = study(name, folder, tmp_path, *told)
    *sentences, place = out.splitlines()
    assert place == f"Page: {tmp_path / name}.html"
    assert len(sentences) == 2
    for sentence in sentences:
        assert sentence in html.unescape(page)
    with Image.open(tmp_path / f"{name}.png") as picture:
        assert picture.width >= 1000
    assert page.count("<img") == 1
    assert "40 images (20 cat, 20 dog)" in page


def test_activations_are_all_compared(folder, tmp_path):
    out, page = study("activations", folder, tmp_path, "--limit", "6")
    rows = re.findall(r"<tr><td>([\w-]+)</td>", page)
    assert rows == ["two-sided", "relu", "abs", "tanh", "sigmoid", "softplus"]
    assert "12 images (6 cat, 6 dog)" in page
    best, _ = out.splitlines()[:2]
    validation = dict(re.findall(r"<tr><td>([\w-]+)</td><td>[\d.]+%</td><td>([\d.]+)%", page))
    named = re.search(r"Best on validation is ([\w-]+),", best)[1]
    assert float(validation[named]) == max(map(float, validation.values()))


def test_of_few_images_several_numbers_are_compared(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "SMALLEST_TRAINING", 250)
    out, page = study("training-size", folder, tmp_path, "--features", "raw")
    counts = [int(count) for count in re.findall(r"<tr><td>(\d+)</td>", page)]
    assert len(counts) == 4
    assert counts == [counts[-1] >> step for step in (3, 2, 1, 0)]
    assert f"From {counts[0]} to {counts[-1]} training images" in out


def test_too_few_images_to_be_halved(tmp_path):
    for label in range(4):
        (tmp_path / f"kind {label}").mkdir()
        for number in range(5):
            photograph(str(label), number).save(tmp_path / f"kind {label}" / f"{number}.png")
    out, _ = study("training-size", tmp_path, tmp_path.with_name("page"), "--features", "raw",
                   "--test-fraction", "0.4", "--validation-fraction", "0.5")  # fmt: skip
    assert "With 4 training images, accuracy on test images is" in out
    assert "Half of them would lack a label" in out


def test_the_lowest_cost_is_named(folder, tmp_path):
    out, page = study("learning-rates", folder, tmp_path)
    costs = dict(re.findall(r"<tr><td>([\d.]+)</td><td>([\d.]+)</td>", page))
    lowest = min(costs, key=lambda rate: float(costs[rate]))
    assert f"lowest with learning rate {lowest}: {costs[lowest]}." in out


def test_passes_to_a_cost_are_counted(folder, tmp_path):
    out, page = study("sgd", folder, tmp_path)
    first, second = out.splitlines()[:2]
    table = re.findall(
        r"<tr><td>([^<]+)</td><td>(\d+)</td><td>(\d+)</td><td>([\d.]+)</td>(?:<td>[\d.]+%</td>){2}"
        r"<td>([\d.]+)\d%</td>",
        html.unescape(page),
    )
    names = [row[0] for row in table]
    assert names[:2] == ["stochastic descent", "Newton's method"]
    assert names[2].startswith("gradient descent (learning rate 0.")
    lowest = min(float(row[3]) for row in table)
    for clause, (name, iterations, passes, cost, _) in zip(first.split("; "), table, strict=True):
        assert int(passes) > int(iterations)
        assert clause.lower().startswith(name.lower())
        within = re.search(r"within 1% of the lowest cost in about (\d+) pass(es)?", clause)
        assert bool(within) == (float(cost) <= 1.01 * lowest)
        assert within is None or int(within[1]) <= int(passes)
        assert within is None or (int(within[1]) > 1) == (within[2] is not None)
    for name, *_, test in table:
        assert re.search(rf"{re.escape(name)} (answers )?{test}", second)


def test_one_pass_is_no_passes():
    model = SimpleNamespace(history_=[1.0, 0.5], n_passes_=3)
    assert descents._reached(descents.Descent("one", model, ()), 1.0).endswith("in about 1 pass")


def test_the_folds_are_those_of_scikit_learn(folder, tmp_path):
    out, page = study("k-fold", folder, tmp_path, "--features", "raw", "--test-from", "15")
    held_out = [float(share) for share in re.findall(r"<td>\d</td><td>.*?</td><td>(.*?)%", page)]
    assert len(held_out) == 2
    assert f"{np.mean(held_out):.1f}% of the images held out" in out


def test_folds_without_a_minimum_give_no_alarm(folder, tmp_path, recwarn):
    study("k-fold", folder, tmp_path, "--features", "raw", "--C", "inf", "--quiet")
    assert not recwarn.list


def test_an_unknown_study_is_refused(folder):
    result = CliRunner().invoke(cli.app, ["study", "astrology", str(folder)])
    assert result.exit_code == 2
    assert "astrology" in result.stderr


def test_too_few_images_for_the_folds(folder, monkeypatch):
    monkeypatch.setattr(studies, "FOLDS", 18)
    result = CliRunner().invoke(cli.app, ["study", "k-fold", str(folder), "--limit", "20"])
    assert result.exit_code == 2
    assert "18 folds need 18 images of each label" in result.stderr


@pytest.mark.parametrize("name", ["regularisation", "learning-rates"])
def test_penalties_that_a_study_does_not_heed(folder, name):
    result = CliRunner().invoke(cli.app, ["study", name, str(folder), "--C", "1"])
    assert result.exit_code == 2
    assert f"--C means nothing to the study {name}: leave it out" in result.stderr


def test_a_size_beside_those_that_are_compared(folder):
    result = CliRunner().invoke(cli.app, ["study", "image-sizes", str(folder), "--size", "16"])
    assert result.exit_code == 2
    assert "--size means nothing to the study image-sizes: leave it out" in result.stderr
