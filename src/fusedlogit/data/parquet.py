"""Row groups of Parquet files as parts of X: some of their columns as one table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.inputs import open_regular
from .checks import STORAGE_TYPES
from .part import Part
from .part_files import state_of, unchanged


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
            rows[:, j] = self._stored(column, table.column(column))
        return rows

    def _stored(self, column: str, values: Any) -> NDArray[Any]:
        """One column's values, as numbers of the type.

        Raises
        ------
        ValueError
            If one is missing, or none of that type: naming the row and column.
        """
        if values.null_count:
            missing = np.flatnonzero(values.is_null().to_numpy())
            raise ValueError(
                f"{self.name} lacks a value in row {missing[0]}, column {column!r}: fill it in, or "
                "leave such rows out"
            )
        given: NDArray[Any] = values.to_numpy()
        if np.can_cast(given.dtype, self.dtype, "same_kind" if self.dtype.kind == "f" else "safe"):
            return given
        with np.errstate(invalid="ignore"):
            stored = given.astype(self.dtype)
        changed = np.flatnonzero(stored != given)
        if len(changed):
            raise ValueError(
                f"{self.name} holds {given[changed[0]]} in row {changed[0]}, column {column!r}, "
                f"which is no {self.dtype}: give another dtype"
            )
        return stored


def row_groups(
    paths: Sequence[str | os.PathLike[str]],
    columns: Sequence[str] | None,
    y: str | None,
    sample_weight: str | None,
    dtype: Any,
) -> tuple[list[str], list[RowGroup], NDArray[Any] | None, NDArray[Any] | None]:
    """The names of the features, the row groups of files, and what is kept of each row.

    Arguments and errors are those of `Parts.from_parquet`.
    """
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise ImportError("reading Parquet files needs pyarrow: pip install pyarrow") from None
    _check_features(columns or (), y=y, sample_weight=sample_weight)
    kept = [name for name in (y, sample_weight) if name is not None]
    files: list[tuple[str, Any, tuple[int, int], Any]] = []
    types: list[np.dtype[Any]] = []
    for path in (str(Path(path).absolute()) for path in paths):
        with open_regular(path) as file:
            state = state_of(file.fileno())
            try:
                opened = parquet.ParquetFile(file)
            except ArrowInvalid as error:
                raise ValueError(f"{path} is no whole Parquet file: {error}") from None
            names = opened.schema_arrow.names
            if columns is None:
                left_out = {*kept, *_stored_index(opened.schema_arrow)}
                columns = [name for name in names if name not in left_out]
            for name in (*columns, *kept):
                if names.count(name) != 1:
                    found = "two columns" if name in names else "no column"
                    raise ValueError(f"{path} has {found} {name!r}; it has {names}")
            types += _types(path, [opened.schema_arrow.field(name) for name in columns])
            files.append((path, opened.metadata, state, opened.read(kept)))
    if columns is None or not files:
        raise ValueError("there are no paths")
    dtype = _common_dtype(types) if dtype is None else _dtype(dtype)
    groups = [
        RowGroup(path, k, metadata.row_group(k).num_rows, columns, dtype, state)
        for path, metadata, state, _ in files
        for k in range(metadata.num_row_groups)
    ]
    tables = [(path, table) for path, *_, table in files]
    per_row = {name: _of_all(name, tables) for name in kept}
    return (
        list(columns), groups, None if y is None else per_row[y],
        None if sample_weight is None else per_row[sample_weight],
    )  # fmt: skip


def _check_features(columns: Sequence[str], **others: str | None) -> None:
    """Refuse features that are named twice, or are something else."""
    for other, name in others.items():
        if name in columns:
            raise ValueError(
                f"columns holds {name!r}, which is {other} and no feature: leave it out"
            )
    for name, count in Counter(columns).items():
        if count > 1:
            raise ValueError(f"columns holds {name!r} {count} times: give it once")


def _stored_index(schema: Any) -> list[str]:
    """Columns that pandas wrote of the labels of rows, which are none of its table."""
    told = schema.pandas_metadata or {}
    # What is not stored, of rows that are numbered, is told by a dict.
    return [name for name in told.get("index_columns", ()) if isinstance(name, str)]


def _of_all(name: str, tables: Sequence[tuple[str, Any]]) -> NDArray[Any]:
    """A column of all files, which is numbers in all of them or in none."""
    told = [(path, table.column(name).to_numpy()) for path, table in tables]
    (first, like), *others = told
    for path, values in others:
        if (values.dtype.kind in "biuf") != (like.dtype.kind in "biuf"):
            raise ValueError(
                f"column {name!r} of {path} holds {values.dtype}, and {like.dtype} in {first}: "
                "give all as numbers or all as text"
            )
    return np.concatenate([values for _, values in told])


def _types(path: str, fields: Sequence[Any]) -> list[np.dtype[Any]]:
    """The types of number that the columns of a file hold."""
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
    return types


def _common_dtype(types: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """The type of number that holds all columns; float64 if it is none of STORAGE_TYPES."""
    common = np.result_type(*types) if types else np.dtype(np.float64)
    return common if common in STORAGE_TYPES else np.dtype(np.float64)


def _dtype(given: Any) -> np.dtype[Any]:
    """A type that is asked for."""
    try:
        dtype: np.dtype[Any] = np.dtype(given)
    except TypeError:
        names = ", ".join(np.dtype(stored).name for stored in STORAGE_TYPES)
        raise TypeError(f"dtype={given!r} names no type: give one of {names}") from None
    return dtype
