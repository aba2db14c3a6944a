"""Files of arrays as parts of X: their headers are read at once, rows when they are asked for."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..files.inputs import open_regular


class NpyFile:
    """The array in an .npy file, mapped into memory: rows by slices.

    Raises
    ------
    OSError
        If it is no regular file or cannot be read.
    ValueError
        If it holds no table of numbers.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        try:
            with open_regular(self.path) as file:
                self.shape, self.fortran, self.dtype = header_of(file, 2)
                self.offset = file.tell()
                self.state = state_of(file.fileno())
        except ValueError as error:
            raise ValueError(f"{self.path} is no .npy file of a table: {error}") from None
        n_bytes = self.shape[0] * self.shape[1] * self.dtype.itemsize
        if self.offset + n_bytes > self.state[0]:
            raise ValueError(
                f"{self.path} is cut short: it holds {self.state[0] - self.offset:,} of "
                f"{n_bytes:,} bytes; write it again"
            )
        self._array: NDArray[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}  # another process maps it for itself

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        with unchanged(self.path, self.state) as file:
            array = self._array if self._array is not None else self._map(file.fileno())
        if _has_addresses():
            self._array = array
        return array[rows]

    def _map(self, descriptor: int) -> NDArray[Any]:
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        return np.ndarray(
            self.shape, self.dtype, mapped, self.offset, order="F" if self.fortran else "C"
        )


def _has_addresses() -> bool:
    """Whether maps may stay: not where the process is limited in the memory that it may address."""
    try:
        import resource
    except ImportError:  # of systems that limit it otherwise
        return True
    return resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def header_of(file: Any, n_dims: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an array of so many dimensions in an open .npy file."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"it is of version {version}")
    shape, fortran, dtype = read(file)
    if len(shape) != n_dims:
        raise ValueError(f"its array has {len(shape)} dimensions; expected {n_dims}")
    return shape, fortran, dtype


def state_of(descriptor: int) -> tuple[int, int]:
    """Size and time of the last change of an open file."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


@contextmanager
def unchanged(path: str | os.PathLike[str], state: tuple[int, int]) -> Iterator[BinaryIO]:
    """A file that is opened again, and must be as it was."""
    with open_regular(path) as file:
        if state_of(file.fileno()) != state:
            raise ValueError(f"{path} has changed since the Parts were made of it: make them anew")
        yield file
