"""A first look at documents: their labels, which are copies of others, which of them test."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelError, TextDataError, printable
from ..evaluation.labels import MINIMUM_PER_CLASS, ClassLabels, class_labels
from ..evaluation.splits import RowSplit, split_rows
from .documents import Documents, chunks_of
from .stages import Listener


@dataclass(frozen=True)
class Survey:
    """What a first look at documents has shown.

    Attributes
    ----------
    labels : ClassLabels
        Of all documents that are not blank.
    first : ndarray of int, shape (n_texts,)
        The number of the first document that has the same text, its own if there is none before.
        Texts are the same whatever their capitals and spaces.
    n_blank : int
        Documents that are left out because there is nothing in them.
    n_characters : int
        Of the others.
    """

    labels: ClassLabels
    first: NDArray[np.intp]
    n_blank: int
    n_characters: int

    @property
    def n_copies(self) -> int:
        """Documents whose text has occurred before."""
        return int(np.count_nonzero(self.first != np.arange(len(self.first))))

    def split(self, *, test_fraction: float, folds: int, seed: int) -> RowSplit:
        """Split the documents by seeded chance; copies go where the first of them goes.

        Parameters
        ----------
        test_fraction, folds, seed
            Folds are so many at most. See `fusedlogit.evaluation.splits.split_rows`.
        """
        own = self.first == np.arange(len(self.first))
        split = split_rows(
            self.labels.codes[own], test_fraction=test_fraction, validation_fraction=0.5,
            folds=folds, seed=seed,
        )  # fmt: skip
        # Few documents may leave folds empty; the others are numbered anew.
        parts, place = np.unique(split.part, return_inverse=True)
        parts[parts >= 0] = np.arange(np.count_nonzero(parts >= 0))
        of_first = np.cumsum(own) - 1
        part = parts[place.reshape(-1)][of_first[self.first]]
        return RowSplit(part, int(part.max()) + 1)


def look_at(documents: Documents, listener: Listener) -> Survey:
    """Read all documents once.

    Raises
    ------
    TextDataError
        If they cannot be read, or all are blank.
    LabelError
        If they are of one class only, or a class has too few different texts.
    """
    numbers: dict[str, int] = {}
    codes, digests = array("q"), array("Q")
    n_blank = n_characters = 0
    for chunk in chunks_of(documents):
        codes.extend(numbers.setdefault(label, len(numbers)) for label in chunk.labels)
        digests.extend(_digest(text) for text in chunk.texts)
        n_blank = chunk.n_blank
        n_characters += sum(map(len, chunk.texts))
        listener.reading("reading labels", chunk.share)
    if not codes:
        raise TextDataError(f"{documents.name} holds blank texts only: is it the right column?")
    labels = class_labels(documents.name, [*numbers], np.array(codes, np.intp))
    _, firsts, place = np.unique(np.array(digests), return_index=True, return_inverse=True)
    first = firsts[place.reshape(-1)]
    _check_variety(documents.name, labels, np.unique(first))
    return Survey(labels, first, n_blank, n_characters)


def _digest(text: str) -> int:
    """Return a number that is the same for the same words in any capitals and spaces."""
    words = " ".join(text.casefold().split())
    return int.from_bytes(blake2b(words.encode(errors="replace"), digest_size=8).digest())


def _check_variety(name: str, labels: ClassLabels, own: NDArray[np.intp]) -> None:
    counts = np.bincount(labels.codes[own], minlength=len(labels.names))
    rarest = int(counts.argmin())
    if counts[rarest] < MINIMUM_PER_CLASS:
        raise LabelError(
            f"label '{printable(labels.names[rarest])}' has only {counts[rarest]} different texts "
            f"in {name}, one under two labels being the first's: give at least {MINIMUM_PER_CLASS}"
        )
