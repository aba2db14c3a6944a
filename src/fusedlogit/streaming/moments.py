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

    def unit(
        self, scaling: float | str | None, weight: float, before: Doubles, coef: Doubles
    ) -> Doubles:
        """Of the features; zero for a column that has been constant so far.

        It is the one `before` where the column has a coefficient: a fit has seen it vary.
        """
        if scaling == "standard":
            deviation = np.sqrt(np.asarray(self.square) / weight)
            constant = np.where(coef.any(axis=0), before, 0.0)
            return np.divide(1, deviation, out=constant, where=deviation > 0)
        return np.full(len(before), 1 / (1.0 if scaling is None else float(scaling)))
