"""Some rows of X that can be had again: arrays, files, datasets, row groups, blocks of a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ..files.inputs import open_regular
from .checks import NUMBER_TYPES, STORAGE_TYPES, readable
from .mapped import bring
from .part import Part, cut_at
from .part_files import NpyFile, state_of, unchanged
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


class RowGroup(Part):
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
        super().__init__(f"{path}, row group {index}", (n_rows, len(columns)), dtype)
        self.path, self.index, self.columns, self.state = path, index, list(columns), state

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

    def block(self, index: int) -> Any:
        """Rows of one block; None if there are not so many."""
        with self._lock:
            if not 0 <= self._next <= index:
                self._blocks, self._next = iter(self.factory()), 0
            for block in self._blocks:
                self._next += 1
                if self._next > index:
                    rows = block[0] if isinstance(block, tuple) else block
                    return rows if issparse(rows) else np.asarray(rows)
            self._next = -1
        return None


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
    """
    if len(getattr(given, "shape", ())) == 2 and hasattr(given, "dtype"):
        return given
    raise TypeError(
        f"{name} is {type(given).__name__}, not a table: give an array of two dimensions"
    )


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
