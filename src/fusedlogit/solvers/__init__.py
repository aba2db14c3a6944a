"""Algorithms that minimise an :class:`~fusedlogit.objective.Objective`, by name."""

from ._solver import Callback, Result, Settings, Solver
from .gradient_descent import GRADIENT_DESCENT
from .lbfgs import LBFGS

SOLVERS: dict[str, Solver] = {solver.name: solver for solver in (GRADIENT_DESCENT, LBFGS)}

__all__ = ["SOLVERS", "Callback", "Result", "Settings", "Solver", "choose"]


def choose(name: str, l1_ratio: float) -> Solver:
    """The solver of this name, checked against the penalty it is to minimise.

    Raises
    ------
    ValueError
        If the solver cannot minimise such a penalty.
    """
    solver = SOLVERS["lbfgs" if name == "auto" else name]
    if l1_ratio > 0 and not solver.handles_l1:
        raise ValueError(
            f"solver={name!r} minimises smooth penalties only; set l1_ratio=0 (got {l1_ratio})"
        )
    return solver
