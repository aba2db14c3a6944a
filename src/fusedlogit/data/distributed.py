"""An X in blocks on workers: the verbs of `protocol.Data` as tasks of one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add, getitem
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.threads import usable_threads
from .dense import DenseMatrix, columns_of
from .in_parts import InParts, added, naming
from .per_row import Combine, Kept, Made, Places, Workers, aligned
from .protocol import Sums
from .sparse import SparseMatrix
from .stacked import apart, stacked

Doubles = NDArray[np.float64]

#: Center and unit, as of a `DenseMatrix`.
Reading = tuple[Doubles | None, Doubles | None]


class Block:
    """Some rows of X, where they lie.

    Parameters
    ----------
    X : ndarray or SparseMatrix
        As it is stored.
    name : str
        As errors call it.
    """

    def __init__(self, X: NDArray[Any] | SparseMatrix, name: str) -> None:
        self.X, self.name = X, name

    def __sizeof__(self) -> int:
        """By which a scheduler tells what it costs to move."""
        return self.described.n_bytes

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it comes from another worker: arrays in a message need not be aligned."""
        self.__dict__.update(state)
        if isinstance(self.X, SparseMatrix):
            for name in ("indptr", "indices", "values"):
                setattr(self.X, name, aligned(getattr(self.X, name)))
        else:
            self.X = aligned(self.X)

    @property
    def described(self) -> Described:
        X = self.X
        if isinstance(X, SparseMatrix):
            dtype = np.dtype(np.uint8) if X.values is None else X.values.dtype
            return Described(self.name, X.n_samples, X.n_features, dtype, X.n_bytes, X.n_entries)
        return Described(self.name, X.shape[0], X.shape[1], X.dtype, X.nbytes)

    def matrix(self, n_threads: int, reading: Reading) -> DenseMatrix | SparseMatrix:
        """The rows as data, with the threads of a task."""
        X = self.X
        if not isinstance(X, SparseMatrix):
            return DenseMatrix(X, n_threads, None, *reading)
        return SparseMatrix(X.indptr, X.indices, X.values, X.n_features, n_threads, X)

    def rows(self, rows: NDArray[np.intp]) -> NDArray[Any] | SparseMatrix:
        """Some rows, copied."""
        X = self.X
        return apart(X.sample(rows)) if isinstance(X, SparseMatrix) else X[rows]


@dataclass(frozen=True)
class Described:
    """What a block is like; `n_entries` is None of a dense one."""

    name: str
    n_samples: int
    n_features: int
    dtype: np.dtype[Any]
    n_bytes: int
    n_entries: int | None = None


class Blocks(Places):
    """Blocks of rows on workers, as an estimator is given them.

    Parameters
    ----------
    workers : Workers
    kept : Kept or Made
        A `Block` of each part.
    described : sequence of Described
        Each with rows, and alike but for their number.

    Attributes
    ----------
    columns : sequence of str or None
        Names of the features.
    """

    columns: Sequence[str] | None = None

    def __init__(self, workers: Workers, kept: Kept | Made, described: Sequence[Described]) -> None:
        super().__init__(workers, np.cumsum([0, *(block.n_samples for block in described)]))
        self.kept, self.described = kept, described
        first = described[0]
        self.shape = int(self.bounds[-1]), first.n_features
        self.dtype = np.result_type(*(block.dtype for block in described))
        self.sparse = first.n_entries is not None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """That a pass reads."""
        return sum(block.n_bytes for block in self.described)

    def mapped(self, function: Callable[..., Block], *arguments: Any) -> Blocks:
        """Blocks that a function makes of these, and that stay where it made them."""
        made = Made(_described_block, (function, self.kept, arguments))
        described, handles = self.workers.run(*made.needs(), add, keep=True)
        kept = Made(getitem, (Kept(handles), 1))
        return Blocks(self.workers, kept, described)


def _described_block(
    function: Callable[..., Block], block: Block, arguments: tuple[Any, ...]
) -> tuple[tuple[Described, ...], Block]:
    made = function(block, *arguments)
    return (made.described,), made


class DistributedMatrix(InParts):
    """`Blocks` with the threads of their passes: `protocol.Data`, of which X stays on workers.

    So does what is told of each row (targets, margins, weights). Samples of rows are fetched.

    Parameters
    ----------
    X : Blocks
    n_threads : int or None
        Of a task; None for one, as workers run as many tasks as they have threads.
    center, unit : ndarray of shape (n_features,), optional
        As for `DenseMatrix`.
    """

    def __init__(
        self,
        X: Blocks,
        n_threads: int | None = None,
        center: Doubles | None = None,
        unit: Doubles | None = None,
    ) -> None:
        self.X, self.center, self.unit = X, center, unit
        self.n_samples, self.n_features = X.shape
        self._n_threads = 1 if n_threads is None else usable_threads(n_threads)
        self.n_passes = 0.0
        self._known_finite = not np.issubdtype(X.dtype, np.floating)

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""
        return self.X.nbytes

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""
        return self.X.sparse or self.X.dtype == np.float64 or self.unit is not None

    @property
    def centres_freely(self) -> bool:
        """Whether features may be read as centred at no cost."""
        return not self.X.sparse

    @property
    def n_entries(self) -> int:
        """Elements that a pass reads."""
        if not self.X.sparse:
            return self.n_samples * self.n_features
        return sum(block.n_entries or 0 for block in self.X.described)

    def _run(
        self,
        verb: Callable[..., tuple[Any, Any]],
        by_row: tuple[Any, ...],
        *arguments: Any,
        combine: Combine = added,
        n_vectors: int = 0,
    ) -> tuple[Any, Any]:
        """A task for each block, on the worker that has it: one round trip."""
        X, reading = self.X, (self.center, self.unit)
        told = tuple(X.thing(value) for value in by_row)
        made = Made(_verb, (X.kept, self._n_threads, reading, verb, told, arguments))
        shape = (n_vectors, self.n_samples) if n_vectors else None
        found = X.run(made, combine, shape)
        self.n_passes += 1
        return found

    def loss_and_gradient(
        self, *arguments: Any, fold: NDArray[np.uint8] | None = None, **options: Any
    ) -> Sums:
        """As of a `DenseMatrix`; numbers of folds are sent once."""
        kept: Any = None if fold is None else self.X.once(fold)
        return super().loss_and_gradient(*arguments, fold=kept, **options)

    def _taken(self, rows: NDArray[np.intp]) -> DenseMatrix | SparseMatrix:
        found = self.X.taken(Block.rows, self.X.kept, rows)
        if self.X.sparse:
            return stacked(found, self._n_threads)
        return DenseMatrix(np.concatenate(found), self._n_threads, None, self.center, self.unit)

    def features(self, center: Doubles, unit: Doubles) -> DistributedMatrix:
        """The same X, its features centred and in units; a sparse one is stored anew."""
        if self.X.sparse:
            matrix = DistributedMatrix(self.X.mapped(_features, center, unit), self._n_threads)
            matrix.n_passes = self.n_passes + 1
            return matrix
        matrix = DistributedMatrix(self.X, self._n_threads, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    def columns(self, features: NDArray[np.intp]) -> DistributedMatrix:
        """Some of the columns, copied where they lie: one pass."""
        center = None if self.center is None else self.center[features]
        unit = None if self.unit is None else self.unit[features]
        blocks = self.X.mapped(_columns, features)
        self.n_passes += 1
        return DistributedMatrix(blocks, self._n_threads, center, unit)


def _verb(
    block: Block,
    n_threads: int,
    reading: Reading,
    verb: Callable[..., tuple[Any, Any]],
    by_row: tuple[Any, ...],
    arguments: tuple[Any, ...],
) -> tuple[Any, Any]:
    """What a verb says of a block."""
    with naming(block.name), np.errstate(all="ignore"):
        return verb(block.matrix(n_threads, reading), *by_row, *arguments)


def _features(block: Block, center: Doubles, unit: Doubles) -> Block:
    assert isinstance(block.X, SparseMatrix)
    return Block(block.X.features(center, unit), block.name)


def _columns(block: Block, features: NDArray[np.intp]) -> Block:
    X = block.X
    if isinstance(X, SparseMatrix):
        return Block(X.columns(features), block.name)
    return Block(columns_of(X, features), block.name)
