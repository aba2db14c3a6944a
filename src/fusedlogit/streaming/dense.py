"""Learning from dense rows as they come, in the metric of a sample of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..data.protocol import Data, Walked
from ..data.target import STRONGEST, Target
from ..data.walk import Walk
from ..solvers.settings import SGD
from ..solvers.stochastic import Course, batch_of, is_due, metric_rows
from .moments import Moments

Doubles = NDArray[np.float64]


@dataclass
class Stream:
    """What is kept from one call to the next; arrays are never changed in place.

    Attributes
    ----------
    walk : Walk
        The end of the way and the average of its points, in features (x - center) unit; its metric
        and step are those that the rows drawn have told.
    moments : Moments
        Of the columns, if scaling is by them.
    drawn : list of ndarray of shape (some, n_features)
        Rows drawn from all so far, each as likely as any other, and as many more at most, which
        are let go when there are too many.
    keys : list of ndarray of shape (some,)
        By which they were drawn: the smallest of numbers given to all rows at random.
    bar : float
        The largest of the smallest, as of when others were let go.
    n_rows : int
        So far.
    weight : float
        The sum of their weights.
    n_known : int
        Rows so far when the metric was taken.
    losses : list of float
        Mean loss of the rows of each call, each before the step that it took part in.
    """

    walk: Walk
    moments: Moments = field(default_factory=Moments)
    drawn: list[Doubles] = field(default_factory=list)
    keys: list[Doubles] = field(default_factory=list)
    bar: float = 1.0
    n_rows: int = 0
    weight: float = 0.0
    n_known: int = 0
    losses: list[float] = field(default_factory=list)

    @classmethod
    def beginning(cls, point: Doubles) -> Stream:
        """From coefficients and intercepts in X's own units, before the first row."""
        zero = np.zeros(point.shape[1] - 1)
        walk = Walk.beginning(
            point.shape, momentum=0.0, average=True, center=zero, unit=np.ones_like(zero),
            batch_rows=1, l2=0.0,
        )  # fmt: skip
        walk.begin_again(point[:, :-1], point[:, -1])
        return cls(walk)

    def coefficients(self) -> tuple[Doubles, Doubles]:
        """In X's own units."""
        return _in_data(self.walk, *self.walk.reached())

    def learn(
        self,
        data: Walked,
        target: Target,
        unit_of_weight: float,
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
        self._look_at(data, target, unit_of_weight, moments=standard, seed=seed)
        walk = self.walk = self._own_walk(options, fit_intercept)
        walk.l2, walk.l1 = (min(of_all, STRONGEST) / self.weight for of_all in penalty)
        due = is_due(self.n_rows, self.n_known)
        if standard or due:
            unit = self.moments.unit(scaling, self.weight, data.n_features)
            self._change_features(unit, options if due else None)
        loss = data.walk(target, walk, None)
        data.raise_if_nonfinite(loss, walk.coef)
        self.losses = [*self.losses, loss / target.total_weight]

    def _own_walk(self, options: SGD, fit_intercept: bool) -> Walk:
        """The walk so far, with arrays of its own, to go on as told."""
        walk = self.walk
        table = np.zeros((len(walk.coef), walk.coef.shape[1] + 1))
        average = table if walk.average is None else walk.average.copy()
        own = replace(
            walk, coef=walk.coef.copy(), intercept=walk.intercept.copy(),
            average=average if options.average else None, momentum=options.momentum,
            velocity=table if options.momentum else None, fit_intercept=fit_intercept,
            batch_rows=batch_of(options, self.n_rows),
            power=0.0 if options.schedule == "constant" else options.power,
            n_averaged=walk.n_averaged if walk.average is not None else 0,
        )  # fmt: skip
        if not fit_intercept and (own.intercept.any() or own.center.any()):
            self._leave_out_intercept(own)
        return own

    def _leave_out_intercept(self, walk: Walk) -> None:
        """Go on without one that was fitted before, and in another metric."""
        walk.center, walk.intercept[:] = np.zeros_like(walk.center), 0.0
        if walk.average is not None:
            walk.average[:, -1] = 0.0
        self.n_known = 0

    def _look_at(
        self, data: Data, target: Target, unit_of_weight: float, *, moments: bool, seed: int
    ) -> None:
        """Count rows and weights, draw some, and take the moments of the columns if asked for."""
        self._draw(data, np.random.default_rng([seed, self.n_rows]))
        own = target.total_weight * unit_of_weight
        if moments:
            self.moments = self.moments.with_rows(data, target, self.weight, own)
        self.weight += own
        self.n_rows += data.n_samples

    def _draw(self, data: Data, generator: np.random.Generator) -> None:
        """Keep rows of small ones of the numbers that all are given at random."""
        keys = generator.random(data.n_samples)
        size = metric_rows(self.n_rows + data.n_samples, data.n_features)
        bar = self.bar if len(keys) <= size else min(self.bar, _smallest(keys, size))
        rows = np.flatnonzero(keys <= bar)
        if not len(rows):
            return
        drawn = data.rows(rows, np.float64)
        data.raise_if_nonfinite(drawn)
        self.drawn, self.keys = [*self.drawn, drawn], [*self.keys, keys[rows]]
        if sum(map(len, self.keys)) > 2 * size:
            self._keep_drawn(size)

    def _keep_drawn(self, size: int) -> Doubles:
        """Those that are drawn: the rows of so many smallest numbers."""
        keys = np.concatenate(self.keys)
        if len(keys) > size:
            self.bar = _smallest(keys, size)
            few = [of_some <= self.bar for of_some in self.keys]
            self.drawn = [rows[these] for rows, these in zip(self.drawn, few, strict=True)]
            keys = keys[keys <= self.bar]
        self.keys, self.drawn = [keys], [np.vstack(self.drawn)]
        return self.drawn[0]

    def _change_features(self, unit: Doubles, options: SGD | None) -> None:
        """Go on in other units and, if it is due, in the metric of the rows drawn so far."""
        walk = self.walk
        point = _in_data(walk, walk.coef, walk.intercept)
        averaged, n_averaged = walk.average is not None and walk.n_averaged, walk.n_averaged
        reached = _in_data(walk, *walk.reached())
        walk.unit = unit
        if options is not None:
            walk.center = np.zeros_like(unit)
            drawn = self._keep_drawn(metric_rows(self.n_rows, len(unit)))
            course = Course(walk, drawn * unit, options.step)
            course.renew(np.column_stack(_about_center(walk, *reached)))
            self.n_known = self.n_rows
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
