"""Decision values of all rows and many classes at one point."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .per_row import each, stored, summed
from .target import Target

Doubles = NDArray[np.float64]


class ClassMargins:
    """Decision values, and the target that they are held to.

    Parameters
    ----------
    values : ndarray of shape (K, n_samples)
    target : Target
    """

    def __init__(self, values: Doubles, target: Target) -> None:
        self.values = values
        self.target = target

    @cached_property
    def probabilities(self) -> Doubles:
        """Of the classes, (K, n_samples)."""
        made = each(partial(_probabilities, self.target.link), self.values)
        probabilities: Doubles = stored(made)
        return probabilities

    def held_to(self, target: Target) -> ClassMargins:
        """The same held to another target."""
        other = ClassMargins(self.values, target)
        other.probabilities = self.probabilities
        return other

    def coupling(self, k: int, other: int) -> Doubles:
        """Minus the mixed derivative of the mean loss in the margins of two classes, to hand back.

        Second derivatives in the margin of one are the sums of its couplings to all others.
        """
        return self.target.weighted(self.probabilities[k] * self.probabilities[other])

    def slope_along(self, there: ClassMargins, share: float) -> float:
        """Derivative of the mean loss in a share of the way to other margins."""
        slope = summed(_slope_along, (self.values, there.values, self.target), share)
        return float(slope) / self.target.total_weight

    def largest_change(self, than: ClassMargins) -> float:
        """How far classes have moved apart, at most, in a row with a weight."""
        return reach(self.values - than.values, self.target)


def reach(change: Doubles, target: Target) -> float:
    """By how much a change of decision values, (K, n_samples), moves classes apart, at most."""
    return float(summed(_reach, (change, target), combine=max))


def _reach(change: Doubles, target: Target) -> float:
    apart = change.max(axis=0) - change.min(axis=0)
    if target.sample_weight is not None:
        apart = apart[target.sample_weight > 0]
    return float(apart.max(initial=0.0))


def _probabilities(link: Any, z: Doubles) -> Doubles:
    probabilities: Doubles = link.probabilities(z.copy())
    return probabilities


def _slope_along(here: Doubles, there: Doubles, target: Target, share: float) -> float:
    change, link = there - here, target.link
    p: Any = link.probabilities(here + share * change)
    own = change[target.y.astype(np.intp), np.arange(len(target.y))]
    slope = np.einsum("ki,ki->i", p, change - own)
    return float(slope.sum() if target.sample_weight is None else slope @ target.sample_weight)
