"""Algorithms that minimise an :class:`~fusedlogit.objective.Objective`, by name."""

from ._solver import Callback, Result, Settings, Solver
from .gradient_descent import GRADIENT_DESCENT
from .lbfgs import LBFGS
from .newton import NEWTON

SOLVERS: dict[str, Solver] = {solver.name: solver for solver in (NEWTON, LBFGS, GRADIENT_DESCENT)}

__all__ = ["SOLVERS", "Callback", "Result", "Settings", "Solver", "choose"]


def choose(name: str, l1_ratio: float) -> Solver:
    """The solver of this name, checked against the penalty it is to minimise.

    Raises
    ------
    ValueError
        If the solver cannot minimise such a penalty.
    """
    solver = SOLVERS["newton" if name == "auto" else name]
    if l1_ratio > 0 and not solver.l1:
        raise ValueError(
            f"solver={name!r} minimises smooth penalties only; set l1_ratio=0 (got {l1_ratio})"
        )
    return solver
