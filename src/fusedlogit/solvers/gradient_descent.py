"""The article's batch gradient descent: a fixed learning rate, the whole data at each step."""

from __future__ import annotations

import numpy as np

from ..problems.objective import Objective
from .cause import Cause
from .certificate import suboptimality
from .settings import Doubles, Result, Settings, Solver

#: Curvature of the cost along the last steps, as a first guess where no penalty tells it.
GUESS = 1e-3

CAUSES = {"diverged": Cause.DIVERGED, "stopped": Cause.STOPPED}


def solve(objective: Objective, start: Doubles, settings: Settings) -> Result:
    """Descend from a point; the loop itself is compiled.

    It runs until the gradient is as small as `tol` seems to need. Only then is the certificate
    computed, and if it does not hold, the loop goes on to a smaller gradient.
    """
    w, b = start[:-1].copy(), start[-1:].copy()
    history: list[float] = []
    enough = np.sqrt(2 * max(objective.penalty, GUESS) * settings.tol * np.log(2))
    while True:
        part, outcome = _descend(objective, w, b, settings, enough, len(history))
        history += part
        if outcome == "diverged":
            reached = 1.0
            break
        sharp = objective.sharpened()
        here = sharp.evaluate(np.append(w, b))
        reached = suboptimality(sharp, here, settings.tol)
        if outcome != "converged" or reached <= settings.tol or len(history) == settings.max_iter:
            break
        history.pop()  # the next part begins at the same point
        enough *= min(0.5, 0.9 * np.sqrt(settings.tol / reached))
    return Result(
        point=np.append(w, b),
        history=history,
        n_iter=len(history),
        converged=reached <= settings.tol,
        suboptimality=reached,
        cause=CAUSES.get(outcome, Cause.STEPS),
    )


def _descend(
    objective: Objective, w: Doubles, b: Doubles, settings: Settings, enough: float, n_done: int
) -> tuple[list[float], str]:
    """Go on until no entry of the gradient is above `enough`: costs and outcome."""
    callback = settings.callback

    def observer(iteration: int, cost: float, gradient_norm: float) -> bool:
        assert callback is not None
        data_coef, data_intercept = objective.to_data(np.append(w, b))
        if n_done and iteration == 1:  # seen at the end of the part before
            return False
        return bool(callback(n_done + iteration, data_coef, data_intercept, cost, gradient_norm))

    history, outcome, _ = objective.matrix.gradient_descent(
        objective.y,
        objective.sample_weight,
        total_weight=objective.total_weight,
        center=objective.scaling.center,
        scale=objective.scaling.scale,
        penalty=objective.penalty,
        fit_intercept=objective.fit_intercept,
        learning_rate=settings.learning_rate,
        max_iter=settings.max_iter - n_done,
        tol=enough,
        coef=w,
        intercept=b,
        observer=None if callback is None else observer,
    )
    return history.tolist(), outcome


GRADIENT_DESCENT = Solver("gd", solve)
