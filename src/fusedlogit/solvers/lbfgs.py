"""L-BFGS by SciPy's driver, on the fused loss and gradient."""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from ..matrix import PassOverflowError
from ..objective import Objective
from ._solver import Doubles, Result, Settings, Solver

ADVICE = "Raise max_iter or tol, or scale the features (scaling='standard')."
STOPPED = "The callback stopped it."
UNBOUNDED = "The coefficients grow without bound: use a penalty (a finite C)."


class _Path:
    """The points [w, b] on the way, and where it stands: at `point`, the last one accepted."""

    def __init__(self, objective: Objective, settings: Settings, start: Doubles) -> None:
        self.objective = objective
        self.settings = settings
        self.advice = ADVICE
        self.point = start
        self._asked = start
        self._answer = self._evaluate(start)
        self.history = [self._answer[0]]
        self.gradient_norm = self._norm()

    def cost(self, point: Doubles) -> tuple[float, Doubles]:
        """J and its gradient; a point asked for twice in a row costs one pass."""
        if not np.array_equal(point, self._asked):
            self._asked = point.copy()
            self._answer = self._evaluate(point)
        return self._answer

    def accept(self, intermediate_result: OptimizeResult) -> None:
        """An iteration ends at the point asked for last."""
        self.point = intermediate_result.x.copy()
        self.history.append(float(intermediate_result.fun))
        self.gradient_norm = self._norm()
        callback = self.settings.callback
        if callback is None:
            return
        coef, intercept = self.objective.scaling.to_data(self.point[:-1], float(self.point[-1]))
        iteration = len(self.history) - 1
        if callback(iteration, coef, intercept, self.history[-1], self.gradient_norm):
            self.advice = STOPPED
            raise StopIteration

    def result(self) -> Result:
        """Where the path ended."""
        return Result(
            coef=self.point[:-1],
            intercept=float(self.point[-1]),
            history=self.history,
            n_iter=len(self.history) - 1,
            converged=self.gradient_norm <= self.settings.tol,
            gradient_norm=self.gradient_norm,
            advice=self.advice,
        )

    def _evaluate(self, point: Doubles) -> tuple[float, Doubles]:
        cost, gradient, intercept_gradient = self.objective.value_and_gradient(
            point[:-1], float(point[-1])
        )
        return cost, np.append(gradient, intercept_gradient)

    def _norm(self) -> float:
        return float(np.abs(self._answer[1]).max())


def solve(objective: Objective, coef: Doubles, intercept: float, settings: Settings) -> Result:
    """Minimise from (coef, intercept)."""
    path = _Path(objective, settings, np.append(coef, intercept))
    options = {"maxiter": settings.max_iter, "maxfun": np.inf, "gtol": settings.tol, "ftol": 0.0}
    try:
        minimize(
            path.cost, path.point, jac=True, method="L-BFGS-B", callback=path.accept,
            options=options,
        )  # fmt: skip
    except PassOverflowError:
        path.advice = UNBOUNDED
    return path.result()


LBFGS = Solver("lbfgs", solve)
