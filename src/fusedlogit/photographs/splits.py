"""Divide labelled images into train, validation and test, the same way every time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageDataError, printable
from .images import ImageFile

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Which images train, choose and judge a model.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Positions in the list that was split, ascending; disjoint, and together all of it.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def order(self) -> NDArray[np.int64]:
        """All positions, part after part: with rows in this order each part is a slice."""
        return np.concatenate([self.train, self.validation, self.test])

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of images of each of `PARTS`."""
        return len(self.train), len(self.validation), len(self.test)

    def bounds(self, kept: NDArray[np.int64]) -> dict[str, slice]:
        """Return the rows of each part when only some of `order` was kept.

        Parameters
        ----------
        kept : ndarray of int64, shape (n_kept,)
            Ascending positions in `order`.

        Returns
        -------
        dict of str to slice
            For each of `PARTS`, its rows among the kept ones.
        """
        ends = np.cumsum(self.lengths)
        first, second, third = (int(row) for row in np.searchsorted(kept, ends))
        return dict(
            zip(PARTS, [slice(0, first), slice(first, second), slice(second, third)], strict=True)
        )


def split_images(
    files: Sequence[ImageFile],
    *,
    validation_fraction: float,
    test_fraction: float,
    test_from: int | None = None,
    seed: int = 0,
) -> Split:
    """Split images by number or by seeded chance, with every label in every part.

    Parameters
    ----------
    files : sequence of ImageFile, length n
        At least three of each label.
    validation_fraction : float
        Share of each label's images, after the test images are set aside, that choose between
        models; strictly between 0 and 1. At least one image of each label.
    test_fraction : float
        Share of each label's images that judge the model; unused with `test_from`.
    test_from : int, optional
        Take the images numbered from here as the test images.
    seed : int
        The same seed and files give the same split.

    Returns
    -------
    Split

    Raises
    ------
    ImageDataError
        If `test_from` leaves a label without test images, or with fewer than two others.
    """
    generator = np.random.default_rng(seed)
    labels = np.array([file.label for file in files])
    everything = np.arange(len(files))
    if test_from is None:
        test = _draw(everything, labels, test_fraction, generator, leave=2)
    else:
        test = _numbered_from(files, labels, test_from)
    rest = np.setdiff1d(everything, test)
    validation = _draw(rest, labels, validation_fraction, generator, leave=1)
    return Split(np.setdiff1d(rest, validation), validation, test)


def draw_images(files: Sequence[ImageFile], limit: int, seed: int) -> tuple[ImageFile, ...]:
    """Draw so many images of each label, in the order given; all where there are no more."""
    labels = np.array([file.label for file in files])
    generator = np.random.default_rng(seed)
    drawn = [
        generator.permutation(np.flatnonzero(labels == label))[:limit]
        for label in np.unique(labels)
    ]
    return tuple(files[row] for row in np.sort(np.concatenate(drawn)))


def _draw(
    candidates: NDArray[np.int64],
    labels: NDArray[np.str_],
    fraction: float,
    generator: np.random.Generator,
    *,
    leave: int,
) -> NDArray[np.int64]:
    """Draw a share of each label's candidates, at least one, and leave some to other parts."""
    drawn = []
    for label in np.unique(labels):
        members = candidates[labels[candidates] == label]
        count = max(1, min(round(fraction * len(members)), len(members) - leave))
        drawn.append(generator.permutation(members)[:count])
    return np.sort(np.concatenate(drawn))


def _numbered_from(
    files: Sequence[ImageFile], labels: NDArray[np.str_], test_from: int
) -> NDArray[np.int64]:
    chosen = np.zeros(len(files), dtype=bool)
    for row, file in enumerate(files):
        if file.number is None:
            raise ImageDataError(
                f"{printable(file.name)} has no number in its name, so test-from cannot place it: "
                "rename it, or split by test-fraction"
            )
        chosen[row] = file.number >= test_from
    for label in np.unique(labels):
        own = labels == label
        if not np.any(chosen & own) or np.sum(~chosen & own) < 2:
            numbers = sorted(file.number or 0 for file in files if file.label == label)
            # Two others are the fewest that can be divided further.
            least, most = numbers[min(1, len(numbers) - 1)] + 1, numbers[-1]
            fix = f"choose a number from {least} to {most}" if least <= most else "no number does"
            raise ImageDataError(
                f"test-from {test_from} does not divide the images of label '{printable(label)}', "
                f"numbered {numbers[0]} to {most}, into test images and two others or more: "
                f"{fix}, or split by test-fraction"
            )
    return np.flatnonzero(chosen)
