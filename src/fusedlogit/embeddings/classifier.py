"""A trained probe: from embeddings to answers, and the .npz file that keeps it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FeatureFileError
from ..evaluation.softmax import SoftmaxHead, ranked
from ..evaluation.stored_head import check_head, head_of_arrays, head_to_arrays
from ..files.model_format import ModelFormat

FORMAT = ModelFormat("probe", "fusedlogit probe --out", "fusedlogit linear probe")

# Decision values in memory together.
_BLOCK = 1 << 22

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """All that is needed to tell which class an embedding is of.

    Attributes
    ----------
    labels : tuple of str
        The answers.
    head : SoftmaxHead
        From embeddings to the probabilities of the labels.
    """

    labels: tuple[str, ...]
    head: SoftmaxHead

    @property
    def n_features(self) -> int:
        """Numbers of an embedding."""
        return int(self.head.coef.shape[1])

    def check(self, X: NDArray[Any], name: str) -> None:
        """Refuse embeddings of another length than the probe was trained on."""
        if X.shape[1] != self.n_features:
            raise FeatureFileError(
                f"{name} holds {X.shape[1]:,} features a row, the model was trained on "
                f"{self.n_features:,}: give embeddings of the same kind"
            )

    def ranked(
        self, X: NDArray[Any], count: int, n_threads: int | None = None
    ) -> Iterator[tuple[NDArray[np.str_], Doubles]]:
        """Yield, block by block of rows, the likeliest labels and their probabilities.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        count : int
            Labels for each row, at most.
        n_threads : int, optional
            All cores by default.

        Yields
        ------
        two ndarrays of shape (n_rows, min(count, n_labels))
            Likeliest first.
        """
        labels = np.array(self.labels)
        length = rows_of_a_block(len(labels))
        for first in range(0, len(X), length):
            probability = self.head.probability(X[first : first + length], n_threads)
            order = ranked(probability, count)
            yield labels[order], np.take_along_axis(probability, order, axis=1)


def rows_of_a_block(n_classes: int) -> int:
    """Return how many rows may have their decision values in memory together."""
    return max(1, _BLOCK // n_classes)


def save_probe(path: str | os.PathLike[str], probe: Probe) -> None:
    """Write a probe to a file; the file is whole or untouched, never half-written.

    Raises
    ------
    OutputError
        If the file cannot be written, or `load_probe` would refuse the probe.
    """
    FORMAT.save(path, probe, lambda probe: head_to_arrays(probe.labels, probe.head), _check)


def load_probe(path: str | os.PathLike[str]) -> Probe:
    """Read a probe that `save_probe` wrote; nothing is unpacked, and nothing executed.

    Raises
    ------
    ModelFileError
        If the file does not exist, is no probe, is damaged, or is of another format version.
    """
    return FORMAT.load(path, lambda arrays: Probe(*head_of_arrays(arrays)), _check)


def is_probe(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that it holds a probe; False of what cannot be read."""
    return FORMAT.is_said_by(path)


def _check(probe: Probe) -> None:
    check_head(probe.labels, probe.head)
