"""What each part of X tells of itself."""

from __future__ import annotations

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
