"""Fixtures for all tests: where the real data lies, if it is there, and other Python processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no wrong result.
settings.register_profile("fusedlogit", deadline=None)
settings.load_profile("fusedlogit")


def pytest_addoption(parser):
    """How many awkward problems tests/estimator/test_honesty.py makes, and from which on."""
    parser.addoption("--problems", type=int, default=30)
    parser.addoption("--first-problem", type=int, default=0)


def pytest_generate_tests(metafunc):
    """One test for each awkward problem."""
    if "problem_number" in metafunc.fixturenames:
        first = metafunc.config.getoption("first_problem")
        last = first + metafunc.config.getoption("problems")
        metafunc.parametrize("problem_number", range(first, last))


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


@pytest.fixture(scope="session")
def start_python():
    """Start a Python process on a program, with more environment variables."""

    def start(program, **environment):
        return subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def run_python(start_python):
    """Run a program to its end; (exit status, standard output, standard error)."""

    def run(program, **environment):
        with start_python(program, **environment) as process:
            out, error = process.communicate(timeout=60)
        return process.returncode, out, error

    return run
