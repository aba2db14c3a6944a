"""The article's batch gradient descent: a fixed learning rate, the whole data at each step."""

from __future__ import annotations

import numpy as np

from ..objective import Objective
from ._solver import Doubles, Result, Settings, Solver


def solve(objective: Objective, coef: Doubles, intercept: float, settings: Settings) -> Result:
    """Descend from (coef, intercept); the loop itself is compiled."""
    w, b = coef.copy(), np.array([intercept])
    callback = settings.callback

    def observer(iteration: int, cost: float, gradient_norm: float) -> bool:
        assert callback is not None
        data_coef, data_intercept = objective.scaling.to_data(w, float(b[0]))
        return bool(callback(iteration, data_coef, data_intercept, cost, gradient_norm))

    history, outcome, gradient_norm = objective.matrix.gradient_descent(
        objective.y,
        objective.sample_weight,
        total_weight=objective.total_weight,
        center=objective.scaling.center,
        scale=objective.scaling.scale,
        penalty=objective.penalty,
        fit_intercept=objective.fit_intercept,
        learning_rate=settings.learning_rate,
        max_iter=settings.max_iter,
        tol=settings.tol,
        coef=w,
        intercept=b,
        observer=None if callback is None else observer,
    )
    advice = {
        "diverged": "The cost grew beyond all bounds: lower learning_rate, or scale the features.",
        "stopped": "The callback stopped it.",
    }.get(outcome, "Raise max_iter or learning_rate, scale the features, or use solver='lbfgs'.")
    return Result(
        coef=w,
        intercept=float(b[0]),
        history=history.tolist(),
        n_iter=len(history),
        converged=outcome == "converged",
        gradient_norm=gradient_norm,
        advice=advice,
    )


GRADIENT_DESCENT = Solver("gd", solve)
