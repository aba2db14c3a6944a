"""The classes of samples: numbered by name, with enough samples of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelError, printable

#: Each of training, validation and test needs a sample of each class.
MINIMUM_PER_CLASS = 3


@dataclass(frozen=True)
class ClassLabels:
    """The classes of samples.

    Attributes
    ----------
    names : tuple of str
        Of the classes: by number where all are whole numbers, else in alphabetical order.
    codes : ndarray of int, shape (n_samples,)
        The number of each sample's class among `names`.
    """

    names: tuple[str, ...]
    codes: NDArray[np.intp]

    def counts(self) -> dict[str, int]:
        """Return the number of samples of each class."""
        return dict(zip(self.names, np.bincount(self.codes).tolist(), strict=True))


def class_labels(origin: str, found: Sequence[str], codes: NDArray[np.intp]) -> ClassLabels:
    """Put classes in order.

    Parameters
    ----------
    origin : str
        Where they come from, printable.
    found : sequence of str
        Their names, each once.
    codes : ndarray of int, shape (n_samples,)
        The place of each sample's class among them.

    Raises
    ------
    LabelError
        If there is one class only, or one with fewer than `MINIMUM_PER_CLASS` samples.
    """
    whole = all(_is_whole(name) for name in found)
    order = sorted(range(len(found)), key=lambda k: (int(found[k]) if whole else 0, found[k]))
    names = tuple(found[k] for k in order)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    labels = ClassLabels(names, rank[codes])
    if len(names) < 2:
        raise LabelError(
            f"{origin} holds one class only ('{printable(names[0])}'): two or more can be told "
            "apart"
        )
    rarest, count = min(labels.counts().items(), key=lambda one: one[1])
    if count < MINIMUM_PER_CLASS:
        raise LabelError(
            f"label '{printable(rarest)}' occurs only {count} times in {origin}: "
            f"leave its rows out, or give at least {MINIMUM_PER_CLASS} samples of each class"
        )
    return labels


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and len(text) <= 4_000  # that int() takes
