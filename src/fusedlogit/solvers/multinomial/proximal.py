"""Proximal steps in the metric of the classes' Hessians, for penalties with an L1 norm.

A step minimises a quadratic model plus the L1 norm by coordinate descent that reads no data: that
of the Hessian of all coefficients where they are few, or of the active ones once it is known which
these are; until then that of all classes along sparse columns, or for each class that of its own.
What one class changes for another is then left to the next step, whose length is that of Barzilai
and Borwein in the metric of the model: the curvature that the last step met. Costs may rise a
little on the way, not beyond those of the last steps (Wright, Nowak and Figueiredo, 2009, IEEE
Transactions on Signal Processing 57). Few coefficients of the minimum are not zero: with many
features, the cost is minimised over working sets of them, and passes over all of X tell which must
join.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from ...data.by_columns import Columns
from ...data.per_row import summed
from ...errors import PassOverflowError
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..by_columns import ColumnHessian
from ..cause import Cause
from ..certificate import suboptimality
from ..descent import BLUR, SUFFICIENT
from ..hessian import DENSE_FEATURES, CenteredHessian
from ..metric import EPS, TINY
from ..newton import is_sparse
from ..path import Path, evaluate_along, evaluate_start
from ..proximal import CLOSE, GROWTH, OVERSHOT, SHARE_OF_GAP, SHARP, SPARSE_GROWTH, working_set
from ..quadratic import SMALL, SWEEPS
from ..requests import Steps, evaluate, passes, sandwich
from ..settings import Doubles, Result, Settings, Solver
from .active import MOST_COEFS, Active, active_set, price_of_active
from .certificate import best_gap_with_l1
from .coupled import CoupledModel
from .hessian import class_sandwiches
from .metric import class_hessians
from .models import BlockModel, WholeModel, active_model, whole_model
from .newton import price_of_blocks, price_of_hessian

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

#: Share of the signs that a step may change for them to be known.
SETTLED = 0.1

#: Curvature that a step meets, relative to that of the model, which shows that it has changed.
STALE = 4.0

#: Share of what a step promised that the coefficients promise which its model leaves out, from
#: which on another model is worth its price. Measured.
MISSED = 1 / 30

#: Steps in a model of the active coefficients, at most, and in one that is nowhere below the cost.
MOST_STEPS, BOUNDED_STEPS = 10, 20

#: Steps on a working set of all classes together after which columns nearly repeat each other, it
#: seems: the Hessian of the active coefficients is better then, if it may be formed.
MOST_TOGETHER = 12

#: Steps on a working set after which the minimum of a small model is found exactly.
SLOW = 40

#: Steps between two looks at the gap.
PATIENCE = 5

#: Decision values of all rows up to which steps go along sparse columns.
MOST_BY_COLUMNS = 1 << 25


def solve(objective: Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point."""
    constants = np.zeros_like(start)
    if objective.one.fit_intercept:
        objective.table(constants)[:, -1] = _log_shares(objective)
    here = yield from evaluate_start(objective, start if start.any() else constants)
    if objective.cost(here) > np.log(objective.n_classes):
        # Worse than no coefficients: where losses are large, they have no curvature to go by.
        here = yield from evaluate(objective, constants)
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
        self._among_all: _Steps | None = None
        self._by_class, self._wild = 0, False

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
        self.here, gap = yield from best_gap_with_l1(
            self.objective, self.here, SHARP * self.history[-1]
        )
        self.suboptimality = np.inf
        if gap < SHARP * self.history[-1] or not self._moved:
            self.objective = self.objective.sharpened()
            self.here = yield from evaluate(self.objective, self.here.point)
            self.history[-1] = self.objective.cost(self.here)
            yield from self.certify()

    def working_set(self) -> NDArray[np.intp]:
        """Features with a nonzero coefficient, and others where the cost falls fastest."""
        coef = self.objective.table(self.here.point)[:, :-1]
        slope = self.objective.table(self.here.gradient)[:, :-1]
        growth = SPARSE_GROWTH if is_sparse(self.objective.one) else GROWTH
        return working_set(np.abs(coef).max(axis=0), np.abs(slope).max(axis=0), growth=growth)

    def solve_on(self, features: NDArray[np.intp]) -> Steps[None]:
        """Minimise over some features, the others being zero; up to a share of the whole gap."""
        objective = self.objective
        if len(features) == objective.data.n_features:
            self._among_all = self._among_all or self._steps()
            yield from self._descend(self._among_all, objective, self.here, features, 0.0)
            self._moved = self._moved and not self._among_all.hidden
            return
        part = objective.columns(features)
        inside = objective.table(self.here.point)[:, np.append(features, -1)].ravel()
        here = yield from evaluate(part, inside)
        target = SHARE_OF_GAP * min(self.gap, self.history[-1])
        yield from self._descend(self._steps(), part, here, features, target)
        objective.data.count(part.data)

    def _steps(self) -> _Steps:
        """What the last ones showed, they know."""
        return _Steps(self.generator, self._by_class, wild=self._wild)

    def _descend(
        self,
        steps: _Steps,
        objective: Multinomial,
        here: Evaluation,
        features: NDArray[np.intp],
        target: float,
    ) -> Steps[None]:
        """Steps among some features, until the gap among them is below a target."""
        steps.begin(objective, here)
        self._moved = False
        while not self.finished and (yield from steps.gap_exceeds(target, self.settings.tol)):
            if not (yield from steps.step()):
                break
            self._moved = True
            point = self._outside(steps.here.point, features)
            self.report(point, objective.cost(steps.here), steps.here.gradient_norm)
        self._by_class, self._wild = steps.by_class, steps.wild
        self._next = self._outside(steps.here.point, features)

    def _outside(self, point: Doubles, features: NDArray[np.intp]) -> Doubles:
        """A point of all features from one of some."""
        table = np.zeros((self.objective.n_classes, self.objective.data.n_features + 1))
        table[:, np.append(features, -1)] = point.reshape(len(table), -1)
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

    model: BlockModel | CoupledModel | WholeModel
    objective: Multinomial
    here: Evaluation
    factor = 1.0

    def __init__(self, generator: np.random.Generator, by_class: int, *, wild: bool) -> None:
        self.generator = generator
        self._renewals = iter(RENEWALS)
        self._left, self.by_class, self.wild = 0, by_class, wild
        self._changed = 0.0  # share of the signs that the last step changed

    def begin(self, objective: Multinomial, here: Evaluation) -> None:
        """At a point; where a model is at hand, it may do for that too."""
        self.objective, self.here = objective, here
        self._columns: Columns | None = None
        self._bounding: CenteredHessian | ColumnHessian | None = None
        self.costs = deque([objective.cost(here)], maxlen=REMEMBERED)
        self._unseen, self._promised = 0, -np.inf
        self._until_gap = PATIENCE
        self._n_steps = 0

    def gap_exceeds(self, target: float, tol: float) -> Steps[bool]:
        """Whether there is more to gain; looked at now and then, for it takes a pass."""
        self._until_gap -= 1
        if self._until_gap > 0:
            return True
        objective = self.objective
        within = max(target, (tol if objective.sharp else SHARP) * objective.cost(self.here) / 2)
        self.here, gap = yield from best_gap_with_l1(objective, self.here, within)
        self._until_gap = PATIENCE if gap > 10 * within else 2
        return gap > within

    def step(self) -> Steps[bool]:
        """One step; False if the cost cannot be seen to fall, in a model of this point."""
        fresh = self._left == 0 or self._misses()
        far = -self._promised > CLOSE * self.costs[-1]
        if fresh and far and self.wild:
            yield from self._bound()
        elif fresh:
            yield from self._renew(precise=False)
        slow = self._n_steps >= SLOW and self.model.size <= SMALL
        roughly = not (slow or (self.objective.keeps_margins and not far))
        self._n_steps += 1
        if (yield from self._try(roughly)):
            return True
        if self.hidden:
            return False
        if not (fresh and not roughly):
            yield from self._renew(precise=True)
            if (yield from self._try(False)) or self.hidden:
                return not self.hidden
        if self.objective.keeps_margins:
            return False
        yield from self._bound()
        return (yield from self._try(True))

    def _bound(self) -> Steps[None]:
        """A model that is nowhere below the cost, where no other leads to a lower one.

        Rows that are certainly wrong have no curvature left: a step goes much too far. No softmax
        has more than half of the identity (Boehning, 1992, Annals of the Institute of Statistical
        Mathematics 44).
        """
        one = self.objective.one
        if self._bounding is None:  # the same at all points
            weight = one.target.weighted(np.full(one.data.n_samples, 0.5))
            columns = yield from self._by_columns()
            if columns is None:
                self._bounding = CenteredHessian(one, (yield from sandwich(one, weight)))
            else:
                self._bounding = yield from passes(lambda: ColumnHessian(one, columns, weight))
        self.model = BlockModel([self._bounding] * self.objective.n_classes, one.fit_intercept)
        self.wild = True
        self.factor, self._age, self._left = 1.0, 0, BOUNDED_STEPS

    def _try(self, roughly: bool) -> Steps[bool]:
        """One step in the model at hand; False if the cost cannot be seen to fall."""
        self._left -= 1
        self._age += 1
        self.hidden = False
        objective, here = self.objective, self.here
        l1, cost = objective.one.l1_penalty, self.costs[-1]
        step = self.model.step(
            objective.table(here.point),
            objective.table(here.gradient) / self.factor,
            l1 / self.factor,
            roughly=roughly,
        ).ravel()
        step = objective.to_least_norm(here.point, step)
        square = self.model.square(objective.table(step))
        norm = objective.l1_norm(here.point + step) - objective.l1_norm(here.point)
        self._promised = promised = float(here.gradient @ step) + l1 * norm
        if not (0 < square < np.inf and self._visible(promised)):
            return False
        bar = min(max(self.costs), ABOVE * cost)
        if isinstance(self.model, CoupledModel):  # Newton's step, whose length is known
            bar = cost
        bar += 8 * EPS * cost
        try:
            share, there = yield from self._search(step, promised, bar)
        except PassOverflowError:
            return False
        if not objective.cost(there) <= bar:
            return False
        self._learn(there, share * step, share * share * square)
        return True

    def _search(
        self, step: Doubles, promised: float, bar: float
    ) -> Steps[tuple[float, Evaluation]]:
        """The share of a step that falls below a bar, if one is found, and the evaluation there."""
        objective, here, cost = self.objective, self.here, self.costs[-1]
        share, there = yield from evaluate_along(objective, here.point, step)
        for _ in range(objective.searches):
            if cost / OVERSHOT <= objective.cost(there) <= bar + SUFFICIENT * share * promised:
                break
            part = objective.best_share(here, there, there.point - here.point)
            if part == 0:
                break
            share *= part
            there = yield from evaluate(objective, here.point + share * step)
        return share, there

    def _visible(self, promised: float) -> bool:
        """Whether a fall would not drown in rounding; a few that do may still shrink the gap."""
        cost = self.costs[-1]
        if not self.objective.sharp:
            self.hidden = -promised <= BLUR * cost
            return not self.hidden
        rounding = 8 * EPS * cost
        self._unseen = self._unseen + 1 if -promised < rounding / SUFFICIENT else 0
        self.hidden = self._unseen > UNSEEN and -promised <= rounding
        return self._unseen <= UNSEEN

    def _renew(self, *, precise: bool) -> Steps[None]:
        """The model at this point: of all coefficients if they are few, or of the active ones.

        Otherwise of all classes together along sparse columns, or of each class alone.
        """
        objective, point = self.objective, self.here.point
        self.factor, self._age = 1.0, 0
        if objective.keeps_margins:
            blocks = yield from class_sandwiches(objective, self.here.margins)
            self.model = whole_model(objective, blocks)
            sweeps = SWEEPS * objective.n_coefs**2
            self._left = price_of_hessian(objective, beside=sweeps)
            return
        columns = yield from self._by_columns()
        few = objective.data.n_features <= DENSE_FEATURES and self._n_steps > MOST_TOGETHER
        active = None
        if columns is None or few or precise:
            active = self._active(at_any_price=precise)
        if active is not None:
            self.model = yield from active_model(
                objective, point, active, self.generator, precise=precise
            )
            self._left = MOST_STEPS
        elif columns is not None:
            self.model = yield from passes(lambda: CoupledModel(objective, columns, point))
            self._left = self._until_gap = 1  # it costs less than the step, and a gap still less
        else:
            hessians = yield from class_hessians(objective, point, self.generator)
            self._left = next(self._renewals, RENEWALS[-1])
            self.model = BlockModel(hessians, objective.one.fit_intercept)

    def _by_columns(self) -> Steps[Columns | None]:
        """Columns of sparse data, where rows are few enough."""
        objective = self.objective
        if objective.n_classes * objective.data.n_samples > MOST_BY_COLUMNS:
            return None
        if self._columns is None:
            self._columns = yield from passes(objective.data.by_columns)
        return self._columns

    def _active(self, *, at_any_price: bool = False) -> Active | None:
        """The active coefficients, where these are known and steps have cost as much."""
        if self._changed > SETTLED and not at_any_price:
            return None
        objective, here = self.objective, self.here
        coef, slope = objective.table(here.point)[:, :-1], objective.table(here.gradient)[:, :-1]
        active = active_set(coef, slope, objective.one.l1_penalty)
        n_coefs = len(active[0])
        if not 0 < n_coefs <= MOST_COEFS:
            return None
        pays = at_any_price or self.by_class >= price_of_active(objective, n_coefs)
        return active if pays else None

    def _misses(self) -> bool:
        """Whether another model will do better than the one at hand.

        Where the last step met much more curvature than it knows of; of classes alone, once that
        of the active coefficients pays; of this one, where coefficients that it leaves out
        promise much beside what that step did.
        """
        if self.objective.keeps_margins:
            return False
        if isinstance(self.model, BlockModel):
            if self.factor > STALE and self._age >= price_of_blocks(self.objective):
                return True
            return self._active() is not None
        if isinstance(self.model, CoupledModel) or self.factor > STALE:
            return True
        objective, l1 = self.objective, self.objective.one.l1_penalty
        excess = np.abs(objective.table(self.here.gradient)[:, :-1]) - l1
        excess[self.model.active] = 0
        curvature = np.median(self.model.quadratic.hessian.diagonal())
        promised = (np.maximum(excess, 0) ** 2).sum() / (2 * curvature)
        return bool(promised > -MISSED * self._promised)

    def _learn(self, there: Evaluation, step: Doubles, length: float) -> None:
        """Go there; the curvature that was met is the next step's."""
        met = float((there.gradient - self.here.gradient) @ step)
        signs, before = (np.sign(self.objective.table(e.point)[:, :-1]) for e in (there, self.here))
        self._changed = float(np.mean(signs != before)) / max(float(np.mean(signs != 0)), TINY)
        self.by_class += not isinstance(self.model, WholeModel)
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
