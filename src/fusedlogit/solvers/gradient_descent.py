"""The article's batch gradient descent: a fixed learning rate, the whole data at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..errors import PassOverflowError
from ..problems.cost import Cost
from .cause import Cause
from .certificate import OF_DATA, OF_LINK, suboptimality
from .requests import Steps, evaluate
from .settings import Doubles, Result, Settings, Solver

#: Curvature of the cost along the last steps, as a first guess where no penalty tells it.
GUESS = 1e-3

CAUSES = {"diverged": Cause.DIVERGED, "stopped": Cause.STOPPED}

#: observer(point, cost, gradient_norm) -> true to stop.
Observer = Callable[[Doubles, float, float], object]


@dataclass
class Trail:
    """Where a descent came, and the costs on its way.

    Attributes
    ----------
    point : ndarray of shape (n_features + 1,)
    history : list of float
        The cost J before each update.
    gradient_norm : float
        Largest absolute entry of the last gradient.
    outcome : str
        "converged", "stopped" (by an observer), "diverged", or "iterating" after all passes.
    """

    point: Doubles
    history: list[float] = field(default_factory=list)
    gradient_norm: float = np.inf
    outcome: str = "iterating"


def descend(
    objective: Cost,
    start: Doubles,
    *,
    learning_rate: float,
    max_iter: int,
    tol: float,
    observer: Observer | None = None,
) -> Steps[Trail]:
    """Forward propagation, backward propagation, update, until no entry of the gradient is > tol.

    w := w - learning_rate dJ/dw, and b likewise.
    """
    trail = Trail(start.copy())
    while len(trail.history) < max_iter and trail.outcome == "iterating":
        try:
            here = yield from evaluate(objective, trail.point.copy())
        except PassOverflowError:
            cost = trail.gradient_norm = np.nan
        else:
            cost, trail.gradient_norm = here.value, here.gradient_norm
        trail.history.append(cost)
        stop = observer is not None and observer(trail.point, cost, trail.gradient_norm)
        if not np.isfinite(cost + trail.gradient_norm):
            trail.outcome = "diverged"
        elif trail.gradient_norm <= tol:
            trail.outcome = "converged"
        elif stop:
            trail.outcome = "stopped"
        else:
            trail.point = trail.point - learning_rate * here.gradient  # observers may keep the last
            del here  # its margins make room for the next
    return trail


def solve(objective: Cost, start: Doubles, settings: Settings) -> Steps[Result]:
    """Descend from a point.

    It goes on until the gradient is as small as `tol` seems to need. Only then is the certificate
    computed, and if it does not hold, it goes on to a smaller gradient.
    """
    history: list[float] = []
    enough = np.sqrt(2 * max(objective.penalty, GUESS) * settings.tol * np.log(2))
    point = start
    while True:
        trail = yield from descend(
            objective,
            point,
            learning_rate=settings.learning_rate,
            max_iter=settings.max_iter - len(history),
            tol=enough,
            observer=_observer(objective, settings, len(history)),
        )
        point = trail.point
        history += trail.history
        if trail.outcome == "diverged":
            reached = 1.0
            break
        sharp = objective.sharpened()
        here = yield from evaluate(sharp, point)
        reached = yield from suboptimality(sharp, here, settings.tol)
        done = reached <= settings.tol or len(history) == settings.max_iter
        if trail.outcome != "converged" or done:
            break
        history.pop()  # the next part begins at the same point
        enough *= min(0.5, 0.9 * np.sqrt(settings.tol / reached))
    rose = history[-1] > history[-2:][0]
    return Result(
        point=point,
        history=history,
        n_iter=len(history),
        converged=reached <= settings.tol,
        suboptimality=reached,
        cause=CAUSES.get(trail.outcome, Cause.LONG if rose else Cause.STEPS),
    )


def _observer(objective: Cost, settings: Settings, n_done: int) -> Observer | None:
    """The callback, for a part of a descent that begins after so many iterations."""
    callback, iteration = settings.callback, n_done
    if callback is None:
        return None

    def observer(point: Doubles, cost: float, gradient_norm: float) -> object:
        nonlocal iteration
        iteration += 1
        if n_done and iteration == n_done + 1:  # seen at the end of the part before
            return False
        return callback(iteration, *objective.to_data(point.copy()), cost, gradient_norm)

    return observer


GRADIENT_DESCENT = Solver("gd", solve, in_frame=False, of_link=OF_LINK, of_data=OF_DATA)
