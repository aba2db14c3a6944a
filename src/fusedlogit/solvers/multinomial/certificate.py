"""How far a cost of many classes can be from its minimum: the certificate of such fits.

J - J* is bounded by the smallest of:

- J itself, for no cost is negative;
- with a penalty, |slope|^2 / (2 penalty), where slope is the gradient in the coefficients once the
  intercepts are at their minimum, and what these have to gain on the way: a Newton step in the
  intercepts alone, whose Hessian takes one pass;
- what the Hessian of all rows says, if it is not too large (`ClassHessian.bound`).
"""

from __future__ import annotations

import numpy as np

from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..certificate import suboptimality
from ..metric import EPS, Metric, beyond
from ..requests import Steps, passes
from ..settings import Doubles
from .hessian import ClassHessian, class_hessian


@suboptimality.register
def _of_many_classes(
    objective: Multinomial, here: Evaluation, tol: float, metric: Metric | None = None
) -> Steps[float]:
    value = here.value
    if value == 0:
        return 0.0
    rounding = _rounding_of_model(objective, here)
    bound = value
    if objective.penalty > 0:
        slope = objective.table(here.gradient)[:, :-1]
        if np.einsum("kj,kj", slope, slope) <= 8 * objective.penalty * tol * value:
            bound = min(bound, (yield from passes(lambda: _gap(objective, here))))
    if bound + rounding > tol * value and objective.keeps_margins:
        if not isinstance(metric, ClassHessian):
            metric = yield from class_hessian(objective, here.margins)
        bound = min(bound, (yield from metric.bound(objective, here)))
    return min(1.0, (bound + rounding) / value)


def _gap(objective: Multinomial, here: Evaluation) -> float:
    """What strong convexity says, in two passes at most."""
    gradient = objective.table(here.gradient)
    slope, own = gradient[:, :-1].copy(), gradient[:, -1]
    gained = 0.0
    if np.any(own):
        step = -np.linalg.pinv(_intercept_hessian(objective, here.point), hermitian=True) @ own
        more = beyond(float(step.max() - step.min()))
        gained = -float(own @ step) / 2 * more
        slope += _change_of_slope(objective, here.point, step)
        slope *= more
    return gained + float(np.einsum("kj,kj", slope, slope)) / (2 * objective.penalty)


def _intercept_hessian(objective: Multinomial, point: Doubles) -> Doubles:
    """Of J in the intercepts alone."""
    target = objective.target
    total = np.zeros((objective.n_classes, objective.n_classes))
    for rows, p in objective.probabilities(point):
        weighted = p if target.sample_weight is None else p * target.sample_weight[rows]
        total -= weighted @ p.T
        total.flat[:: len(total) + 1] += weighted.sum(axis=1)
    return total / target.total_weight


def _change_of_slope(objective: Multinomial, point: Doubles, step: Doubles) -> Doubles:
    """Of the gradient in the coefficients, by a small step of the intercepts."""
    target = objective.target
    change = np.zeros((objective.n_classes, objective.data.n_features))
    for rows, p in objective.probabilities(point):
        factor = p * (step[:, None] - step @ p)
        if target.sample_weight is not None:
            factor *= target.sample_weight[rows]
        change += objective.pull(rows, factor)[:, :-1]
    return change / target.total_weight


def _rounding_of_model(objective: Multinomial, here: Evaluation) -> float:
    """What J loses, at most, where coefficients and intercepts are rounded in X's own units.

    As for two classes: margins move by the rounding of intercepts that are far from zero, or of the
    sums of terms that are.
    """
    one, table = objective.one, objective.table(here.point)
    terms = np.abs(table[:, :-1]) @ np.abs(one.scaling.center / one.scaling.scale)
    moved = 2 * EPS * float((np.abs(objective.to_data(here.point)[1]) + terms).max())
    if not one.fit_intercept:
        return moved * min(1.0, here.value)
    curvature = min(objective.target.link.most_curvature, here.value)
    return moved * moved / 2 * curvature * float(np.exp(min(moved, 700.0)))
