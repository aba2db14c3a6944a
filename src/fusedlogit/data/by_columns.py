"""The columns of a sparse X one after the other: coordinate descent without a Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._kernels import coordinate

if TYPE_CHECKING:
    from .sparse import SparseMatrix

Doubles = NDArray[np.float64]

#: The least normal number of float64: there may be no weight left.
TINY = float(np.finfo(np.float64).tiny)

#: Curvature of a column, relative to its terms, that may be rounding.
HIDDEN = 1e-12


class Columns:
    """A copy of X by columns.

    Parameters
    ----------
    matrix : SparseMatrix
        X, of as many rows as 32 bits count.
    X : csc_array
        The same, with values in float32 or float64.
    """

    def __init__(self, matrix: SparseMatrix, X: Any) -> None:
        self.matrix = matrix
        self.indptr, self.values = X.indptr.astype(np.int64, copy=False), X.data
        self.rows = X.indices.astype(np.int32, copy=False)


class RowQuadratic:
    """slope^T s + sum_i row_weight_i / 2 (sum_j (x_ij - about_j) unit_j s_j)^2 + l2 / 2 |s|^2.

    Of steps s from where it is begun, each time from others (`begin_at`).

    Parameters
    ----------
    columns : Columns
    row_weight : ndarray of shape (n_samples,)
    unit : ndarray of shape (n_features,)
    about : ndarray of shape (n_features,) or None
        None for the weighted mean of each column.
    l2_penalty : float

    Attributes
    ----------
    about, sums : ndarray of shape (n_features,)
        Sums of a column, weighted.
    total : float
        Of the weights.
    """

    def __init__(
        self,
        columns: Columns,
        row_weight: Doubles,
        unit: Doubles,
        about: Doubles | None,
        l2_penalty: float,
    ) -> None:
        self.columns, self.unit, self.l2_penalty = columns, unit, l2_penalty
        self._row = np.column_stack([row_weight, np.zeros_like(row_weight)])
        self.total = max(float(row_weight.sum()), TINY)
        self.sums, squares = columns.matrix.squares(row_weight)
        self.about = self.sums / self.total if about is None else about
        centred = squares - self.about * (2 * self.sums - self.about * self.total)
        terms = squares + self.about**2 * self.total
        centred[centred <= HIDDEN * terms] = 0.0
        self.curvature = centred * unit**2 + l2_penalty

    def begin_at(self, coef: Doubles, slope: Doubles) -> None:
        """From coefficients, which change in place, and the slope there."""
        self._begin, self._slope, self._coef = coef.copy(), slope, coef
        self._row[:, 1], self._sums_moved = 0.0, np.zeros(2)

    def sweep(self, l1_penalty: float, n_sweeps: int) -> float:
        """Go on by some sweeps of coordinate descent; by how much the quadratic fell."""
        X = self.columns
        _, fall, n_read = coordinate.column_descent(
            X.indptr, X.rows, X.values, self.total, self.unit, self.about, self.sums,
            self.curvature, self._slope, self._begin, self.l2_penalty, l1_penalty, 0.0, n_sweeps,
            self._coef, self._row, self._sums_moved,
        )  # fmt: skip
        X.matrix.n_passes += n_read / max(len(X.rows), 1)
        return fall

    def square(self, step: Doubles) -> float:
        """Twice the quadratic along a step, but for its slope: a pass."""
        moved = step * self.unit
        values = self.columns.matrix.decision_values(moved[None], -self.about @ moved[None].T)[0]
        return float(self._row[:, 0] @ values**2 + self.l2_penalty * (step @ step))
