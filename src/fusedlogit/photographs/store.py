"""Decoded images kept in a folder: bytes in a memory map, beside a manifest with checksums.

A store grows block by block under a temporary name, and is renamed when it is whole. A block counts
once its line in the manifest is written, which comes after its rows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError, StoreError, UnreadableImageError, printable
from ..files.inputs import open_regular
from ..files.outputs import make_folder, partial_store, write_whole
from .decoding import DecodedImages, decode_images
from .images import CHANNELS, ImageSource, open_source
from .manifest import (
    REMEDY,
    Manifest,
    StoredBlock,
    StoredImage,
    Wanted,
    check_wanted,
    manifest_lines,
    may_be_read,
    read_manifest,
)
from .stages import Listener
from .workers import for_each

PIXELS, MANIFEST = "pixels.npy", "manifest.jsonl"

#: Bytes of rows that are decoded before they are written, about: of two blocks, for one is written
#: while the next is decoded.
BLOCK_BYTES = 1 << 26

#: Images of a block at least, for threads to share.
LEAST_IMAGES = 16

_PIECE = 1 << 20


def stored_images(
    place: Path,
    wanted: Wanted,
    *,
    n_threads: int | None = None,
    strict: bool = False,
    listener: Listener | None = None,
) -> DecodedImages:
    """Take images from a store; make it first, or go on where that was interrupted.

    Parameters
    ----------
    place : Path
        Folder of the store; while it is made, its name ends in ``.partial``.
    wanted : Wanted
        What the store should hold, and where the images come from.
    n_threads : int, optional
        Number of threads; all cores by default.
    strict : bool
        Raise on an unreadable image instead of leaving it out.
    listener : Listener, optional
        Hears of progress.

    Returns
    -------
    DecodedImages
        Of which `pixels` is a memory map, for reading alone.

    Raises
    ------
    StoreError
        If the store is damaged, or of other images, another size or another split.
    OutputError
        If it cannot be written; what is finished stays for the next run.
    DecompressionBombError, UnreadableImageError
        As `decode_images` raises them.
    """
    listener = listener or Listener()
    place = Path(os.path.realpath(place))
    with open_source(wanted.origin) as source:
        with may_be_read(place):
            made = place.exists() and not (place.is_dir() and not any(place.iterdir()))
        if made:
            manifest = _checked(place, wanted, source, n_threads, listener)
        else:
            manifest = _made(place, wanted, source, n_threads, strict, listener)
    if strict and manifest.skipped:
        raise UnreadableImageError(manifest.skipped[0])
    kept = np.flatnonzero([image.skipped is None for image in manifest.images])
    return DecodedImages(_mapped(place, manifest), kept, manifest.skipped)


def is_read_only(place: Path) -> bool:
    """Whether there is a finished store that cannot be written, as it need not be."""
    return (place / MANIFEST).is_file() and not os.access(place, os.W_OK)


def _mapped(place: Path, manifest: Manifest) -> NDArray[np.uint8]:
    shape = (manifest.n_rows, _row_bytes(manifest.size))
    if not manifest.n_rows:  # which no map can hold
        return np.empty(shape, np.uint8)
    return np.memmap(place / PIXELS, np.uint8, "r", len(_header(*shape)), shape)


def _row_bytes(size: int) -> int:
    return size * size * CHANNELS


def _header(n_rows: int, row_bytes: int) -> bytes:
    """Return the beginning of an .npy file, which is as long for any number of rows."""
    header = BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": (n_rows, row_bytes)}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _checked(
    place: Path, wanted: Wanted, source: ImageSource, n_threads: int | None, listener: Listener
) -> Manifest:
    """Return the manifest of a store that is whole and of the images wanted."""
    pixels, remedy = place / PIXELS, REMEDY.format(printable(place))
    if not (place / MANIFEST).is_file():
        if not pixels.is_file():  # what is in it is the user's
            remedy = "give another folder to --store"
        raise StoreError(f"{printable(place)} is not a store of images: {remedy}")
    manifest = read_manifest(place / MANIFEST)
    if not manifest.whole:
        raise StoreError(
            f"{printable(place / MANIFEST)} is incomplete: it tells of {len(manifest.images):,} of "
            f"{sum(manifest.parts):,} images; {remedy}"
        )
    check_wanted(place, manifest, wanted)
    _check_sources(place, manifest, wanted, source)
    _check_length(pixels, manifest, remedy)
    right = _right_blocks(pixels, manifest, n_threads, listener)
    if not all(right):
        block = right.index(False)
        first = manifest.blocks[block].images[0].name
        raise StoreError(
            f"{printable(pixels)} has changed: rows {manifest.bounds[block]:,} to "
            f"{manifest.bounds[block + 1] - 1:,} (from {printable(first)} on) are not as they were "
            f"written; {remedy}"
        )
    return manifest


def _check_length(pixels: Path, manifest: Manifest, remedy: str) -> None:
    """Refuse a map that is cut short, or says that it is of another shape."""
    header = _header(manifest.n_rows, _row_bytes(manifest.size))
    wanted = len(header) + manifest.n_rows * _row_bytes(manifest.size)
    try:
        with may_be_read(pixels), open_regular(pixels) as file:
            length, found = os.fstat(file.fileno()).st_size, file.read(len(header))
    except OSError as error:
        raise StoreError(
            f"{printable(pixels)} cannot be read ({error.strerror}): {remedy}"
        ) from error
    if length != wanted or found != header:
        raise StoreError(
            f"{printable(pixels)} is not whole: it has {length:,} of {wanted:,} bytes, or another "
            f"header; {remedy}"
        )


def _check_sources(place: Path, manifest: Manifest, wanted: Wanted, source: ImageSource) -> None:
    """Refuse a store of which an image has changed since; only those are read that may have.

    One that could not be read may be readable now, which its stamp does not tell.
    """
    for image in manifest.images:
        if image.sha256 is None or source.stamp(image.name) != image.stamp:
            try:
                digest = hashlib.sha256(source.read(image.name)).hexdigest()
            except UnreadableImageError:
                digest = None
            if digest != image.sha256:
                raise StoreError(
                    f"{printable(image.name)} in {printable(wanted.origin)} has changed since it "
                    f"was stored: {REMEDY.format(printable(place))}"
                )


def _right_blocks(
    pixels: Path, manifest: Manifest, n_threads: int | None, listener: Listener
) -> list[bool]:
    """Tell of each block whether its rows have their checksum; they are read, not mapped."""
    row_bytes, bounds = _row_bytes(manifest.size), manifest.bounds
    start = len(_header(0, row_bytes))
    right = [False] * len(manifest.blocks)
    listener.checking(pixels.parent, len(manifest.blocks))

    def check(block: int) -> None:
        left = (bounds[block + 1] - bounds[block]) * row_bytes
        digest = hashlib.sha256()
        with open_regular(pixels) as file:
            file.seek(start + bounds[block] * row_bytes)
            while left and (piece := file.read(min(left, _PIECE))):
                digest.update(piece)
                left -= len(piece)
        right[block] = digest.hexdigest() == manifest.blocks[block].sha256

    for_each(check, len(right), n_threads=n_threads, chunk=1, on_done=listener.checked)
    return right


def _made(
    place: Path,
    wanted: Wanted,
    source: ImageSource,
    n_threads: int | None,
    strict: bool,
    listener: Listener,
) -> Manifest:
    """Fill a store under a temporary name, from where an earlier run has ended, and rename it."""
    if place.exists() and (os.path.ismount(place) or place.samefile(os.curdir)):
        raise OutputError(
            f"{printable(place)} is a mount point or the working folder, whose place a finished "
            "store cannot take: name a folder in it"
        )
    partial = partial_store(place)
    make_folder(partial)
    with _writable(partial), _filling(partial) as pixels:
        manifest = _resumed(partial, wanted, source, n_threads, listener)
        _check_room(partial, manifest, wanted)
        counts = Counter(file.label for file in wanted.files)
        n_bytes = len(wanted.files) * _row_bytes(wanted.size)
        listener.found(dict(sorted(counts.items())), wanted.size, n_bytes, place)
        listener.decoded(len(manifest.images))
        with open(partial / MANIFEST, "ab") as lines:
            writer = _Writer(pixels, lines, wanted.size, manifest)
            _fill(writer, wanted, source, n_threads, strict, listener)
            writer.finish()
        if place.exists():
            place.rmdir()  # it is empty
        os.rename(partial, place)
    return read_manifest(place / MANIFEST)


@contextmanager
def _writable(partial: Path) -> Iterator[None]:
    """Turn what writing raises into an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{printable(partial)} cannot be written ({error.strerror}): make room and run again, "
            "which goes on with what is finished, or give another folder to --store"
        ) from error


@contextmanager
def _filling(partial: Path) -> Iterator[BinaryIO]:
    """Open the map of a store, unless another run is filling it, where the system can tell."""
    (partial / PIXELS).touch()
    with open(partial / PIXELS, "r+b") as pixels:
        try:
            import fcntl

            fcntl.flock(pixels, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except BlockingIOError:
            raise StoreError(
                f"{printable(partial)} is being filled by another run: wait for its end"
            ) from None
        yield pixels


def _resumed(
    partial: Path, wanted: Wanted, source: ImageSource, n_threads: int | None, listener: Listener
) -> Manifest:
    """Return the blocks of an interrupted run up to the first that is not right, if any."""
    manifest = Manifest(wanted.size, wanted.parts, ())
    if not (partial / MANIFEST).exists():
        if (partial / PIXELS).stat().st_size:  # the manifest comes before the first row
            raise StoreError(
                f"{printable(partial)} is no store: {REMEDY.format(printable(partial))}"
            )
    else:
        found = read_manifest(partial / MANIFEST)
        if found.blocks:  # else nothing is lost by another beginning
            check_wanted(partial, found, wanted)
        _check_sources(partial, found, wanted, source)
        right = [*_right_blocks(partial / PIXELS, found, n_threads, listener), False]
        manifest = Manifest(wanted.size, wanted.parts, found.blocks[: right.index(False)])
    write_whole(partial / MANIFEST, manifest_lines(wanted, manifest.blocks))
    return manifest


def _check_room(partial: Path, manifest: Manifest, wanted: Wanted) -> None:
    """Refuse to begin what the disk has no room for."""
    missing = (len(wanted.files) - len(manifest.images)) * _row_bytes(wanted.size)
    free = shutil.disk_usage(partial).free
    if missing > free:
        raise OutputError(
            f"{printable(partial)} needs {missing / 1e6:,.0f} MB more, {free / 1e6:,.0f} MB are "
            "free: make room, or give a smaller --size or another folder to --store"
        )


@dataclass
class _Writer:
    """Appends blocks to the files of a store, the rows first."""

    pixels: BinaryIO
    lines: BinaryIO
    size: int
    done: Manifest

    def __post_init__(self) -> None:
        self._n_rows = self.done.n_rows
        self._header = len(_header(0, _row_bytes(self.size)))

    def append(self, rows: NDArray[np.uint8], images: tuple[StoredImage, ...]) -> None:
        block = StoredBlock(hashlib.sha256(rows.data).hexdigest(), images)
        self.pixels.seek(self._header + self._n_rows * _row_bytes(self.size))
        self.pixels.write(rows.data)
        _to_disk(self.pixels)
        self.lines.write(block.line().encode())
        _to_disk(self.lines)
        self._n_rows += len(rows)

    def finish(self) -> None:
        """Write the header, and cut off what an interrupted run has left behind the last block."""
        self.pixels.truncate(self._header + self._n_rows * _row_bytes(self.size))
        self.pixels.seek(0)
        self.pixels.write(_header(self._n_rows, _row_bytes(self.size)))
        _to_disk(self.pixels)


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


class _Digesting:
    """A source that keeps the checksum of all that is read from it."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self.sha256: dict[str, str] = {}
        self.names, self.stamp = source.names, source.stamp

    def read(self, name: str) -> bytes:
        content = self._source.read(name)
        self.sha256[name] = hashlib.sha256(content).hexdigest()
        return content


def _fill(
    writer: _Writer,
    wanted: Wanted,
    source: ImageSource,
    n_threads: int | None,
    strict: bool,
    listener: Listener,
) -> None:
    """Decode the blocks that are missing; each is written while the next is decoded."""
    n_images = max(LEAST_IMAGES, BLOCK_BYTES // _row_bytes(wanted.size))
    begun = len(writer.done.images)
    written: Future[None] | None = None
    with ThreadPoolExecutor(1, "fusedlogit-store") as pool:
        for begin in range(begun, len(wanted.files), n_images):
            files = wanted.files[begin : begin + n_images]
            stamps = [source.stamp(file.name) for file in files]  # before they are read
            digesting = _Digesting(source)
            decoded = decode_images(
                digesting, [file.name for file in files], wanted.size,
                n_threads=n_threads, strict=strict, on_decoded=listener.decoded,
            )  # fmt: skip
            why = {skipped.name: (skipped.reason, skipped.fix) for skipped in decoded.skipped}
            images = tuple(
                StoredImage(
                    file.name, file.label, stamp, digesting.sha256.get(file.name),
                    why.get(file.name),
                )
                for file, stamp in zip(files, stamps, strict=True)
            )  # fmt: skip
            if written is not None:
                written.result()
            written = pool.submit(writer.append, decoded.pixels, images)
        if written is not None:
            written.result()
