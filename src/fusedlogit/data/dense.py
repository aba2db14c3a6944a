"""A dense X: the verbs of `protocol.Data` over the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cython_blas

from .._kernels import dense, matrix
from ..runtime.blas import blas_threads
from ..runtime.scratch import scratch
from ..runtime.threads import threads_for
from . import checks
from .frame import Seen, seen_in
from .ledger import Full
from .margins import Margins
from .protocol import Sums
from .target import Target
from .walk import Walk

Doubles = NDArray[np.float64]


def blas_products(dtype: type) -> tuple[object, object]:
    """The products of BLAS that Cython code may call, of two matrices and of one with itself."""
    kind = np.dtype(dtype).char.replace("f", "s")
    return cython_blas.__pyx_capi__[f"{kind}gemm"], cython_blas.__pyx_capi__[f"{kind}syrk"]


class DenseMatrix(Full):
    """A dense X with the threads of its passes: `protocol.Data` in this process's memory.

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
        self._workspace_sizes: dict[int, int] = {}

    def in_memory(self) -> DenseMatrix:
        """Itself."""
        return self

    def features(self, center: Doubles, unit: Doubles) -> DenseMatrix:
        """The same X, its features centred and in units."""
        matrix = DenseMatrix(self.X, self._n_threads, self.source, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""
        return self.X.nbytes

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""
        return self.X.dtype == np.float64 or self.unit is not None

    def _frame(self, precise: bool) -> tuple[Doubles | None, Doubles | None]:
        """Center and unit as a kernel is to be given them."""
        if precise and not self.computes_in_float64:
            return np.zeros(self.n_features), np.ones(self.n_features)
        return self.center, self.unit

    def _run(
        self,
        kernel: Callable[..., Any],
        *arguments: Any,
        n_coefs: int,
        precise: bool = False,
        **rows: NDArray[Any] | None,
    ) -> None:
        """Call a kernel on X, with threads and scratch memory: one pass.

        `rows` is what it is told besides of each: offset, fold and held_out.
        """
        n_threads = self.n_threads
        with scratch(self._workspace_size(n_coefs)) as workspace:
            kernel(self.X, *arguments, n_threads, workspace, *self._frame(precise), **rows)
        self.n_passes += 1

    def _workspace_size(self, n_coefs: int) -> int:
        if n_coefs not in self._workspace_sizes:
            self._workspace_sizes[n_coefs] = dense.workspace_size(
                self.n_features, n_coefs, self._n_threads
            )
        return self._workspace_sizes[n_coefs]

    def first_nonfinite(self) -> tuple[Any, int, int] | None:
        """The first NaN or infinity, its row and column; None if there is none."""
        row, column = checks.first_nonfinite(self.X, self.n_threads)
        return None if row < 0 else (self.X[row, column], row, column)

    def raise_if_nonfinite(self, *sums: ArrayLike, y: NDArray[Any] | None = None) -> None:
        """Raise where a sum is not finite; look for the culprit unless it can but be the size."""
        checks.raise_if_nonfinite(None if self._known_finite else self.source, *sums, y=y)
        self._known_finite = True

    def decision_values(
        self,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        offset: Doubles | None = None,
    ) -> Doubles:
        """X coef + intercept, and the offset of each row, of shape (K, n_samples)."""
        decision: Doubles = np.empty((len(coef), self.n_samples))
        self._run(
            dense.decision_values, coef, intercept, decision, n_coefs=len(coef), precise=precise,
            offset=offset,
        )  # fmt: skip
        self.raise_if_nonfinite(decision)
        return decision

    def loss(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        offset: Doubles | None = None,
        fold: NDArray[np.uint8] | None = None,
        held_out: NDArray[np.int32] | None = None,
    ) -> Doubles:
        """Sums of the weighted log losses, of shape (K,), as in `loss_and_gradient`."""
        total: Doubles = np.empty(len(coef))
        self._run(
            dense.loss, *target.stored, target.sample_weight, coef, intercept, total,
            n_coefs=len(coef), offset=offset, fold=fold, held_out=held_out,
        )  # fmt: skip
        self.raise_if_nonfinite(total, y=target.y)
        return total

    def loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        margins: bool = True,
        offset: Doubles | None = None,
        fold: NDArray[np.uint8] | None = None,
        held_out: NDArray[np.int32] | None = None,
    ) -> Sums:
        """Sums of the weighted log losses (K,), gradients, derivatives in the intercept, margins.

        They need not be finite. Without `margins` there are none. `offset` (n_samples,) is added to
        every decision value. Rows of `fold` (n_samples,) held_out[k] have no weight for vector k;
        with a negative held_out[k], all have theirs.
        """
        losses, slopes = np.empty(len(coef)), np.empty(len(coef))
        gradients = np.empty_like(coef)
        decision = np.empty((len(coef), self.n_samples)) if margins else None
        self._run(
            dense.loss_and_gradient, *target.stored, target.sample_weight, coef, intercept, losses,
            gradients, slopes, decision, n_coefs=len(coef), precise=precise, offset=offset,
            fold=fold, held_out=held_out,
        )  # fmt: skip
        found = [] if decision is None else [Margins(z, target, self.n_threads) for z in decision]
        return losses, gradients, slopes, found

    def softmax_loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        margins: bool = False,
    ) -> tuple[float, Doubles, Doubles, Doubles | None]:
        """Sum of the weighted cross-entropies, gradient (K, n_features) and (K,) of K >= 2 classes.

        target.y are classes from 0 to K - 1; of any other, the loss is NaN. With `margins` come
        decision values (K, n_samples).
        """
        decision = np.empty((len(coef), self.n_samples)) if margins else None
        loss, slopes, gradients = np.empty(1), np.empty(len(coef)), np.empty_like(coef)
        self._run(
            dense.softmax_loss_and_gradient, *target.stored, target.sample_weight, coef, intercept,
            loss, gradients, slopes, decision, n_coefs=len(coef), precise=precise,
        )  # fmt: skip
        return float(loss[0]), gradients, slopes, decision

    def blocks(self, n_rows: int) -> Iterator[tuple[slice, DenseMatrix]]:
        """All rows in turn, where they lie, as matrices of their own: one pass."""
        for begin in range(0, self.n_samples, n_rows):
            rows = slice(begin, min(begin + n_rows, self.n_samples))
            yield (
                rows,
                DenseMatrix(self.X[rows], self._n_threads, self.source, self.center, self.unit),
            )
        self.n_passes += 1

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: Doubles,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, Doubles]:
        """[X, 1]^T diag(curvature) [X, 1] times vectors; curvature is (K, n_samples)."""
        product, intercept_product = np.empty_like(vector), np.empty(len(vector))
        self._run(
            dense.hessian_product, curvature, vector, vector_intercept, product,
            intercept_product, n_coefs=len(vector), precise=precise,
        )  # fmt: skip
        self.raise_if_nonfinite(product)
        return product, intercept_product

    def first_look(self) -> Seen:
        """What some rows show of each column, evenly spread."""
        return seen_in(self.some_rows, self.n_features)

    def some_rows(self, n_rows: int, features: slice) -> NDArray[Any]:
        """A few rows, evenly spread, as a view."""
        return self.X[:: max(1, self.n_samples // n_rows), features][:n_rows]

    def rows(self, rows: slice | NDArray[np.intp], dtype: type) -> NDArray[Any]:
        """Some rows as numbers of a type: counted by who asks for them."""
        if self.center is None or self.unit is None:
            return self.X[rows].astype(dtype, copy=False)
        features: NDArray[Any] = (self.X[rows].astype(np.float64) - self.center) * self.unit
        return features.astype(dtype, copy=False)

    def sample(self, rows: NDArray[np.intp]) -> DenseMatrix:
        """Some of the rows, copied, as a matrix of their own."""
        return DenseMatrix(self.X[rows], self._n_threads, self.source, self.center, self.unit)

    def columns(self, features: NDArray[np.intp]) -> DenseMatrix:
        """Some of the columns, copied, as a matrix of their own."""
        center = None if self.center is None else self.center[features]
        unit = None if self.unit is None else self.unit[features]
        columns = columns_of(self.X, features)
        return DenseMatrix(columns, self._n_threads, self.source, center, unit)

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
        self.raise_if_nonfinite(product)
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
        self.raise_if_nonfinite(np.diagonal(product))
        return product

    def walk(
        self,
        target: Target,
        walk: Walk,
        generator: np.random.Generator | None,
        mean_weight: float,
    ) -> float:
        """A step of a stochastic descent after each batch of rows of X itself: one pass.

        See `protocol.Walked`.
        """
        loss = walk.over(self.X, target, mean_weight, generator)
        self.n_passes += 1
        return loss

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Weighted mean of each column, and variance of the column times `unit` (n_features,).

        Units are powers of two, which bring squares of very large or small numbers into range.
        """
        n_threads = self.n_threads
        # Sums of two threads share no cache line, nor a pair of them.
        sums = np.zeros((4, n_threads, -(-self.n_features // 16) * 16 + 16))
        weight = np.zeros(n_threads)
        matrix.moments(self.X, sample_weight, unit, sums, weight)
        self.n_passes += 1
        mean, deviation = sums[:2, 0, : self.n_features]
        self.raise_if_nonfinite(mean, deviation)
        return mean.copy(), deviation / weight[0]


def columns_of(X: NDArray[Any], features: NDArray[np.intp]) -> NDArray[Any]:
    """Some columns, copied."""
    # NumPy's two ways: the first walks rows, the second columns.
    by_rows = abs(X.strides[1]) < abs(X.strides[0])
    return np.ascontiguousarray(X.take(features, axis=1) if by_rows else X[:, features])
