"""A sparse X by rows: the verbs of `protocol.Data` over its stored entries.

Passes multiply in float64 whatever the values are stored as. A pass gathers coefficients along the
rows, then scatters their sums into a gradient for each thread: extra memory of
n_threads n_features K float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, hstack

from .._kernels import sparse as kernels
from ..runtime.scratch import lines_of_cache
from ..runtime.threads import threads_for
from .ascent import Ascent
from .by_columns import Columns
from .checks import blame, raise_if_outside
from .frame import MOST_ROWS, Seen
from .lazy_walk import LazyWalk
from .ledger import Ledger
from .margins import Margins
from .protocol import Sums
from .sparse_gram import centred_gram
from .sparse_sweeps import MOST_BYTES, Stored, gathered, scattered
from .structure import by_count, index_arrays, kept_columns, value_array
from .target import Target

Doubles = NDArray[np.float64]

#: Multiply-adds of a dense pass that take as long as one entry.
ENTRY_WORK = 8

#: What 32 bits hold, of row pointers and of rows.
MOST_INT32 = 2**31 - 1

#: Features and entries from which on a better order of columns pays for itself within a fit.
MANY_FEATURES, MANY_ENTRIES = 1 << 15, 1 << 20


class SparseMatrix(Ledger):
    """A sparse X with the threads of its passes: `protocol.Data` in this process's memory.

    Parameters
    ----------
    indptr : ndarray of int64, of shape (n_samples + 1,)
    indices : ndarray of int32 or int64, of shape (n_entries,)
        Sound, and none twice in a row (`structure.rows_of`).
    values : ndarray of shape (n_entries,) or None
        Of a type that kernels read; None where all are one.
    n_features : int
    n_threads : int or None
        None for all usable cores.
    source : SparseMatrix, optional
        What this was taken from: errors name rows and columns of it, or of what that was taken
        from in turn.
    """

    #: Passes multiply in float64 in any case.
    computes_in_float64 = True

    #: Centring would fill it: only columns that are nearly full are moved.
    centres_freely = False

    def __init__(
        self,
        indptr: NDArray[np.int64],
        indices: NDArray[Any],
        values: NDArray[Any] | None,
        n_features: int,
        n_threads: int | None = None,
        source: SparseMatrix | None = None,
    ) -> None:
        self.indptr, self.indices, self.values = indptr, indices, values
        self.source: SparseMatrix | None = source and (source.source or source)
        self.n_samples, self.n_features = len(indptr) - 1, n_features
        self._known_finite = values is None or not np.issubdtype(values.dtype, np.floating)
        self._n_threads = threads_for(n_threads, ENTRY_WORK * self.n_entries, 1)
        self.n_passes = 0.0

    @classmethod
    def of(cls, X: Any, n_threads: int | None = None) -> SparseMatrix:
        """A sound CSR as it lies; values that are all one are not read again."""
        indptr, indices = index_arrays(X)
        indices = indices[: indptr[-1]]
        return cls(indptr, indices, value_array(X.data[: indptr[-1]]), X.shape[1], n_threads)

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""
        values = 0 if self.values is None else self.values.nbytes
        return self.indptr.nbytes + self.indices.nbytes + values

    @property
    def n_entries(self) -> int:
        """Elements that a pass reads."""
        return int(self.indptr[-1])

    @property
    def stored(self) -> Stored:
        """X as kernels are given it."""
        return self.indptr, self.indices, self.values

    def raise_if_nonfinite(self, *sums: ArrayLike, y: NDArray[Any] | None = None) -> None:
        """Raise where a sum is not finite: name the culprit in y or X, or blame the size."""
        if all(np.isfinite(value).all() for value in sums):
            self._known_finite = True
            return
        if y is not None:
            raise_if_outside(y)
        blame(None if self._known_finite else (self.source or self).first_nonfinite())

    def refuse_beyond(self, most: float) -> None:
        """Raise where a value is not finite, naming it, or beyond this size."""
        if self.values is not None and not float(np.abs(self.values).max(initial=0)) <= most:
            self.raise_if_nonfinite(np.nan)

    def first_nonfinite(self) -> tuple[Any, int, int] | None:
        """The first NaN or infinity, its row and column; None if there is none."""
        if self.values is None:
            return None
        places = np.flatnonzero(~np.isfinite(self.values))
        if not len(places):
            return None
        row = int(np.searchsorted(self.indptr, places[0], side="right")) - 1
        return self.values[places[0]], row, int(self.indices[places[0]])

    def _gather(self, coef: Doubles, intercept: Doubles, offset: Doubles | None = None) -> Doubles:
        """X coef + intercept + offset, (n_samples, K): the first half of a pass."""
        table, n_reads = gathered(
            self.stored, np.ascontiguousarray(coef), intercept, offset, self.n_threads
        )
        self.n_passes += n_reads / 2
        return table

    def _scatter(self, factor: Doubles, *, squared: bool = False) -> Doubles:
        """factor^T X, (K, n_features), of factors (n_samples, K): the second half of a pass."""
        total, n_reads = scattered(
            self.stored, factor, self.n_features, self.n_threads, squared=squared
        )
        self.n_passes += n_reads / 2
        return total

    def _link(
        self,
        target: Target,
        table: Doubles,
        decision: Doubles | None,
        fold: NDArray[np.uint8] | None = None,
        held_out: NDArray[np.int32] | None = None,
        *,
        softmax: bool = False,
    ) -> tuple[Doubles, Doubles]:
        """Losses and derivatives in the intercepts, (K,); decision values become factors."""
        n_threads, n_coefs = self.n_threads, table.shape[1]
        losses, slopes = np.zeros((n_threads, n_coefs)), np.zeros((n_threads, n_coefs))
        block = np.empty((n_threads, kernels.block_size(n_coefs)))
        kernels.link(
            *target.stored, target.sample_weight, softmax, table, decision, losses, slopes, block,
            fold, held_out,
        )  # fmt: skip
        return losses.sum(axis=0), slopes.sum(axis=0)

    def decision_values(
        self,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        offset: Doubles | None = None,
    ) -> Doubles:
        """X coef + intercept, and the offset of each row, of shape (K, n_samples)."""
        decision = np.ascontiguousarray(self._gather(coef, intercept, offset).T)
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
        table = self._gather(coef, intercept, offset)
        total = self._link(target, table, None, fold, held_out)[0]
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

        They need not be finite. Without `margins` there are none. `offset`, `fold` and `held_out`
        are those of `DenseMatrix.loss_and_gradient`.
        """
        table = self._gather(coef, intercept, offset)
        decision = np.empty((len(coef), self.n_samples)) if margins else None
        losses, slopes = self._link(target, table, decision, fold, held_out)
        found = [] if decision is None else [Margins(z, target, self.n_threads) for z in decision]
        return losses, self._scatter(table), slopes, found

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
        table = self._gather(coef, intercept)
        losses, slopes = self._link(target, table, decision, softmax=True)
        return float(losses[0]), self._scatter(table), slopes, decision

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: Doubles,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, Doubles]:
        """[X, 1]^T diag(curvature) [X, 1] times vectors; curvature is (K, n_samples)."""
        table = self._gather(vector, vector_intercept)
        table *= curvature.T
        product = self._scatter(table)
        self.raise_if_nonfinite(product)
        return product, table.sum(axis=0)

    def row_sum(self, factor: Doubles, *, precise: bool = False) -> tuple[Doubles, Doubles]:
        """[X, 1]^T factor, for factors (K, n_samples)."""
        sums = self._scatter(np.ascontiguousarray(factor.T))
        self.raise_if_nonfinite(sums)
        return sums, factor.sum(axis=1)

    def squares(self, row_weight: Doubles) -> tuple[Doubles, Doubles]:
        """The sums of row_weight x, and of row_weight x^2, of shape (n_features,)."""
        factor = np.ascontiguousarray(row_weight[:, None])
        sums = self._scatter(factor)[0]
        squares = sums if self.values is None else self._scatter(factor, squared=True)[0]
        self.raise_if_nonfinite(sums, squares)
        return sums, squares

    def sandwich(
        self, row_weight: Doubles, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X - about, 1]^T diag(row_weight) [X - about, 1], of n_features + 1 rows and columns."""
        width = self.n_features**2
        n_threads = max(1, min(self.n_threads, MOST_BYTES // (8 * width)))
        inner, product = np.empty((self.n_features,) * 2), np.empty((self.n_features + 1,) * 2)
        with lines_of_cache(n_threads, width) as private:
            kernels.products(*self.stored, row_weight, private, inner)
        self.n_passes += 1
        product[:-1, :-1] = inner
        sums, total = self.row_sum(row_weight[None])
        product[:-1, -1] = product[-1, :-1] = sums[0]
        product[-1, -1] = total[0]
        if about is not None:
            move = np.eye(self.n_features + 1)
            move[:-1, -1] = -about
            product = move @ product @ move.T
        self.raise_if_nonfinite(product)
        return product

    def gram(self, mean: Doubles, scale: Doubles, root: Doubles, dtype: type) -> NDArray[Any]:
        """A A^T in Fortran order with A = diag(root) (X - mean) scale: the lower triangle.

        Computed in float64.
        """
        product = centred_gram(self._scipy(), mean, scale, root)
        self.n_passes += 1
        self.raise_if_nonfinite(np.diagonal(product))
        return np.asfortranarray(np.tril(product), dtype=dtype)

    def walk(
        self,
        target: Target,
        walk: LazyWalk,
        generator: np.random.Generator | None,
        mean_weight: float,
    ) -> float:
        """As of a `DenseMatrix`, in time by the entries."""
        self.n_passes += 1
        return walk.over(self, target, mean_weight, generator)

    def ascent(self, target: Target, l2: float, fit_intercept: bool, seed: int) -> Ascent:
        """Dual coordinate ascent from zero, of which each turn is a pass."""
        return Ascent(self, target, l2, fit_intercept, seed)

    def by_columns(self) -> Columns | None:
        """A copy by columns."""
        if self.n_samples > MOST_INT32:
            return None
        values = np.ones(self.n_entries, np.float32) if self.values is None else self.values
        own = np.float64 if values.dtype == np.float64 else np.float32
        return Columns(self, self._with(values.astype(own, copy=False)).tocsc())

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Weighted mean of each column, and variance of the column times `unit` (n_features,).

        Of the entries first, then the others are added, which are zero.
        """
        mean, variance = np.empty(self.n_features), np.empty(self.n_features)
        weight = sample_weight
        whole = self.n_samples if weight is None else float(weight.sum())
        n_seen = self.n_samples if weight is None else int(np.count_nonzero(weight))
        with lines_of_cache(self.n_threads, kernels.N_SUMS * self.n_features) as sums:
            kernels.moments(*self.stored, weight, unit, whole, n_seen, mean, variance, sums)
        self.n_passes += 1
        self.raise_if_nonfinite(mean, variance)
        return (mean if unit is None else mean / unit), variance

    def first_look(self) -> Seen:
        """What some rows show of each column, evenly spread."""
        rows = np.arange(0, self.n_samples, max(1, self.n_samples // MOST_ROWS))[:MOST_ROWS]
        some = self.sample(rows)
        values = np.ones(some.n_entries) if some.values is None else some.values.astype(float)
        values[~np.isfinite(values)] = 0.0  # a pass will name them
        largest = np.zeros(self.n_features)
        np.maximum.at(largest, some.indices, np.abs(values))
        with np.errstate(over="ignore", invalid="ignore"):  # of extreme sizes
            mean = np.bincount(some.indices, values, self.n_features) / len(rows)
            rest = len(rows) - np.bincount(some.indices, minlength=self.n_features)
            square = np.bincount(some.indices, (values - mean[some.indices]) ** 2, self.n_features)
            return Seen(largest, mean, np.sqrt((square + rest * mean**2) / len(rows)))

    def arranged(self) -> tuple[SparseMatrix, NDArray[np.intp]] | None:
        """X by falling counts of its columns, empty ones left out: a copy of the indices.

        What passes gather and scatter then lies close together. None where it lies so already, or X
        is too small for that to matter.
        """
        if self.n_features < MANY_FEATURES or self.n_entries < MANY_ENTRIES:
            return None
        return self._by_count

    @cached_property
    def _by_count(self) -> tuple[SparseMatrix, NDArray[np.intp]] | None:
        found = by_count(self.indices, self.n_features)
        if found is None:
            return None
        order, indices = found
        matrix = SparseMatrix(self.indptr, indices, self.values, len(order), self._n_threads, self)
        matrix.n_passes = self.n_passes + 1
        return matrix, order

    def in_memory(self) -> SparseMatrix:
        """Itself."""
        return self

    def features(self, center: Doubles, unit: Doubles) -> SparseMatrix:
        """Features (x - center) unit, stored out in float64: columns with a center are full."""
        X = self._scipy()
        X.data *= unit[X.indices]
        far = np.flatnonzero(center)
        if len(far):
            others = np.flatnonzero(center == 0)
            full = (self.columns(far)._scipy().toarray() - center[far]) * unit[far]
            X = hstack([X[:, others], csr_array(full)], format="csr")
            X.indices = np.concatenate([others, far])[X.indices]
            X.sort_indices()
        indptr, indices = index_arrays(X)
        matrix = SparseMatrix(indptr, indices, X.data, self.n_features, self._n_threads, self)
        matrix.n_passes = self.n_passes + 1
        return matrix

    def _scipy(self) -> Any:
        """X in SciPy's own form, with values in float64: a copy."""
        values = np.ones(self.n_entries) if self.values is None else self.values
        return self._with(values.astype(np.float64))

    def _with(self, values: NDArray[Any]) -> Any:
        """The places of X with other values."""
        indptr = self.indptr
        if self.n_entries <= MOST_INT32:  # else SciPy would copy indices, to be as wide
            indptr = indptr.astype(self.indices.dtype)
        return csr_array((values, self.indices, indptr), shape=(self.n_samples, self.n_features))

    def _part(self, index: Any) -> SparseMatrix:
        """Some rows or columns, copied by SciPy: of values it is but told the bytes."""
        values = self.values
        bits = np.empty(self.n_entries, np.uint8) if values is None else values
        if values is not None and values.dtype == np.float16:
            bits = values.view(np.int16)
        part = self._with(bits)[index]
        indptr, indices = index_arrays(part)
        kept = None if values is None else part.data.view(values.dtype)
        return SparseMatrix(indptr, indices, kept, part.shape[1], self._n_threads, self)

    def rows(self, rows: slice | NDArray[np.intp], dtype: type) -> NDArray[Any]:
        """Some rows as a table of numbers of a type: counted by who asks for them."""
        table: NDArray[Any] = self._part(rows)._scipy().toarray()
        return table.astype(dtype, copy=False)

    def sample(self, rows: NDArray[np.intp]) -> SparseMatrix:
        """Some of the rows, copied, as a matrix of their own."""
        return self._part(rows)

    def columns(self, features: NDArray[np.intp]) -> SparseMatrix:
        """Some of the columns, in ascending order, copied, as a matrix of their own."""
        kept = kept_columns(*self.stored, self.n_features, features, self.n_threads)
        return SparseMatrix(*kept, len(features), self._n_threads, self)

    def blocks(self, n_rows: int) -> Iterator[tuple[slice, SparseMatrix]]:
        """All rows in turn, where they lie, as matrices of their own: one pass."""
        for begin in range(0, self.n_samples, n_rows):
            end = min(begin + n_rows, self.n_samples)
            first, last = self.indptr[begin], self.indptr[end]
            values = None if self.values is None else self.values[first:last]
            block = SparseMatrix(
                self.indptr[begin : end + 1] - first, self.indices[first:last], values,
                self.n_features, self._n_threads, self,
            )  # fmt: skip
            yield slice(begin, end), block
        self.n_passes += 1
