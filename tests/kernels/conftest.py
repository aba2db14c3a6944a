import os
import subprocess
import sys

import pytest

from fusedlogit import _kernels

from .raw import Kernels


@pytest.fixture(scope="session", params=_kernels.built_levels())
def kernels(request):
    """The kernels of every level that this machine supports, one after the other."""
    return Kernels(request.param)


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
