"""Read the arrays of an .npz file one by one, each checked before anything is made of it."""

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .inputs import open_regular

_SUFFIX = ".npy"
_ENCRYPTED = 1  # bit of a zip member's flags


class ArrayFile(Mapping[str, NDArray[Any]]):
    """The arrays of an open .npz file, read when asked for; see `open_arrays`."""

    def __init__(self, archive: zipfile.ZipFile, n_bytes: int) -> None:
        self._archive = archive
        self._members = {_array_name(member): member for member in archive.infolist()}
        self._read: set[str] = set()
        if len(self._members) < len(archive.infolist()):
            raise ValueError("two members share a name")
        if sum(member.file_size for member in self._members.values()) > n_bytes:
            raise ValueError("its members claim more bytes than it holds")

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return one array; KeyError if there is none, ValueError if it is damaged."""
        member = self._members[name]
        self._read.add(name)
        return _array(name, self._archive.read(member))

    def __contains__(self, name: object) -> bool:
        """Whether there is such an array; it is not read."""
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    @property
    def unread(self) -> list[str]:
        """Names of the arrays that nobody has asked for."""
        return sorted(self._members.keys() - self._read)


@contextmanager
def open_arrays(path: str | os.PathLike[str], limit: int) -> Iterator[ArrayFile]:
    """Open an .npz file that `numpy.savez` wrote.

    Its members must be stored as they are: what is read is never more than the file holds.

    Parameters
    ----------
    path : path-like
        The file.
    limit : int
        Bytes that it may hold at most.

    Raises
    ------
    OSError
        If it is no regular file or cannot be opened.
    ValueError, zipfile.BadZipFile
        If it is too large, or no such file.
    """
    with open_regular(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes > limit:
            raise ValueError(f"{n_bytes / 1e6:,.0f} MB, more than the {limit / 1e6:,.0f} allowed")
        with zipfile.ZipFile(file) as archive:
            yield ArrayFile(archive, n_bytes)


def field(
    arrays: Mapping[str, NDArray[Any]], name: str, kinds: str, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return one of several arrays, if it is what it should be.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        All of them.
    name : str
        The one wanted.
    kinds : str
        Kinds of type that it may have: "f" for floats, "iu" for integers, "b", "U" for text.
    shape : tuple of int or None
        Its shape; None where any length will do.

    Raises
    ------
    ValueError
        If it is missing, of another type or shape, or not finite.
    """
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, length) for length, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype.kind not in kinds or not fits:
        raise ValueError(f"{name} does not fit: {array.dtype} of shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} does not fit: it is not finite")
    return array


def require(condition: bool, name: str) -> None:
    """Raise a ValueError that names an array, unless a condition on it holds."""
    if not condition:
        raise ValueError(f"{name} does not fit: its values are out of range")


def _array_name(member: zipfile.ZipInfo) -> str:
    stored = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & _ENCRYPTED
    if not stored or member.compress_size != member.file_size:
        raise ValueError(f"member {member.filename} is compressed or encrypted")
    if not member.filename.endswith(_SUFFIX):
        raise ValueError(f"member {member.filename} is no array")
    return member.filename.removesuffix(_SUFFIX)


def _array(name: str, content: bytes) -> NDArray[Any]:
    """Return the array in the content of an .npy file that holds that and nothing else."""
    try:
        stream = BytesIO(content)
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("of an unknown version")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        # In Python's integers, which do not overflow.
        n_bytes = dtype.itemsize * math.prod(shape)
        if dtype.hasobject or min(shape, default=0) < 0 or n_bytes != len(content) - stream.tell():
            raise ValueError(f"claims to be {dtype} of shape {shape}")
        array: NDArray[Any] = np.lib.format.read_array(BytesIO(content), allow_pickle=False)
    # A damaged header raises several types of error.
    except Exception as error:
        raise ValueError(f"{name} is no whole array: {error}") from error
    return array
