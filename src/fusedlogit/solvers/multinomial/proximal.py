"""Proximal steps in the metric of the classes' Hessians, for penalties with an L1 norm.

A step minimises a quadratic model plus the L1 norm by coordinate descent that reads no data: that
of the Hessian of all coefficients where they are few, else for each class that of its own. What one
class changes for another is then left to the next step, whose length is that of Barzilai and
Borwein in this metric: the curvature that the last step met. Costs may rise a little on the way,
not beyond those of the last steps (Wright, Nowak and Figueiredo, 2009, IEEE Transactions on Signal
Processing 57). Few coefficients of the minimum are not zero: with many features, the cost is
minimised over working sets of them, and passes over all of X tell which must join.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from ...data.per_row import summed
from ...errors import PassOverflowError
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..cause import Cause
from ..certificate import suboptimality
from ..descent import BLUR, SUFFICIENT
from ..metric import EPS
from ..path import Path, evaluate_along, evaluate_start
from ..proximal import OVERSHOT, SHARE_OF_GAP, SHARP, working_set
from ..quadratic import SWEEPS
from ..requests import Steps, evaluate
from ..settings import Doubles, Result, Settings, Solver
from .certificate import at_best_intercepts, gap_with_l1
from .hessian import class_sandwiches
from .metric import class_hessians
from .models import BlockModel, WholeModel
from .newton import price_of_hessian

#: Steps after which the Hessians of the classes are taken anew: they change while passes remain.
RENEWALS = (5, 10, 20, 40)

#: Costs of the last steps that a new one must be below the largest of.
REMEMBERED = 5

#: How far above the last one they may be.
ABOVE = 1.1

#: Of the metric: the least and the most that a step takes the curvature for.
LEAST, MOST = 0.1, 1e6

#: Steps on end of which each promises a fall that rounding hides.
UNSEEN = 20

#: Steps between two looks at the gap.
PATIENCE = 5


def solve(objective: Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point."""
    if objective.one.fit_intercept and not start.any():
        start = start.copy()
        objective.table(start)[:, -1] = _log_shares(objective)
    here = yield from evaluate_start(objective, start)
    search = _Search(objective, here, settings)
    yield from search.certify()
    while not search.finished:
        yield from search.solve_on(search.working_set())
        yield from search.check()
    return (yield from search.end())


class _Search(Path[Multinomial]):
    """Where the whole stands: a point, its cost, and the gap by a pass over all of X."""

    def __init__(self, objective: Multinomial, here: Evaluation, settings: Settings) -> None:
        super().__init__(objective, settings)
        self.here = here
        self.history.append(objective.cost(here))
        self.generator = np.random.default_rng(settings.seed)
        self._moved = True

    @property
    def gap(self) -> float:
        """Absolute, at most."""
        return self.suboptimality * self.history[-1]

    def certify(self) -> Steps[None]:
        """The gap at hand; what float32 says of it is no proof, and told to no one."""
        if self.objective.sharp:
            tol = self.settings.tol
            self.suboptimality = yield from suboptimality(self.objective, self.here, tol)
            return
        self.here = yield from at_best_intercepts(self.objective, self.here)
        gap = yield from gap_with_l1(self.objective, self.here)
        self.suboptimality = np.inf
        if gap < SHARP * self.history[-1] or not self._moved:
            self.objective = self.objective.sharpened()
            self.here = yield from evaluate(self.objective, self.here.point)
            self.history[-1] = self.objective.cost(self.here)
            yield from self.certify()

    def working_set(self) -> NDArray[np.intp]:
        """Features with a nonzero coefficient, and as many again where the cost falls fastest."""
        coef = self.objective.table(self.here.point)[:, :-1]
        slope = self.objective.table(self.here.gradient)[:, :-1]
        return working_set(np.abs(coef).max(axis=0), np.abs(slope).max(axis=0))

    def solve_on(self, features: NDArray[np.intp]) -> Steps[None]:
        """Minimise over some features, the others being zero; up to a share of the whole gap."""
        objective = self.objective
        whole = len(features) == objective.data.n_features
        part = objective if whole else objective.columns(features)
        kept = np.append(features, objective.data.n_features)
        inside = objective.table(self.here.point)[:, kept].ravel()
        descent = _Steps(part, (yield from evaluate(part, inside)), self.generator)
        target = 0.0 if whole else SHARE_OF_GAP * min(self.gap, self.history[-1])
        self._moved = False
        while not self.finished and (yield from descent.gap_exceeds(target, self.settings.tol)):
            if not (yield from descent.step()):
                break
            self._moved = True
            point = self._outside(descent.here.point, kept)
            self.report(point, part.cost(descent.here), descent.here.gradient_norm)
        if not whole:
            objective.data.count(part.data)
        self._next = self._outside(descent.here.point, kept)

    def _outside(self, point: Doubles, kept: NDArray[np.intp]) -> Doubles:
        """A point of all features from one of some."""
        table = np.zeros((self.objective.n_classes, self.objective.data.n_features + 1))
        table[:, kept] = point.reshape(len(table), -1)
        return table.ravel()

    def check(self) -> Steps[None]:
        """The gap of the whole, by a pass; in float64 from when float32 shows no progress."""
        before = self.gap
        try:
            self.here = yield from evaluate(self.objective, self._next)
        except PassOverflowError:  # rounding has taken the working set astray
            self.cause = Cause.ROUNDING
            return
        self.history[-1] = self.objective.cost(self.here)
        sharp = self.objective.sharp
        yield from self.certify()
        if sharp and not self.converged and not self._moved and self.gap > before / 2:
            self.cause = Cause.ROUNDING

    def end(self) -> Steps[Result]:
        """Where the search ended, with a bound that holds also where it did not converge."""
        if not self.objective.sharp:
            self._moved = False
            yield from self.certify()
        return self.result()


class _Steps:
    """Proximal steps over the features of a working set."""

    def __init__(
        self, objective: Multinomial, here: Evaluation, generator: np.random.Generator
    ) -> None:
        self.objective, self.here, self.generator = objective, here, generator
        self.costs = deque([objective.cost(here)], maxlen=REMEMBERED)
        self.model: BlockModel | WholeModel
        self.factor = 1.0
        self._renewals = iter(RENEWALS)
        self._left = self._unseen = 0
        self._until_gap = PATIENCE

    def gap_exceeds(self, target: float, tol: float) -> Steps[bool]:
        """Whether there is more to gain; looked at now and then, for it takes a pass."""
        self._until_gap -= 1
        if self._until_gap > 0:
            return True
        cost = self.objective.cost(self.here)
        here = yield from at_best_intercepts(self.objective, self.here)
        gap = yield from gap_with_l1(self.objective, here)
        self.here = here
        within = max(target, (tol if self.objective.sharp else SHARP) * cost / 2)
        self._until_gap = PATIENCE if gap > 10 * within else 2
        return gap > within

    def step(self) -> Steps[bool]:
        """One step; False if the cost cannot be seen to fall."""
        if self._left == 0:
            yield from self._renew()
        self._left -= 1
        objective, here = self.objective, self.here
        l1, cost = objective.one.l1_penalty, self.costs[-1]
        step = self.model.step(
            objective.table(here.point),
            objective.table(here.gradient) / self.factor,
            l1 / self.factor,
        ).ravel()
        square = self.model.square(objective.table(step))
        norm = objective.l1_norm(here.point + step) - objective.l1_norm(here.point)
        promised = float(here.gradient @ step) + l1 * norm
        if not (0 < square < np.inf and self._visible(promised)):
            return False
        try:
            share, there = yield from evaluate_along(objective, here.point, step)
        except PassOverflowError:
            return False
        bar = min(max(self.costs), ABOVE * cost) + 8 * EPS * cost
        for _ in range(objective.searches):
            if cost / OVERSHOT <= objective.cost(there) <= bar + SUFFICIENT * share * promised:
                break
            part = objective.best_share(here, there, there.point - here.point)
            if part == 0:
                break
            share *= part
            there = yield from evaluate(objective, here.point + share * step)
        if not objective.cost(there) <= bar:
            return False
        self._learn(there, share * step, share * share * square)
        return True

    def _visible(self, promised: float) -> bool:
        """Whether a fall would not drown in rounding; a few that do may still shrink the gap."""
        cost = self.costs[-1]
        if not self.objective.sharp:
            return -promised > BLUR * cost
        self._unseen = self._unseen + 1 if -promised < 8 * EPS * cost / SUFFICIENT else 0
        return self._unseen <= UNSEEN

    def _renew(self) -> Steps[None]:
        """The model at this point: of all coefficients, if they are few."""
        objective = self.objective
        if objective.keeps_margins:
            blocks = yield from class_sandwiches(objective, self.here.margins)
            self.model = WholeModel(objective, blocks)
            sweeps = SWEEPS * objective.n_coefs**2
            self._left = price_of_hessian(objective, beside=sweeps)
        else:
            hessians = yield from class_hessians(objective, self.here.point, self.generator)
            self.model = BlockModel(hessians, objective.one.fit_intercept)
            self._left = next(self._renewals, 1 << 30)
        self.factor = 1.0

    def _learn(self, there: Evaluation, step: Doubles, length: float) -> None:
        """Go there; the curvature that was met is the next step's."""
        met = float((there.gradient - self.here.gradient) @ step)
        seen = met > 0 and length > 0  # a step may be so short that its square is zero
        self.factor = float(np.clip(met / length, LEAST, MOST)) if seen else 1.0
        self.here = there
        self.costs.append(self.objective.cost(there))


def _log_shares(objective: Multinomial) -> Doubles:
    """The intercepts that are best alone."""
    target = objective.target
    shares = summed(np.bincount, (target.y, target.sample_weight), objective.n_classes)
    logarithms: Doubles = np.log(np.maximum(shares, 1e-300) / shares.sum())
    logarithms -= logarithms.mean()
    return logarithms


PROXIMAL = Solver("proximal", solve, smooth=False, l1=True)
