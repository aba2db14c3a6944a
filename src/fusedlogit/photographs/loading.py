"""Load a zip file or folder of images, split into train, validation and test."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageDataError, SkippedFile, printable
from ..runtime.stages import timed
from .decoding import DecodedImages, decode_images
from .duplicates import Duplicate, find_duplicates
from .images import CHANNELS, ImageFile, find_images, open_source
from .manifest import Wanted
from .splits import PARTS, draw_images, split_images
from .stages import Listener
from .store import stored_images


@dataclass(frozen=True)
class SplitImages:
    """Decoded images whose train, validation and test parts are slices of one array.

    Attributes
    ----------
    origin : str
        Where they came from.
    pixels : ndarray or memmap of uint8, shape (n, size * size * 3), C order
        One image a row.
    files : tuple of ImageFile, length n
        Name, label and number of each row.
    size : int
        Width and height in pixels.
    bounds : mapping of str to slice
        The rows of "train", "validation" and "test".
    skipped : tuple of SkippedFile
        Files left out.
    duplicates : tuple of Duplicate
        Test images that are nearly the same as another image.
    seconds : mapping of str to float
        Seconds that each stage took.
    """

    origin: str
    pixels: NDArray[np.uint8]
    files: tuple[ImageFile, ...]
    size: int
    bounds: Mapping[str, slice]
    skipped: tuple[SkippedFile, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted; of two, probabilities are those of the second."""
        return tuple(sorted({file.label for file in self.files}))

    def rows(self, *parts: str) -> slice:
        """Return the rows of a part, or of several that follow each other."""
        return slice(self.bounds[parts[0]].start, self.bounds[parts[-1]].stop)

    def targets(self, *parts: str) -> NDArray[np.str_]:
        """Return the labels of these rows."""
        return np.array([file.label for file in self.files[self.rows(*parts)]])

    def part(self, *parts: str) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
        """Return the pixels (a view, not a copy) and labels of these rows."""
        return self.pixels[self.rows(*parts)], self.targets(*parts)

    def counts(self) -> dict[str, int]:
        """Return the number of images of each label."""
        return dict(sorted(Counter(file.label for file in self.files).items()))


def load_images(
    path: str | os.PathLike[str],
    *,
    size: int = 64,
    limit: int | None = None,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.2,
    test_from: int | None = None,
    seed: int = 0,
    n_threads: int | None = None,
    strict: bool = False,
    store: Path | None = None,
    listener: Listener | None = None,
) -> SplitImages:
    """Find, split and decode the images in a zip file or folder.

    They are split before they are decoded, so that each part's rows lie together in the one
    array and no part is ever copied.

    Parameters
    ----------
    path : path-like
        Zip file or folder; see `fusedlogit.photographs.images` for how images are labelled.
    size : int
        Width and height to resize to, in pixels.
    limit : int, optional
        Use so many images of each label, drawn by the seed.
    validation_fraction, test_fraction, test_from, seed
        See `fusedlogit.photographs.splits.split_images`.
    n_threads : int, optional
        Number of decoding threads; all cores by default.
    strict : bool
        Raise on an unreadable image instead of skipping it.
    store : Path, optional
        Folder that keeps decoded images; see `fusedlogit.photographs.store`. They are then a
        memory map, in the order of this split.
    listener : Listener, optional
        Hears of progress.

    Returns
    -------
    SplitImages

    Raises
    ------
    ImageDataError
        If the images cannot be trained on; the message names the file and the fix.
    StoreError, OutputError
        If the store is damaged or of other images, or cannot be written.
    """
    listener = listener or Listener()
    seconds: dict[str, float] = {}
    with timed(seconds, "listing"):
        catalogue = find_images(path)
        found = catalogue.files if limit is None else draw_images(catalogue.files, limit, seed)
        split = split_images(
            found,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
            test_from=test_from,
            seed=seed,
        )
        files = tuple(found[row] for row in split.order)
    if store is None:
        with timed(seconds, "decoding"):
            decoded = _decoded(catalogue.path, files, size, n_threads, strict, listener)
    else:
        wanted = Wanted(catalogue.path, files, split.lengths, size)
        with timed(seconds, "store"):
            decoded = stored_images(
                store, wanted, n_threads=n_threads, strict=strict, listener=listener
            )
    kept = tuple(files[row] for row in decoded.kept)
    bounds = split.bounds(decoded.kept)
    _check_decoded(kept, bounds, {file.label for file in files}, decoded.skipped)
    with timed(seconds, "duplicates"):
        duplicates = find_duplicates(decoded.pixels, kept, size, bounds["test"])
    return SplitImages(
        origin=str(path),
        pixels=decoded.pixels,
        files=kept,
        size=size,
        bounds=bounds,
        skipped=catalogue.unlabelled + decoded.skipped,
        duplicates=duplicates,
        seconds=seconds,
    )


def _decoded(
    path: Path,
    files: tuple[ImageFile, ...],
    size: int,
    n_threads: int | None,
    strict: bool,
    listener: Listener,
) -> DecodedImages:
    """Decode images in the order given; the listener hears first how many, and of their memory."""
    counts = Counter(file.label for file in files)
    listener.found(dict(sorted(counts.items())), size, len(files) * size * size * CHANNELS)
    with open_source(path) as source:
        return decode_images(
            source,
            [file.name for file in files],
            size,
            n_threads=n_threads,
            strict=strict,
            on_decoded=listener.decoded,
        )


def _check_decoded(
    files: tuple[ImageFile, ...],
    bounds: Mapping[str, slice],
    labels: set[str],
    skipped: tuple[SkippedFile, ...],
) -> None:
    """Check that skipping unreadable images has left some of each label in each part."""
    for name in PARTS:
        present = {file.label for file in files[bounds[name]]}
        for label in sorted(labels - present):
            raise ImageDataError(
                f"no {name} image of label '{printable(label)}' can be decoded, "
                f"{len(skipped)} were skipped, first {skipped[0]}"
            )
