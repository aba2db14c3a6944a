"""Test photographs that are also, or nearly, among those that were trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ..runtime.blas import blas_threads
from .features.resizing import resized, resizing_matrix
from .images import CHANNELS, ImageFile
from .mapped import runs

# Photographs are compared by the differences of adjacent pixels at this size.
_THUMBNAIL = 16

# Correlation of these from which two are the same photograph. On 20,000 photographs of cats and
# dogs, copies lie above 0.99, and the most alike of different ones (the same frame, or a vignette
# on white) at 0.83.
SAME = 0.95

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

_ROWS = 1000


@dataclass(frozen=True)
class Duplicate:
    """A test photograph that is nearly the same as another one.

    Attributes
    ----------
    test, seen : ImageFile
        It, and the one among the training and validation images.
    likeness : float
        Correlation of their gradients, at most 1.
    """

    test: ImageFile
    seen: ImageFile
    likeness: float


def find_duplicates(
    pixels: NDArray[np.uint8], files: Sequence[ImageFile], size: int, tests: slice
) -> tuple[Duplicate, ...]:
    """Find test photographs that are also among the training or validation images.

    Parameters
    ----------
    pixels : ndarray or memmap of uint8, shape (n, size * size * 3)
        All photographs, the test images last.
    files : sequence of ImageFile, length n
        Where they came from.
    size : int
        Width and height in pixels.
    tests : slice
        Rows of the test images.

    Returns
    -------
    tuple of Duplicate
        The most alike first; at most one of each test photograph. Mirror images, other
        compression and other brightness are seen through; crops are not.
    """
    seen = _gradients(_thumbnails(pixels, slice(0, tests.start), size))
    found = []
    for first in range(tests.start, tests.stop, _ROWS):
        rows = slice(first, min(first + _ROWS, tests.stop))
        thumbnails = _thumbnails(pixels, rows, size)
        likeness = np.maximum(
            _gradients(thumbnails) @ seen.T, _gradients(thumbnails[:, :, ::-1]) @ seen.T
        )
        nearest = likeness.argmax(axis=1)
        for row, other in enumerate(nearest):
            if likeness[row, other] >= SAME:
                likest = float(likeness[row, other])
                found.append(Duplicate(files[first + row], files[other], likest))
    return tuple(sorted(found, key=lambda duplicate: -duplicate.likeness))


def _thumbnails(pixels: NDArray[np.uint8], rows: slice, size: int) -> NDArray[np.float32]:
    """Return some photographs in gray at a small size, shape (n, _THUMBNAIL, _THUMBNAIL)."""
    matrix = resizing_matrix(size, _THUMBNAIL)
    thumbnails = np.empty((rows.stop - rows.start, _THUMBNAIL, _THUMBNAIL), np.float32)
    photographs = chain.from_iterable(
        run.reshape(-1, size, size, CHANNELS) for run in runs(pixels, rows)
    )
    with blas_threads(1):  # products too small to share
        for row, photograph in enumerate(photographs):
            thumbnails[row] = resized(photograph, matrix) @ _LUMINANCE
    return thumbnails


def _gradients(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the differences of adjacent pixels as rows of length 1; flat ones stay zero."""
    across, down = np.diff(thumbnails, axis=2), np.diff(thumbnails, axis=1)
    n = len(thumbnails)
    rows = np.concatenate([across.reshape(n, -1), down.reshape(n, -1)], axis=1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.zeros_like(rows)
    np.divide(rows, length, out=unit, where=length > 1.0)
    return unit
