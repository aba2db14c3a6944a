"""Proximal Newton steps over sparse columns that are too many for a Hessian."""

from __future__ import annotations

import numpy as np

from ..data.by_columns import Columns, RowQuadratic
from ..problems.objective import Objective
from .hessian import DENSE_FEATURES
from .requests import Steps, passes
from .settings import Doubles

#: Sweeps of coordinate descent in a round, and rounds at most.
SWEEPS, ROUNDS = 6, 24

#: Share of its fall in all that a round must bring for another to follow.
LITTLE = 0.1

#: Of a row's residual, what its curvature is taken for at least: that of one that is certainly
#: wrong vanishes, and by columns of few rows a step would go much too far.
LEAST_CURVATURE = 0.05


def columns_of(objective: Objective) -> Steps[Columns | None]:
    """Those of its data, where they are too many for a Hessian and the data has them so."""
    if objective.data.n_features <= DENSE_FEATURES:
        return None
    return (yield from passes(objective.data.by_columns))


def floored(curvature: Doubles, residual: Doubles) -> Doubles:
    """Curvature of rows, and at least some of their residual."""
    return np.maximum(curvature, LEAST_CURVATURE * np.abs(residual))


class ColumnHessian:
    """The Hessian as its rows make it, each with a weight: to be minimised plus an L1 norm.

    It is summed along columns, an entry at a time, and never formed.

    Parameters
    ----------
    objective : Objective
    columns : Columns
        Of its data.
    row_weight : ndarray of shape (n_samples,)
        Of each row, the second derivative of the mean loss, or a bound of it.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Of the scaled features, weighted by curvature; zero if no intercept is fitted.
    total : float
        Second derivative in the intercept.
    """

    def __init__(self, objective: Objective, columns: Columns, row_weight: Doubles) -> None:
        center, scale = objective.scaling.center, objective.scaling.scale
        about = None if objective.fit_intercept else center
        self._rows = RowQuadratic(columns, row_weight, 1 / scale, about, objective.penalty)
        self.total, self.mean = self._rows.total, (self._rows.about - center) / scale

    def minimise(self, l1: float, coef: Doubles, slope: Doubles, *, roughly: bool = False) -> None:
        """Go near the minimum of it plus l1 |coef|_1, from coef, which changes in place.

        `slope` is its gradient at first. It ends where a round brings little of the fall so far.
        """
        self._rows.begin_at(coef, slope)
        fallen = 0.0
        for _ in range(ROUNDS):
            fall = self._rows.sweep(l1, SWEEPS)
            fallen += fall
            if fall <= LITTLE * fallen:
                break

    def square(self, change: Doubles) -> float:
        """Of a change of the coefficients, the intercept at its best: a pass."""
        return self._rows.square(change)
