"""Rows of many features in coordinates of what they span, which are no more than rows.

A penalty |w|^2 keeps w in the span of the rows, for what lies across it changes no decision value.
With the Gram product A A^T = L L^T of scaled rows A, the rows of L have the products of those of A,
and w = A^T L^-T v is as long as v. So a minimum over v is one over w, whatever the weights of rows
and of the penalty (Hastie and Tibshirani, 2004, Biostatistics 5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from ..errors import PassOverflowError
from .dense import DenseMatrix
from .protocol import Data
from .scaling import Scaling

Doubles = NDArray[np.float64]

#: Of a row's square, what is added to it for rounding to leave products positive: at first, and at
#: most.
RIDGE, LARGEST_RIDGE = 1e-13, 1e-9


class RowSpan:
    """The rows of a matrix in coordinates of their span.

    Parameters
    ----------
    data : Data
    scaling : Scaling
        Of its features.
    lower : ndarray of shape (n_samples, n_samples)
        L.

    Attributes
    ----------
    rows : Data
        L as a matrix.
    """

    def __init__(self, data: Data, scaling: Scaling, lower: Doubles) -> None:
        self.data, self.scaling, self.lower = data, scaling, lower
        self.rows: Data = DenseMatrix(np.ascontiguousarray(lower), data.n_threads)
        self.rows.n_passes = -1.0  # to make it was to read X, which is counted

    @classmethod
    def of(cls, data: Data, scaling: Scaling) -> RowSpan | None:
        """By a Gram product of all rows; None where it overflows, or rounding leaves no factor."""
        ones = np.ones(data.n_samples)
        try:
            gram = data.gram(scaling.center, 1 / scaling.scale, ones, np.float64)
        except PassOverflowError:
            return None
        square, size, ridge = gram.diagonal(), float(gram.trace()) / data.n_samples, RIDGE
        while 0 < size < np.inf and ridge <= LARGEST_RIDGE:
            matrix = gram.copy(order="F")
            matrix.flat[:: len(matrix) + 1] += ridge * np.where(square > 0, square, size)
            lower, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1)
            if not failed:
                return cls(data, scaling, np.tril(lower))
            ridge *= 10
        return None

    def coordinates(self, decision: Doubles) -> Doubles:
        """Coefficients of the coordinates that lead to decision values, (K, n_samples)."""
        found: Doubles = solve_triangular(self.lower, decision.T, lower=True).T
        return found

    def features(self, coef: Doubles) -> Doubles:
        """Coefficients of scaled features from those of coordinates, (K, n_samples): in a pass."""
        shares = solve_triangular(self.lower, coef.T, lower=True, trans=1).T
        sums, total = self.data.row_sum(np.ascontiguousarray(shares), precise=True)
        found: Doubles = (sums - total[:, None] * self.scaling.center) / self.scaling.scale
        return found
