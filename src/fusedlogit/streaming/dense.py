"""Learning from dense rows as they come, in the metric of a sample of them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from ..data.checks import blame
from ..data.protocol import Data, Walked
from ..data.target import STRONGEST, Target
from ..data.walk import Walk
from ..solvers.lazy_course import require_intercept
from ..solvers.settings import SGD
from ..solvers.stochastic import Course, batch_of, is_due, metric_rows
from .fitted import Fitted
from .losses import Losses
from .moments import Moments

Doubles = NDArray[np.float64]

#: Features up to which their squares tell a metric, now and in later calls.
LARGEST = 1e150

#: Share of the steps of a call that are made much shorter, from which on the metric is doubted.
MANY_SHORT = 1 / 8


@dataclass
class Stream:
    """What is kept from one call to the next; arrays are never changed in place.

    Attributes
    ----------
    walk : Walk
        The end of the way and the average of its points, in features (x - center) unit; its metric
        and step are those that the rows drawn have told.
    point : ndarray of shape (K, n_features + 1)
        Where it began, in X's own units.
    fitted : Fitted
        The rows of a fit that led there: only what follows is of rows that came.
    moments : Moments
        Of the columns, if scaling is by them.
    drawn : list of ndarray of shape (some, n_features)
        Rows drawn from all so far in proportion to their weights (Efraimidis and Spirakis, 2006,
        Information Processing Letters 97), and as many more at most, which are let go when there
        are too many.
    keys : list of ndarray of shape (some,)
        By which they were drawn: the smallest of numbers given to all rows at random.
    weights : list of ndarray of shape (some,)
        Theirs, which made them likely to be drawn.
    n_drawn : int
        How many rows these are.
    bar : float
        The largest of the smallest, as of when others were let go.
    n_rows : int
        So far.
    weight : float
        The sum of their weights.
    largest, square : float
        The largest of these, and the sum of their squares, relative to its own.
    n_known : float
        Rows that counted when the metric was taken.
    doubtful : bool
        Whether many steps of the last call had to be made much shorter: it knew no such rows.
    losses : Losses
        Of the rows of each call, each before the step that it took part in.
    """

    walk: Walk
    point: Doubles
    fitted: Fitted = field(default_factory=Fitted)
    moments: Moments = field(default_factory=Moments)
    drawn: list[Doubles] = field(default_factory=list)
    keys: list[Doubles] = field(default_factory=list)
    weights: list[Doubles] = field(default_factory=list)
    n_drawn: int = 0
    bar: float = np.inf
    n_rows: int = 0
    weight: float = 0.0
    largest: float = 0.0
    square: float = 0.0
    n_known: float = 0.0
    doubtful: bool = False
    losses: Losses = field(default_factory=Losses)

    @classmethod
    def beginning(cls, point: Doubles, fitted: Fitted) -> Stream:
        """From coefficients and intercepts in X's own units, before the first row."""
        zero = np.zeros(point.shape[1] - 1)
        walk = Walk.beginning(
            point.shape, momentum=0.0, average=True, center=zero, unit=np.ones_like(zero),
            batch_rows=1, l2=0.0,
        )  # fmt: skip
        walk.begin_again(point[:, :-1], point[:, -1])
        walk.n_rows = fitted.n_rows
        return cls(walk, point, fitted)

    def coefficients(self) -> tuple[Doubles, Doubles]:
        """In X's own units: where rows have led to, averaged with the fit that it began with."""
        reached = _in_data(self.walk, *self.walk.reached())
        return self.fitted.mean_with(self.point, self.walk, self.weight, *reached)

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

        `penalty` is the L2 and the L1 penalty times the sum of all weights. After an error, all is
        to be thrown away: work on a copy.
        """
        standard = scaling == "standard"
        require_intercept(standard, fit_intercept)
        drawn = self._look_at(data, target, moments=standard, seed=seed)
        walk = self.walk = self._own_walk(options, fit_intercept)
        whole = self.fitted.weight + self.weight
        walk.l2, walk.l1 = (min(of_all, STRONGEST) / whole for of_all in penalty)
        due = is_due(self._n_counting(), self.n_known, doubtful=self.doubtful)
        anew = standard or due
        unit = walk.unit
        if anew:
            unit = self.moments.unit(scaling, self.weight, walk.unit, walk.coef)
        with np.errstate(over="ignore"):
            if not np.abs(drawn * unit).max(initial=0) <= LARGEST:
                blame(None)
        if anew:
            self._change_features(unit, options if due else None)
        n_averaged, n_short = walk.n_averaged, walk.n_short
        loss = data.walk(target, walk, None, self.weight / self.n_rows)
        data.raise_if_nonfinite(loss, walk.coef)
        n_steps = walk.n_averaged - n_averaged
        self.doubtful = walk.n_short - n_short > MANY_SHORT * n_steps
        self.losses = self.losses.and_one(loss / target.total_weight)

    def _n_counting(self) -> float:
        """Rows of equal weights that would tell as much (Kish, 1965, Survey Sampling)."""
        return (self.weight / self.largest) ** 2 / self.square

    def _own_walk(self, options: SGD, fit_intercept: bool) -> Walk:
        """The walk so far, with arrays of its own, to go on as told."""
        walk = self.walk
        table = np.zeros((len(walk.coef), walk.coef.shape[1] + 1))
        average = table if walk.average is None else walk.average.copy()
        own = copy(walk)
        own.coef, own.intercept = walk.coef.copy(), walk.intercept.copy()
        own.average = average if options.average else None
        own.n_averaged = walk.n_averaged if walk.average is not None else 0
        own.momentum, own.velocity = options.momentum, table if options.momentum else None
        own.power = 0.0 if options.schedule == "constant" else options.power
        own.fit_intercept, own.batch_rows = fit_intercept, batch_of(options, self.n_rows)
        if not fit_intercept and (own.intercept.any() or own.center.any()):
            self._leave_out_intercept(own)
        return own

    def _leave_out_intercept(self, walk: Walk) -> None:
        """Go on without one that was fitted before, and in another metric."""
        walk.center, walk.intercept[:] = np.zeros_like(walk.center), 0.0
        if walk.average is not None:
            walk.average[:, -1] = 0.0
        self.n_known = 0

    def _look_at(self, data: Data, target: Target, *, moments: bool, seed: int) -> Doubles:
        """Count rows and weights, take the moments of the columns if asked for, draw some rows."""
        weight = target.sample_weight
        drawn = self._draw(data, weight, np.random.Generator(Philox(key=[seed, self.n_rows])))
        if moments:
            self.moments = self.moments.with_rows(data, target, self.weight)
        self.weight += target.total_weight
        largest = 1.0 if weight is None else float(weight.max())
        before, self.largest = self.largest, max(self.largest, largest)
        self.square *= (before / self.largest) ** 2
        if weight is None:
            self.square += data.n_samples / self.largest**2
        else:
            self.square += float(np.sum((weight / self.largest) ** 2))
        self.n_rows += data.n_samples
        return drawn

    def _draw(self, data: Data, weight: Doubles | None, generator: np.random.Generator) -> Doubles:
        """Keep rows of small ones of the numbers that all with a weight are given at random."""
        size = metric_rows(self.n_rows + data.n_samples, data.n_features)
        if weight is None or (weight == weight[0]).all():
            of_one = 1.0 if weight is None else float(weight[0])
            rows, keys = self._few(data.n_samples, size, of_one, generator)
            weights = np.full(len(rows), of_one)
        else:
            rows = np.flatnonzero(weight)
            keys = generator.exponential(size=len(rows)) / weight[rows]
            bar = self.bar if len(rows) <= size else min(self.bar, _smallest(keys, size))
            rows, keys = rows[keys <= bar], keys[keys <= bar]
            weights = weight[rows]
        if not len(rows):
            return np.empty((0, data.n_features))
        drawn = data.rows(rows, np.float64)
        data.raise_if_nonfinite(drawn)
        self.drawn, self.keys = [*self.drawn, drawn], [*self.keys, keys]
        self.weights = [*self.weights, weights]
        self.n_drawn += len(rows)
        if self.n_drawn > 2 * size:
            self._keep_drawn(size)
        return drawn

    def _few(
        self, n_rows: int, size: int, weight: float, generator: np.random.Generator
    ) -> tuple[NDArray[np.intp], Doubles]:
        """Rows of equal weights whose keys are below the bar, without keys for all others."""
        chance = -np.expm1(-self.bar * weight)
        chances = chance * generator.random(generator.binomial(n_rows, chance))
        if len(chances) > size:  # what is left of a partition is in no order, nor in a random one
            chances = generator.permutation(np.partition(chances, size - 1)[:size])
        rows = np.sort(generator.choice(n_rows, len(chances), replace=False, shuffle=False))
        return rows, -np.log1p(-chances) / weight

    def _keep_drawn(self, size: int) -> tuple[Doubles, Doubles]:
        """Those that are drawn and their weights: the rows of so many smallest numbers."""
        keys, weights = np.concatenate(self.keys), np.concatenate(self.weights)
        if len(keys) > size:
            self.bar = _smallest(keys, size)
            few = [of_some <= self.bar for of_some in self.keys]
            self.drawn = [rows[these] for rows, these in zip(self.drawn, few, strict=True)]
            keys, weights = keys[keys <= self.bar], weights[keys <= self.bar]
        self.keys, self.weights, self.drawn = [keys], [weights], [np.vstack(self.drawn)]
        self.n_drawn = len(keys)
        return self.drawn[0], weights

    def _change_features(self, unit: Doubles, options: SGD | None) -> None:
        """Go on in other units and, if it is due, in the metric of the rows drawn so far."""
        walk = self.walk
        point = _in_data(walk, walk.coef, walk.intercept)
        averaged, n_averaged = walk.average is not None and walk.n_averaged, walk.n_averaged
        reached = _in_data(walk, *walk.reached())
        walk.unit = unit
        if options is not None:
            walk.center = np.zeros_like(unit)
            drawn, weight = self._keep_drawn(metric_rows(self.n_rows, len(unit)))
            unequal = bool((weight != weight[0]).any())
            relative = weight / (self.weight / self.n_rows) if unequal else None
            course = Course(walk, drawn * unit, options.step, relative)
            course.renew(np.column_stack(_about_center(walk, *reached)))
            self.n_known = self._n_counting()
        walk.begin_again(*_about_center(walk, *point))
        if averaged:
            assert walk.average is not None
            walk.average[:] = np.column_stack(_about_center(walk, *reached))
            walk.n_averaged = n_averaged


def _smallest(keys: Doubles, size: int) -> float:
    """The largest of so many smallest numbers."""
    return float(np.partition(keys, size - 1)[size - 1])


def _about_center(walk: Walk, coef: Doubles, intercept: Doubles) -> tuple[Doubles, Doubles]:
    """From X's own units to features about a walk's center."""
    units = np.divide(coef, walk.unit, out=np.zeros_like(coef), where=walk.unit != 0)
    return units, intercept + coef @ walk.center


def _in_data(walk: Walk, coef: Doubles, intercept: Doubles) -> tuple[Doubles, Doubles]:
    """From features about a walk's center to X's own units."""
    coef = coef * walk.unit
    return coef, intercept - coef @ walk.center
