"""L-BFGS: steps of one pass, in the metric of the columns' variances.

The metric centres and scales, so that units and origins of the columns make no difference; the
penalty stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..problems.objective import Evaluation, Objective
from .cause import Cause
from .certificate import OF_DATA, OF_LINK
from .descent import Descent
from .hessian import affordable, dense_hessian
from .metric import Metric
from .newton import in_newtons_metrics, price_of_metric
from .path import C
from .requests import Steps
from .settings import Doubles, Result, Settings, Solver

MEMORY = 10


class Diagonal:
    """The diagonal of the Hessian at zero, about the columns' means.

    Parameters
    ----------
    objective : Objective
    """

    damping = 1.0
    final = True
    vouches = True
    previews = False
    sharp = False

    def __init__(self, objective: Objective) -> None:
        scaling = objective.scaling
        mean, deviation = _moments(objective)
        self.mean = (mean - scaling.center) / scaling.scale
        square = (deviation / scaling.scale) ** 2
        if not objective.fit_intercept:
            square = square + self.mean**2
            self.mean = np.zeros_like(self.mean)
        self.total = objective.target.link.most_curvature
        self.diagonal = square * self.total + objective.penalty
        self.diagonal[self.diagonal == 0] = 1  # a column that is constant: its gradient is zero
        self.fit_intercept = objective.fit_intercept

    def solve(self, vector: Doubles) -> Doubles:
        result = np.zeros_like(vector)
        step = (vector[..., :-1] - self.mean * vector[..., -1:]) / self.diagonal
        result[..., :-1] = step
        if self.fit_intercept:
            result[..., -1] = vector[..., -1] / self.total - step @ self.mean
        return result

    def bound(self, objective: Objective, here: Evaluation) -> Steps[float]:
        """That of the whole Hessian, where it can be had."""
        if not affordable(objective):
            return np.inf
        hessian = yield from dense_hessian(objective, here.margins)
        return (yield from hessian.bound(objective, here))


def _moments(objective: Objective) -> tuple[Doubles, Doubles]:
    """Mean and deviation of the features; those of a frame are known."""
    frame = objective.frame
    if frame is not None:
        return frame.mean, frame.deviation
    mean, variance = objective.data.moments(objective.target.sample_weight)
    return mean, np.sqrt(variance)


def solve(objective: Objective, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point."""
    descent = yield from Descent.begin(objective, start, settings, MEMORY)
    yield from descend(
        descent, Diagonal(objective), in_newtons_metrics, price_of_metric(objective),
        unhide=affordable(objective),
    )  # fmt: skip
    return (yield from descent.end())


def descend(
    descent: Descent[C],
    metric: Metric,
    further: Callable[[Descent[C]], Steps[None]],
    price: float,
    unhide: bool,
) -> Steps[None]:
    """In one metric, then further in others.

    These tell the way if half of the steps have not led to the end and their price in passes is no
    more than are left; and, if they may `unhide` it, where rounding hides the way.
    """
    half = descent.settings.max_iter // 2
    n_steps = half if price <= half else np.inf
    while not descent.finished and descent.n_iter < n_steps:
        yield from descent.go(metric, n_steps - descent.n_iter)
    if unhide and descent.cause == Cause.ROUNDING:
        descent.cause = Cause.ITERATIONS
    if not descent.finished:
        yield from further(descent)


LBFGS = Solver("lbfgs", solve, of_link=OF_LINK, of_data=(*OF_DATA, "moments", "gram", "sample"))
