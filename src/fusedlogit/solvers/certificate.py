"""How far a cost can be from its minimum: the one certificate that every fit ends with.

J - J* is bounded by the smallest of what is at hand:

- J itself, for no cost is negative;
- with a penalty, the duality gap: for the residuals r of the margins, and u = X^T r their pull,

      D = -mean loss*(c r) - sum_j max(0, |c u_j| - l1)^2 / (2 l2),    c in [0, 1],

  is nowhere above the minimum, if r has the mean zero that the minimum over the intercept gives
  it; loss* is the negative entropy (Bach, Jenatton, Mairal and Obozinski, 2012, Foundations and
  Trends in Machine Learning 4). Without an L1 norm the gap is |gradient|^2 / (2 l2);
- what the Hessian of all rows says, if it is not too large (`DenseHessian.bound`).

Cost, gradient and margins must come from float64 sums (`Objective.sharp`): those of float32 hide
more than tolerances ask for. What becomes of the coefficients when they are written in X's own
units and rounded there is part of the bound.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np

from ..data.margins import Margins
from ..errors import PassOverflowError
from ..problems.objective import Evaluation, Objective
from .hessian import MOST_LEFT, DenseHessian, affordable, dense_hessian
from .metric import EPS, TINY, Metric, beyond
from .path import evaluate_along
from .requests import Steps, pull
from .settings import Doubles

#: What a certificate calls of link and data: for solvers to declare.
OF_LINK = ("along", "curvature", "residual")
OF_DATA = ("decision_values", "row_sum", "sandwiches")

#: Newton steps at most to a point that tells more.
STEPS = 8

#: Share of the gradient from which on what the intercept's derivative adds to it must be exact.
SMALL = 0.01

#: Of the intercept's derivative, what may be left where it is at its minimum.
LEFT = 1e-6


@singledispatch
def suboptimality(
    objective: Any,
    here: Evaluation,
    tol: float,
    metric: Metric | None = None,
    steps: int = STEPS,
) -> Steps[float]:
    """A bound of (J - J*) / J at an evaluation, at most 1.

    Parameters
    ----------
    objective : Objective, or another cost that registers its own certificate here
        One that is `sharp`.
    here : Evaluation
        Of it.
    tol : float
        No more evidence is looked for once the bound is within it.
    metric : Metric, optional
        A model of the Hessian at hand. Without one, the Hessian of all rows is summed if need be
        and if it is not too large.
    steps : int
        Newton steps at most to a point where that Hessian tells more, of two classes; 0 where the
        minimum is likely to be too far for it, or with an L1 norm: then none is summed.
    """
    raise TypeError(f"{type(objective).__name__} has no certificate")


@suboptimality.register
def _of_two_classes(
    objective: Objective,
    here: Evaluation,
    tol: float,
    metric: Metric | None = None,
    steps: int = STEPS,
) -> Steps[float]:
    value = objective.cost(here.value, here.point)
    if value == 0:
        return 0.0
    rounding = rounding_of_model(objective, here)
    bound = value
    if objective.penalty > 0 or objective.l1_penalty > 0:
        gap = yield from _gap_worth_a_pass(objective, here, metric, 2 * tol * value)
        bound = min(bound, gap)
    if bound + rounding > tol * value:
        smooth = replace(here, gradient=subgradient(here, objective.l1_penalty))
        if metric is not None:
            bound = min(bound, (yield from metric.bound(objective, smooth)))
        elif _hessian_tells(objective, steps):
            bound = min(bound, (yield from _bound_from_afar(objective, smooth, steps)))
    return min(1.0, (bound + rounding) / value)


def _hessian_tells(objective: Objective, steps: int) -> bool:
    """Whether that of all rows may prove more: with an L1 norm, only if rows hold it up."""
    lacking = objective.data.n_features - objective.data.n_samples
    held_up = steps > 0 and lacking <= MOST_LEFT
    return affordable(objective) and (objective.l1_penalty == 0 or held_up)


def _bound_from_afar(objective: Objective, here: Evaluation, steps: int) -> Steps[float]:
    """What the Hessian says, if need be after some Newton steps to where it says something."""
    start, metric = here.value, (yield from dense_hessian(objective, here.margins))
    for _ in range(steps if objective.l1_penalty == 0 else 0):
        bound = yield from metric.bound(objective, here)
        if bound < np.inf:
            return start - here.value + bound
        try:
            step = -metric.solve(here.gradient)
            there = (yield from evaluate_along(objective, here.point, step))[1]
        except PassOverflowError:
            return np.inf
        if not there.value < here.value:
            return np.inf
        here, metric = there, (yield from dense_hessian(objective, there.margins))
    return start - here.value + (yield from metric.bound(objective, here))


def subgradient(here: Evaluation, l1: float) -> Doubles:
    """The gradient of J with its L1 norm, where J has no gradient the shortest subgradient.

    It is the gradient of a smooth function that touches J from below, |w_j| >= s_j w_j for every
    s_j in [-1, 1]: what bounds the distance from that one's minimum bounds J - J*.
    """
    if l1 == 0:
        return here.gradient
    gradient = here.gradient.copy()
    coef, slope = here.point[:-1], gradient[:-1]
    slope[:] = np.where(coef != 0, slope + l1 * np.sign(coef), slope - np.clip(slope, -l1, l1))
    return gradient


def _gap_worth_a_pass(
    objective: Objective, here: Evaluation, metric: Metric | None, enough: float
) -> Steps[float]:
    """The duality gap; infinite where a metric's mean tells that it will not be small enough."""
    if metric is not None and objective.l1_penalty == 0:
        slope = here.gradient[:-1] - metric.mean * here.gradient[-1]
        if slope @ slope > enough * 2 * objective.penalty:
            return np.inf
    best = yield from at_best_intercept(objective, here, metric)
    return np.inf if best is None else duality_gap(objective, here, *best)


def at_best_intercept(
    objective: Objective, here: Evaluation, metric: Metric | None
) -> Steps[tuple[Doubles, Margins] | None]:
    """The gradient in the coefficients, and the margins, with the intercept at its minimum.

    That takes a pass, unless the features' norm in a metric tells that the gradient hardly changes:
    then the longest that it can be. None if the minimum is not found.
    """
    slope, own = here.gradient[:-1], abs(float(here.gradient[-1]))
    least = 16 * EPS * here.value
    if not objective.fit_intercept or own * (1 + abs(float(here.point[-1]))) <= least:
        return slope, here.margins
    margins = here.margins.moved(intercept_step(here.margins))
    if isinstance(metric, DenseHessian) and objective.l1_penalty == 0:
        change = own * math.exp(here.margins.largest(than=margins)) * metric.feature_norm
        if change <= SMALL * float(np.linalg.norm(slope)):
            return slope * (1 + 2 * SMALL), margins
    if not abs(margins.by_intercept()[0]) <= LEFT * own + least:
        return None
    # Float32 will do for a small change, but where the gap is of first order in it.
    rough = objective if objective.l1_penalty > 0 else replace(objective, precise=False)
    sums: Doubles = yield from pull(rough, margins.residual() - here.margins.residual())
    return slope + sums[:-1], margins


def duality_gap(objective: Objective, here: Evaluation, slope: Doubles, margins: Margins) -> float:
    """J at an evaluation less the best dual value at hand.

    `slope` and `margins` are those with the intercept at its minimum: see `at_best_intercept`.
    With an L1 norm the gap is of first order in what rounding hides of the pull, and in what is
    left of the residuals' mean, which a dual point has none of: times the intercept.
    """
    l1, l2 = objective.l1_penalty, objective.penalty
    if l1 == 0:
        return float(slope @ slope) / (2 * l2) + _intercept_gap(here)
    pull = np.abs(slope - l2 * here.point[:-1])
    primal = objective.cost(here.value, here.point)
    within = min(1.0, l1 / max(float(pull.max()), l1))
    dual = -np.inf
    for share in (1.0, within):
        excess = np.maximum(share * pull - l1, 0)
        if l2 == 0 and share > within:
            continue
        cost = float(excess @ excess) / (2 * l2) if l2 > 0 else 0.0
        dual = max(dual, float(margins.dual(share)) - cost)
    left = 0.0
    if objective.fit_intercept:
        mean = abs(float(margins.by_intercept()[0])) + 2 * EPS * min(1.0, here.value)
        left = mean * abs(float(here.point[-1]))
    return primal - dual + left + max(16.0, 4 * objective.far) * EPS * primal


def _intercept_gap(here: Evaluation) -> float:
    """What is to be gained by the intercept alone, with allowance for its curvature's change."""
    slope = float(here.gradient[-1])
    if slope == 0:
        return 0.0
    total = max(float(here.margins.by_intercept()[1]), TINY)
    step = abs(slope) / total
    return abs(slope) * step / 2 * beyond(step)


def rounding_of_model(objective: Objective, here: Evaluation) -> float:
    """What J loses, at most, where coefficients and intercept are rounded in X's own units.

    All margins move by the rounding of an intercept that is far from zero, or the sum of terms
    that are. J changes by the square of that where the intercept is at its minimum, times half the
    curvature, which is neither above the link's most nor above the loss; else in proportion.
    """
    terms = np.abs(objective.scaling.center / objective.scaling.scale) @ np.abs(here.point[:-1])
    moved = EPS * (abs(float(objective.to_data(here.point)[1])) + float(terms))
    return cost_of_moved(objective, here.value, moved)


def cost_of_moved(objective: Objective, value: float, moved: float) -> float:
    """What J may rise by where all margins move by as much, from a point where it has a value."""
    if not objective.fit_intercept:
        return moved * min(1.0, value)
    curvature = min(objective.target.link.most_curvature, value)
    return moved * moved / 2 * curvature * float(np.exp(min(moved, 700.0)))


def intercept_step(margins: Margins) -> float:
    """By how much to move the intercept to bring its derivative to zero, reading no X."""
    step = 0.0
    for _ in range(50):
        slope, curvature = margins.by_intercept(step)
        if curvature <= 0:
            break
        change = float(np.clip(slope / curvature, -1, 1))
        step -= change
        if abs(change) < 1e-14 * max(1.0, abs(step)):
            break
    return step
