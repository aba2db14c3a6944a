"""What this build and this machine run on."""

from importlib.metadata import version

from .. import _kernels
from .threads import usable_threads


def show_config() -> None:
    """Print the instruction-set level in use, threads, compiler and versions."""
    openmp = _kernels.cpu.openmp_version()
    rows = {
        "fusedlogit": version("fusedlogit"),
        "instruction set": f"{_kernels.LEVEL} (of {', '.join(_kernels.built_levels())})",
        "OpenMP": str(openmp) if openmp else "no",
        "threads": str(usable_threads()),
        "compiler": _kernels.cpu.compiler(),
        **{name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
    }
    width = max(map(len, rows))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in rows.items()))
