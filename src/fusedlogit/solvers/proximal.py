"""Proximal Newton steps on working sets, for penalties with an L1 norm.

Few coefficients of the minimum are not zero. The cost is minimised over a working set of features
first, whose columns are gathered as they are stored; a pass over all of X then tells the duality
gap, and which features must join the set. On the set, a step minimises the quadratic model of the
smooth part plus the L1 norm by coordinate descent, which reads the Hessian and no data; one pass
over the set's columns ends it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize_scalar

from .._kernels import coordinate
from ..data.margins import Line
from ..errors import PassOverflowError
from ..problems.objective import Evaluation, Objective
from .cause import Cause
from .certificate import OF_DATA, OF_LINK, duality_gap, intercept_step, subgradient, suboptimality
from .descent import SUFFICIENT
from .factored import RELIABLE
from .hessian import CenteredHessian, reliable_hessian
from .metric import EPS
from .newton import price_of_hessian
from .path import Path, evaluate_along, evaluate_start
from .requests import Steps, evaluate
from .settings import Doubles, Result, Settings, Solver

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

#: Share of its fall in all that a round must bring for another to follow.
LITTLE = 0.01

#: Fall of the cost in one step from which on it may have gone too far.
OVERSHOT = 4


def solve(objective: Objective, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point."""
    if objective.fit_intercept and not start.any():
        start = start.copy()
        start[-1] = _log_odds(objective)
    here = yield from evaluate_start(objective, start)
    search = _Search(objective, here, settings)
    search.gap = yield from search.certify()
    while not search.finished:
        yield from search.solve_on(search.working_set())
        yield from search.check()
    return (yield from search.end())


class _Search(Path[Objective]):
    """Where the whole stands: a point, its cost, and the gap by a pass over all of X."""

    def __init__(self, objective: Objective, here: Evaluation, settings: Settings) -> None:
        super().__init__(objective, settings)
        self.here = here
        self.history.append(self.cost(here))
        self.gap = np.inf
        self._moved = True

    def certify(self) -> Steps[float]:
        """The gap at hand, absolute; what float32 says of it is no proof."""
        if not self.objective.sharp:
            return duality_gap(self.objective, self.here)
        self.suboptimality = yield from suboptimality(self.objective, self.here, self.settings.tol)
        return self.suboptimality * self.history[-1]

    def cost(self, here: Evaluation) -> float:
        """J with its L1 norm."""
        return self.objective.cost(here.value, here.point)

    def working_set(self) -> NDArray[np.intp]:
        """The nonzero coefficients, and as many again where the cost falls fastest."""
        return working_set(self.here.point[:-1], np.abs(self.here.gradient[:-1]))

    def solve_on(self, features: NDArray[np.intp]) -> Steps[None]:
        """Minimise over some features, the others being zero; up to a share of the whole gap."""
        whole = len(features) == self.objective.data.n_features
        part = self.objective if whole else self.objective.columns(features)
        kept = np.append(features, -1)
        target = SHARE_OF_GAP * self.gap if not whole else 0.0
        target = max(target, self.settings.tol * self.history[-1] / 2)
        descent = _Steps(part, (yield from evaluate(part, self.here.point[kept])))
        hessian, age = (yield from descent.hessian()), 0
        self._moved = False
        price = price_of_hessian(part)
        while not self.finished and descent.gap(hessian) > target:
            if age >= price:
                hessian, age = (yield from descent.hessian()), 0
            if not (yield from descent.step(hessian)):
                hessian, age = (yield from descent.hessian(bound=True)), price
                if not (yield from descent.step(hessian)):
                    break
            age += 1
            self._moved = True
            self._report(descent, kept)
        point = np.zeros_like(self.here.point)
        point[kept] = descent.here.point
        if self.objective.fit_intercept:
            point[-1] += intercept_step(descent.here.margins)
        if not whole:
            self.objective.data.count(part.data)
        self._next = point

    def check(self) -> Steps[None]:
        """The gap of the whole, by a pass; in float64 from when float32 shows no progress."""
        before = self.gap
        try:
            self.here = yield from evaluate(self.objective, self._next)
        except PassOverflowError:  # rounding has taken the working set astray
            self.cause = Cause.ROUNDING
            return
        self.history[-1] = self.cost(self.here)
        self.gap = yield from self.certify()
        if self.finished:
            return
        if self.objective.sharp:
            if self.gap > before / 2 and not self._moved:
                self.cause = Cause.ROUNDING
        elif self.gap < SHARP * self.history[-1] or not self._moved:
            # The gap is of first order in the rounding of the pull, while J is of second.
            self.objective = self.objective.sharpened()

    def end(self) -> Steps[Result]:
        """Where the search ended, with a bound that holds also where it did not converge."""
        if not self.objective.sharp:
            self.objective = self.objective.sharpened()
            self.here = yield from evaluate(self.objective, self.here.point)
            self.history[-1] = self.cost(self.here)
            yield from self.certify()
        return self.result()

    def _report(self, descent: _Steps, kept: NDArray[np.intp]) -> None:
        """A step ends; the suboptimality of the whole is known at the next check."""
        point = np.zeros_like(self.here.point)
        point[kept] = descent.here.point
        slope = subgradient(descent.here, self.objective.l1_penalty)
        self.report(point, self.cost(descent.here), float(np.abs(slope).max()))


class _Steps:
    """Proximal Newton steps over the features of a working set."""

    def __init__(self, objective: Objective, here: Evaluation) -> None:
        self.objective = objective
        self.here = here

    def hessian(self, *, bound: bool = False) -> Steps[CenteredHessian]:
        """At this point; with `bound`, of a model that is nowhere below the cost."""
        margins = self.here.margins
        row_weight = margins.majorant() if bound else margins.curvature()
        hessian = yield from reliable_hessian(self.objective, row_weight)
        if hessian.sharp and not self.objective.sharp:
            # What float32 cannot tell of the Hessian, it cannot of the gradient.
            self.objective = self.objective.sharpened()
            self.here = yield from evaluate(self.objective, self.here.point)
        factored = hessian.factored
        if not factored.reliable:
            ridge = 2 * factored.rounding / RELIABLE
            hessian.matrix.flat[:: len(factored.size) + 1] += ridge * factored.size**2
        return hessian

    def gap(self, hessian: CenteredHessian) -> float:
        """The duality gap among these features, with the intercept at its minimum."""
        return duality_gap(self.objective, self.here, hessian.mean)

    def step(self, hessian: CenteredHessian) -> Steps[bool]:
        """One step; False if the cost cannot be seen to fall."""
        l1, point = self.objective.l1_penalty, self.here.point
        coef = point[:-1].copy()
        slope = self.here.gradient[:-1] - hessian.mean * self.here.gradient[-1]
        minimise_quadratic(hessian.matrix, l1, coef, slope)
        step = np.zeros_like(point)
        step[:-1] = coef - point[:-1]
        if self.objective.fit_intercept:
            own = -float(self.here.gradient[-1]) / hessian.total
            farthest = 1 + self.here.margins.largest()  # where all curvature vanishes
            step[-1] = np.clip(own, -farthest, farthest) - hessian.mean @ step[:-1]
        norm = np.abs(point[:-1]).sum()
        promised = float(self.here.gradient @ step) + l1 * float(np.abs(coef).sum() - norm)
        cost = self._cost(self.here)
        rounding = 8 * EPS * cost
        if not promised < rounding:
            return False
        try:
            share, there = yield from evaluate_along(self.objective, point, step)
        except PassOverflowError:
            return False
        step *= share
        promised *= share
        if -promised < rounding / SUFFICIENT:
            # A fall would drown in the rounding of J, while the gap may still shrink.
            gap = duality_gap(self.objective, there, hessian.mean)
            if self._cost(there) > cost + rounding or gap > self.gap(hessian) / 2:
                return False
        elif self._cost(there) > cost + SUFFICIENT * promised:
            share = self._length(step, there, cost, promised)
            there = yield from evaluate(self.objective, point + share * step)
            if not self._cost(there) < cost:
                return False
        elif self._cost(there) < cost / OVERSHOT:
            # So much that the loss may have vanished long before the end, leaving the penalty.
            share = self._best_share(step, there)
            if share < 0.5:
                there = yield from evaluate(self.objective, point + share * step)
        self.here = there
        return True

    def _cost(self, here: Evaluation) -> float:
        return self.objective.cost(here.value, here.point)

    def _best_share(self, step: Doubles, there: Evaluation) -> float:
        """The share of a step, of any size up to 1, that is best by the margins of its ends."""
        line = Line(self.here.margins, there.margins)

        def cost(logarithm: float) -> float:
            return self._cost_at(line, step, math.exp(logarithm))

        found = minimize_scalar(cost, bounds=(math.log(1e-12), 0.0), method="bounded")
        return math.exp(found.x) if found.fun < self._cost(there) / 2 else 1.0

    def _cost_at(self, line: Line, step: Doubles, share: float) -> float:
        """The cost after a share of a step, reading no X."""
        objective, there = self.objective, self.here.point + share * step
        return objective.cost(line.loss_at(share) + objective.ridge(there), there)

    def _length(self, step: Doubles, there: Evaluation, cost: float, promised: float) -> float:
        """A step that brings enough, halved on the margins of its two ends, reading no X."""
        line = Line(self.here.margins, there.margins)
        length = 0.5
        while length > 1e-100:
            now = self._cost_at(line, step, length)
            if now <= cost + SUFFICIENT * length * promised:
                break
            length /= 2 if now < 100 * cost else 100
        return length


def working_set(coef: Doubles, steepness: Doubles) -> NDArray[np.intp]:
    """Features whose coefficient is not zero, and as many again that are the steepest."""
    if len(coef) <= FIRST_FEATURES:
        return np.arange(len(coef))
    nonzero = np.flatnonzero(coef)
    size = min(len(coef), max(FIRST_FEATURES, GROWTH * len(nonzero)))
    steepness[nonzero] = np.inf
    return np.sort(np.argpartition(-steepness, size - 1)[:size])


def minimise_quadratic(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles) -> None:
    """Minimise a quadratic plus l1 |coef|_1; coef and its gradient `slope` change in place.

    Sweeps of coordinate descent find which coefficients are not zero, and their signs. The
    minimum under these signs is then solved for directly. The cost falls all the way, so that no
    choice of signs comes twice. It ends at the minimum, or where a round brings little more.
    """
    begin, pull, fallen = coef.copy(), slope.copy(), 0.0
    for _ in range(MAX_ROUNDS):
        coordinate.coordinate_descent(hessian, l1, 0.0, SWEEPS, coef, slope)
        _solve_under_signs(hessian, l1, coef, slope)
        rest = np.where(coef == 0, np.abs(slope), np.abs(slope + l1 * np.sign(coef)) + l1)
        if rest.max() <= l1 * (1 + 1e-12):
            return
        norm = float(np.abs(begin).sum() - np.abs(coef).sum())
        fall = float((pull + slope) @ (begin - coef)) / 2 + l1 * norm
        if fall - fallen <= LITTLE * fall:
            return
        fallen = fall


def _solve_under_signs(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles) -> bool:
    """Go to the minimum under the signs of the coefficients that are not zero.

    Those whose sign would change on the way there become zero; if the cost then does not fall, on
    half of the way, and so on. False if any does.
    """
    nonzero = np.flatnonzero(coef)
    if not len(nonzero):
        return True
    among = hessian[np.ix_(nonzero, nonzero)]
    factor, failed = lapack.dpotrf(among, lower=1)
    if failed:
        return True
    here, sign = coef[nonzero], np.sign(coef[nonzero])
    pull = slope[nonzero] + l1 * sign
    step = -lapack.dpotrs(factor, pull, lower=1)[0]
    crossing = step * sign < -np.abs(here)
    share, first = 1.0, 1.0
    if crossing.any():
        first = float(np.min(np.abs(here[crossing] / step[crossing])))
    while True:
        share = max(share, first)
        there = here + share * step
        there[there * sign <= 0] = 0
        change = there - here
        # Up to the first that becomes zero, the cost falls.
        if share == first or pull @ change + change @ among @ change / 2 < 0:
            break
        share /= 2
    coef[nonzero] = there
    slope += change @ hessian[nonzero]
    return bool(there.all())


def _log_odds(objective: Objective) -> float:
    """The intercept that is best alone."""
    share = objective.target.mean(objective.target.y)
    return float(np.log(share / (1 - share))) if 0 < share < 1 else 0.0


PROXIMAL = Solver(
    "proximal",
    solve,
    smooth=False,
    l1=True,
    of_link=(*OF_LINK, "majorant", "dual"),
    of_data=(*OF_DATA, "columns"),
)
