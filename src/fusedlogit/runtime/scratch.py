"""Scratch memory of passes, taken over by the next pass of the same thread.

Fresh memory may cost more than the pass itself: the system clears it page by page as it is touched.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

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
