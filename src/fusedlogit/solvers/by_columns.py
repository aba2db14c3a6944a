"""Proximal Newton steps over sparse columns that are too many for a Hessian."""

from __future__ import annotations

from ..data.by_columns import Columns, RowQuadratic
from ..problems.objective import Objective
from .settings import Doubles

#: Sweeps of coordinate descent in a round, and rounds at most.
SWEEPS, ROUNDS = 6, 24

#: Share of its fall in all that a round must bring for another to follow.
LITTLE = 0.1


class ColumnHessian:
    """The Hessian as its rows make it, each with a weight: to be minimised plus an L1 norm.

    It is summed along columns, an entry at a time, and never formed.

    Parameters
    ----------
    objective : Objective
    columns : Columns
        Of its data.
    row_weight : ndarray of shape (n_samples,)
        The curvature of each row, or a bound of it.

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
