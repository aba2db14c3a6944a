"""The columns' variances as a metric: it costs a pass, and centres and scales."""

from __future__ import annotations

import numpy as np

from ..problems.objective import Evaluation, Objective
from .hessian import affordable, dense_hessian
from .requests import Steps
from .settings import Doubles


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
