"""Which rows train, choose and judge a model: numbers by row, so that no row is copied."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RowSplit:
    """The part that each row belongs to.

    Attributes
    ----------
    part : ndarray of int, shape (n_samples,)
        -2 trains only, -1 tests; from 0 on, the fold that is held out to choose C.
    n_folds : int
        1 where a fixed part of the rows validates.
    """

    part: NDArray[np.int32]
    n_folds: int

    @property
    def test(self) -> NDArray[np.intp]:
        """The rows that test, ascending."""
        return np.flatnonzero(self.part == TEST)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether each row is seen before the test rows are."""
        return np.asarray(self.part != TEST)

    def held_out(self, fold: int) -> NDArray[np.intp]:
        """The rows that judge what was trained without them, ascending."""
        return np.flatnonzero(self.part == fold)

    def trains(self, fold: int) -> NDArray[np.bool_]:
        """Whether each row trains while a fold is held out."""
        return np.asarray(self.seen & (self.part != fold))


TEST = -1
TRAIN = -2


def split_rows(
    codes: NDArray[np.intp],
    *,
    test_fraction: float,
    validation_fraction: float,
    folds: int | None = None,
    seed: int = 0,
) -> RowSplit:
    """Split rows by seeded chance, with every class in every part.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        The number of each row's class; each class has three rows at least.
    test_fraction : float
        Share of each class's rows that judge the model: one at least, and at most all but two.
    validation_fraction : float
        Share of each class's other rows that choose C: one at least. Unused with `folds`.
    folds : int, optional
        Divide all rows but the test rows into so many folds, each of a row at least.
    seed : int
        The same seed and classes give the same split.
    """
    counts = np.bincount(codes)
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    n_test = np.clip(np.rint(test_fraction * counts), 1, counts - 2)
    rest = counts - n_test
    rank = rank - np.repeat(n_test, counts)
    if folds is None:
        n_validation = np.clip(np.rint(validation_fraction * rest), 1, rest - 1)
        fold = np.where(rank < np.repeat(n_validation, counts), 0, TRAIN)
    else:
        folds = min(folds, int(rest.sum()))
        # Classes begin with different folds, which so become equally large.
        fold = (rank + np.repeat(np.arange(len(counts)), counts)) % folds
    part = np.empty(len(codes), dtype=np.int32)
    part[order] = np.where(rank < 0, TEST, fold)
    return RowSplit(part, folds or 1)
