"""Learning from sparse rows as they come: a call costs time in their entries, not in columns.

As `dense`, but the gain of a column is learnt of the rows so far whenever it occurs, and what is
known of columns changes where it lies. Coefficients are made of it when they are asked for.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.lazy_walk import SQUARE, UNIT, LazyWalk
from ..data.protocol import Walked
from ..data.sparse import SparseMatrix
from ..data.stacked import stacked
from ..data.target import STRONGEST, Target
from ..solvers.lazy_course import Sample, refuse_momentum, require_intercept
from ..solvers.settings import SGD
from ..solvers.stochastic import batch_of, is_due
from .fitted import Fitted
from .losses import Losses
from .moments import Moments

Doubles = NDArray[np.float64]

#: Rows that the length of a step is taken from.
ROWS = 512

#: So many times as many where weights are not equal.
MORE = 8

#: Of the longest stable step, what is taken.
SHARE = 0.5

#: Values up to which nothing overflows on the way.
LARGEST = 1e100


@dataclass
class LazyStream:
    """What is kept from one call to the next.

    Attributes
    ----------
    point : ndarray of shape (K, n_features + 1)
        Where it begins, in X's own units.
    fitted : Fitted
        As of a `Stream`.
    walk : LazyWalk or None
        None before the first row.
    moments : Moments
        Of the columns, if scaling is by them.
    recent : list of (SparseMatrix, ndarray of shape (n_rows,))
        The last rows and their weights, where calls bring few.
    weight, n_rows, n_known, losses
        As of a `Stream`.
    """

    point: Doubles
    fitted: Fitted = field(default_factory=Fitted)
    walk: LazyWalk | None = None
    moments: Moments = field(default_factory=Moments)
    recent: list[tuple[SparseMatrix, Doubles]] = field(default_factory=list)
    weight: float = 0.0
    n_rows: int = 0
    n_known: int = 0
    losses: Losses = field(default_factory=Losses)

    @classmethod
    def beginning(cls, point: Doubles, fitted: Fitted) -> LazyStream:
        """From coefficients and intercepts in X's own units, before the first row."""
        return cls(point, fitted)

    def apart(self) -> LazyStream:
        """The same stream to go on with apart from this one."""
        return replace(self, walk=None if self.walk is None else self.walk.apart())

    def coefficients(self) -> tuple[Doubles, Doubles]:
        """In X's own units: see `Stream.coefficients`."""
        walk = self.walk
        assert walk is not None
        coef, intercept = walk.reached()
        reached = coef * walk.columns[:, UNIT], intercept
        return self.fitted.mean_with(self.point, walk, self.weight, *reached)

    def learn(
        self,
        data: Walked,
        target: Target,
        scaling: float | str | None,
        penalty: tuple[float, float],
        options: SGD,
        fit_intercept: bool,
        seed: int,
    ) -> None:
        """A step after each batch of rows, in the order in which they come.

        See `Stream.learn`; no row is drawn, whatever the seed. After an error, a copy is to be
        thrown away as there: what it shares with this has not changed.
        """
        refuse_momentum(options)
        standard = scaling == "standard"
        require_intercept(standard, fit_intercept)
        if isinstance(data, SparseMatrix):
            data.refuse_beyond(LARGEST)
        walk = self.walk = self._own_walk(data, fit_intercept, shared=not standard)
        if standard:
            self.moments = self.moments.with_rows(data, target, self.weight)
        self.weight += target.total_weight
        self.n_rows += data.n_samples
        walk.batch_rows = batch_of(options, self.n_rows)
        walk.power = 0.0 if options.schedule == "constant" else options.power
        walk.averaged, walk.fit_intercept = options.average, fit_intercept
        if not fit_intercept:  # one may have been fitted before
            walk.intercept[:], walk.sums[:] = 0.0, 0.0
        walk.l2, walk.l1 = (min(of_all, STRONGEST) for of_all in penalty)
        walk.penalty_share = 1 / (self.fitted.weight + self.weight)
        weight = target.row_weight
        self._keep_rows(data, weight)
        if is_due(self.n_rows, self.n_known):
            if standard or not self.n_known:
                before = walk.columns[:, UNIT]
                walk.in_units(self.moments.unit(scaling, self.weight, before, walk.coef))
            self._take_step(*self._some_rows(data, weight), options)
            self.n_known = self.n_rows
        loss = data.walk(target, walk, None, self.weight / self.n_rows)
        data.raise_if_nonfinite(loss, walk.intercept)
        self.losses = self.losses.and_one(loss / target.total_weight)

    def _own_walk(self, data: Walked, fit_intercept: bool, *, shared: bool) -> LazyWalk:
        """The walk so far, with arrays of its own if an error can come once they change.

        Else it shares all of them: clock and columns fit each other also where Ctrl-C comes
        between a change and its being kept.
        """
        if self.walk is None:
            walk = LazyWalk.beginning(
                np.ones(data.n_features), len(self.point), 1, 0.0, 0.0, averaged=True,
                fit_intercept=fit_intercept,
            )  # fmt: skip
            walk.begin_again(self.point[:, :-1], self.point[:, -1])
            walk.n_rows = self.fitted.n_rows
            return walk
        # A copy costs little beside as many entries; of parts, the next may fail to be read.
        few = isinstance(data, SparseMatrix) and data.n_entries <= self.walk.columns.size
        return copy(self.walk) if few and shared else self.walk.apart()

    def _keep_rows(self, data: Walked, weight: Doubles) -> None:
        """The last rows, where calls bring too few to take the length of a step from."""
        if data.n_samples >= ROWS or not isinstance(data, SparseMatrix):
            self.recent = []
            return
        values = None if data.values is None else data.values.copy()
        kept = SparseMatrix(data.indptr, data.indices.copy(), values, data.n_features, 1)
        self.recent = [*self.recent, (kept, weight)]
        while sum(len(weights) for _, weights in self.recent[1:]) >= ROWS:
            self.recent = self.recent[1:]

    def _some_rows(self, data: Walked, weight: Doubles) -> tuple[Any, Doubles]:
        """Rows to take the length of a step from, and their weights; more if few weigh much."""
        if self.recent:
            rows, weights = zip(*self.recent, strict=True)
            return stacked(rows, 1), np.concatenate(weights)
        most = ROWS if (weight == weight[0]).all() else ROWS * MORE
        some = np.flatnonzero(weight)[:most]
        return data.sample(some), weight[some]

    def _take_step(self, rows: Any, weight: Doubles, options: SGD) -> None:
        """Take the curvature and the length of a step anew."""
        walk = self.walk
        assert walk is not None
        usual = self.weight / self.n_rows
        sample = Sample(rows, weight / usual)
        curvature = sample.curvature(walk)
        walk.curvature = float(np.average(curvature, weights=weight if weight.any() else None))
        walk.intercept_gain = 1 / np.sqrt(walk.curvature)
        columns = walk.columns[sample.columns]
        square = columns[:, SQUARE] / usual + sample.squares() * columns[:, UNIT] ** 2
        mean = square / (walk.told[2] / usual + sample.weight.sum())
        gain = walk.gains_by(walk.curvature, mean)
        walk.step = options.step or SHARE * sample.longest_step(walk, gain, curvature)
