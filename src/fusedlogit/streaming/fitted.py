"""What a stream knows of the rows of a fit that it goes on from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.lazy_walk import LazyWalk
from ..data.walk import Walk

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
        self,
        point: Doubles,
        walk: Walk | LazyWalk,
        weight: float,
        coef: Doubles,
        intercept: Doubles,
    ) -> tuple[Doubles, Doubles]:
        """Of what these rows led to, a point (K, n_features + 1), and what others of a weight did.

        Each counts by its weight: what a fit found is as good an average as any of that many rows,
        but for a model without an intercept if it had one. A walk that is not averaged forgets it.
        """
        of_another_model = point[:, -1].any() and not walk.fit_intercept
        if not (self.weight and walk.averaged) or of_another_model:
            return coef, intercept
        share = self.weight / (self.weight + weight)
        return (
            coef + share * (point[:, :-1] - coef),
            intercept + share * (point[:, -1] - intercept),
        )
