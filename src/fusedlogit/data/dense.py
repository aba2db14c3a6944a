"""The data matrix: the few verbs behind which solvers need not know how X is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cython_blas

from .._kernels import dense, loops, matrix
from ..runtime.blas import blas_threads
from ..runtime.scratch import scratch
from ..runtime.threads import threads_for, threads_now
from .checks import raise_if_nonfinite, stored_target

Doubles = NDArray[np.float64]
Observer = Callable[[int, float, float], bool]


def blas_products(dtype: type) -> tuple[object, object]:
    """The products of BLAS that Cython code may call, of two matrices and of one with itself."""
    kind = np.dtype(dtype).char.replace("f", "s")
    return cython_blas.__pyx_capi__[f"{kind}gemm"], cython_blas.__pyx_capi__[f"{kind}syrk"]


class DenseMatrix:
    """A dense X with the threads of its passes.

    Every verb but `decision_values` works on one coefficient vector and returns sums over rows,
    not means. `n_passes` counts how often X was read. Verbs that are told to be `precise` multiply
    in float64 whatever X is stored as.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        As `check_storage` returns it. Never copied, converted or written to.
    n_threads : int or None
        None for all usable cores.
    source : ndarray, optional
        What X was taken from: errors name rows and columns of it.
    center, unit : ndarray of shape (n_features,), optional
        All verbs are then about the features (x - center) unit, in float64; unit holds powers of
        two. `moments` alone is about x.
    """

    def __init__(
        self,
        X: NDArray[Any],
        n_threads: int | None = None,
        source: NDArray[Any] | None = None,
        center: Doubles | None = None,
        unit: Doubles | None = None,
    ) -> None:
        self.X = X
        self.source = X if source is None else source
        self.center, self.unit = center, unit
        self._known_finite = not np.issubdtype(X.dtype, np.floating)
        self.n_samples, self.n_features = X.shape
        self._n_threads = threads_for(n_threads, *X.shape)
        self.n_passes = 0.0
        self._workspace_size = dense.workspace_size(self.n_features, 1, self._n_threads)

    @property
    def n_threads(self) -> int:
        """Threads of the next pass: after a fork, perhaps one."""
        return threads_now(self._n_threads)

    def features(self, center: Doubles, unit: Doubles) -> DenseMatrix:
        """The same X, its features centred and in units."""
        matrix = DenseMatrix(self.X, self._n_threads, self.source, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    def count(self, part: DenseMatrix) -> None:
        """Add the passes over a part of X, and its making, as fractions of a pass."""
        share = part.X.size / self.X.size
        self.n_passes += (part.n_passes + 1) * share

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""
        return self.X.dtype == np.float64 or self.unit is not None

    def _frame(self, precise: bool) -> tuple[Doubles | None, Doubles | None]:
        """Center and unit as a kernel is to be given them."""
        if precise and not self.computes_in_float64:
            return np.zeros(self.n_features), np.ones(self.n_features)
        return self.center, self.unit

    def _run(self, kernel: Callable[..., Any], *arguments: Any, precise: bool = False) -> Any:
        """Call a kernel on X, with threads and scratch memory."""
        with scratch(self._workspace_size) as workspace:
            return kernel(self.X, *arguments, self.n_threads, workspace, *self._frame(precise))

    def _check(self, *sums: ArrayLike, y: NDArray[Any] | None = None) -> None:
        """Raise where a sum is not finite; look for the culprit unless it can but be the size."""
        raise_if_nonfinite(None if self._known_finite else self.source, *sums, y=y)
        self._known_finite = True

    def decision_values(self, coef: Doubles, intercept: float, *, precise: bool = False) -> Doubles:
        """X coef + intercept, of shape (n_samples,)."""
        decision: Doubles = np.empty(self.n_samples)
        self._run(
            dense.decision_values, coef[None], np.array([intercept]), decision[None],
            precise=precise,
        )  # fmt: skip
        self.n_passes += 1
        self._check(decision)
        return decision

    def loss(
        self, y: NDArray[Any], sample_weight: Doubles | None, coef: Doubles, intercept: float
    ) -> float:
        """Sum of the weighted log losses."""
        total = np.empty(1)
        self._run(
            dense.loss, *stored_target(y), sample_weight, coef[None], np.array([intercept]), total
        )
        self.n_passes += 1
        self._check(total, y=y)
        return float(total[0])

    def loss_and_gradient(
        self,
        y: NDArray[Any],
        sample_weight: Doubles | None,
        coef: Doubles,
        intercept: float,
        decision: Doubles | None = None,
        *,
        precise: bool = False,
    ) -> tuple[float, Doubles, float]:
        """Sum of the weighted log losses, its gradient, and its derivative in the intercept.

        The decision values of the pass are written to `decision` (n_samples,), if given.
        """
        total, intercept_gradient = np.empty(1), np.empty(1)
        gradient = np.empty((1, self.n_features))
        self._run(
            dense.loss_and_gradient, *stored_target(y), sample_weight, coef[None],
            np.array([intercept]), total, gradient, intercept_gradient,
            None if decision is None else decision[None], precise=precise,
        )  # fmt: skip
        self.n_passes += 1
        self._check(total, gradient, y=y)
        return float(total[0]), gradient[0], float(intercept_gradient[0])

    def row_sum(self, factor: Doubles, *, precise: bool = False) -> tuple[Doubles, float]:
        """[X, 1]^T factor, of n_features and the intercept."""
        return self.hessian_product(factor, np.zeros(self.n_features), 1.0, precise=precise)

    def sample(self, rows: NDArray[np.intp]) -> DenseMatrix:
        """Some of the rows, copied, as a matrix of their own."""
        return DenseMatrix(self.X[rows], self._n_threads, self.source, self.center, self.unit)

    def columns(self, features: NDArray[np.intp]) -> DenseMatrix:
        """Some of the columns, copied, as a matrix of their own."""
        center = None if self.center is None else self.center[features]
        unit = None if self.unit is None else self.unit[features]
        columns = np.ascontiguousarray(self.X[:, features])
        return DenseMatrix(columns, self._n_threads, self.source, center, unit)

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: float,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, float]:
        """[X, 1]^T diag(curvature) [X, 1] times a vector."""
        product, intercept_product = np.empty((1, self.n_features)), np.empty(1)
        self._run(
            dense.hessian_product, curvature[None], vector[None], np.array([vector_intercept]),
            product, intercept_product, precise=precise,
        )  # fmt: skip
        self.n_passes += 1
        self._check(product)
        return product[0], float(intercept_product[0])

    def sandwich(
        self, row_weight: Doubles, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X, 1]^T diag(row_weight) [X, 1], of shape (n_features + 1, n_features + 1).

        If `about` (n_features,) is given, of features less that: their products keep the digits
        that tell rows apart.
        """
        product = np.empty((self.n_features + 1, self.n_features + 1))
        center, unit = self.center, self.unit
        if about is not None:
            center = about if center is None or unit is None else center + about / unit
            unit = np.ones(self.n_features) if unit is None else unit
        n_threads = self.n_threads
        with scratch(matrix.sandwich_workspace_size(self.n_features, n_threads)) as workspace:
            matrix.sandwich(
                self.X, row_weight, product, n_threads, workspace, center, unit,
                precise or self.computes_in_float64,
            )  # fmt: skip
        self.n_passes += 1
        self._check(product)
        return product

    def gram(self, mean: Doubles, scale: Doubles, root: Doubles, dtype: type) -> NDArray[Any]:
        """A A^T, lower triangle in Fortran order, with A = diag(root) (X - mean) scale.

        `mean` and `scale` are (n_features,), `root` (n_samples,); `dtype`, float32 or float64, is
        that of A and of the product.
        """
        product: NDArray[Any] = np.zeros((self.n_samples,) * 2, dtype, order="F")
        n_bytes = matrix.gram_tile_size(*self.X.shape) * product.itemsize
        with scratch(n_bytes) as workspace, blas_threads(1):
            matrix.gram(
                self.X, mean, scale, root, product, workspace[:n_bytes].view(dtype),
                self.n_threads, *blas_products(dtype), *self._frame(precise=False),
            )  # fmt: skip
        self.n_passes += 1
        self._check(np.diagonal(product))
        return product

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Weighted mean of each column, and variance of the column times `unit` (n_features,).

        Units are powers of two, which bring squares of very large or small numbers into range.
        """
        n_threads = self.n_threads
        sums = np.zeros((4, n_threads, self.n_features))
        weight = np.zeros(n_threads)
        matrix.moments(self.X, sample_weight, unit, sums, weight)
        self.n_passes += 1
        self._check(sums[0, 0], sums[1, 0])
        return sums[0, 0], sums[1, 0] / weight[0]

    def gradient_descent(
        self,
        y: NDArray[Any],
        sample_weight: Doubles | None,
        *,
        total_weight: float,
        center: Doubles,
        scale: Doubles,
        penalty: float,
        fit_intercept: bool,
        learning_rate: float,
        max_iter: int,
        tol: float,
        coef: Doubles,
        intercept: Doubles,
        observer: Observer | None,
    ) -> tuple[Doubles, str, float]:
        """Batch gradient descent in compiled code, on features (X - center) / scale.

        `coef` (n_features,) and `intercept` (1,) are updated in place.

        Returns
        -------
        history : ndarray of shape (n_iter,)
        outcome : str
        gradient_norm : float
        """
        history = np.empty(max_iter)
        n_iter, outcome, gradient_norm = self._run(
            loops.gradient_descent, *stored_target(y), sample_weight, total_weight, center, scale,
            penalty, fit_intercept, learning_rate, max_iter, tol, coef, intercept,
            np.empty(self.n_features), history, observer, np.empty((2, self.n_features)),
        )  # fmt: skip
        self.n_passes += n_iter
        if n_iter:
            self._check(history[0])
        return history[:n_iter], outcome, gradient_norm if n_iter else np.inf
