"""Some rows of X that can be had again: arrays, files, datasets, row groups, blocks of a stream."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..files.inputs import open_regular
from .checks import STORAGE_TYPES, readable
from .part_files import NpyFile, state_of, unchanged

#: Bytes of rows to have in memory at a time, about: of two parts, for one is read ahead.
PART_BYTES = 1 << 26


class Part(Protocol):
    """Some rows of X.

    Attributes
    ----------
    name : str
        As errors call it.
    shape : tuple of int
    dtype : numpy.dtype
    """

    name: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def read(self) -> NDArray[Any]:
        """The rows as a table: what they lie in, if it is an array or a file of one."""


class Rows:
    """Rows of an array, or of anything that has a shape, a dtype, and rows by slices.

    Parameters
    ----------
    source : ndarray, h5py.Dataset, zarr.Array or the like
    begin, end : int
    name : str
    """

    def __init__(self, source: Any, begin: int, end: int, name: str) -> None:
        self.source, self.begin, self.end, self.name = source, begin, end, name
        self.shape = (end - begin, source.shape[1])
        self.dtype = np.dtype(source.dtype)

    def read(self) -> NDArray[Any]:
        rows = np.asarray(self.source[self.begin : self.end])
        if rows.shape != self.shape or rows.dtype != self.dtype:
            raise ValueError(
                f"{self.name} has changed: {rows.dtype} of shape {rows.shape}, before it was "
                f"{self.dtype} of shape {self.shape}"
            )
        return rows


def cut(source: Any, name: str) -> list[Rows]:
    """Rows of a table in parts of about PART_BYTES, whole chunks where it has them."""
    n_samples, n_features = source.shape
    row_bytes = max(1, n_features * np.dtype(source.dtype).itemsize)
    chunk = (getattr(source, "chunks", None) or (1,))[0]
    n_rows = max(1, PART_BYTES // (row_bytes * chunk)) * chunk
    if n_rows >= n_samples:
        return [Rows(source, 0, n_samples, name)]
    return [
        Rows(source, begin, min(begin + n_rows, n_samples), f"{name}, rows from {begin}")
        for begin in range(0, n_samples, n_rows)
    ]


class RowGroup:
    """A row group of a Parquet file, some of its columns as one table.

    Parameters
    ----------
    path : str
    index : int
    n_rows : int
    columns : list of str
    dtype : numpy.dtype
    state : tuple of int
        Of the file, when it was first seen.
    """

    def __init__(
        self,
        path: str,
        index: int,
        n_rows: int,
        columns: Sequence[str],
        dtype: np.dtype[Any],
        state: tuple[int, int],
    ) -> None:
        self.path, self.index, self.columns, self.state = path, index, list(columns), state
        self.name = f"{path}, row group {index}"
        self.shape, self.dtype = (n_rows, len(self.columns)), dtype

    def read(self) -> NDArray[Any]:
        from pyarrow import parquet

        with unchanged(self.path, self.state) as file:
            table = parquet.ParquetFile(file).read_row_group(self.index, self.columns)
        # By columns, as Parquet has them.
        rows = np.empty(self.shape, self.dtype, order="F")
        for j, column in enumerate(self.columns):
            rows[:, j] = table.column(column).to_numpy()
        return rows


def row_groups(
    paths: Sequence[str | os.PathLike[str]],
    columns: Sequence[str] | None,
    y: str | None,
    sample_weight: str | None,
    dtype: Any,
) -> tuple[list[str], list[RowGroup], NDArray[Any] | None, NDArray[Any] | None]:
    """The names of the features, the row groups of files, and what is kept of each row.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError, ValueError
        If a file cannot be read, lacks a column, or one holds no numbers.
    """
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise ImportError("reading Parquet files needs pyarrow: pip install pyarrow") from None
    kept = [name for name in (y, sample_weight) if name is not None]
    groups: list[RowGroup] = []
    per_row: list[Any] = []
    for path in (str(Path(path).absolute()) for path in paths):
        with open_regular(path) as file:
            state = state_of(file.fileno())
            try:
                opened = parquet.ParquetFile(file)
            except ArrowInvalid as error:
                raise ValueError(f"{path} is no whole Parquet file: {error}") from None
            schema = opened.schema_arrow
            if columns is None:
                columns = [name for name in schema.names if name not in kept]
            missing = sorted({*columns, *kept} - set(schema.names))
            if missing:
                raise ValueError(f"{path} has no column {missing[0]!r}; it has {schema.names}")
            if dtype is None:
                dtype = _common_dtype(path, [schema.field(name) for name in columns])
            groups += [
                RowGroup(path, k, opened.metadata.row_group(k).num_rows, columns, dtype, state)
                for k in range(opened.num_row_groups)
            ]
            per_row.append(opened.read(kept))
    if columns is None:
        raise ValueError("there are no paths")
    found = {
        name: np.concatenate([table.column(name).to_numpy() for table in per_row]) for name in kept
    }
    return (
        list(columns), groups, None if y is None else found[y],
        None if sample_weight is None else found[sample_weight],
    )  # fmt: skip


def _common_dtype(path: str, fields: Sequence[Any]) -> np.dtype[Any]:
    """The type of number that holds all columns; float64 if it is none of STORAGE_TYPES."""
    types = []
    for field in fields:
        try:
            types.append(np.dtype(field.type.to_pandas_dtype()))
        except NotImplementedError:
            types.append(np.dtype(object))
        if types[-1].kind not in "biuf":
            raise ValueError(
                f"column {field.name!r} of {path} holds {field.type}, not numbers; "
                "leave it out by columns=, or encode it first"
            )
    common = np.result_type(*types) if types else np.dtype(np.float64)
    return common if common in STORAGE_TYPES else np.dtype(np.float64)


class Replay:
    """Blocks of rows that a function gives anew, from the first on, each time that it is called."""

    def __init__(self, factory: Callable[[], Iterable[Any]]) -> None:
        self.factory = factory
        self._lock = Lock()
        self._blocks: Iterator[Any] = iter(())
        self._next = -1

    def block(self, index: int) -> NDArray[Any] | None:
        """Rows of one block; None if there are not so many."""
        with self._lock:
            if not 0 <= self._next <= index:
                self._blocks, self._next = iter(self.factory()), 0
            for block in self._blocks:
                self._next += 1
                if self._next > index:
                    return np.asarray(block[0] if isinstance(block, tuple) else block)
            self._next = -1
        return None


class Block:
    """A block of a stream."""

    def __init__(self, replay: Replay, index: int, first: NDArray[Any]) -> None:
        self.replay, self.index = replay, index
        self.name = f"block {index}"
        self.shape, self.dtype = (first.shape[0], first.shape[1]), first.dtype

    def read(self) -> NDArray[Any]:
        rows = self.replay.block(self.index)
        if rows is None or rows.shape != self.shape or rows.dtype != self.dtype:
            found = "missing" if rows is None else f"{rows.dtype} of shape {rows.shape}"
            raise ValueError(
                f"{self.name} was {self.dtype} of shape {self.shape} at first, now it is {found}; "
                "the function must give the same blocks each time"
            )
        return rows


def table_of(given: Any, name: str) -> Any:
    """An array, or what is sliced by rows as one is.

    Raises
    ------
    TypeError
        If it is no table.
    """
    if issparse(given):
        raise TypeError(f"{name} is sparse; stack sparse parts by scipy.sparse.vstack")
    if len(getattr(given, "shape", ())) == 2 and hasattr(given, "dtype"):
        return given
    raise TypeError(
        f"{name} is {type(given).__name__}, not a table: give an array of two dimensions"
    )


def pieces(given: Any, name: str) -> list[Rows]:
    """What a user gave as a part, cut into pieces."""
    if isinstance(given, str | os.PathLike):
        file = NpyFile(given)
        return cut(file, str(file.path))
    return cut(table_of(given, name), name)


def check_part(part: Part, n_features: int, dtype: np.dtype[Any]) -> None:
    """Refuse a part that does not fit the first one, or that no kernel reads.

    Raises
    ------
    ValueError
        Naming it.
    """
    if part.dtype not in STORAGE_TYPES:
        names = ", ".join(np.dtype(stored).name for stored in STORAGE_TYPES)
        raise ValueError(f"{part.name} holds {part.dtype}; store it as one of {names}")
    if part.dtype != dtype:
        raise ValueError(f"{part.name} holds {part.dtype}, the first part {dtype}")
    if part.shape[1] != n_features:
        raise ValueError(f"{part.name} has {part.shape[1]} columns, the first part {n_features}")


def stored_rows(part: Part) -> NDArray[Any]:
    """A part's rows, as kernels read them; those of a mapped file are on their way into memory."""
    rows = readable(part.read())
    _fetch(rows)
    return rows


def _fetch(rows: NDArray[Any]) -> None:
    """Ask the system to read what of a mapped file some rows lie in, without waiting for it."""
    base: Any = rows
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    if not (isinstance(base, mmap.mmap) and hasattr(base, "madvise")):
        return
    low, high = np.lib.array_utils.byte_bounds(rows)
    start = low - np.frombuffer(base, np.uint8, 1).ctypes.data
    start -= start % mmap.PAGESIZE
    base.madvise(mmap.MADV_WILLNEED, start, min(high - low + mmap.PAGESIZE, len(base) - start))
