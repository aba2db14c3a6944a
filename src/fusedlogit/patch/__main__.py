"""Run a script with our estimators in the place of scikit-learn's."""

from __future__ import annotations

import argparse
import logging
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

from . import patch_sklearn


def main() -> None:
    """``python -m fusedlogit.patch [--quiet] (script.py | -m module) [arguments]``."""
    parser = argparse.ArgumentParser("python -m fusedlogit.patch", description=__doc__)
    parser.add_argument(
        "--quiet", action="store_true", help="do not say which fits go on to scikit-learn"
    )
    parser.add_argument(
        "-m", dest="is_module", action="store_true", help="run a module instead of a file"
    )
    parser.add_argument("script", help="a Python file, or with -m the name of a module")
    rest = parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on to it")
    rest.required = False  # argparse would name it where only the script is missing
    options = parser.parse_args()
    if not options.quiet:
        log = logging.getLogger("fusedlogit")
        log.addHandler(logging.StreamHandler())
        log.setLevel(logging.INFO)
    patch_sklearn()
    sys.argv = [options.script, *options.arguments]
    if options.is_module:
        if not _can_be_run(options.script):
            parser.error(f"there is no module {options.script} to run")
        runpy.run_module(options.script, run_name="__main__", alter_sys=True)
        return
    if not Path(options.script).exists():
        parser.error(f"{options.script} is not there")
    if Path(options.script).is_dir() and not Path(options.script, "__main__.py").exists():
        parser.error(f"{options.script} is a folder without a __main__.py: give a Python file")
    sys.path[0] = str(Path(options.script).resolve().parent)
    runpy.run_path(options.script, run_name="__main__")


def _can_be_run(module: str) -> bool:
    """Whether there is a module, or a package with a `__main__`; packages above are imported."""
    try:
        spec = find_spec(module)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{module}.__main__")
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # of an import in one of them
        return False
    return spec is not None


if __name__ == "__main__":
    main()
