"""Sparse rows of several parts as data of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import narrowed
from .sparse import SparseMatrix


def apart(X: SparseMatrix, n_threads: int | None = None) -> SparseMatrix:
    """The same rows without what they were taken from, which else would stay in memory."""
    return SparseMatrix(X.indptr, X.indices, X.values, X.n_features, n_threads)


def stacked(parts: Sequence[SparseMatrix], n_threads: int | None = None) -> SparseMatrix:
    """Rows of each part, below those of the part before it: copied."""
    before = np.cumsum([0, *(part.n_entries for part in parts)])
    ends = [part.indptr[1:] + n for part, n in zip(parts, before[:-1], strict=True)]
    indptr = np.concatenate([np.zeros(1, np.int64), *ends])
    indices = np.concatenate([part.indices for part in parts])
    return SparseMatrix(indptr, indices, _values(parts), parts[0].n_features, n_threads)


def _values(parts: Sequence[SparseMatrix]) -> NDArray[Any] | None:
    """Those of all parts; None where all are one."""
    if all(part.values is None for part in parts):
        return None
    values = [
        np.ones(part.n_entries, np.uint8) if part.values is None else part.values for part in parts
    ]
    return narrowed(np.concatenate(values))
