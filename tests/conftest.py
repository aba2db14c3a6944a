"""Fixtures for all tests: where the real data lies, if it is there."""

import os
from pathlib import Path

import pytest


def data_folder() -> Path:
    """The folder of real data sets: $FUSEDLOGIT_DATA, or beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("FUSEDLOGIT_DATA", beside))


@pytest.fixture(scope="session")
def dogs_vs_cats_zip() -> Path:
    """The zip file of 20,000 photographs; tests that need it are skipped without."""
    path = data_folder() / "dogs-vs-cats-train.zip"
    if not path.exists():
        pytest.skip(f"{path} is not there; FUSEDLOGIT_DATA may name its folder")
    return path
