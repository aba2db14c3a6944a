"""Some rows of X that can be had again: arrays, files, datasets, blocks of a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .checks import NUMBER_TYPES, STORAGE_TYPES, readable, refuse_fields
from .mapped import bring
from .part import Part, cut_at
from .part_files import NpyFile
from .sparse import SparseMatrix
from .sparse_parts import NpzFile, cut_sparse, native, sound

#: Bytes of rows to have in memory at a time, about: of two parts, for one is read ahead.
PART_BYTES = 1 << 26


class Rows(Part):
    """Rows of an array, or of anything that has a shape, a dtype, and rows by slices.

    Parameters
    ----------
    source : ndarray, h5py.Dataset, zarr.Array or the like
    begin, end : int
    name : str
    """

    def __init__(self, source: Any, begin: int, end: int, name: str) -> None:
        super().__init__(name, (end - begin, source.shape[1]), source.dtype)
        self.source, self.begin, self.end = source, begin, end

    def read(self) -> NDArray[Any]:
        rows = np.asarray(self.source[self.begin : self.end])
        if rows.shape != self.shape or rows.dtype != self.dtype:
            raise ValueError(
                f"{self.name} has changed: {rows.dtype} of shape {rows.shape}, before it was "
                f"{self.dtype} of shape {self.shape}"
            )
        return rows


def cut(source: Any, name: str) -> list[Part]:
    """Rows of a table in parts of about PART_BYTES, whole chunks where it has them."""
    n_samples, n_features = source.shape
    row_bytes = max(1, n_features * np.dtype(source.dtype).itemsize)
    chunk = (getattr(source, "chunks", None) or (1,))[0]
    n_rows = max(1, PART_BYTES // (row_bytes * chunk)) * chunk
    return cut_at(Rows, source, [*range(0, n_samples, n_rows), n_samples], name)


class Replay:
    """Blocks of rows that a function gives anew, from the first on, each time that it is called."""

    def __init__(self, factory: Callable[[], Iterable[Any]]) -> None:
        self.factory = factory
        self.n_blocks: int | None = None
        self.reuses_memory = False
        self._lock = Lock()
        self._blocks: Iterator[Any] = iter(())
        self._next = -1

    def first_look(self) -> Iterator[Any]:
        """All blocks; from then on it is known how many there are, and what they lie in."""
        before: Any = None
        blocks = self.factory()
        if not isinstance(blocks, Iterable):
            raise TypeError(
                f"the function of from_blocks returned {type(blocks).__name__}: let it return an "
                "iterable of blocks, or yield them"
            )
        for k, given in enumerate(blocks):
            yield given
            rows = _rows_of(given)
            self.reuses_memory |= before is not None and _overlap(before, rows)
            before, self.n_blocks = rows, k + 1

    def block(self, index: int) -> Any:
        """Rows of one block; None if there are not so many.

        Copied if the function fills the same memory again, while the block is computed with.
        """
        with self._lock:
            if not 0 <= self._next <= index:
                self._blocks, self._next = iter(self.factory()), 0
            try:
                rows = self._go_to(index)
            except BaseException:
                self._next = -1  # that iterator has ended
                raise
        return rows

    def _go_to(self, index: int) -> Any:
        for block in self._blocks:
            self._next += 1
            if self._next > index:
                rows = _rows_of(block)
                rows = rows.copy() if self.reuses_memory else rows
                if self._next == self.n_blocks:
                    self._require_end()
                return rows
        self._next = -1
        return None

    def _require_end(self) -> None:
        if next(self._blocks, None) is not None:
            raise ValueError(
                f"there were {self.n_blocks} blocks at first, now there are more; the function "
                "must give the same blocks each time"
            )


def _rows_of(block: Any) -> Any:
    """Its X."""
    rows = block[0] if isinstance(block, tuple) else block
    return rows if issparse(rows) else np.asarray(rows)


def _overlap(one: Any, other: Any) -> bool:
    """Whether two blocks lie in the same memory, in whole or in part."""
    pairs = product(_arrays_of(one), _arrays_of(other))
    return any(np.shares_memory(own, others) for own, others in pairs)


def _arrays_of(rows: Any) -> list[NDArray[Any]]:
    """What a block lies in: values and indices of sparse rows, however their format calls them."""
    if not issparse(rows):
        return [rows]
    held = vars(rows)
    return [own for own in (*held.values(), *held.get("coords", ())) if isinstance(own, np.ndarray)]


class Block(Part):
    """A block of a stream."""

    def __init__(self, replay: Replay, index: int, first: Any) -> None:
        super().__init__(f"block {index}", (first.shape[0], first.shape[1]), first.dtype)
        self.replay, self.index = replay, index
        if issparse(first):
            rows = sound(first, self.name)
            self.dtype = native(first.dtype)
            self.n_entries, self.n_bytes = rows.n_entries, rows.n_bytes

    def read(self) -> Any:
        rows = self.replay.block(self.index)
        before, now = _kind(self, self.sparse), "missing"
        if rows is not None:
            now = _kind(rows, issparse(rows))
        if now != before:
            raise ValueError(
                f"{self.name} was {before} at first, now it is {now}; "
                "the function must give the same blocks each time"
            )
        return rows


def _kind(rows: Any, sparse: bool) -> str:
    """What makes blocks the same to those who read them."""
    return f"{'sparse ' if sparse else ''}{rows.dtype.name} of shape {rows.shape}"


def table_of(given: Any, name: str) -> Any:
    """An array, or what is sliced by rows as one is.

    Raises
    ------
    TypeError
        If it is no table.
    ValueError
        If it is a structured array.
    """
    refuse_fields(given, name)
    is_2d = len(getattr(given, "shape", ())) == 2
    if is_2d and hasattr(given, "dtype"):
        return given
    fix = (
        "its .to_numpy()" if is_2d and hasattr(given, "to_numpy") else "an array of two dimensions"
    )
    raise TypeError(f"{name} is {type(given).__name__}, not a table: give {fix}")


def pieces(given: Any, name: str) -> list[Part]:
    """What a user gave as a part, cut into pieces."""
    if isinstance(given, str | os.PathLike):
        if Path(given).suffix == ".npz":
            return [NpzFile(given)]
        file = NpyFile(given)
        return cut(file, str(file.path))
    table = table_of(given, name)
    return cut_sparse(table, name, PART_BYTES) if issparse(table) else cut(table, name)


def check_part(part: Part, first: Part) -> None:
    """Refuse a part that does not fit the first one, or that no kernel reads.

    Raises
    ------
    ValueError
        Naming it.
    """
    if part.sparse != first.sparse:
        kinds = ("sparse", "dense") if part.sparse else ("dense", "sparse")
        raise ValueError(
            f"{part.name} is {kinds[0]}, the first part {kinds[1]}; all must be sparse, or none"
        )
    # Sparse rows of other integers are narrowed as they are read, as those in memory are.
    types = NUMBER_TYPES if part.sparse else STORAGE_TYPES
    if part.dtype not in types:
        names = ", ".join(np.dtype(stored).name for stored in types)
        raise ValueError(f"{part.name} holds {part.dtype}; store it as one of {names}")
    if part.dtype != first.dtype:
        raise ValueError(f"{part.name} holds {part.dtype}, the first part {first.dtype}")
    if part.shape[1] != first.shape[1]:
        raise ValueError(
            f"{part.name} has {part.shape[1]} columns, the first part {first.shape[1]}"
        )


def stored_rows(part: Part, wanted: NDArray[np.intp] | None = None) -> NDArray[Any] | SparseMatrix:
    """A part's rows, as kernels read them, and in memory: those of a mapped file too.

    Where few are wanted, those alone are read from such a file, or on their way.
    """
    given = part.read()
    if issparse(given):
        return sound(given, part.name)
    rows = readable(given)
    bring(rows, wanted)
    return rows
