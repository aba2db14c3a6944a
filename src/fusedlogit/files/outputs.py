"""Write result files whole or not at all, and tell early whether they can be written."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError, printable
from .inputs import irregular_kind

#: Name of a report's page in its folder.
REPORT_PAGE = "report.html"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    Of a link, what it points to is written, and the link kept.

    Raises
    ------
    OutputError
        If either step fails, or what is there is no regular file; nothing is left behind then.
    """
    target = _followed(path)
    _refuse_irregular(target, path)
    temporary = _temporary(target.parent)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder; the files written to it appear at `path` at the end, or not at all.

    Files of other names that a folder at `path` holds stay there.

    Raises
    ------
    OutputError
        If a file cannot be written; nothing is left behind, and what was there is as it was.
    """
    target = _followed(path)
    nearest = next(place for place in (target, *target.parents) if place.exists())
    temporary = _temporary(nearest)
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():
            _move_files(temporary, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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


def picture_names(images: Sequence[str]) -> list[str]:
    """Return names for pictures of some images, such as 01-cat.12.png, that sort in their order."""
    digits = len(str(len(images)))
    # A file's name may have 255 bytes.
    stems = [os.fsencode(Path(image).stem)[:200].decode(errors="ignore") for image in images]
    return [f"{number:0{digits}}-{stem}.png" for number, stem in enumerate(stems, start=1)]


def check_file(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Refuse a place for a file where it could not be written later, or lies what is to be read.

    Raises
    ------
    OutputError
        If the path is a folder, device or pipe, or one of the inputs or in one, or its folder is
        missing or read-only.
    """
    target = _followed(path)
    _refuse_irregular(target, path)
    if any(target.exists() and read.exists() and target.samefile(read) for read in inputs):
        raise OutputError(f"{printable(path)} is what is to be read: name another file")
    _check_outside(target, path, inputs)
    if not target.parent.is_dir():
        # Named as the user did, unless a link leads elsewhere.
        folder = target.parent if path.is_symlink() else path.parent
        raise OutputError(
            f"{printable(path)} cannot be written: make the folder {printable(folder)} first"
        )
    _check_writable(target.parent, path)


def check_folder(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Refuse a place for a folder of files where they could not be written later, or are read.

    Raises
    ------
    OutputError
        If a file is in the way, the nearest existing folder is read-only, or the path is or lies in
        one of the inputs.
    """
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not nearest.is_dir():
        kind = irregular_kind(nearest.stat().st_mode) or "file"
        raise OutputError(f"{printable(nearest)} is a {kind}: name a folder, or another place")
    _check_outside(_followed(path), path, inputs)
    _check_writable(nearest, path)


def check_pictures(folder: Path, pictures: Sequence[str], inputs: Sequence[Path]) -> None:
    """Refuse a folder for pictures where one of them would be written over what is to be read.

    Raises
    ------
    OutputError
        Naming it.
    """
    read = {_followed(path) for path in inputs}
    for picture in pictures:
        if _followed(folder / picture) in read:
            raise OutputError(
                f"{printable(folder / picture)} is what is to be read: name another folder"
            )


def check_apart(path: Path, folder: Path) -> None:
    """Refuse a place for a file in the way of a folder, or of one of its pages or pictures.

    Raises
    ------
    OutputError
        If the folder is the path or lies below it, or the path has the name of such a file in it.
    """
    target, place = _followed(path), _followed(folder)
    if place.is_relative_to(target):
        raise OutputError(f"{printable(path)} is named as a file and as a folder: name another")
    if target.parent == place and target.suffix.lower() in (".html", ".png"):
        raise OutputError(
            f"{printable(path)} might be written over by what goes to {printable(folder)}: name "
            "another"
        )


def check_outside_store(path: Path, option: str, store: Path) -> None:
    """Refuse a place for what an option names in a store of images, there or still to be made.

    Raises
    ------
    OutputError
        Naming both options.
    """
    target, place = _followed(path), _followed(store)
    if any(target.is_relative_to(folder) for folder in (place, partial_store(place))):
        raise OutputError(
            f"{option} {printable(path)} lies in the folder of --store {printable(store)}, whose "
            "files are its own: choose a place outside of it"
        )


def partial_store(place: Path) -> Path:
    """Return where a store is while it is filled."""
    return place.with_name(place.name + ".partial")


def _check_outside(target: Path, path: Path, inputs: Sequence[Path]) -> None:
    """Refuse to put among what is to be read what the next run would read as well."""
    for read in inputs:
        if read.is_dir() and target.is_relative_to(_followed(read)):
            raise OutputError(
                f"{printable(path)} lies in {printable(read)}, which is to be read: choose a place "
                "outside of it"
            )


def _followed(path: Path) -> Path:
    """Return what a path stands for when all links are followed, there or not."""
    return Path(os.path.realpath(path))


def _temporary(folder: Path) -> Path:
    return folder / f".{uuid.uuid4().hex}.tmp"


def _refuse_irregular(target: Path, path: Path) -> None:
    """Refuse to put a file in the place of something else."""
    try:
        kind = irregular_kind(target.stat().st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _cannot_write(path, error) from error
    if kind is not None:
        fix = "name a file in it" if kind == "folder" else "name a file"
        raise OutputError(f"{printable(path)} is a {kind}: {fix}")


def _move_files(source: Path, target: Path) -> None:
    """Move all files to another folder; none if one of them cannot replace what is there."""
    files = sorted(source.iterdir())
    for file in files:
        if (target / file.name).is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{file.name} is a folder there")
    for file in files:
        os.replace(file, target / file.name)


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
