"""What decision values are held to: y, the weights of the rows, and the link between."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .checks import stored_target

Doubles = NDArray[np.float64]

#: No penalty is stronger: sums of it stay numbers.
STRONGEST = 1e300


class Link(Protocol):
    """A loss of one decision value, and what bounds and proofs need of it: by row, or summed."""

    #: No second derivative is larger.
    most_curvature: float

    def along(
        self, z: Doubles, change: Doubles | None, share: float, target: Target, n_threads: int
    ) -> Doubles:
        """The sum of the losses at z + share change, its first two derivatives in the share.

        Without a change it is 1 for all rows.
        """

    def dual(self, z: Doubles, share: float, target: Target, n_threads: int) -> float:
        """The sum of -loss*(share residual), of targets 0 and 1."""

    def residual(self, z: Doubles, y: NDArray[Any]) -> Doubles:
        """Derivative of the loss."""

    def curvature(self, z: Doubles) -> Doubles:
        """Second derivative of the loss."""

    def majorant(self, z: Doubles) -> Doubles:
        """Curvature of a parabola that touches the loss here, and is nowhere below it."""

    def probabilities(self, z: Doubles) -> tuple[Doubles, Doubles]:
        """Of the two classes."""


@dataclass(frozen=True, eq=False)
class Target:
    """One target of decision values.

    Attributes
    ----------
    y : ndarray of shape (n_samples,), values in [0, 1], or the number of one of many classes
        Of one of TARGET_TYPES.
    sample_weight : ndarray of shape (n_samples,) or None
    link : Link
        Or, of many classes, `problems.links.Softmax`.
    fold : Fold or None
        What is left out of another target, if that is what makes this one.
    """

    y: NDArray[Any]
    sample_weight: Doubles | None
    link: Link
    fold: Fold | None = None

    @cached_property
    def stored(self) -> tuple[NDArray[np.uint8], int]:
        """y as kernels are given it."""
        return stored_target(self.y)

    @cached_property
    def total_weight(self) -> float:
        """The sum of the sample weights, added up once: every evaluation divides by it."""
        if self.sample_weight is None:
            return float(len(self.y))
        return float(self.sample_weight.sum())

    def strength(self, C: float) -> float:
        """Of a penalty on the mean of the losses, whose sum has an inverse strength C."""
        return 1 / max(C * self.total_weight, 1 / STRONGEST)

    @property
    def row_weight(self) -> Doubles:
        """Of each row, also where all are one."""
        return np.ones(len(self.y)) if self.sample_weight is None else self.sample_weight

    def times_weight(self, by_row: Doubles) -> Doubles:
        """What `by_row` says of each row, times its weight."""
        return by_row if self.sample_weight is None else by_row * self.sample_weight

    def weighted(self, by_row: Doubles) -> Doubles:
        """Each row's share in the mean of what `by_row` says of it."""
        return self.times_weight(by_row) / self.total_weight

    def mean(self, by_row: Doubles) -> float:
        """The weighted mean."""
        return float(self.weighted(by_row).sum())

    def sample(self, rows: NDArray[np.intp] | slice) -> Target:
        """That of some rows."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return Target(self.y[rows], weight, self.link)


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows without weight that another target has: folds of the same numbers share passes.

    Attributes
    ----------
    whole : Target
    numbers : ndarray of uint8, of shape (n_samples,)
        Of each row.
    held_out : int
        The number of the rows that are left out.
    """

    whole: Target
    numbers: NDArray[np.uint8]
    held_out: int
