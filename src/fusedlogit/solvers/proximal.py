"""Proximal Newton steps on working sets, for penalties with an L1 norm.

Few coefficients of the minimum are not zero. The cost is minimised over a working set of features
first, whose columns are gathered as they are stored; a pass over all of X then tells the duality
gap, and which features must join the set. On the set, a step minimises the quadratic model of the
smooth part plus the L1 norm by coordinate descent, which reads the Hessian and no data; one pass
over the set's columns ends it.

The certificate is the duality gap. With residuals r of the margins (whose mean is zero once the
intercept is at its minimum) and u = X^T r their pull, the dual value

    D = -mean loss*(c r) - sum_j max(0, |c u_j| - l1)^2 / (2 l2),    c in [0, 1],

is nowhere above the minimum; without an L2 penalty c must bring every |c u_j| below l1. loss* is
the negative entropy of r + y (Bach, Jenatton, Mairal and Obozinski, 2012, Foundations and Trends
in Machine Learning 4, on duality and working sets).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.special import xlogy

from .._kernels import coordinate, link
from ..objective import Anchored, Evaluation, Objective
from ._descent import SUFFICIENT
from ._metric import CenteredHessian
from ._path import PRECISION, Path
from ._solver import Doubles, Result, Settings, Solver
from .newton import price_of_hessian

#: Features a working set begins with; with so many at most, all are in it.
FIRST_FEATURES = 256

#: By how much a working set grows beyond the nonzero coefficients, at most.
GROWTH = 2

#: Relative gap from which on passes in float32 do not tell it.
SHARP = 1e-4

#: Of the duality gap of all features, what a working set is solved to.
SHARE_OF_GAP = 0.1

#: Sweeps of coordinate descent before the coefficients it left nonzero are solved for.
SWEEPS = 32
MAX_ROUNDS = 200


def solve(objective: Objective, coef: Doubles, intercept: float, settings: Settings) -> Result:
    """Minimise from (coef, intercept)."""
    search = _Search(objective, np.append(coef, intercept), settings)
    while not search.finished:
        search.solve_on(search.working_set())
        search.check()
    return search.result()


class _Search(Path):
    """Where the whole stands: a point, its cost, and the gap by a pass over all of X."""

    def __init__(self, objective: Objective, start: Doubles, settings: Settings) -> None:
        super().__init__(objective, settings)
        self.sharp = False
        if objective.fit_intercept and not start.any():
            start = start.copy()
            start[-1] = _log_odds(objective)
        self.here = objective.evaluate(start)
        self.gap = duality_gap(objective, self.here)
        self.history.append(self.cost(self.here))
        self.certify(self.gap)
        self._moved = True

    def cost(self, here: Evaluation) -> float:
        """J with its L1 norm."""
        return self.objective.cost(here.value, here.point)

    def working_set(self) -> NDArray[np.intp]:
        """The nonzero coefficients, and as many again where the cost falls fastest."""
        coef, slope = self.here.point[:-1], np.abs(self.here.gradient[:-1])
        if len(coef) <= FIRST_FEATURES:
            return np.arange(len(coef))
        nonzero = np.flatnonzero(coef)
        size = min(len(coef), max(FIRST_FEATURES, GROWTH * len(nonzero)))
        slope[nonzero] = np.inf
        return np.sort(np.argpartition(-slope, size - 1)[:size])

    def solve_on(self, features: NDArray[np.intp]) -> None:
        """Minimise over some features, the others being zero; up to a share of the whole gap."""
        whole = len(features) == self.objective.matrix.n_features
        part = self.objective if whole else self.objective.columns(features)
        kept = np.append(features, -1)
        target = SHARE_OF_GAP * self.gap if not whole else 0.0
        target = max(target, self.settings.tol * self.history[-1] / 2)
        descent = _Descent(part, self.here.point[kept], self.sharp)
        hessian, age = descent.hessian(), 0
        self._moved = False
        price = price_of_hessian(part)
        while not self.finished and descent.gap(hessian) > target:
            if age >= price:
                hessian, age = descent.hessian(), 0
            if not descent.step(hessian):
                break
            age += 1
            self._moved = True
            self._report(descent, kept)
        point = np.zeros_like(self.here.point)
        point[kept] = descent.here.point
        if self.objective.fit_intercept:
            point[-1] += _intercept_step(self.objective, descent.here.margins)
        if not whole:
            self.objective.matrix.n_passes += (
                part.matrix.n_passes * len(features) / self.objective.matrix.n_features
            )
        self._next = point

    def check(self) -> None:
        """The gap of the whole, by a pass; in float64 from when float32 shows no progress."""
        before = self.gap
        evaluate = self.objective.evaluate_in_float64 if self.sharp else self.objective.evaluate
        self.here = evaluate(self._next)
        self.gap = duality_gap(self.objective, self.here)
        self.history[-1] = self.cost(self.here)
        self.certify(self.gap)
        if self.finished:
            return
        sharp = self.sharp or self.objective.matrix.computes_in_float64
        if sharp and self.gap > before / 2 and not self._moved:
            self.advice = PRECISION
        # The gap is of first order in the rounding of the pull, while J is of second.
        self.sharp = self.suboptimality < SHARP or not self._moved

    def _report(self, descent: _Descent, kept: NDArray[np.intp]) -> None:
        """A step ends; the suboptimality of the whole is known at the next check."""
        point = np.zeros_like(self.here.point)
        point[kept] = descent.here.point
        norm = _subgradient_norm(descent.here, self.objective.l1_penalty)
        self.report(point, self.cost(descent.here), norm)


class _Descent:
    """Proximal Newton steps over the features of a working set."""

    def __init__(self, objective: Objective, point: Doubles, sharp: bool) -> None:
        self.objective = objective
        self.source: Objective | Anchored = objective
        if sharp and not objective.matrix.computes_in_float64:
            self.source = anchored = Anchored(objective, point)
            self.here = anchored.origin
        else:
            self.here = objective.evaluate(point)

    def hessian(self) -> CenteredHessian:
        return CenteredHessian(self.objective, self.here.margins)

    def gap(self, hessian: CenteredHessian) -> float:
        """The duality gap among these features, with the intercept at its minimum."""
        return duality_gap(self.objective, self.here, hessian.mean)

    def step(self, hessian: CenteredHessian) -> bool:
        """One step; False if the cost cannot be seen to fall."""
        l1, point = self.objective.l1_penalty, self.here.point
        coef = point[:-1].copy()
        slope = self.here.gradient[:-1] - hessian.mean * self.here.gradient[-1]
        minimise_quadratic(hessian.matrix, l1, coef, slope)
        step = np.zeros_like(point)
        step[:-1] = coef - point[:-1]
        if self.objective.fit_intercept:
            step[-1] = -self.here.gradient[-1] / hessian.total - hessian.mean @ step[:-1]
        norm = np.abs(point[:-1]).sum()
        promised = float(self.here.gradient @ step) + l1 * float(np.abs(coef).sum() - norm)
        cost = self._cost(self.here)
        rounding = 8 * np.finfo(float).eps * cost
        if not promised < rounding:
            return False
        there = self.source.evaluate(point + step)
        length = 1.0
        if -promised < rounding / SUFFICIENT:
            # A fall would drown in the rounding of J, while the gap may still shrink.
            gap = duality_gap(self.objective, there, hessian.mean)
            if self._cost(there) > cost + rounding or gap > self.gap(hessian) / 2:
                return False
        elif self._cost(there) > cost + SUFFICIENT * promised:
            length = self._length(step, there, cost, promised)
            there = self.source.evaluate(point + length * step)
            if not self._cost(there) < cost:
                return False
        self.here = there
        return True

    def _cost(self, here: Evaluation) -> float:
        return self.objective.cost(here.value, here.point)

    def _length(self, step: Doubles, there: Evaluation, cost: float, promised: float) -> float:
        """A step that brings enough, halved on the margins of its two ends, reading no X."""
        objective, here = self.objective, self.here
        change = there.margins - here.margins
        length = 0.5
        while length > 1e-10:
            point = here.point + length * step
            now = objective.loss(here.margins + length * change) + objective.ridge(point)
            if objective.cost(now, point) <= cost + SUFFICIENT * length * promised:
                break
            length /= 2
        return length


def minimise_quadratic(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles) -> None:
    """Minimise a quadratic plus l1 |coef|_1; coef and its gradient `slope` change in place.

    Sweeps of coordinate descent find which coefficients are not zero, and their signs. The
    minimum under these signs is then solved for directly; where a sign would change on the way
    there, the coefficient stops at zero and the sweeps go on.
    """
    for _ in range(MAX_ROUNDS):
        coordinate.coordinate_descent(hessian, l1, 0.0, SWEEPS, coef, slope)
        nonzero = np.flatnonzero(coef)
        if not len(nonzero):
            return
        factor, failed = lapack.dpotrf(hessian[np.ix_(nonzero, nonzero)], lower=1)
        if failed:
            continue
        here, sign = coef[nonzero], np.sign(coef[nonzero])
        step = lapack.dpotrs(factor, -slope[nonzero] - l1 * sign, lower=1)[0]
        crossing = step * sign < -np.abs(here)
        length = 1.0
        if crossing.any():
            length = float(np.min(np.abs(here[crossing] / step[crossing])))
        there = here + length * step
        there[there * sign <= 0] = 0
        coef[nonzero] = there
        slope += (there - here) @ hessian[nonzero]
        rest = np.abs(slope)
        rest[nonzero] = 0
        if length == 1 and rest.max() <= l1 * (1 + 1e-12):
            return


def duality_gap(objective: Objective, here: Evaluation, mean: Doubles | None = None) -> float:
    """J at an evaluation less the best dual value at hand.

    `mean`, the features' mean weighted by curvature, tells how their pull changes if the
    intercept's derivative is brought to zero; without it, that is taken to be zero.
    """
    coef, l1, l2 = here.point[:-1], objective.l1_penalty, objective.penalty
    pull = np.abs(
        here.gradient[:-1] - l2 * coef - (0 if mean is None else mean * here.gradient[-1])
    )
    margins = here.margins
    if mean is not None and objective.fit_intercept:
        margins = margins + _intercept_step(objective, margins)
    residual = np.empty_like(margins)
    link.residual(margins, objective.y, residual)
    primal = objective.cost(here.value, here.point)
    within = min(1.0, l1 / max(float(pull.max()), l1, float(np.finfo(float).tiny)))
    dual = -np.inf
    for share in (1.0, within):
        excess = np.maximum(share * pull - l1, 0)
        if l2 == 0 and share > within:
            continue
        cost = float(excess @ excess) / (2 * l2) if l2 > 0 else 0.0
        entropy = -_conjugate(share * residual, objective)
        dual = max(dual, entropy - cost)
    return primal - dual


def _conjugate(residual: Doubles, objective: Objective) -> float:
    """Mean of loss*(residual)."""
    chance = np.clip(residual + objective.y, 0, 1)
    return float(objective.weighted(xlogy(chance, chance) + xlogy(1 - chance, 1 - chance)).sum())


def _intercept_step(objective: Objective, margins: Doubles) -> float:
    """By how much to move the intercept to bring its derivative to zero, reading no X."""
    step = 0.0
    for _ in range(50):
        slope = float(objective.residual(margins + step).sum())
        curvature = float(objective.curvature(margins + step).sum())
        if curvature <= 0:
            break
        change = float(np.clip(slope / curvature, -1, 1))
        step -= change
        if abs(change) < 1e-14 * max(1.0, abs(step)):
            break
    return step


def _log_odds(objective: Objective) -> float:
    """The intercept that is best alone."""
    share = float(objective.weighted(objective.y).sum())
    return float(np.log(share / (1 - share))) if 0 < share < 1 else 0.0


def _subgradient_norm(here: Evaluation, l1: float) -> float:
    """Largest entry of the subgradient of least length."""
    coef, slope = here.point[:-1], here.gradient[:-1]
    entries = np.where(
        coef != 0, np.abs(slope + l1 * np.sign(coef)), np.maximum(np.abs(slope) - l1, 0)
    )
    return max(float(entries.max()), abs(float(here.gradient[-1])))


PROXIMAL = Solver("proximal", solve, smooth=False, l1=True)
