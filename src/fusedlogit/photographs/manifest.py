"""What a store of decoded images says of itself: a line for the whole, and one for each block."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SkippedFile, StoreError, printable
from .images import ImageFile

_FORMAT, _VERSION = "fusedlogit store", 1

#: What helps where a store is damaged or of something else.
REMEDY = "delete {}, or give another folder to --store"


@dataclass(frozen=True)
class Wanted:
    """The images that a run wants to find in a store, in the order of the rows.

    Attributes
    ----------
    origin : Path
        Zip file or folder that they come from.
    files : tuple of ImageFile
        Train, validation and test images, part after part.
    parts : tuple of int
        How many of each part.
    size : int
        Width and height in pixels.
    """

    origin: Path
    files: tuple[ImageFile, ...]
    parts: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class StoredImage:
    """One image of a block.

    Attributes
    ----------
    name, label : str
    stamp : str
        See `fusedlogit.photographs.images.ImageSource`.
    sha256 : str or None
        Of the file's content; None if it could not be read.
    skipped : tuple of two str, or None
        Why it could not be decoded, so that it has no row, and what to do about it.
    """

    name: str
    label: str
    stamp: str
    sha256: str | None
    skipped: tuple[str, str] | None = None


@dataclass(frozen=True)
class StoredBlock:
    """Rows that follow each other, and the images that they were made of.

    Attributes
    ----------
    sha256 : str
        Of the rows.
    images : tuple of StoredImage
        In the order of the rows, those without a row among them.
    """

    sha256: str
    images: tuple[StoredImage, ...]

    @property
    def n_rows(self) -> int:
        """Number of images that could be decoded."""
        return sum(image.skipped is None for image in self.images)

    def line(self) -> str:
        """The block's line of the manifest."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True)
class Manifest:
    """All that a store says of itself.

    Attributes
    ----------
    size : int
        Width and height of the images, in pixels.
    parts : tuple of int
        Numbers of train, validation and test images, those without a row among them.
    blocks : tuple of StoredBlock
        Those that are finished.
    """

    size: int
    parts: tuple[int, ...]
    blocks: tuple[StoredBlock, ...]

    @property
    def images(self) -> list[StoredImage]:
        """The images of all blocks."""
        return [image for block in self.blocks for image in block.images]

    @property
    def whole(self) -> bool:
        """Whether no block is missing."""
        return len(self.images) == sum(self.parts)

    @property
    def n_rows(self) -> int:
        """Rows of all blocks."""
        return sum(block.n_rows for block in self.blocks)

    @property
    def bounds(self) -> list[int]:
        """The first row of each block, and behind it the number of all rows."""
        return [int(row) for row in np.cumsum([0, *(block.n_rows for block in self.blocks)])]

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """The images that have no row."""
        return tuple(
            SkippedFile(image.name, *image.skipped) for image in self.images if image.skipped
        )


def manifest_lines(wanted: Wanted, blocks: Iterable[StoredBlock] = ()) -> bytes:
    """Return a manifest as it is written: lines of JSON."""
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "origin": str(wanted.origin.absolute()),
        "size": wanted.size,
        "parts": wanted.parts,
    }
    lines = [json.dumps(head) + "\n", *(block.line() for block in blocks)]
    return "".join(lines).encode()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest as far as it is whole: a line that an interruption tore ends it.

    Raises
    ------
    StoreError
        If it cannot be read, or is no manifest.
    """
    remedy = REMEDY.format(printable(path.parent))
    try:
        with may_be_read(path):
            content = path.read_bytes()
        first, *lines = content.splitlines(keepends=True)
        head = json.loads(first)
        if (head["format"], head["version"]) != (_FORMAT, _VERSION):
            raise ValueError("of another version")
        size, parts = int(head["size"]), tuple(int(count) for count in head["parts"])
        if size < 1 or min(parts, default=-1) < 0:
            raise ValueError("of impossible sizes")
    except StoreError:
        raise
    # Damaged bytes raise nearly every type of error.
    except Exception as error:
        raise StoreError(
            f"{printable(path)} is not the manifest of a store of this version ({error}): {remedy}"
        ) from error
    blocks = []
    for line in lines:
        try:
            blocks.append(_block(line))
        except (ValueError, LookupError, TypeError, RecursionError):
            break
    return Manifest(size, parts, tuple(blocks))


@contextmanager
def may_be_read(path: Path) -> Iterator[None]:
    """Refuse what the system keeps from the user as that: it is not damaged.

    Raises
    ------
    StoreError
    """
    try:
        yield
    except PermissionError as error:
        raise StoreError(
            f"{printable(path)} may not be read ({error.strerror}): allow reading it, or give "
            "another folder to --store"
        ) from error


def _block(line: bytes) -> StoredBlock:
    if not line.endswith(b"\n"):
        raise ValueError("torn")
    found: dict[str, Any] = json.loads(line)
    images = tuple(
        StoredImage(
            name=str(image["name"]),
            label=str(image["label"]),
            stamp=str(image["stamp"]),
            sha256=image["sha256"],
            skipped=image["skipped"] and (str(image["skipped"][0]), str(image["skipped"][1])),
        )
        for image in found["images"]
    )
    if not images:
        raise ValueError("of no images")
    return StoredBlock(str(found["sha256"]), images)


def check_wanted(place: Path, manifest: Manifest, wanted: Wanted) -> None:
    """Refuse a store of images of another size, of other images, or in another order.

    Raises
    ------
    StoreError
        Naming what differs.
    """
    name, remedy = printable(place), REMEDY.format(printable(place))
    if manifest.size != wanted.size:
        raise StoreError(
            f"{name} holds images of {manifest.size} x {manifest.size} pixels, not of "
            f"{wanted.size} x {wanted.size}: give --size {manifest.size}, {remedy}"
        )
    stored = manifest.images
    _check_names(name, stored, wanted, whole=manifest.whole)
    same = all(
        (image.name, image.label) == (file.name, file.label)
        for image, file in zip(stored, wanted.files, strict=False)
    )
    if not same or manifest.parts != wanted.parts:
        raise StoreError(
            f"{name} holds the images in the order of another split: split them as then "
            f"(--seed, --test-from, --test-fraction, --validation-fraction), {remedy}"
        )


def _check_names(name: str, stored: Sequence[StoredImage], wanted: Wanted, *, whole: bool) -> None:
    """Refuse a store that holds an image that is not wanted, or one that lacks a wanted one."""
    has, needs = {image.name for image in stored}, {file.name for file in wanted.files}
    others = [(f"holds {printable(image)}", image) for image in sorted(has - needs)]
    if whole:
        others += [(f"lacks {printable(image)}", image) for image in sorted(needs - has)]
    if others:
        raise StoreError(
            f"{name} is of other images than {printable(wanted.origin)} (or of another --limit or "
            f"--seed): it {others[0][0]}; {REMEDY.format(name)}"
        )
