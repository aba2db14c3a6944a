"""What a stream knows of the rows of a fit that it goes on from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class Fitted(NamedTuple):
    """Of these rows.

    Attributes
    ----------
    n_rows : int
    weight : float
        The sum of their weights.
    """

    n_rows: int = 0
    weight: float = 0.0

    def mean_with(
        self, point: Doubles, weight: float, coef: Doubles, intercept: Doubles, fit_intercept: bool
    ) -> tuple[Doubles, Doubles]:
        """Of what these rows led to, a point (K, n_features + 1), and what others of a weight did.

        Each counts by its weight: what a fit found is as good an average as any of that many rows,
        but for a model without an intercept if it had one.
        """
        if not self.weight or (point[:, -1].any() and not fit_intercept):
            return coef, intercept
        share = self.weight / (self.weight + weight)
        return (
            coef + share * (point[:, :-1] - coef),
            intercept + share * (point[:, -1] - intercept),
        )
