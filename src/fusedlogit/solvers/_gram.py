"""The Gram product of rows as a metric: for more features than a Hessian could have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from ..blas import blas_threads
from ..objective import Evaluation, Objective
from ._metric import decrement
from ._solver import Doubles

#: Smallest ridge of a Gram product in float32, in units of its mean diagonal; and in float64.
LEAST_RIDGE = 1e-4
LEAST_RIDGE_IN_FLOAT64 = 1e-13

#: Columns of a tile of the Gram product.
TILE_COLUMNS = 128


class SampledGram:
    """The Hessian of a few rows of an objective of more features, by Woodbury's identity.

    With A the centred rows times the square root of their curvature,
    ``(penalty I + A^T A)^-1 = (I - A^T (penalty I + A A^T)^-1 A) / penalty``. The Gram product
    A A^T and its factor are float32, or float64 where all rows take part and the penalty is too
    small for float32; A itself is never formed: the rows stay as they are stored.

    `damping` tells how much a few rows leave to the penalty. In the limit of many rows and
    features the inverse acts as that of the whole Hessian with a larger penalty k,
    ``(penalty + A^T A)^-1 ~ k / penalty (k + H)^-1`` with
    ``1 / k = trace((penalty I + A A^T)^-1) / n_rows``
    (Silverstein and Bai, 1995, Journal of Multivariate Analysis 54). It is penalty / k.

    Parameters
    ----------
    objective : Objective
        Of the rows alone.
    margins : ndarray of shape (n_samples,)
        Of these rows.
    whole : bool
        Whether these are all rows.
    """

    def __init__(self, objective: Objective, margins: Doubles, whole: bool) -> None:
        self.objective = objective
        self.final = whole
        self.vouches = objective.penalty > 0
        weight = objective.curvature(margins)
        self.total = max(float(weight.sum()), np.finfo(float).tiny)
        self.root = np.sqrt(weight)
        scaling = objective.scaling
        if objective.fit_intercept:
            mean, _ = objective.matrix.row_sum(weight / self.total)
            self.center = mean
            self.mean = (mean - scaling.center) / scaling.scale
        else:
            self.center = scaling.center
            self.mean = np.zeros(len(scaling.center))
        self._factor(np.float32, LEAST_RIDGE)
        if whole and self.ridge > objective.penalty > 0:
            self.objective = objective.sharpened()
            self._factor(np.float64, LEAST_RIDGE_IN_FLOAT64)
        self.damping = self._damping()
        self.sharp = self.objective.sharp

    def _factor(self, dtype: type, least_ridge: float) -> None:
        """The Gram product with a ridge: the penalty, or else what the type tells from zero."""
        n_rows = self.objective.matrix.n_samples
        with blas_threads(self.objective.matrix.n_threads):
            gram = self._gram(dtype)
        least = least_ridge * float(gram.trace()) / n_rows
        self.ridge = max(self.objective.penalty, least, float(np.finfo(np.float32).tiny))
        gram.flat[:: n_rows + 1] += dtype(self.ridge)
        # In one thread: unlike the product, it has other bits in more, and gains little by them.
        (factorise,) = lapack.get_lapack_funcs(("potrf",), (gram,))
        self.cholesky, failed = factorise(gram, lower=1, overwrite_a=1)
        if failed:  # by rounding alone
            self._factor(dtype, 10 * least_ridge)

    def _gram(self, dtype: type) -> NDArray[Any]:
        """A A^T, lower triangle, in Fortran order."""
        matrix, scale = self.objective.matrix, self.objective.scaling.scale
        n_rows = matrix.n_samples
        gram: NDArray[Any] = np.zeros((n_rows, n_rows), dtype=dtype, order="F")
        (multiply,) = blas.get_blas_funcs(("syrk",), (gram,))
        for begin in range(0, matrix.n_features, TILE_COLUMNS):
            part = slice(begin, begin + TILE_COLUMNS)
            tile = matrix.tile(part, dtype)
            tile -= self.center[part].astype(dtype)
            tile *= (1 / scale[part]).astype(dtype)
            tile *= self.root.astype(dtype)[:, None]
            gram = multiply(1.0, tile.T, 1.0, gram, trans=1, lower=1, overwrite_c=1)
        return gram

    def _solved(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(ridge I + A A^T)^-1 rows."""
        (solve,) = lapack.get_lapack_funcs(("potrs",), (self.cholesky,))
        solved: NDArray[Any] = solve(self.cholesky, rows.astype(self.cholesky.dtype), lower=1)[0]
        return solved

    def _damping(self) -> float:
        """penalty / k, with the trace estimated by a few random signs (Hutchinson)."""
        n_rows = len(self.root)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (n_rows, 8))
        trace = float((signs * self._solved(signs)).sum()) / signs.shape[1]
        return float(np.clip(self.ridge * trace / n_rows, 1e-6, 1.0))

    def solve(self, vector: Doubles) -> Doubles:
        objective, scaling = self.objective, self.objective.scaling
        result = np.empty_like(vector)
        slope = result[:-1]
        np.multiply(self.mean, -vector[-1], out=slope)
        slope += vector[:-1]
        data_slope = slope / scaling.scale
        rows = objective.matrix.decision_values(
            data_slope, -float(self.center @ data_slope), precise=objective.precise
        )
        del data_slope  # vectors may be longer than all else here
        rows *= self.root
        rows = self._solved(rows) * self.root
        back, total = objective.matrix.row_sum(rows, precise=objective.precise)
        back -= self.center * total
        back /= scaling.scale
        slope -= back
        slope /= self.ridge
        result[-1] = vector[-1] / self.total - self.mean @ result[:-1]
        if not objective.fit_intercept:
            result[-1] = 0
        return result

    def estimate(
        self, objective: Objective, here: Evaluation, solved: Doubles, softest: float
    ) -> float:
        """The duality gap: of the directions it has no rows for, the metric knows too little."""
        if objective.penalty == 0:
            return decrement(here, solved, softest)
        slope = here.gradient[:-1] - self.mean * here.gradient[-1]
        return float(slope @ slope) / (2 * objective.penalty)

    def bound(self, objective: Objective, here: Evaluation) -> float:
        return np.inf
