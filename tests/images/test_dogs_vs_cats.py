"""The pipeline on real photographs, where they are there."""

import json
import zipfile
from collections import Counter

import pytest
from click.testing import CliRunner

from fusedlogit.command_line.cli import app
from fusedlogit.photographs.images import find_images


@pytest.fixture
def some_photographs(dogs_vs_cats_zip, tmp_path):
    """A zip file of 200 cats and 200 dogs."""
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(dogs_vs_cats_zip) as source, zipfile.ZipFile(path, "w") as target:
        for label in ("cat", "dog"):
            for number in range(200):
                name = f"train/{label}.{number}.jpg"
                target.writestr(name, source.read(name))
    return path


def test_every_photograph_is_found_and_labelled(dogs_vs_cats_zip):
    catalogue = find_images(dogs_vs_cats_zip)
    assert Counter(file.label for file in catalogue.files) == {"cat": 10_000, "dog": 10_000}
    assert {file.number for file in catalogue.files} == set(range(10_000))
    assert catalogue.unlabelled == ()


def test_gradient_descent_learns_from_photographs(some_photographs, tmp_path):
    arguments = [
        "train", str(some_photographs), "--size", "32", "--test-from", "150", "--max-iter", "100",
        "--learning-rate", "0.001,0.002", "--report", str(tmp_path / "report"), "--json", "--quiet",
    ]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["skipped"] == []
    assert summary["scores"]["test"]["n_images"] == 100
    assert summary["scores"]["train"]["log_loss"] < 0.69
    assert summary["scores"]["train"]["accuracy"] > 0.55
    assert (tmp_path / "report" / "report.html").stat().st_size > 100_000
