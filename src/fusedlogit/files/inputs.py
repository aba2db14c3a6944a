"""Read what the user named: regular files only, and no more of them than is sensible.

A device or a pipe may have no end, and opening one may wait for ever.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)

# Where a system knows them: do not wait for the other end of a pipe, do not translate line ends.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotRegularFileError(OSError):
    """What should be read is a folder, pipe, socket or device; `strerror` says "is a ..."."""

    def __init__(self, kind: str, path: str | os.PathLike[str]) -> None:
        super().__init__(errno.EISDIR if kind == "folder" else errno.EINVAL, f"is a {kind}", path)


@contextmanager
def refused_as(
    error_type: type[Exception], name: str, wanted: str, missing: str | None = None
) -> Iterator[None]:
    """Turn what the system refuses to read into one clear error.

    Parameters
    ----------
    error_type : type
    name : str
        Of the file, printable.
    wanted : str
        What to give instead of what is no regular file.
    missing : str, optional
        What to do about a file that does not exist; as `wanted` by default.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise error_type(f"{name} does not exist: {missing or wanted}") from error
    except NotRegularFileError as error:
        raise error_type(f"{name} {error.strerror}: {wanted}") from error
    except OSError as error:
        raise error_type(f"{name} cannot be read ({error.strerror}): allow reading it") from error


def irregular_kind(mode: int) -> str | None:
    """Return what a file of some mode (see `os.stat`) is, None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "special file")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading, links followed; never waits.

    Raises
    ------
    NotRegularFileError
        If it is something else; that is not opened.
    OSError
        If it cannot be opened.
    """
    # Opening alone may do something to a device, so look first; then look again at what was opened:
    # a pipe may have taken the file's place.
    _require_regular(os.stat(path).st_mode, path)
    descriptor = os.open(path, _FLAGS)
    try:
        _require_regular(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_at_most(path: str | os.PathLike[str], limit: int) -> bytes | None:
    """Return a regular file's content, or None if it is longer than `limit` bytes.

    A file of known size is refused unread. Some system files claim to be empty and have no end:
    of them, one byte more than the limit is read.

    Raises
    ------
    NotRegularFileError, OSError
        As by `open_regular`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            return None
        # A request reserves memory for all that it asks for, so ask for little first.
        content = file.read(size + 1) or b""
        if len(content) > size:
            content += file.read(limit + 1 - len(content)) or b""
    return content if len(content) <= limit else None


def _require_regular(mode: int, path: str | os.PathLike[str]) -> None:
    kind = irregular_kind(mode)
    if kind is not None:
        raise NotRegularFileError(kind, path)
