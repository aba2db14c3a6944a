"""Decision values of all rows at one point, of which solvers see but sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .target import Target

Doubles = NDArray[np.float64]


class Margins:
    """Decision values, or their change along a direction, and the target that they are held to.

    No verb reads X.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    target : Target
    """

    def __init__(self, values: Doubles, target: Target) -> None:
        self.values = values
        self.target = target

    def sample(self, rows: NDArray[np.intp] | slice) -> Doubles:
        """Those of some rows, one by one."""
        return self.values[rows]

    def moved(self, shift: float) -> Margins:
        """By a change of the intercept."""
        return Margins(self.values + shift, self.target)

    def loss(self) -> float:
        """The mean loss."""
        return self.target.mean(self.target.link.loss(self.values, self.target.y))

    def residual(self) -> Doubles:
        """Derivative of the mean loss in each margin, to hand back to the data."""
        return self.target.weighted(self.target.link.residual(self.values, self.target.y))

    def curvature(self) -> Doubles:
        """Second derivative of the mean loss in each margin, to hand back to the data."""
        return self.target.weighted(self.target.link.curvature(self.values))

    def majorant(self) -> Doubles:
        """The same of a parabola that touches the loss from above, to hand back to the data."""
        return self.target.weighted(self.target.link.majorant(self.values))

    def by_intercept(self) -> tuple[float, float]:
        """First and second derivative of the mean loss in the intercept."""
        return float(self.residual().sum()), float(self.curvature().sum())

    def dual(self, share: float) -> float:
        """Minus the mean of loss*(a share of the residuals), of targets 0 and 1."""
        link, y = self.target.link, self.target.y
        return self.target.mean(link.dual(share * link.residual(self.values, y)))

    def largest(self, than: Margins | None = None) -> float:
        """The largest absolute one, or difference from other margins, of rows with a weight."""
        size = np.abs(self.values if than is None else self.values - than.values)
        if self.target.sample_weight is not None:
            size = size[self.target.sample_weight > 0]
        return float(size.max())

    def separate(self) -> bool:
        """Whether their signs tell the classes apart, of all rows with a weight."""
        wrong = (self.target.y > 0.5) != (self.values > 0)
        return not self.target.weighted(wrong).any()


class Line:
    """The way from margins to others, which are linear along it.

    Parameters
    ----------
    start, end : Margins
    """

    def __init__(self, start: Margins, end: Margins) -> None:
        self.start = start
        self.change = end.values - start.values

    def at(self, share: float) -> Margins:
        """At a share of the way."""
        return Margins(self.start.values + share * self.change, self.start.target)

    def loss(self, share: float) -> float:
        """The mean loss there."""
        return self.at(share).loss()

    def slope(self, share: float) -> float:
        """Its derivative in the share."""
        return float(self.at(share).residual() @ self.change)
