"""Scratch memory of passes, taken over by the next pass of the same thread.

Fresh memory may cost more than the pass itself: the system clears it page by page as it is touched.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

#: Bytes of a line of cache.
LINE = 64

#: bytes: more is returned to the system
MOST_KEPT = 256 << 20

_kept = threading.local()


@contextmanager
def scratch(n_bytes: int) -> Iterator[NDArray[np.int8]]:
    """At least n_bytes of memory, which nobody else uses until the context is left."""
    memory: NDArray[np.int8] | None = getattr(_kept, "memory", None)
    _kept.memory = None  # a pass within the pass (of an observer) takes memory of its own
    if memory is None or memory.size < n_bytes:
        memory = np.empty(n_bytes, dtype=np.int8)
    try:
        yield memory
    finally:
        if memory.size <= MOST_KEPT:
            _kept.memory = memory


def new_lines(shape: tuple[int, ...]) -> Doubles:
    """Zeros that begin with a line of cache."""
    n_bytes = 8 * math.prod(shape)
    memory = np.zeros(n_bytes + LINE, np.int8)
    return _aligned(memory, n_bytes).reshape(shape)


@contextmanager
def lines_of_cache(n_threads: int, width: int) -> Iterator[Doubles]:
    """Scratch memory of each thread in whole lines of cache, of any content."""
    n_bytes = 8 * n_threads * width
    with scratch(n_bytes + LINE) as memory:
        yield _aligned(memory, n_bytes).reshape(n_threads, width)


def _aligned(memory: NDArray[np.int8], n_bytes: int) -> Doubles:
    begin = -memory.ctypes.data % LINE
    return memory[begin : begin + n_bytes].view(np.float64)
