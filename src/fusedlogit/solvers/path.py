"""The points that a solver goes through: how it ends, what it tells on the way."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

from ..errors import PassOverflowError
from ..problems.cost import Cost
from ..problems.objective import Evaluation
from .cause import Cause
from .requests import Steps, evaluate
from .settings import Doubles, Result, Settings

C = TypeVar("C", bound=Cost)

SHORTEST = 1e-30  # of a step that overflows


def evaluate_start(objective: Cost, start: Doubles) -> Steps[Evaluation]:
    """The cost at a start; from zero where that overflows there."""
    try:
        here = yield from evaluate(objective, start)
        if np.isfinite(here.value) and np.isfinite(here.gradient).all():
            return here
    except PassOverflowError:
        pass
    return (yield from evaluate(objective, np.zeros_like(start)))


def evaluate_along(
    objective: Cost, point: Doubles, step: Doubles
) -> Steps[tuple[float, Evaluation]]:
    """The longest share, of 1 and less, of a step that does not overflow, and its end.

    Raises
    ------
    PassOverflowError
        If there is none.
    """
    share = 1.0 if np.isfinite(step).all() else 0.0
    while share > SHORTEST:
        try:
            return share, (yield from evaluate(objective, point + share * step))
        except PassOverflowError:
            share /= 1024
    raise PassOverflowError("every share of the step overflows")


class Path(Generic[C]):
    """Where a solver stands, and the costs on its way.

    Methods that ask for passes are generators (`requests`).

    Attributes
    ----------
    here : Evaluation
    history : list of float
        The cost J at the start and after each iteration.
    suboptimality : float
        Certified for `here`; infinite where nothing is yet.
    cause : Cause
        Other than ITERATIONS once nothing more can be done.
    """

    here: Evaluation

    def __init__(self, objective: C, settings: Settings) -> None:
        self.objective = objective
        self.settings = settings
        self.history: list[float] = []
        self.suboptimality = np.inf
        self.cause = Cause.ITERATIONS

    @property
    def n_iter(self) -> int:
        return len(self.history) - 1

    @property
    def converged(self) -> bool:
        return bool(self.suboptimality <= self.settings.tol)

    @property
    def finished(self) -> bool:
        """Whether it converged, was stopped or cannot go on."""
        return (
            self.converged
            or self.cause != Cause.ITERATIONS
            or self.n_iter >= self.settings.max_iter
        )

    def report(self, point: Doubles, cost: float, gradient_norm: float) -> None:
        """An iteration ends."""
        self.history.append(cost)
        callback = self.settings.callback
        if callback is None:
            return
        coef, intercept = self.objective.to_data(point.copy())  # theirs to change
        if callback(self.n_iter, coef, intercept, cost, gradient_norm):
            self.cause = Cause.STOPPED

    def result(self) -> Result:
        """Where the path stands."""
        return Result(
            point=self.here.point,
            history=self.history,
            n_iter=self.n_iter,
            converged=self.converged,
            suboptimality=self.suboptimality,
            cause=self.cause,
            here=self.here,
        )
