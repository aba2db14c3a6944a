"""The probes are no part of the package: they are compiled here, with the kernels' flags."""

import contextlib
import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load(name, path):
    """A module from its file, which need not be where Python looks for modules."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build_probes(level):
    """Compile cython_kernels/probes.pyx for a level into build/probes, unless it lies there."""
    from setuptools import Distribution

    setup = load("fusedlogit_setup", ROOT / "setup.py")
    extension = setup.kernel(level, "probes")
    command = setup.BuildKernels(Distribution({"ext_modules": [extension]}))
    command.build_lib = "build/probes"
    command.build_temp = "build/probes/temp"
    with contextlib.chdir(ROOT):
        command.ensure_finalized()
        command.run()
    return load(extension.name, ROOT / command.get_ext_fullpath(extension.name))
