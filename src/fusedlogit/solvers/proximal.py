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

from ..data.by_columns import Columns
from ..errors import PassOverflowError
from ..problems.objective import Evaluation, Objective
from .by_columns import ColumnHessian, columns_of, floored
from .cause import Cause
from .certificate import (
    OF_DATA,
    OF_LINK,
    STEPS,
    duality_gap,
    intercept_step,
    subgradient,
    suboptimality,
)
from .descent import BLUR, SUFFICIENT
from .factored import RELIABLE
from .hessian import CenteredHessian, reliable_hessian
from .metric import EPS
from .newton import WHOLE, is_sparse, price_of_hessian, work_of_factor
from .path import Path, evaluate_along, evaluate_start
from .requests import Steps, evaluate, passes
from .settings import Doubles, Result, Settings, Solver

Model = CenteredHessian | ColumnHessian

#: Features a working set begins with; with so many at most, all are in it.
FIRST_FEATURES = 256

#: By how much a working set grows beyond the nonzero coefficients, at most; of sparse data, whose
#: columns are soon gathered and read. Measured.
GROWTH, SPARSE_GROWTH = 2, 5

#: Relative gap from which on passes in float32 do not tell it.
SHARP = 1e-4

#: Of the duality gap of all features, what a working set is solved to.
SHARE_OF_GAP = 0.1

#: Fall that a step promised, relative to the cost, beyond which the next one is but rough: the
#: minimum of a model that far from the end is not worth its factorisations. Measured.
CLOSE = 1e-3

#: Steps by columns on one working set after which those nearly repeat each other, it seems.
PATIENCE = 32

#: Of its gap, what a step too short to be seen in the cost may leave: sweeps close it slowly.
LESS = 0.98

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
        self._sharp_part = False  # whether the last working set called for float64

    def certify(self, steps: int = 0) -> Steps[float]:
        """The gap at hand, absolute; what float32 says of it is no proof.

        A Hessian of all features proves more than the duality gap does, but takes longer than the
        steps that close it: see `suboptimality` for `steps`.
        """
        if not self.objective.sharp:
            here = self.here
            return duality_gap(self.objective, here, here.gradient[:-1], here.margins)
        self.suboptimality = yield from suboptimality(
            self.objective, self.here, self.settings.tol, steps=steps
        )
        return self.suboptimality * self.history[-1]

    def cost(self, here: Evaluation) -> float:
        """J with its L1 norm."""
        return self.objective.cost(here.value, here.point)

    def working_set(self) -> NDArray[np.intp]:
        """The nonzero coefficients, and others where the cost falls fastest."""
        least = steep_enough(self.objective.l1_penalty, self.gap / self.history[-1])
        growth = SPARSE_GROWTH if is_sparse(self.objective) else GROWTH
        return working_set(self.here.point[:-1], np.abs(self.here.gradient[:-1]), least, growth)

    def solve_on(self, features: NDArray[np.intp]) -> Steps[None]:
        """Minimise over some features, the others being zero; up to a share of the whole gap."""
        whole = len(features) == self.objective.data.n_features
        part = self.objective if whole else self.objective.columns(features)
        if self._sharp_part:
            part = part.sharpened()
        kept = np.append(features, -1)
        target = SHARE_OF_GAP * self.gap if not whole else 0.0
        target = max(target, self.settings.tol * self.history[-1] / 2)
        descent = yield from _Steps.begin(part, self.here.point[kept])
        hessian, age, begun = (yield from descent.hessian()), 0.0, self.n_iter
        self._moved = False
        while not self.finished and descent.gap(hessian) > target:
            slow = self.n_iter - begun == PATIENCE and len(features) <= WHOLE
            if slow and descent.columns is not None:
                descent.columns, age = None, np.inf
            if age >= descent.price:
                hessian, age = (yield from descent.hessian()), 0.0
            if not (yield from descent.step(hessian)):
                if (yield from descent.sharpen()):
                    continue
                hessian, age = (yield from descent.hessian(bound=True)), np.inf
                if not (yield from descent.step(hessian)):
                    break
            age += 1
            self._moved = True
            self._report(descent, kept)
        self._sharp_part = descent.objective.sharp
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
                self.gap = yield from self.certify(STEPS)
                if not self.converged:
                    self.cause = Cause.ROUNDING
        elif self.gap < SHARP * self.history[-1] or not self._moved:
            # The gap is of first order in the rounding of the pull, while J is of second.
            self.objective = self.objective.sharpened()

    def end(self) -> Steps[Result]:
        """Where the search ended, with a bound that holds also where it did not converge."""
        told = self.objective.sharp and (self.converged or self.cause == Cause.ROUNDING)
        if not self.objective.sharp:
            self.objective = self.objective.sharpened()
            self.here = yield from evaluate(self.objective, self.here.point)
            self.history[-1] = self.cost(self.here)
        if not told:
            yield from self.certify(STEPS)
        return self.result()

    def _report(self, descent: _Steps, kept: NDArray[np.intp]) -> None:
        """A step ends; the suboptimality of the whole is known at the next check."""
        point = np.zeros_like(self.here.point)
        point[kept] = descent.here.point
        slope = subgradient(descent.here, self.objective.l1_penalty)
        self.report(point, self.cost(descent.here), float(np.abs(slope).max()))


class _Steps:
    """Proximal Newton steps over the features of a working set."""

    def __init__(self, objective: Objective, here: Evaluation, columns: Columns | None) -> None:
        self.objective, self.here, self.columns = objective, here, columns
        self._promised = -np.inf  # change of the cost by the last step that was tried

    @classmethod
    def begin(cls, objective: Objective, point: Doubles) -> Steps[_Steps]:
        """At a point."""
        columns = yield from columns_of(objective)
        return cls(objective, (yield from evaluate(objective, point)), columns)

    @property
    def price(self) -> float:
        """Steps after which a Hessian is renewed: as many as cost as much."""
        if self.columns is not None:
            return 1
        # A step factors the model among the coefficients that are not zero: half as much, about.
        work = work_of_factor(self.objective.data.n_features) / 2
        return price_of_hessian(self.objective, beside=work)

    def sharpen(self) -> Steps[bool]:
        """Go on in float64, if float32 may hide what the last step was to gain."""
        faint = -self._promised < BLUR * self._cost(self.here)
        if self.objective.sharp or not faint:
            return False
        yield from self._sharpen()
        return True

    def _sharpen(self) -> Steps[None]:
        self.objective = self.objective.sharpened()
        self.here = yield from evaluate(self.objective, self.here.point)

    def hessian(self, *, bound: bool = False) -> Steps[Model]:
        """At this point; with `bound`, of a model that is nowhere below the cost."""
        margins, columns = self.here.margins, self.columns
        row_weight = margins.majorant() if bound else margins.curvature()
        if columns is not None:
            row_weight = floored(row_weight, margins.residual())
            return (yield from passes(lambda: ColumnHessian(self.objective, columns, row_weight)))
        hessian = yield from reliable_hessian(self.objective, row_weight)
        if hessian.sharp and not self.objective.sharp:
            # What float32 cannot tell of the Hessian, it cannot of the gradient.
            yield from self._sharpen()
        factored = hessian.factored
        if not factored.reliable:
            # An entry is wrong by the root of what is hidden of its two columns, so that n times
            # the diagonal of what is hidden outweighs all errors.
            ridge = 2 * len(factored.size) * factored.hidden / RELIABLE
            hessian.matrix.flat[:: len(factored.size) + 1] += ridge * factored.size**2
        return hessian

    def gap(self, hessian: Model) -> float:
        """The duality gap among these features, with the intercept at its minimum."""
        return self._gap_at(self.here, hessian)

    def _gap_at(self, here: Evaluation, hessian: Model) -> float:
        slope, margins = here.gradient[:-1] - hessian.mean * here.gradient[-1], here.margins
        if self.objective.fit_intercept:
            margins = margins.moved(intercept_step(margins))
        return duality_gap(self.objective, here, slope, margins)

    def step(self, hessian: Model) -> Steps[bool]:
        """One step, a rough one if that will do; False if the cost cannot be seen to fall."""
        far = -self._promised > CLOSE * self._cost(self.here)
        return (far and (yield from self._try(hessian, True))) or (
            yield from self._try(hessian, False)
        )

    def _try(self, hessian: Model, roughly: bool) -> Steps[bool]:
        """A step to the minimum of a model, or roughly there."""
        l1, point = self.objective.l1_penalty, self.here.point
        step = step_in_model(
            hessian, point, self.here.gradient, l1, self.objective.fit_intercept,
            roughly=roughly, farthest=1 + self.here.margins.largest(),
        )  # fmt: skip
        longer = np.abs((point + step)[:-1]).sum() - np.abs(point[:-1]).sum()
        promised = float(self.here.gradient @ step) + l1 * float(longer)
        self._promised = promised
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
            # A fall may drown in the rounding of J, while the gap still shrinks.
            fallen = cost - self._cost(there)
            if fallen < -rounding:
                return False
            if fallen <= rounding and self._gap_at(there, hessian) > LESS * self.gap(hessian):
                return False
        elif not cost / OVERSHOT <= self._cost(there) <= cost + SUFFICIENT * promised:
            # Too far, or so far that the loss may have vanished long before, leaving the penalty.
            share = self.objective.best_share(self.here, there, step)
            if share > 0:
                there = yield from evaluate(self.objective, point + share * step)
            if not self._cost(there) < cost:
                return False
        self.here = there
        return True

    def _cost(self, here: Evaluation) -> float:
        return self.objective.cost(here.value, here.point)


def step_in_model(
    hessian: Model,
    point: Doubles,
    gradient: Doubles,
    l1: float,
    fit_intercept: bool,
    *,
    roughly: bool = False,
    farthest: float = np.inf,
) -> Doubles:
    """From a point to the minimum of a model plus l1 times the L1 norm: (n_features + 1,).

    The intercept's own step ends where it is farthest, for where all curvature vanishes.
    """
    coef, own, step = point[:-1].copy(), float(gradient[-1]), np.zeros_like(point)
    hessian.minimise(l1, coef, gradient[:-1] - hessian.mean * own, roughly=roughly)
    step[:-1] = coef - point[:-1]
    if fit_intercept:
        own_step = np.clip(-own / hessian.total, -farthest, farthest)
        step[-1] = own_step - hessian.mean @ step[:-1]
    return step


def working_set(
    coef: Doubles, steepness: Doubles, least: float = 0.0, growth: int = GROWTH
) -> NDArray[np.intp]:
    """Features whose coefficient is not zero, and the steepest: in all, so many times as many.

    Fewer, if fewer are at least so steep.
    """
    if len(coef) <= FIRST_FEATURES:
        return np.arange(len(coef))
    nonzero = np.flatnonzero(coef)
    steepness[nonzero] = np.inf
    size = min(growth * len(nonzero), int(np.count_nonzero(steepness >= least)))
    size = min(len(coef), max(FIRST_FEATURES, size))
    return np.sort(np.argpartition(-steepness, size - 1)[:size])


def steep_enough(l1: float, gap: float) -> float:
    """The slope from which on a coefficient of zero may not stay so, as the relative gap tells.

    Where that has closed, it is the L1 penalty; on the way, slopes are off by as much as its root.
    """
    return l1 * (1 - math.sqrt(min(max(gap, 0.0), 1.0)))  # rounding may turn its sign


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
