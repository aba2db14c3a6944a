"""The two halves of a pass over sparse rows, for as many vectors at a time as kernels take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._kernels import sparse as kernels
from ..runtime.scratch import lines_of_cache

Doubles = NDArray[np.float64]

#: Row pointers, indices, and values unless all are one.
Stored = tuple[NDArray[np.int64], NDArray[Any], NDArray[Any] | None]

#: Bytes of interleaved vectors, or of all threads' sums, if there is more than one vector.
MOST_BYTES = 256 << 20


def gathered(
    stored: Stored,
    coef: Doubles,
    intercept: Doubles,
    offset: Doubles | None,
    n_threads: int,
) -> tuple[Doubles, int]:
    """X coef + intercept + offset, of shape (n_samples, K), and how often X was read."""
    n_coefs, n_features = coef.shape
    table: Doubles = np.empty((len(stored[0]) - 1, n_coefs))
    strips = _strips(n_coefs, n_features)
    for strip in strips:
        some = coef[strip]
        with lines_of_cache(1, n_features * kernels.width_of(len(some))) as wide:
            kernels.gather(
                *stored, some, intercept[strip], offset, wide[0], table, strip.start, n_threads
            )
    return table, len(strips)


def scattered(
    stored: Stored, factor: Doubles, n_features: int, n_threads: int, *, squared: bool
) -> tuple[Doubles, int]:
    """factor^T X, of shape (K, n_features), of factors (n_samples, K), and how often X was read.

    Of one vector, that of the squares of X if so asked.
    """
    n_coefs = factor.shape[1]
    total: Doubles = np.empty((n_coefs, n_features))
    strips = _strips(n_coefs, n_threads * n_features)
    for strip in strips:
        width = kernels.width_of(strip.stop - strip.start)
        with lines_of_cache(n_threads, n_features * width) as sums:
            kernels.scatter(*stored, factor, strip.start, squared, sums, total[strip], n_threads)
    return total, len(strips)


def _strips(n_coefs: int, numbers: int) -> list[slice]:
    """All vectors, as many at a time as kernels take and memory of so many numbers each allows."""
    most = max(1, min(kernels.MOST_COEFS, MOST_BYTES // (8 * max(1, numbers))))
    most = 1 << (most.bit_length() - 1)  # a width, for up to it they are padded
    return [slice(begin, min(begin + most, n_coefs)) for begin in range(0, n_coefs, most)]
