"""An X in parts, of which two at a time are in memory: the verbs of `protocol.Data`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import PassOverflowError
from ..runtime.threads import threads_for
from . import checks
from .dense import DenseMatrix
from .frame import MOST_ROWS, Seen, seen_in
from .ledger import Full
from .margins import Margins
from .part_kinds import Part
from .parts import Parts
from .protocol import Sums
from .target import Target
from .walk import Walk

Doubles = NDArray[np.float64]


class PartitionedMatrix(Full):
    """`Parts` with the threads of their passes: `protocol.Data`, of which X is read by parts.

    What is told of each row (targets, margins, weights) is in memory whole, and so are samples of
    rows and of columns.

    Parameters
    ----------
    parts : Parts
    n_threads : int or None
        None for all usable cores.
    center, unit : ndarray of shape (n_features,), optional
        As for `DenseMatrix`.
    """

    def __init__(
        self,
        parts: Parts,
        n_threads: int | None = None,
        center: Doubles | None = None,
        unit: Doubles | None = None,
    ) -> None:
        self.parts = parts
        self.center, self.unit = center, unit
        self.n_samples, self.n_features = parts.shape
        self._n_threads = threads_for(n_threads, *parts.shape)
        self.n_passes = 0.0
        self._known_finite = not np.issubdtype(parts.dtype, np.floating)

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""
        return self.parts.nbytes

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""
        return self.parts.dtype == np.float64 or self.unit is not None

    def _matrix(self, rows: NDArray[Any]) -> DenseMatrix:
        return DenseMatrix(rows, self._n_threads, None, self.center, self.unit)

    def _run(self, verb: Callable[[slice, DenseMatrix], None]) -> None:
        """Do something with the rows of each part: one pass. An error names the part."""
        for rows, part, array in self.parts.read():
            with _naming(part):
                verb(rows, self._matrix(array))
        self.n_passes += 1

    def raise_if_nonfinite(self, *sums: ArrayLike, y: NDArray[Any] | None = None) -> None:
        """Raise where a sum is not finite, naming the part and the row and column in it."""
        if not (self._known_finite or all(np.isfinite(value).all() for value in sums)):
            self._run(lambda rows, matrix: _refuse_nonfinite(matrix))
        self._known_finite = True
        checks.raise_if_nonfinite(None, *sums, y=y)

    def decision_values(
        self, coef: Doubles, intercept: Doubles, *, precise: bool = False
    ) -> Doubles:
        """X coef + intercept, of shape (K, n_samples)."""
        decision: Doubles = np.empty((len(coef), self.n_samples))

        def write(rows: slice, matrix: DenseMatrix) -> None:
            decision[:, rows] = matrix.decision_values(coef, intercept, precise=precise)

        self._run(write)
        return decision

    def loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        margins: bool = True,
        fold: NDArray[np.uint8] | None = None,
        held_out: NDArray[np.int32] | None = None,
    ) -> Sums:
        """As of a `DenseMatrix`: sums that need not be finite."""
        losses, slopes, gradients = np.zeros(len(coef)), np.zeros(len(coef)), np.zeros_like(coef)
        decision = np.empty((len(coef), self.n_samples)) if margins else None

        def add(rows: slice, matrix: DenseMatrix) -> None:
            loss, gradient, slope, found = matrix.loss_and_gradient(
                target.sample(rows), coef, intercept, precise=precise, margins=margins,
                fold=None if fold is None else fold[rows], held_out=held_out,
            )  # fmt: skip
            _add((losses, gradients, slopes), (loss, gradient, slope))
            for k, of_vector in enumerate(found):
                if decision is not None:
                    decision[k, rows] = of_vector.values

        self._run(add)
        found = [] if decision is None else [Margins(z, target, self.n_threads) for z in decision]
        return losses, gradients, slopes, found

    def softmax_loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        decision: Doubles | None = None,
    ) -> tuple[float, Doubles, Doubles]:
        """As of a `DenseMatrix`: sums that need not be finite."""
        total, slopes, gradients = np.zeros(1), np.zeros(len(coef)), np.zeros_like(coef)

        def add(rows: slice, matrix: DenseMatrix) -> None:
            own = None if decision is None else np.empty((len(coef), matrix.n_samples))
            found = matrix.softmax_loss_and_gradient(
                target.sample(rows), coef, intercept, precise=precise, decision=own
            )
            _add((total, gradients, slopes), found)
            if decision is not None:
                decision[:, rows] = own

        self._run(add)
        return float(total[0]), gradients, slopes

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: Doubles,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, Doubles]:
        """[X, 1]^T diag(curvature) [X, 1] times vectors; curvature is (K, n_samples)."""
        product, intercept_product = np.zeros_like(vector), np.zeros(len(vector))

        def add(rows: slice, matrix: DenseMatrix) -> None:
            found = matrix.hessian_product(
                np.ascontiguousarray(curvature[:, rows]), vector, vector_intercept, precise=precise
            )
            _add((product, intercept_product), found)

        self._run(add)
        return product, intercept_product

    def sandwich(
        self, row_weight: Doubles, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X - about, 1]^T diag(row_weight) [X - about, 1]."""
        product = np.zeros((self.n_features + 1, self.n_features + 1))

        def add(rows: slice, matrix: DenseMatrix) -> None:
            _add((product,), (matrix.sandwich(row_weight[rows], about, precise=precise),))

        self._run(add)
        return product

    def gram(self, mean: Doubles, scale: Doubles, root: Doubles, dtype: type) -> NDArray[Any]:
        """As of a `DenseMatrix`: of few rows, which are in memory for it."""
        whole = self.sample(np.arange(self.n_samples))
        product = whole.gram(mean, scale, root, dtype)
        self.count(whole)
        return product

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Mean of each column, and variance of the column times `unit`.

        Those of parts are joined: Chan, Golub and LeVeque (1983, The American Statistician 37).
        """
        units = np.ones(self.n_features) if unit is None else unit
        mean, square, total = np.zeros(self.n_features), np.zeros(self.n_features), 0.0

        def join(rows: slice, matrix: DenseMatrix) -> None:
            nonlocal total
            weight = None if sample_weight is None else sample_weight[rows]
            own = float(matrix.n_samples if weight is None else weight.sum())
            if own == 0:
                return
            own_mean, variance = matrix.moments(weight, unit)
            total += own
            apart = own_mean - mean
            mean[:] += apart * (own / total)
            square[:] += own * (variance + (apart * units) ** 2 * ((total - own) / total))

        self._run(join)
        return mean, square / total

    def first_look(self) -> Seen:
        """What some rows show of each column, evenly spread."""
        step = max(1, self.n_samples // MOST_ROWS)
        seen = self.parts.taken(np.arange(0, self.n_samples, step)[:MOST_ROWS])
        return seen_in(lambda n_rows, features: seen[:n_rows, features], self.n_features)

    def features(self, center: Doubles, unit: Doubles) -> PartitionedMatrix:
        """The same X, its features centred and in units."""
        matrix = PartitionedMatrix(self.parts, self._n_threads, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    def sample(self, rows: NDArray[np.intp]) -> DenseMatrix:
        """Some of the rows, copied into memory."""
        return self._matrix(self.parts.taken(rows))

    def blocks(self, n_rows: int) -> Iterator[tuple[slice, DenseMatrix]]:
        """All rows in turn, so many at most, as data of their own: one pass."""
        for rows, _, array in self.parts.read():
            for begin in range(rows.start, rows.stop, n_rows):
                block = slice(begin, min(begin + n_rows, rows.stop))
                yield block, self._matrix(array[begin - rows.start : block.stop - rows.start])
        self.n_passes += 1

    def columns(self, features: NDArray[np.intp]) -> DenseMatrix:
        """Some of the columns, copied into memory: one pass."""
        columns = np.empty((self.n_samples, len(features)), self.parts.dtype)
        for rows, _, array in self.parts.read():
            columns[rows] = array[:, features]
        self.n_passes += 1
        center = None if self.center is None else self.center[features]
        unit = None if self.unit is None else self.unit[features]
        return DenseMatrix(columns, self._n_threads, None, center, unit)

    def rows(self, rows: slice | NDArray[np.intp], dtype: type) -> NDArray[Any]:
        """Some rows as numbers of a type: counted by who asks for them."""
        some = np.arange(self.n_samples)[rows]
        return self._matrix(self.parts.taken(some)).rows(slice(None), dtype)

    def walk(self, target: Target, walk: Walk, generator: np.random.Generator | None) -> float:
        """As of a `DenseMatrix`: parts in turn, the batches of each in random order."""
        mean_weight = target.total_weight / self.n_samples
        losses = np.zeros(1)

        def go(rows: slice, matrix: DenseMatrix) -> None:
            losses[0] += walk.over(matrix.X, target.sample(rows), mean_weight, generator)

        self._run(go)
        return float(losses[0])


def _add(totals: Iterable[Doubles], found: Iterable[Any]) -> None:
    """Add sums of a part to those of all; they need not be finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        for total, own in zip(totals, found, strict=True):
            total += own


def _refuse_nonfinite(matrix: DenseMatrix) -> None:
    """Raise a ValueError that names the first NaN or infinity, if there is one."""
    culprit = matrix.first_nonfinite()
    if culprit is not None:
        checks.blame(culprit)


@contextmanager
def _naming(part: Part) -> Iterator[None]:
    """Say which part it is that an error is about."""
    try:
        yield
    except PassOverflowError:
        raise
    except ValueError as error:
        raise ValueError(f"{part.name}: {error}") from None
