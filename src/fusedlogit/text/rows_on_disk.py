"""Rows of counts in files without a name, so that they may be larger than memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..errors import OutputError, one_line


@contextmanager
def rows_on_disk() -> Iterator[RowsOnDisk]:
    """Rows in temporary files, in the folder that `TMPDIR` names or the system has for them.

    They go with the last that uses them, however that ends.

    Raises
    ------
    OutputError
        If there are no such files.
    """
    with ExitStack() as stack:
        with _told():
            values, indices = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        yield RowsOnDisk(values, indices)


class RowsOnDisk:
    """Sparse rows as they come, chunk by chunk; at last mapped where they lie.

    Parameters
    ----------
    values, indices : file
        Empty; see `rows_on_disk`.
    """

    def __init__(self, values: IO[bytes], indices: IO[bytes]) -> None:
        self._values, self._indices = _Numbers(values, np.float32), _Numbers(indices, np.int32)
        self._indptr: list[NDArray[np.int64]] = []  # of each chunk, from zero on

    @property
    def n_entries(self) -> int:
        return sum(int(indptr[-1]) for indptr in self._indptr)

    def add(self, rows: csr_matrix) -> None:
        """Take more rows.

        Raises
        ------
        OutputError
            If there is no room for them.
        """
        self._write(self.n_entries, rows)
        self._indptr.append(rows.indptr.astype(np.int64))

    def change(self, change: Callable[[csr_matrix], csr_matrix], n_columns: int) -> None:
        """Put what `change` makes of each chunk, which has no more entries, in its place."""
        read = written = 0
        for k, indptr in enumerate(self._indptr):
            n_entries = int(indptr[-1])
            entries = (one.read(read, n_entries) for one in (self._values, self._indices))
            rows = change(csr_matrix((*entries, indptr), shape=(len(indptr) - 1, n_columns)))
            self._write(written, rows)
            self._indptr[k] = rows.indptr.astype(np.int64)
            read, written = read + n_entries, written + rows.nnz

    def matrix(self, n_columns: int) -> csr_matrix:
        """All of them, as long as anybody has it; nothing is to change afterwards."""
        ends = np.cumsum([0, *(indptr[-1] for indptr in self._indptr)])
        parts = [end + indptr[1:] for end, indptr in zip(ends, self._indptr, strict=False)]
        indptr = np.concatenate([np.zeros(1, np.int64), *parts])
        entries = (one.mapped(self.n_entries) for one in (self._values, self._indices))
        return csr_matrix((*entries, indptr), shape=(len(indptr) - 1, n_columns), copy=False)

    def _write(self, place: int, rows: csr_matrix) -> None:
        with _told():
            self._values.write(place, rows.data)
            self._indices.write(place, rows.indices)


class _Numbers:
    """A file of numbers of one type."""

    def __init__(self, file: IO[bytes], dtype: type[np.generic]) -> None:
        self._file, self._dtype = file, np.dtype(dtype)

    def write(self, place: int, numbers: NDArray[Any]) -> None:
        self._file.seek(place * self._dtype.itemsize)
        self._file.write(np.ascontiguousarray(numbers, self._dtype).data)
        self._file.flush()

    def read(self, place: int, count: int) -> NDArray[Any]:
        self._file.seek(place * self._dtype.itemsize)
        return np.fromfile(self._file, self._dtype, count)

    def mapped(self, count: int) -> NDArray[Any]:
        if count == 0:  # of which there is no map
            return np.empty(0, self._dtype)
        return np.memmap(self._file, self._dtype, "r", shape=count)


@contextmanager
def _told() -> Iterator[None]:
    """Say where room for temporary files is to be made, or found, if there is none."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"no room for the counts of words ({one_line(error.strerror or error)}): make some in "
            f"{tempfile.tempdir or 'the folder of temporary files'}, or name another folder by the "
            "environment variable TMPDIR"
        ) from error
