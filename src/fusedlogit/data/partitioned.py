"""An X in parts, of which two at a time are in memory: the verbs of `protocol.Data`."""

from __future__ import annotations

from collections.abc import Callable
from operator import add
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..runtime.threads import threads_for
from .dense import DenseMatrix, columns_of
from .in_parts import InParts, added, naming
from .ledger import of_rows
from .parts import Parts
from .per_row import Combine
from .sparse import ENTRY_WORK, SparseMatrix
from .stacked import apart, stacked
from .target import Target

Doubles = NDArray[np.float64]


class PartitionedMatrix(InParts):
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
        self._n_threads = self._threads(n_threads)
        self.n_passes = 0.0
        self._known_finite = not np.issubdtype(parts.dtype, np.floating)

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""
        return self.parts.nbytes

    def _threads(self, n_threads: int | None) -> int:
        """As many of those asked for as a pass keeps busy."""
        raise NotImplementedError

    def _matrix(self, rows: Any) -> Any:
        """The rows of a part as data."""
        raise NotImplementedError

    def _run(
        self,
        verb: Callable[..., tuple[Any, Any]],
        by_row: tuple[Any, ...],
        *arguments: Any,
        combine: Combine = added,
        n_vectors: int = 0,
    ) -> tuple[Any, Any]:
        """Go over the parts, one after the other."""
        told = np.empty((n_vectors, self.n_samples)) if n_vectors else None
        totals: Any = None
        for rows, part, stored in self.parts.read():
            with naming(part.name), np.errstate(over="ignore", invalid="ignore"):
                own = [of_rows(value, rows) for value in by_row]
                sums, of_row = verb(self._matrix(stored), *own, *arguments)
                totals = sums if totals is None else combine(totals, sums)
            if told is not None:
                told[:, rows] = of_row
        self.n_passes += 1
        return totals, told

    def features(self, center: Doubles, unit: Doubles) -> Self:
        """The same X, its features centred and in units."""
        matrix = type(self)(self.parts, self._n_threads, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    def walk(
        self,
        target: Target,
        walk: Any,
        generator: np.random.Generator | None,
        mean_weight: float,
    ) -> float:
        """As of a matrix: parts in turn, the batches of each in random order."""
        (losses,) = self._run(_walk, (target,), walk, mean_weight, generator)[0]
        return float(losses)

    def _taken(self, rows: NDArray[np.intp]) -> Any:
        return self._matrix(self.parts.taken(rows))


def _walk(
    matrix: Any,
    target: Target,
    walk: Any,
    mean_weight: float,
    generator: np.random.Generator | None,
) -> tuple[tuple[float], None]:
    return (matrix.walk(target, walk, generator, mean_weight),), None


class DenseParts(PartitionedMatrix):
    """Dense parts."""

    centres_freely = True
    density = 1.0

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""
        return self.parts.dtype == np.float64 or self.unit is not None

    @property
    def waits_for_rows(self) -> bool:
        """So it is of floats; the arithmetic of smaller types shows."""
        return bool(np.issubdtype(self.parts.dtype, np.floating))

    def _threads(self, n_threads: int | None) -> int:
        return threads_for(n_threads, *self.parts.shape)

    def _matrix(self, rows: NDArray[Any]) -> DenseMatrix:
        return DenseMatrix(rows, self._n_threads, None, self.center, self.unit)

    def columns(self, features: NDArray[np.intp]) -> DenseMatrix:
        """Some of the columns, copied into memory: one pass."""
        columns = np.empty((self.n_samples, len(features)), self.parts.dtype)
        for rows, _, array in self.parts.read():
            assert isinstance(array, np.ndarray)
            columns[rows] = columns_of(array, features)
        self.n_passes += 1
        center = None if self.center is None else self.center[features]
        unit = None if self.unit is None else self.unit[features]
        return DenseMatrix(columns, self._n_threads, None, center, unit)


class SparseParts(PartitionedMatrix):
    """Sparse parts. Features in a frame are made of each part anew, whenever it is read."""

    centres_freely = False
    computes_in_float64 = True

    @property
    def n_entries(self) -> int:
        return self.parts.n_entries or 0

    def _threads(self, n_threads: int | None) -> int:
        return threads_for(n_threads, ENTRY_WORK * self.n_entries, 1)

    def _matrix(self, rows: SparseMatrix) -> SparseMatrix:
        matrix = apart(rows, self._n_threads)
        if self.center is None or self.unit is None:
            return matrix
        features = matrix.features(self.center, self.unit)
        features.n_passes = 0.0  # who reads all parts counts
        return features

    def columns(self, features: NDArray[np.intp]) -> SparseMatrix:
        """Some of the columns, copied into memory: one pass."""
        return stacked(self._run(_columns, (), features, combine=add)[0], self._n_threads)


def _columns(matrix: SparseMatrix, features: NDArray[np.intp]) -> tuple[list[SparseMatrix], None]:
    return [apart(matrix.columns(features))], None
