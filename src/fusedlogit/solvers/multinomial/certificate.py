"""How far a cost of many classes can be from its minimum: the certificate of such fits.

J - J* is bounded by the smallest of:

- J itself, for no cost is negative;
- with a penalty, |slope|^2 / (2 penalty), where slope is the gradient in the coefficients once the
  intercepts are at their minimum, and what these have to gain on the way: a Newton step in the
  intercepts alone, whose Hessian takes one pass;
- what the Hessian of all rows says, if it is not too large (`ClassHessian.bound`), else what a
  matrix of the features says that is below it (`floor_bound`).

With an L1 norm the bound is the duality gap. For residuals r_ik = p_ik - [y_i = k] and their pull
u = X^T r,

    D = mean entropy of (c p + (1 - c) [y = k]) - sum_kj max(0, |c u_kj| - l1)^2 / (2 l2),  c <= 1,

is nowhere above the minimum, if the residuals of each class have the mean zero.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import xlog1py, xlogy

from ...data.in_parts import added
from ...data.protocol import Data
from ...data.target import Target
from ...errors import PassOverflowError
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..certificate import STEPS, cost_of_moved, suboptimality
from ..hessian import affordable
from ..metric import EPS, TINY, Metric, beyond
from ..path import evaluate_along
from ..requests import Steps, passes
from ..settings import Doubles
from .floor import floor_bound
from .hessian import ClassHessian, class_hessian, step_of_intercepts

#: Newton steps in the intercepts at most, and the slope that needs none.
INTERCEPT_STEPS = 8
LITTLE_SLOPE = 1e-15

#: Share of a gap that intercepts off their minimum may make up.
LITTLE = 0.1


@suboptimality.register
def _of_many_classes(
    objective: Multinomial,
    here: Evaluation,
    tol: float,
    metric: Metric | None = None,
    steps: int = STEPS,
) -> Steps[float]:
    if objective.one.l1_penalty > 0:
        return (yield from _of_l1(objective, here))
    value = here.value
    if value == 0:
        return 0.0
    rounding = _rounding_of_model(objective, here)
    bound = value
    if objective.penalty > 0:
        slope = objective.table(here.gradient)[:, :-1]
        near = np.einsum("kj,kj", slope, slope) <= 8 * objective.penalty * tol * value
        if near or metric is None:  # no more steps may follow: all that is known is to be told
            bound = min(bound, (yield from passes(lambda: _gap(objective, here))))
    if bound + rounding > tol * value:
        if objective.keeps_margins:
            if not isinstance(metric, ClassHessian):
                metric = yield from class_hessian(objective, here.margins)
            bound = min(bound, (yield from metric.bound(objective, here)))
        elif steps > 0 and _worth_a_matrix(objective, bound, tol * value):
            bound = min(bound, (yield from floor_bound(objective, here, bound)))
    return min(1.0, (bound + rounding) / value)


def _worth_a_matrix(objective: Multinomial, gap: float, enough: float) -> bool:
    """Whether one of the features may prove more than steps that cost as much.

    Where there is a penalty, its gap is halved by a step, or better.
    """
    n_passes = objective.data.n_features / objective.n_classes
    gap_will_do = objective.penalty > 0 and gap * 2.0**-n_passes < enough
    return affordable(objective.one) and not gap_will_do


def _of_l1(objective: Multinomial, here: Evaluation) -> Steps[float]:
    value = objective.cost(here)
    best = yield from at_best_intercepts(objective, here)
    gap = yield from gap_with_l1(objective, best)
    bound = min(value, value - objective.cost(best) + gap)
    return min(1.0, (bound + _rounding_of_model(objective, here)) / max(value, TINY))


def at_best_intercepts(
    objective: Multinomial, here: Evaluation, enough: float = LITTLE_SLOPE
) -> Steps[Evaluation]:
    """The evaluation after Newton steps in the intercepts alone, to slopes that are enough."""
    for _ in range(INTERCEPT_STEPS):
        slope = objective.table(here.gradient)[:, -1]
        if np.abs(slope).max() <= enough:
            break
        hessian = yield from passes(partial(_intercept_hessian, objective, here.point))
        step = np.zeros_like(here.point)
        objective.table(step)[:, -1] = step_of_intercepts(hessian, slope)[0]
        try:
            _, there = yield from evaluate_along(objective, here.point, step)
        except PassOverflowError:
            break
        if not np.abs(objective.table(there.gradient)[:, -1]).max() < np.abs(slope).max():
            break
        here = there
    return here


def gap_with_l1(objective: Multinomial, here: Evaluation) -> Steps[float]:
    """The duality gap, in a pass, where the intercepts are best but for rounding."""
    l1, l2 = objective.one.l1_penalty, objective.penalty
    table = objective.table(here.gradient)
    pull = np.abs(table[:, :-1] - l2 * objective.table(here.point)[:, :-1])
    within = min(1.0, l1 / max(float(pull.max(initial=0.0)), l1))
    shares = sorted({within, 1.0} if l2 > 0 else {within})
    entropy = yield from passes(partial(_entropy, objective, here.point, shares))
    dual = -np.inf
    for share, mean in zip(shares, entropy, strict=True):
        excess = np.maximum(share * pull - l1, 0)
        paid = float(np.einsum("kj,kj", excess, excess)) / (2 * l2) if share > within else 0.0
        dual = max(dual, mean - paid)
    value = objective.cost(here)
    moved = float(np.abs(table[:, -1]).sum() * (1 + np.abs(here.point).max(initial=0.0)))
    return value - dual + 16 * EPS * value + (moved if objective.one.fit_intercept else 0.0)


def _entropy(objective: Multinomial, point: Doubles, shares: list[float]) -> list[float]:
    """Mean entropies of shares of the probabilities, the rest of which falls to the own class."""
    totals = objective.by_block(point, _entropy_of_rows, shares)
    return [float(total) / objective.target.total_weight for total in totals]


def _entropy_of_rows(
    block: Data, target: Target, draws: None, p: Doubles, shares: list[float]
) -> Doubles:
    codes, places, totals = target.y.astype(np.intp), np.arange(p.shape[1]), np.empty(len(shares))
    for place, share in enumerate(shares):
        q = share * p
        q[codes, places] = 0.0
        own = np.minimum(q.sum(axis=0), 1.0)  # what the own class has not; rounding may exceed 1
        of_row = -xlogy(q, q).sum(axis=0) - xlog1py(1 - own, -own)
        weight = target.sample_weight
        totals[place] = of_row.sum() if weight is None else float(weight @ of_row)
    return totals


def _gap(objective: Multinomial, here: Evaluation) -> float:
    """What strong convexity says, in two passes at most."""
    gradient = objective.table(here.gradient)
    slope, own = gradient[:, :-1].copy(), gradient[:, -1]
    gained = 0.0
    if np.any(own):
        step, known = step_of_intercepts(_intercept_hessian(objective, here.point), own)
        more = beyond(float(step.max() - step.min()))
        if not known or more == np.inf:
            return np.inf
        gained = -float(own @ step) / 2 * more
        slope += _change_of_slope(objective, here.point, step)
        slope *= more
    return gained + float(np.einsum("kj,kj", slope, slope)) / (2 * objective.penalty)


def _intercept_hessian(objective: Multinomial, point: Doubles) -> Doubles:
    """Of J in the intercepts alone."""
    total: Doubles = -objective.by_block(point, _products_of_classes)
    np.fill_diagonal(total, 0)
    np.fill_diagonal(total, -total.sum(axis=1))
    return total / objective.target.total_weight


def _products_of_classes(block: Data, target: Target, draws: None, p: Doubles) -> Doubles:
    return target.times_weight(p) @ p.T


def _change_of_slope(objective: Multinomial, point: Doubles, step: Doubles) -> Doubles:
    """Of the gradient in the coefficients, by a small step of the intercepts."""
    sums = objective.by_block(point, _pull_of_step, step, objective.one.precise, combine=added)
    objective.data.n_passes += 1
    change: Doubles = objective.one.scaled(*sums)[:, :-1]
    return change / objective.target.total_weight


def _pull_of_step(
    block: Data, target: Target, draws: None, p: Doubles, step: Doubles, precise: bool
) -> tuple[Doubles, Doubles]:
    factor = target.times_weight(p * (step[:, None] - step @ p))
    return block.row_sum(factor, precise=precise)


def _rounding_of_model(objective: Multinomial, here: Evaluation) -> float:
    """What J loses, at most, where coefficients and intercepts are rounded in X's own units.

    As for two classes: margins move by the rounding of intercepts that are far from zero, or of the
    sums of terms that are.
    """
    one, table = objective.one, objective.table(here.point)
    terms = np.abs(table[:, :-1]) @ np.abs(one.scaling.center / one.scaling.scale)
    moved = 2 * EPS * float((np.abs(objective.to_data(here.point)[1]) + terms).max())
    return cost_of_moved(one, here.value, moved)


def best_gap_with_l1(
    objective: Multinomial, here: Evaluation, within: float
) -> Steps[tuple[Evaluation, float]]:
    """The gap, and the evaluation with intercepts that are best but for little of another gap."""
    enough = LITTLE * within / (1 + float(np.abs(here.point).max()))
    here = yield from at_best_intercepts(objective, here, enough)
    return here, (yield from gap_with_l1(objective, here))
