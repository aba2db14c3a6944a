"""Algorithms that minimise an :class:`~fusedlogit.problems.objective.Objective`, by name."""

from ..problems.objective import Objective
from .gradient_descent import GRADIENT_DESCENT
from .lbfgs import LBFGS
from .newton import NEWTON
from .proximal import PROXIMAL
from .settings import SGD, Callback, Result, Settings, Solver
from .stochastic import STOCHASTIC

SOLVERS: dict[str, Solver] = {
    solver.name: solver for solver in (NEWTON, LBFGS, GRADIENT_DESCENT, PROXIMAL, STOCHASTIC)
}

#: Solvers of scikit-learn that have another name here, or none, and which does their job.
FOREIGN = {
    "liblinear": "'newton', or 'proximal' with an L1 norm; the intercept is not penalised",
    "newton-cg": "'newton'",
    "newton-cholesky": "'newton'",
    "sag": "'newton'",
    "saga": "'newton', or 'proximal' with an L1 norm",
}

__all__ = [
    "FOREIGN",
    "SGD",
    "SOLVERS",
    "Callback",
    "Result",
    "Settings",
    "Solver",
    "choose",
    "require",
]


def choose(name: str, l1: bool) -> Solver:
    """The solver of this name, checked against the penalty it is to minimise.

    "auto" is "newton" for smooth penalties, "proximal" for those with an L1 norm.

    Parameters
    ----------
    name : str
    l1 : bool
        Whether the penalty has an L1 norm.

    Raises
    ------
    ValueError
        If the solver cannot minimise such a penalty, or is scikit-learn's.
    """
    if name in FOREIGN:
        raise ValueError(
            f"solver={name!r} is scikit-learn's: use {FOREIGN[name]} ('auto' chooses); "
            "fusedlogit.patch_sklearn() takes code of scikit-learn as it is"
        )
    if name == "auto":
        return PROXIMAL if l1 else NEWTON
    solver = SOLVERS[name]
    if l1 and not solver.l1:
        raise ValueError(
            f"solver={name!r} minimises smooth penalties only; set l1_ratio=0, or "
            "solver='proximal' or 'auto'"
        )
    if not l1 and not solver.smooth:
        raise ValueError(
            f"solver={name!r} is for penalties with an L1 norm; set l1_ratio above 0 and a finite "
            "C, or solver='newton' or 'auto'"
        )
    return solver


def require(solver: Solver, objective: Objective) -> None:
    """Check that the link and the data offer what a solver calls.

    Raises
    ------
    TypeError
        Naming what is missing, and the solvers of such a penalty that do without.
    """
    missing = _missing(solver, objective)
    if not missing:
        return
    l1 = objective.l1_penalty > 0
    others = [
        name
        for name, other in SOLVERS.items()
        if (other.l1, other.smooth) == (l1, not l1) and not _missing(other, objective)
    ]
    way_out = f"use solver={' or '.join(map(repr, others))}" if others else "no other solver can"
    raise TypeError(f"solver={solver.name!r} needs {', '.join(missing)}: {way_out}")


def _missing(solver: Solver, objective: Objective) -> list[str]:
    """What a solver calls and nobody offers."""
    offers = (objective.target.link, solver.of_link), (objective.data, solver.of_data)
    return [
        f"{method!r} of {type(offer).__name__}"
        for offer, methods in offers
        for method in methods
        if not hasattr(offer, method)
    ]
