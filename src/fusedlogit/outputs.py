"""Write result files whole or not at all, and tell early whether they can be written."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

from .errors import OutputError, printable


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    Raises
    ------
    OutputError
        If either step fails; nothing is left behind then.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they exist.

    Raises
    ------
    OutputError
        If that fails, or a file is in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


def check_file(path: Path) -> None:
    """Refuse a place for a file where it could not be written later.

    Raises
    ------
    OutputError
        If the path is a folder, or its folder is missing or read-only.
    """
    if path.is_dir():
        raise OutputError(f"{printable(path)} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise OutputError(
            f"{printable(path)} cannot be written: make the folder {printable(path.parent)} first"
        )
    _check_writable(path.parent, path)


def check_folder(path: Path) -> None:
    """Refuse a place for a folder of files where they could not be written later.

    Raises
    ------
    OutputError
        If a file is in the way, or the nearest existing folder is read-only.
    """
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise OutputError(f"{printable(nearest)} is a file: name a folder, or another place")
    _check_writable(nearest, path)


def _check_writable(folder: Path, path: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise OutputError(
            f"{printable(path)} cannot be written, {printable(folder)} is read-only: "
            "choose another place"
        )


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{printable(path)} cannot be written ({error.strerror}): choose another place"
    )
