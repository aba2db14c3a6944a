"""Rows of a memory map, read in runs of which each is mapped anew and then let go.

Pages of a map that stays are counted as resident for as long as the system has room for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

RUN_BYTES = 1 << 26


class MappedRows:
    """Adjacent rows of a memory map of bytes, as a part of a `fusedlogit.Parts`.

    Parameters
    ----------
    whole : memmap of uint8, shape (n, n_columns), C order
    rows : slice
        With start and stop.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, whole: np.memmap[Any, Any], rows: slice) -> None:
        self._path, self._offset, self._begin = str(whole.filename), whole.offset, rows.start
        self.shape = (rows.stop - rows.start, whole.shape[1])

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        """Map these rows; a slice with start and stop."""
        begin = self._offset + (self._begin + rows.start) * self.shape[1]
        shape = (rows.stop - rows.start, self.shape[1])
        return np.memmap(self._path, np.uint8, "r", begin, shape)


def runs(pixels: NDArray[np.uint8], rows: slice) -> Iterator[NDArray[np.uint8]]:
    """Yield adjacent rows of an array or memory map, some after the other.

    Parameters
    ----------
    pixels : ndarray or memmap of uint8, shape (n, n_columns), C order
    rows : slice
        With start and stop.
    """
    source = MappedRows(pixels, rows) if isinstance(pixels, np.memmap) else pixels[rows]
    n_rows = max(1, RUN_BYTES // pixels.shape[1])
    for begin in range(0, source.shape[0], n_rows):
        yield source[begin : min(begin + n_rows, source.shape[0])]
