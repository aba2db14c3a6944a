"""L-BFGS by SciPy's driver, on the fused loss and gradient."""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from ..objective import Objective
from ..threads import single_threaded_blas
from ._solver import Doubles, Result, Settings, Solver


class _Evaluation:
    """The objective as a function of one vector [w, b], remembering where it was last asked."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.gradient_norm = np.inf

    def __call__(self, point: Doubles) -> tuple[float, Doubles]:
        cost, gradient, intercept_gradient = self.objective.value_and_gradient(
            point[:-1], float(point[-1])
        )
        full = np.append(gradient, intercept_gradient)
        self.gradient_norm = float(np.abs(full).max())
        return cost, full


def solve(objective: Objective, coef: Doubles, intercept: float, settings: Settings) -> Result:
    """Minimise from (coef, intercept)."""
    evaluate = _Evaluation(objective)
    start = np.append(coef, intercept)
    first = evaluate(start)
    history = [first[0]]

    # SciPy evaluates the start itself; hand it the pass just made.
    def value_and_gradient(point: Doubles) -> tuple[float, Doubles]:
        return first if np.array_equal(point, start) else evaluate(point)

    def observe(intermediate_result: OptimizeResult) -> None:
        history.append(float(intermediate_result.fun))
        if settings.callback is None:
            return
        point = intermediate_result.x
        data_coef, data_intercept = objective.scaling.to_data(point[:-1], float(point[-1]))
        if settings.callback(
            len(history) - 1, data_coef, data_intercept, history[-1], evaluate.gradient_norm
        ):
            raise StopIteration

    options = {"maxiter": settings.max_iter, "maxfun": np.inf, "gtol": settings.tol, "ftol": 0.0}
    with single_threaded_blas():
        outcome = minimize(
            value_and_gradient, start, jac=True, method="L-BFGS-B", callback=observe,
            options=options,
        )  # fmt: skip
    gradient_norm = float(np.abs(outcome.jac).max())
    return Result(
        coef=outcome.x[:-1],
        intercept=float(outcome.x[-1]),
        history=history,
        n_iter=int(outcome.nit),
        converged=gradient_norm <= settings.tol,
        gradient_norm=gradient_norm,
        advice="Raise max_iter or tol, or scale the features (scaling='standard').",
    )


LBFGS = Solver("lbfgs", solve)
