"""How long the stages of the work take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note in `seconds` how long the block took."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
