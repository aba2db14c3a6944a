"""What each part of X tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np


class Part:
    """Some rows of X.

    Attributes
    ----------
    name : str
        As errors call it.
    shape : tuple of int
    dtype : numpy.dtype
    n_bytes : int
        Of what is stored.
    n_entries : int or None
        None of dense rows.
    """

    n_entries: int | None = None

    def __init__(self, name: str, shape: tuple[int, int], dtype: Any) -> None:
        self.name, self.shape, self.dtype = name, shape, np.dtype(dtype)
        self.n_bytes = shape[0] * shape[1] * self.dtype.itemsize

    @property
    def sparse(self) -> bool:
        return self.n_entries is not None

    def read(self) -> Any:
        """The rows: a table (what they lie in, if it is an array or a file of one), or sparse."""
        raise NotImplementedError


def cut_at(kind: Callable[..., Part], source: Any, ends: Sequence[int], name: str) -> list[Part]:
    """Parts kind(source, begin, end, name) between the ends; a single one has the whole's name."""
    if len(ends) <= 2:
        return [kind(source, 0, source.shape[0], name)]
    return [kind(source, begin, end, f"{name}, rows from {begin}") for begin, end in pairwise(ends)]
