"""Decision values of all rows at one point, of which solvers see but sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._kernels import margins as kernels
from .per_row import each, summed
from .target import Target

Doubles = NDArray[np.float64]


class Margins:
    """Decision values, or their change along a direction, and the target that they are held to.

    No verb reads X.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    target : Target
    n_threads : int
    """

    def __init__(self, values: Doubles, target: Target, n_threads: int = 1) -> None:
        self.values = values
        self.target = target
        self.n_threads = n_threads

    def sample(self, rows: NDArray[np.intp] | slice) -> Doubles:
        """Those of some rows, one by one."""
        return self.values[rows]

    def held_to(self, target: Target) -> Margins:
        """The same of another target."""
        return Margins(self.values, target, self.n_threads)

    def loss(self) -> float:
        """The mean loss."""
        return self._along(None, 0.0)[0]

    def by_intercept(self, shift: float = 0.0) -> tuple[float, float]:
        """First and second derivative of the mean loss in the intercept, moved by a shift."""
        return self._along(None, shift)[1:]

    def moved(self, shift: float) -> Margins:
        """By a change of the intercept."""
        return Margins(self.values + shift, self.target, self.n_threads)

    def _along(self, change: Doubles | None, share: float) -> tuple[float, float, float]:
        """The mean loss after a share of a change, its first and second derivative in the share."""
        target = self.target
        sums = summed(_along, (self.values, change, target), share, self.n_threads)
        loss, slope, curvature = sums / target.total_weight
        return float(loss), float(slope), float(curvature)

    def dual(self, share: float) -> float:
        """Minus the mean of loss*(a share of the residuals), of targets 0 and 1."""
        target = self.target
        total = summed(_dual, (self.values, target), share, self.n_threads)
        return float(total) / target.total_weight

    def residual(self) -> Doubles:
        """Derivative of the mean loss in each margin."""
        return self.target.weighted(each(self.target.link.residual, self.values, self.target.y))

    def curvature(self) -> Doubles:
        """Second derivative of the mean loss in each margin, to hand back to the data."""
        return self.target.weighted(each(self.target.link.curvature, self.values))

    def majorant(self) -> Doubles:
        """The same of a parabola that touches the loss from above, to hand back to the data."""
        return self.target.weighted(each(self.target.link.majorant, self.values))

    def largest(self, than: Margins | None = None) -> float:
        """The largest absolute one, or difference from other margins, of rows with a weight."""
        return self._extremes(than)[0]

    def separate(self) -> bool:
        """Whether their signs tell the classes apart, of all rows with a weight."""
        return self._extremes(None)[1] == 0

    def _extremes(self, than: Margins | None) -> tuple[float, float]:
        """The largest absolute one, or difference, and how many have the wrong sign."""
        other = None if than is None else than.values
        largest, wrong = summed(
            _extremes, (self.values, other, self.target), self.n_threads, combine=_joined_extremes
        )
        return float(largest), float(wrong)


class Line(Margins):
    """The way from margins to others, which are linear along it."""

    def __init__(self, start: Margins, end: Margins) -> None:
        super().__init__(start.values, start.target, start.n_threads)
        self.change = end.values - start.values

    def loss_at(self, share: float) -> float:
        """The mean loss at a share of the way."""
        return self._along(self.change, share)[0]

    def slope_at(self, share: float) -> float:
        """Its derivative in the share."""
        return self._along(self.change, share)[1]


def _along(
    z: Doubles, change: Doubles | None, target: Target, share: float, n_threads: int
) -> Doubles:
    return target.link.along(z, change, share, target, n_threads)


def _dual(z: Doubles, target: Target, share: float, n_threads: int) -> float:
    return target.link.dual(z, share, target, n_threads)


def _extremes(
    z: Doubles, than: Doubles | None, target: Target, n_threads: int
) -> tuple[float, float]:
    sums = np.zeros((n_threads, 2))
    kernels.extremes(z, than, *target.stored, target.sample_weight, sums)
    return float(sums[:, 0].max()), float(sums[:, 1].sum())


def _joined_extremes(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one[0], other[0]), one[1] + other[1]
