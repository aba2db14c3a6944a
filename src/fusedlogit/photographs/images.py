"""Find and label the images in a zip file or a folder.

An image is labelled by its file name (``cat.12.jpg``: label ``cat``, number 12) or, where the
names carry no labels, by its folder (``cat/12.jpg``: the same label and number).
Nothing is decoded here; see `fusedlogit.photographs.decoding`.
"""

import os
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, Protocol

from ..errors import (
    DecompressionBombError,
    ImageDataError,
    SkippedFile,
    UnreadableImageError,
    printable,
)
from ..files.inputs import NotRegularFileError, open_regular, read_at_most

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

CHANNELS = 3  # red, green, blue

# Width and height that images may be resized to, in pixels.
MAX_SIZE = 4096

# Each of train, validation and test needs an image of each label.
MINIMUM_PER_LABEL = 3

# The largest photographs are some tens of megabytes; a zip member that claims more is a trap.
MAX_FILE_BYTES = 256 * 2**20

_LABELLED_NAME = re.compile(r"(?P<label>.+)\.(?P<number>\d{1,18})\.[^.]+", re.DOTALL)
_LAST_NUMBER = re.compile(r"(?<!\d)(\d{1,18})\.[^.]+$")


@dataclass(frozen=True)
class ImageFile:
    """One image that has not been decoded yet.

    Attributes
    ----------
    name : str
        Path inside the folder or zip file, with forward slashes.
    label : str
        The class it shows.
    number : int or None
        The last number in its file name, if there is one.
    """

    name: str
    label: str
    number: int | None


@dataclass(frozen=True)
class Catalogue:
    """The labelled images of one zip file or folder, in the order of their names.

    Attributes
    ----------
    path : Path
        The zip file or folder.
    files : tuple of ImageFile
        Every labelled image.
    unlabelled : tuple of SkippedFile
        Images whose label could not be told.
    """

    path: Path
    files: tuple[ImageFile, ...]
    unlabelled: tuple[SkippedFile, ...] = ()


class ImageSource(Protocol):
    """A place that holds image files; `read` may be called from several threads."""

    def names(self) -> list[str]:
        """List every file's name, sorted."""

    def read(self, name: str) -> bytes:
        """Return one file's content; `UnreadableImageError` where it cannot be read."""

    def stamp(self, name: str) -> str:
        """Return what changes with a file's content, without reading it: length and time or CRC."""


def find_images(path: str | os.PathLike[str]) -> Catalogue:
    """List and label the images in a zip file or folder, without decoding them.

    Parameters
    ----------
    path : path-like
        A zip file, or a folder (searched with its subfolders).

    Returns
    -------
    Catalogue
        Sorted by name, so that the same files give the same order on every machine.

    Raises
    ------
    ImageDataError
        If the path holds no images, holds fewer than two labels, or too few images of a label to
        train, validate and test on.
    """
    path = Path(path)
    with open_source(path) as source:
        names = [name for name in source.names() if _is_image_name(name)]
    if not names:
        raise ImageDataError(
            f"{printable(path)} holds no images: give a folder or zip file of .jpg, .png, .webp, "
            ".gif, .bmp or .tif files"
        )
    catalogue = _label(path, names)
    check_labels(path, catalogue.files)
    return catalogue


def check_labels(path: Path, files: Sequence[ImageFile]) -> None:
    """Refuse images that do not make a question with two answers or more.

    Parameters
    ----------
    path : Path
        Where the images came from, for the message.
    files : sequence of ImageFile
        The images that would be trained on.

    Raises
    ------
    ImageDataError
        Unless there are two labels or more, with `MINIMUM_PER_LABEL` images each.
    """
    counts = Counter(file.label for file in files)
    for file in files:
        if counts[file.label] < MINIMUM_PER_LABEL:
            number = counts[file.label]
            times = "once" if number == 1 else f"{number} times"
            raise ImageDataError(
                f"label '{printable(file.label)}' occurs only {times} in {printable(path)} "
                f"({printable(file.name)}): rename or remove it, or give at least "
                f"{MINIMUM_PER_LABEL} images of each label"
            )
    if len(counts) < 2:
        found = "".join(f"1 label ('{printable(label)}')" for label in counts) or "no label"
        raise ImageDataError(
            f"{printable(path)} holds {found} where two are needed: name images like cat.12.jpg "
            "and dog.12.jpg, or put them in folders like cat/12.jpg and dog/12.jpg"
        )


@contextmanager
def open_source(path: Path) -> Iterator[ImageSource]:
    """Open a zip file or folder for reading, from several threads if need be.

    Raises
    ------
    ImageDataError
        If the path does not exist or is neither a folder nor a zip file.
    """
    if path.is_dir():
        yield _FolderSource(path)
        return
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise ImageDataError(
            f"{printable(path)} does not exist: give a zip file or a folder of images"
        ) from error
    except NotRegularFileError as error:
        raise ImageDataError(
            f"{printable(path)} {error.strerror}: give a zip file or a folder of images"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with file, _open_archive(path, file) as archive:
        yield _ZipSource(archive)


class FileSource:
    """Single image files, each named by its own path."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._names = list(paths)

    def names(self) -> list[str]:
        """List the paths in the order given."""
        return self._names

    def read(self, name: str) -> bytes:
        """Return one file's content."""
        return _read_file(Path(name), name)

    def stamp(self, name: str) -> str:
        """Return length and time of the last change."""
        return _stamp(Path(name))


class _FolderSource:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        def refuse(error: OSError) -> None:
            raise _unreadable(Path(error.filename), error) from error

        found: list[str] = []
        root, seen = Path(os.path.realpath(self._root)), set[Path]()

        def leads_on(folder: Path) -> bool:
            """Whether it is no link to what is walked over otherwise, or has been."""
            place = Path(os.path.realpath(folder))
            known = place in seen or place.is_relative_to(root) or root.is_relative_to(place)
            if folder.is_symlink() and known:
                return False
            seen.add(place)
            return True

        for folder, folders, files in os.walk(self._root, onerror=refuse, followlinks=True):
            found += [Path(folder, file).relative_to(self._root).as_posix() for file in files]
            folders[:] = [name for name in sorted(folders) if leads_on(Path(folder, name))]
        return sorted(found)

    def read(self, name: str) -> bytes:
        return _read_file(self._root / name, name)

    def stamp(self, name: str) -> str:
        return _stamp(self._root / name)


class _ZipSource:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        # ZipFile locks its reads but not its count of open members, so opening and closing are
        # serialised here; decompression, the slow part, still runs in parallel.
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        return sorted({name for name in self._archive.namelist() if not name.endswith("/")})

    def read(self, name: str) -> bytes:
        # Of a member that claims less than it holds, zipfile unpacks no more than is claimed.
        if self._archive.getinfo(name).file_size > MAX_FILE_BYTES:
            raise _too_large(name)
        try:
            with self._lock:
                member = self._archive.open(name)
            try:
                return member.read()
            finally:
                with self._lock:
                    member.close()
        # zipfile raises several unrelated types for a damaged, encrypted or exotic member.
        except Exception as error:
            raise UnreadableImageError(
                SkippedFile(name, f"cannot be unpacked ({error})")
            ) from error

    def stamp(self, name: str) -> str:
        member = self._archive.getinfo(name)
        return f"{member.file_size} bytes, CRC {member.CRC:08x}"


def _open_archive(path: Path, file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except OSError as error:
        raise _unreadable(path, error) from error
    # zipfile raises several unrelated types where the list of members is damaged.
    except Exception as error:
        raise ImageDataError(
            f"{printable(path)} is neither a folder nor a readable zip file: give one of the two, "
            "or fetch the file again"
        ) from error


def _read_file(path: Path, name: str) -> bytes:
    try:
        content = read_at_most(path, MAX_FILE_BYTES)
    except FileNotFoundError as error:
        raise UnreadableImageError(SkippedFile(name, "does not exist", "check its name")) from error
    except NotRegularFileError as error:
        kind = error.strerror or ""
        fix = "give the images in it" if kind == "is a folder" else "give an image file"
        raise UnreadableImageError(SkippedFile(name, kind, fix)) from error
    except OSError as error:
        raise UnreadableImageError(
            SkippedFile(name, f"cannot be read ({error.strerror})")
        ) from error
    if content is None:
        raise _too_large(name)
    return content


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:  # reading it will tell why
        return "none"
    return f"{status.st_size} bytes, {status.st_mtime_ns}"


def _unreadable(path: Path, error: OSError) -> ImageDataError:
    return ImageDataError(
        f"{printable(path)} cannot be read ({error.strerror}): allow reading it, or remove it"
    )


def _too_large(name: str) -> DecompressionBombError:
    return DecompressionBombError(
        f"{printable(name)} holds more than the {MAX_FILE_BYTES / 1e6:,.0f} MB allowed for one "
        "image: remove it"
    )


def _is_image_name(name: str) -> bool:
    path = _path(name)
    # Archives made on macOS carry a hidden "._cat.1.jpg" that is no image beside each that is.
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES


def _path(name: str) -> PureWindowsPath:
    """Return a name's parts by either separator, the drive apart: some archives keep both."""
    return PureWindowsPath(name)


def _label(path: Path, names: Sequence[str]) -> Catalogue:
    by_name = [_labelled_by_name(name) for name in names]
    by_folder = [_labelled_by_folder(name) for name in names]
    n_named = sum(file is not None for file in by_name)
    if n_named * 2 >= len(names) and (_n_labels(by_name) > 1 or _n_labels(by_folder) < 2):
        files, hint = by_name, "its name is not like cat.12.jpg"
    else:
        files, hint = by_folder, "it lies in no label's folder"
    labelled = tuple(file for file in files if file is not None)
    unlabelled = tuple(
        SkippedFile(name, f"has no label ({hint})", "rename or move it")
        for name, file in zip(names, files, strict=True)
        if file is None
    )
    return Catalogue(path, labelled, unlabelled)


def _n_labels(files: Iterable[ImageFile | None]) -> int:
    return len({file.label for file in files if file is not None})


def _labelled_by_name(name: str) -> ImageFile | None:
    match = _LABELLED_NAME.fullmatch(_path(name).name)
    return ImageFile(name, match["label"], int(match["number"])) if match else None


def _labelled_by_folder(name: str) -> ImageFile | None:
    label = _path(name).parent.name
    number = _LAST_NUMBER.search(name)
    return ImageFile(name, label, int(number[1]) if number else None) if label else None
