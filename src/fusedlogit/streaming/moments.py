"""The moments of the columns of a stream, and the units of features that they tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.in_parts import joined_moments
from ..data.protocol import Data
from ..data.target import Target

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Of the columns of all rows so far, by weight; zero where nobody asks for them.

    Attributes
    ----------
    mean, square : ndarray of shape (n_features,), or 0
        The mean, and the sum of the squared deviations.
    """

    mean: Doubles | float = 0.0
    square: Doubles | float = 0.0

    def with_rows(self, data: Data, target: Target, before: float) -> Moments:
        """Those with some rows more, beside the weights `before`."""
        own, (mean, variance) = target.total_weight, data.moments(target.sample_weight)
        known, some = (before, self.mean, self.square, 1.0), (own, mean, own * variance, 1.0)
        return Moments(*joined_moments(known, some)[1:3])

    def unit(self, scaling: float | str | None, weight: float, n_features: int) -> Doubles:
        """Of the features; zero for a column that has been constant so far."""
        if scaling == "standard":
            deviation = np.sqrt(np.asarray(self.square) / weight)
            return np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
        return np.full(n_features, 1 / (1.0 if scaling is None else float(scaling)))
