"""scikit-learn's own tests of its logistic regression pass with ours in its place."""

import os
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import sklearn

HERE = Path(__file__).parent
TESTS = "sklearn.linear_model.tests.test_logistic"


def load(name):
    spec = spec_from_file_location(name, HERE / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_pass_but_those_listed(tmp_path):
    version = load("not_expected").SCIKIT_LEARN
    if not sklearn.__version__.startswith(f"{version}."):
        pytest.skip(f"the list is of scikit-learn {version}, this is {sklearn.__version__}")
    if find_spec(TESTS) is None:
        pytest.skip("this scikit-learn has been installed without its tests")
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--pyargs", TESTS, "-p", "patched"),
            *("--rootdir", str(tmp_path), "-c", os.devnull, "-p", "no:cacheprovider"),
            *("-q", "--tb=short", "-rfE", "--disable-warnings"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    print(run.stdout.splitlines()[-1])
