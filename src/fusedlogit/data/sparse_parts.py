"""Sparse rows of X that can be had again: of a CSR in memory, and of files that SciPy wrote."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..files.inputs import open_regular
from .in_parts import naming
from .part import Part, cut_at
from .part_files import header_of, state_of, unchanged
from .sparse import SparseMatrix
from .structure import in_order, rows_of

#: Arrays of a CSR in a file, as SciPy calls them, and kinds of type that each may have.
ARRAYS = {"data": "biuf", "indices": "iu", "indptr": "iu"}

#: Bytes of a row pointer, as passes read it.
POINTER_BYTES = 8


class SparseRows(Part):
    """Rows of a CSR, where they lie.

    Parameters
    ----------
    source : scipy.sparse.csr_array or csr_matrix
        Sound when it was given (`structure.in_order`).
    begin, end : int
    name : str
    """

    def __init__(self, source: Any, begin: int, end: int, name: str) -> None:
        super().__init__(name, (end - begin, source.shape[1]), native(source.dtype))
        self.source, self.begin, self.end = source, begin, end
        self.n_entries = int(source.indptr[end] - source.indptr[begin])
        self.n_bytes = POINTER_BYTES * (end - begin + 1) + self.n_entries * entry_bytes(source)

    def read(self) -> Any:
        pointers = self.source.indptr[self.begin : self.end + 1]
        entries = slice(pointers[0], pointers[-1])
        arrays = self.source.data[entries], self.source.indices[entries], pointers - pointers[0]
        return csr_of(*arrays, self.shape)


def cut_sparse(given: Any, name: str, n_bytes: int) -> list[Part]:
    """Sparse rows in parts of about so many bytes; formats other than CSR are converted, once.

    Raises
    ------
    ValueError
        If indices or row pointers are broken.
    """
    with naming(name):
        if given.format == "csr":
            source = given
            in_order(source)  # or else a piece is put in order when it is read: no copy of all
        else:
            source = rows_of(given)
    size = entry_bytes(source) * source.indptr.astype(np.int64)
    size += POINTER_BYTES * np.arange(len(size))
    ends = [0]
    while ends[-1] < source.shape[0]:
        end = int(np.searchsorted(size, size[ends[-1]] + n_bytes, side="right")) - 1
        ends.append(max(end, ends[-1] + 1))
    return cut_at(SparseRows, source, ends, name)


class NpzFile(Part):
    """The CSR in an .npz file of `scipy.sparse.save_npz`, read whole each time.

    What it is like is told by the headers of its arrays: until it is read, nothing else of them is
    inflated.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    OSError
        If it is no regular file or cannot be opened.
    ValueError
        If it is damaged, or holds anything else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        with open_regular(self.path) as file, _wholly(self.path), ZipFile(file) as archive:
            self.state = state_of(file.fileno())
            kind = _array(archive, "format", "SU", 0).astype(str)[()]
            if kind != "csr":
                raise ValueError(f"it is in the format {kind}; save X.tocsr()")
            n_samples, n_features = map(int, _array(archive, "shape", "iu"))
            lengths, types = zip(*(_described(archive, name) for name in ARRAYS), strict=True)
            n_entries = lengths[0]
            fits = lengths == (n_entries, n_entries, n_samples + 1)
            if not fits or min(n_samples, n_features) < 0:
                shape = n_samples, n_features
                raise ValueError(f"arrays of {lengths} numbers are no rows of shape {shape}")
        super().__init__(str(self.path), (n_samples, n_features), native(types[0]))
        self.n_entries = n_entries
        sizes = types[0].itemsize + types[1].itemsize
        self.n_bytes = POINTER_BYTES * (n_samples + 1) + n_entries * sizes

    def read(self) -> Any:
        with (
            unchanged(self.path, self.state) as file,
            _wholly(self.path),
            ZipFile(file) as archive,
        ):
            values, indices, indptr = (_array(archive, name, ARRAYS[name]) for name in ARRAYS)
        return csr_of(values, indices, indptr, self.shape)


@contextmanager
def _wholly(path: Path) -> Iterator[None]:
    """Name a file that is damaged, which shows in errors of many types."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is no whole .npz file of sparse rows, as scipy.sparse.save_npz writes them: "
            f"{error}"
        ) from error


@contextmanager
def _opened(
    archive: ZipFile, name: str, kinds: str, n_dims: int
) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
    """The numbers of an array, of which none is inflated yet, and what its header says of them."""
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as stream:
        shape, _, dtype = header_of(stream, n_dims)
        n_bytes = dtype.itemsize * math.prod(shape)
        if dtype.kind not in kinds or stream.tell() + n_bytes != member.file_size:
            raise ValueError(f"{name} claims to be {dtype} of shape {shape}")
        yield stream, shape, dtype


def _described(archive: ZipFile, name: str) -> tuple[int, np.dtype[Any]]:
    """Length and type of an array."""
    with _opened(archive, name, ARRAYS[name], 1) as (_, (length,), dtype):
        return length, dtype


def _array(archive: ZipFile, name: str, kinds: str, n_dims: int = 1) -> NDArray[Any]:
    """An array, checked against its checksum."""
    with _opened(archive, name, kinds, n_dims) as (stream, shape, dtype):
        return np.frombuffer(stream.read(), dtype).reshape(shape)


def sound(given: Any, name: str) -> SparseMatrix:
    """Sparse rows as kernels read them: by one thread, for others compute meanwhile.

    Raises
    ------
    ValueError
        If indices or row pointers are broken, naming the part.
    """
    with naming(name):
        return SparseMatrix.of(rows_of(given, 1))


def csr_of(
    values: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], shape: tuple[int, int]
) -> Any:
    """A CSR of these arrays as they lie; given them, SciPy would look through some, and copy."""
    rows = csr_array(shape)
    rows.data, rows.indices, rows.indptr = values, indices, indptr
    return rows


def entry_bytes(X: Any) -> int:
    """Of the value and the index of an entry."""
    return int(X.data.itemsize + X.indices.itemsize)


def native(dtype: Any) -> np.dtype[Any]:
    """A type of number in the order of bytes of this machine."""
    found: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return found
