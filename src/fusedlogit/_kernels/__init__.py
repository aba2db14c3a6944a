"""Chooses the compiled kernels for this machine.

The modules named in ``MODULES`` are here those of the best instruction-set level that the processor
supports, or of the one that the environment variable ``FUSEDLOGIT_ISA`` names.
"""

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

#: Turns that a thread of OpenMP (libgomp) waits for more work before it sleeps: some 70
#: microseconds, about as long as two passes of a small fit are apart. In its own choice, 300,000, a
#: thread that waits keeps the core from the one that it waits for wherever another process runs.
SPINS = "4000"


@contextmanager
def _brief_waits() -> Iterator[None]:
    """Settings of libgomp, which reads them once, as it is loaded; what the user says goes."""
    if {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


with _brief_waits():
    from . import cpu

MODULES = (
    "dense", "sparse", "link", "margins", "matrix", "coordinate", "patches", "stochastic",
    "vectors",
)  # fmt: skip


def built_levels() -> tuple[str, ...]:
    """The levels that this machine supports and this build holds, from the least to the best."""
    return tuple(
        level
        for level in cpu.supported_levels()
        if importlib.util.find_spec(f"{__name__}.{level}.dense") is not None
    )


def load(level: str) -> dict[str, ModuleType]:
    """Import the kernels of one level.

    Raises
    ------
    ImportError
        If the level is unknown, not supported by this machine, not built, or fails to load.
    """
    if level not in cpu.supported_levels():
        raise ImportError(
            f"FUSEDLOGIT_ISA={level!r}: this processor supports {', '.join(cpu.supported_levels())}"
        )
    return {name: importlib.import_module(f"{__name__}.{level}.{name}") for name in MODULES}


LEVEL = os.environ.get("FUSEDLOGIT_ISA") or built_levels()[-1]
globals().update(load(LEVEL))
