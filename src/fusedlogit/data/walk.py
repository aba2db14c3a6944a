"""Where a stochastic descent stands and how it goes on: what its passes read and change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._kernels import stochastic
from ..runtime.scratch import scratch
from .target import Target

Doubles = NDArray[np.float64]

#: Rows after which a schedule that falls by a power has come to 2 ** -power.
HALF_LIFE = 1 << 16


@dataclass(frozen=True)
class Metric:
    """The inverse of a metric, diag(flat) + directions^T diag(gains) directions, or as a whole.

    Attributes
    ----------
    directions : ndarray of shape (n_directions, numbers)
        Orthonormal rows, with zeros behind their n_features numbers.
    gains : ndarray of shape (n_directions,)
    flat : ndarray of shape (n_features,)
    intercept : float
        The inverse of the curvature in the intercepts.
    inverse : ndarray of shape (n_features, numbers) or None
        The whole, with zeros behind its rows: then no direction is looked at.
    """

    directions: Doubles
    gains: Doubles
    flat: Doubles
    intercept: float
    inverse: Doubles | None = None


@dataclass
class Walk:
    """Coefficients of K vectors on their way, in features (x - center) unit.

    Attributes
    ----------
    coef : ndarray of shape (K, n_features)
    intercept : ndarray of shape (K,)
    center, unit : ndarray of shape (n_features,)
    metric : Metric
    step : float
        The length of a step in the metric.
    power : float
        With which it falls along the way; 0 for a step of one length.
    batch_rows : int
    l2, l1, momentum : float
    softmax, fit_intercept : bool
    velocity : ndarray of shape (K, n_features + 1) or None
        None without momentum.
    average : ndarray of shape (K, n_features + 1) or None
        Of the points on the way, if it is taken.
    n_averaged : int
        Steps that it is of.
    tail : float
        The larger, the less early ones count in it.
    n_rows : int
        On the way so far.
    n_short : int
        Steps on the way that would have led much too far, and were made shorter.
    """

    coef: Doubles
    intercept: Doubles
    center: Doubles
    unit: Doubles
    metric: Metric
    step: float
    batch_rows: int
    l2: float
    l1: float = 0.0
    power: float = 0.0
    momentum: float = 0.0
    softmax: bool = False
    fit_intercept: bool = True
    velocity: Doubles | None = None
    average: Doubles | None = None
    n_averaged: int = 0
    tail: float = 5.0
    n_rows: int = 0
    n_short: int = 0

    @property
    def averaged(self) -> bool:
        """Whether the average of the way is what it leads to."""
        return self.average is not None

    @classmethod
    def beginning(
        cls, shape: tuple[int, int], *, momentum: float, average: bool, **told: Any
    ) -> Walk:
        """A walk of (K, n_features + 1) numbers whose place and metric are yet to be told."""
        return cls(
            coef=np.zeros((shape[0], shape[1] - 1)),
            intercept=np.zeros(shape[0]),
            metric=Metric(np.zeros((0, 0)), np.zeros(0), np.ones(shape[1] - 1), 1.0),
            step=1.0,
            momentum=momentum,
            softmax=shape[0] > 1,
            velocity=np.zeros(shape) if momentum else None,
            average=np.zeros(shape) if average else None,
            **told,
        )

    def over(
        self,
        X: NDArray[np.generic],
        target: Target,
        mean_weight: float,
        generator: np.random.Generator | None,
    ) -> float:
        """A step after each batch of some rows, drawn in random order or as they come.

        Returns the sum of the weighted losses of all rows, each before the step that it takes part
        in. Rows of the mean weight count as one.
        """
        n_samples, n_features = X.shape
        first_rows, steps = steps_of(self, n_samples, generator)
        metric = self.metric
        n_bytes = stochastic.workspace_size(n_features, len(self.coef), len(metric.gains))
        with scratch(n_bytes) as workspace:
            loss, n_short = stochastic.descend(
                X, *target.stored, target.sample_weight, first_rows, steps, self.batch_rows,
                self.softmax, 1 / (self.batch_rows * mean_weight), self.l2, self.l1, self.momentum,
                metric.directions, metric.gains, metric.flat, metric.inverse, metric.intercept,
                self.fit_intercept, self.coef, self.intercept, self.velocity, self.average,
                self.n_averaged, self.tail, workspace, self.center, self.unit,
            )  # fmt: skip
        self.n_rows += n_samples
        self.n_averaged += len(first_rows)
        self.n_short += n_short
        return loss

    def reached(self) -> tuple[Doubles, Doubles]:
        """Coefficients and intercepts: the average of the way, if it is taken, else its end."""
        if self.average is None or not self.n_averaged:
            return self.coef, self.intercept
        return self.average[:, :-1], self.average[:, -1]

    def begin_again(self, coef: Doubles, intercept: Doubles) -> None:
        """From other coefficients, without momentum and with an average of its own."""
        self.coef[:], self.intercept[:] = coef, intercept
        self.n_averaged = 0
        if self.velocity is not None:
            self.velocity[:] = 0


def steps_of(
    walk: Any, n_samples: int, generator: np.random.Generator | None
) -> tuple[NDArray[np.intp], Doubles]:
    """The first rows of the batches of a walk, in random order or as they lie, and its steps."""
    first_rows = np.arange(0, n_samples, walk.batch_rows, dtype=np.intp)
    steps = walk.step * (1 + (walk.n_rows + first_rows) / HALF_LIFE) ** -walk.power
    if generator is not None:
        generator.shuffle(first_rows)
    return first_rows, steps
