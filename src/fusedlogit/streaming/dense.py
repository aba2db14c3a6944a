"""Learning from dense rows as they come, in the metric of a sample of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..data.protocol import Data, Walked
from ..data.target import Target
from ..data.walk import Metric, Walk
from ..solvers.settings import SGD
from ..solvers.stochastic import Course, batch_of, metric_rows

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What the rows drawn have told: a metric, its center in X's own units, and a step."""

    metric: Metric
    center: Doubles
    step: float


@dataclass
class Stream:
    """What is kept from one call to the next; arrays are never changed in place.

    Attributes
    ----------
    point, average : ndarray of shape (K, n_features + 1)
        The end of the way and the average of its points, in X's own units.
    mean, square : ndarray of shape (n_features,)
        Of the columns, and the sum of their squared deviations; by weight.
    drawn : ndarray of shape (some, n_features)
        Rows drawn from all so far, each as likely as any other.
    keys : ndarray of shape (some,)
        By which they were drawn: the smallest of numbers given to all rows at random.
    n_averaged, n_rows : int
        Steps that `average` is of; rows so far.
    weight : float
        The sum of their weights.
    known : Known or None
    n_known : int
        Rows so far when that was told.
    losses : list of float
        Mean loss of the rows of each call, each before the step that it took part in.
    """

    point: Doubles
    average: Doubles
    mean: Doubles
    square: Doubles
    drawn: Doubles
    keys: Doubles
    n_averaged: int = 0
    n_rows: int = 0
    weight: float = 0.0
    known: Known | None = None
    n_known: int = 0
    losses: list[float] = field(default_factory=list)

    @classmethod
    def beginning(cls, point: Doubles) -> Stream:
        """From coefficients and intercepts in X's own units, before the first row."""
        n_features = point.shape[1] - 1
        zero = np.zeros(n_features)
        return cls(
            point.copy(), point.copy(), zero, zero.copy(), np.zeros((0, n_features)), np.zeros(0)
        )  # fmt: skip

    def coefficients(self) -> tuple[Doubles, Doubles]:
        """In X's own units."""
        return self.average[:, :-1], self.average[:, -1]

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
        self._look_at(data, target, unit_of_weight, moments=scaling == "standard", seed=seed)
        unit = self._unit(scaling)
        l2, l1 = (of_all / self.weight for of_all in penalty)
        walk = Walk.beginning(
            self.point.shape, momentum=options.momentum, average=options.average,
            center=np.zeros_like(unit), unit=unit, batch_rows=batch_of(options, self.n_rows),
            l2=l2, l1=l1, fit_intercept=fit_intercept,
            power=0.0 if options.schedule == "constant" else options.power,
        )  # fmt: skip
        self._take_metric(walk, options)
        known = self.known
        assert known is not None
        walk.metric, walk.center, walk.step = known.metric, known.center, known.step
        walk.begin_again(*self._about_center(walk, self.point))
        if walk.average is not None:
            walk.average[:] = np.column_stack(self._about_center(walk, self.average))
            walk.n_averaged = self.n_averaged
        walk.n_rows = self.n_rows - data.n_samples
        loss = data.walk(target, walk, None)
        data.raise_if_nonfinite(loss, walk.coef, y=target.y)
        self.losses = [*self.losses, loss / target.total_weight]
        self.n_averaged = walk.n_averaged
        self.point = self._in_data(walk, walk.coef, walk.intercept)
        self.average = self._in_data(walk, *walk.reached())

    def _look_at(
        self, data: Data, target: Target, unit_of_weight: float, *, moments: bool, seed: int
    ) -> None:
        """Count rows and weights, draw some, and take the moments of the columns if asked for."""
        self._draw(data, np.random.default_rng([seed, self.n_rows]))
        own, before = target.total_weight * unit_of_weight, self.weight
        if moments:
            mean, variance = data.moments(target.sample_weight)
            apart = mean - self.mean
            among = before * own / (before + own)
            self.square = self.square + own * variance + apart**2 * among
            self.mean = self.mean + apart * (own / (before + own))
        self.weight += own
        self.n_rows += data.n_samples

    def _draw(self, data: Data, generator: np.random.Generator) -> None:
        """Keep the rows of the smallest of numbers that all are given at random."""
        size = metric_rows(self.n_rows + data.n_samples, data.n_features)
        keys = generator.random(data.n_samples)
        least = np.sort(np.concatenate([self.keys, keys]))[:size]
        rows = np.flatnonzero(keys <= least[-1])
        if not len(rows):
            return
        drawn = data.rows(rows, np.float64)
        data.raise_if_nonfinite(drawn)
        kept = self.keys <= least[-1]
        self.drawn = np.vstack([self.drawn[kept], drawn])
        self.keys = np.concatenate([self.keys[kept], keys[rows]])

    def _unit(self, scaling: float | str | None) -> Doubles:
        """Of the features; zero for a column that has been constant so far."""
        if scaling == "standard":
            deviation = np.sqrt(self.square / self.weight)
            return np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        return np.full(len(self.mean), 1 / (1.0 if scaling is None else float(scaling)))

    def _take_metric(self, walk: Walk, options: SGD) -> None:
        """Take the metric anew whenever the rows have doubled."""
        if self.known is not None and self.n_rows < 2 * self.n_known:
            return
        course = Course(walk, self.drawn * walk.unit, options.step)
        course.renew(np.column_stack(self._about_center(walk, self.average)))
        self.known = Known(walk.metric, walk.center, walk.step)
        self.n_known = self.n_rows

    def _about_center(self, walk: Walk, table: Doubles) -> tuple[Doubles, Doubles]:
        """From X's own units to features about the walk's center."""
        coef = np.divide(
            table[:, :-1], walk.unit, out=np.zeros_like(table[:, :-1]), where=walk.unit != 0
        )
        return coef, table[:, -1] + table[:, :-1] @ walk.center

    def _in_data(self, walk: Walk, coef: Doubles, intercept: Doubles) -> Doubles:
        """From features about the walk's center to X's own units."""
        coef = coef * walk.unit
        return np.column_stack([coef, intercept - coef @ walk.center])
