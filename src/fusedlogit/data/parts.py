"""An X in parts, as users give it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import kind_of_labels, require_one_kind
from .parquet import row_groups
from .part import Part
from .part_kinds import Block, Replay, check_part, pieces, stored_rows, table_of
from .sparse import SparseMatrix
from .stacked import apart, stacked


class Parts:
    """An X in parts that are read one after the other, for data larger than memory.

    Each pass of a fit reads all parts in turn, the next one while one is computed with. A sum over
    rows is the sum over parts, always in the same order. Files may not change while they are used:
    one that did is refused by name.

    Parameters
    ----------
    parts : sequence of array, sparse matrix, path, or anything sliced by rows
        Tables of the same columns and dtype: arrays (memory maps too), paths of .npy files,
        `h5py` datasets, Zarr arrays. Large ones are read a block of rows at a time. Or sparse
        matrices and paths of .npz files that `scipy.sparse.save_npz` wrote of CSR; such a file is
        read whole, so many small ones take less memory. Sparse matrices of other formats are
        converted, once; unordered indices are put in order whenever they are read.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    n_entries : int or None
        That sparse parts store; None of dense ones.
    columns : list of str or None
        Names of the features, where the parts name them.
    y, sample_weight : ndarray of shape (n_samples,) or None
        Where the parts hold them.

    Raises
    ------
    TypeError
        If `parts` is itself a table or a path, or a part is no table.
    ValueError
        If there is no part or no row, or one holds other columns or another type than the first, is
        sparse where that is dense, or is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from fusedlogit import LogisticRegression, Parts
    >>> X = Parts([np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])])
    >>> LogisticRegression().fit(X, [0, 0, 1, 1]).predict(X).tolist()
    [0, 0, 1, 1]

    Sparse blocks, made anew for each pass:

    >>> from sklearn.feature_extraction.text import HashingVectorizer
    >>> lines = ["red fox", "blue fox", "red dog", "blue cat"]
    >>> X = Parts.from_blocks(lambda: map(HashingVectorizer().transform, [lines[:2], lines[2:]]))
    >>> X.shape
    (4, 1048576)
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        if isinstance(parts, str | os.PathLike) or hasattr(parts, "dtype"):
            raise TypeError("parts must be a sequence of arrays or paths: put this one in a list")
        self._take(
            [
                piece
                for k, part in enumerate(parts)
                for piece in (part.parts if isinstance(part, Parts) else pieces(part, f"part {k}"))
            ]
        )

    def _take(
        self,
        parts: Sequence[Part],
        columns: list[str] | None = None,
        y: NDArray[Any] | None = None,
        sample_weight: NDArray[Any] | None = None,
    ) -> None:
        parts = [part for part in parts if part.shape[0]]
        if not parts:
            raise ValueError("there are no rows in parts")
        first = parts[0]
        if not first.shape[1]:
            raise ValueError(f"{first.name} has no columns")
        for part in parts:
            check_part(part, first)
        self.parts, self.dtype, self.columns = parts, first.dtype, columns
        self.y, self.sample_weight = y, sample_weight
        self.bounds = np.cumsum([0, *(part.shape[0] for part in parts)])
        self.shape = (int(self.bounds[-1]), first.shape[1])

    @classmethod
    def from_parquet(
        cls,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        columns: Sequence[str] | None = None,
        *,
        y: str | None = None,
        sample_weight: str | None = None,
        dtype: Any = None,
    ) -> Parts:
        """The row groups of Parquet files.

        Parameters
        ----------
        paths : path or sequence of path
        columns : sequence of str, optional
            The features; if not given, all columns but `y`, `sample_weight`, and an index that
            pandas stored.
        y, sample_weight : str, optional
            Columns to hold in memory as `Parts.y` and `Parts.sample_weight`.
        dtype : dtype, optional
            To read features as. By default, the one type of number that holds all of them, float64
            where it is none that can be read as it lies.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        TypeError
            If `columns` is a name alone.
        OSError, ValueError
            If a file cannot be read, lacks a column, or one holds no numbers; if y, weights or a
            name twice are among the columns.
        """
        paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        if isinstance(columns, str):
            raise TypeError(f"columns={columns!r} is no sequence of names: give [{columns!r}]")
        columns = None if columns is None else list(columns)
        names, groups, targets, weights = row_groups(paths, columns, y, sample_weight, dtype)
        self = cls.__new__(cls)
        self._take(groups, names, targets, weights)
        return self

    @classmethod
    def from_blocks(cls, factory: Callable[[], Iterable[Any]]) -> Parts:
        """Blocks of rows that a function gives: X, (X, y) or (X, y, sample_weight).

        It is called for each pass and must give the same blocks each time: arrays, or sparse
        matrices. The first call, here, tells their sizes and keeps y and weights. Blocks that lie
        in the memory of the block before them are copied.

        Parameters
        ----------
        factory : callable
            Without arguments; returns an iterable of blocks.

        Raises
        ------
        TypeError
            If `factory` is not callable, or what it returns holds no blocks.
        ValueError
            If there are no rows, blocks do not fit each other, some lack y or a weight, or a sparse
            one has indices out of place.
        """
        if not callable(factory):
            once = isinstance(factory, Iterator)  # and no function gives it anew
            fix = "give what makes it, as lambda: blocks()" if once else "wrap it as lambda: ..."
            raise TypeError(
                "from_blocks needs a function that gives the blocks anew for each pass, not "
                f"{type(factory).__name__}: {fix}"
            )
        replay = Replay(factory)
        blocks: list[Block] = []
        per_row: list[list[Any]] = []
        for k, given in enumerate(replay.first_look()):
            if isinstance(given, tuple) and not 1 <= len(given) <= 3:
                raise ValueError(
                    f"block {k} is a tuple of {len(given)}: give X, (X, y) or (X, y, sample_weight)"
                )
            X, *rest = given if isinstance(given, tuple) else (given,)
            block = Block(replay, k, table_of(X, f"block {k}"))
            for values in rest:
                if np.shape(values) != block.shape[:1]:
                    raise ValueError(
                        f"{block.name} has {block.shape[0]} rows, but y or weights of shape "
                        f"{np.shape(values)}"
                    )
            if per_row and len(rest) != len(per_row[0]):
                raise ValueError(f"{block.name} lacks y or weights that block 0 has, or has more")
            blocks.append(block)
            per_row.append([np.array(values) for values in rest])
            if rest:
                kinds = (kind_of_labels(told[0]) for told in (per_row[0], per_row[-1]))
                require_one_kind(("block 0", block.name), tuple(kinds))
        kept = [np.concatenate(values) for values in zip(*per_row, strict=True)]
        self = cls.__new__(cls)
        self._take(blocks, None, *kept)
        return self

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """That a pass reads."""
        return sum(part.n_bytes for part in self.parts)

    @property
    def n_entries(self) -> int | None:
        """That sparse parts store; None of dense ones."""
        return sum(part.n_entries or 0 for part in self.parts) if self.parts[0].sparse else None

    def read(self) -> Iterator[tuple[slice, Part, NDArray[Any] | SparseMatrix]]:
        """Each part in turn, with its place among all rows; the next is read meanwhile."""
        with ThreadPoolExecutor(1, "fusedlogit-reader") as reader:
            coming = reader.submit(stored_rows, self.parts[0])
            for k, part in enumerate(self.parts):
                rows = coming.result()
                if k + 1 < len(self.parts):
                    coming = reader.submit(stored_rows, self.parts[k + 1])
                yield slice(int(self.bounds[k]), int(self.bounds[k + 1])), part, rows

    def taken(self, rows: NDArray[np.intp]) -> NDArray[Any] | SparseMatrix:
        """Some rows, copied; they ascend."""
        ends = np.searchsorted(rows, self.bounds)
        own = [rows[i:j] - begin for i, j, begin in zip(ends, ends[1:], self.bounds, strict=False)]
        found: Iterator[tuple[int, Any]]
        found = ((k, stored_rows(self.parts[k], own[k])) for k in range(len(own)) if len(own[k]))
        if self.parts[0].sparse:
            return stacked([apart(part.sample(own[k])) for k, part in found])
        taken = np.empty((len(rows), self.shape[1]), self.dtype)
        for k, part in found:
            taken[ends[k] : ends[k + 1]] = part[own[k]]
        return taken
