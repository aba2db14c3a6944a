"""Work that holds Python's lock, in several processes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from itertools import islice
from typing import TypeVar

from joblib import Parallel, delayed

from ..errors import KilledError

Note = TypeVar("Note")
T = TypeVar("T")
Made = TypeVar("Made")

#: More than these wait for the one that reads and collects.
MOST_PROCESSES = 8

# Items that are taken ahead of what is made of them, for each process. They are taken by the
# calling thread, so that an error in taking them is raised there.
_AHEAD = 4

# Seconds after which a process without work ends, and gives its memory back.
_IDLE = 10


def in_processes(
    work: Callable[[T], Made], items: Iterable[tuple[Note, T]], n_processes: int
) -> Iterator[tuple[Note, Made]]:
    """Yield (note, work(item)) of each (note, item), in their order.

    In this process if there is to be one only. Otherwise processes start anew, which takes a second
    or two: `work`, what it is given and what it makes are pickled.

    Raises
    ------
    KilledError
        If a process is killed, as systems do that are short of memory.
    """
    if n_processes == 1:
        for note, item in items:
            yield note, work(item)
        return
    n_processes = min(n_processes, MOST_PROCESSES)
    items = iter(items)
    parallel = Parallel(
        n_processes, backend="loky", return_as="generator", idle_worker_timeout=_IDLE
    )
    failed: Exception | None = None
    try:
        with parallel:
            while failed is None:
                ahead, failed = _taken(items, _AHEAD * n_processes)
                if not ahead:
                    break
                made = parallel(delayed(work)(item) for _, item in ahead)
                try:
                    yield from zip((note for note, _ in ahead), made, strict=True)
                finally:
                    _leave(made)
    except BrokenExecutor as error:
        raise KilledError(
            f"one of {n_processes} processes was killed, most likely for want of memory: use "
            "fewer, by --threads"
        ) from error
    if failed is not None:
        raise failed


def _taken(items: Iterator[T], count: int) -> tuple[list[T], Exception | None]:
    """Some items, and what came in the place of the next: those before an error are worked on."""
    taken: list[T] = []
    try:
        for item in islice(items, count):
            taken.append(item)
    except Exception as error:
        return taken, error
    return taken, None


def _leave(made: Generator[Made, None, None]) -> None:
    """End work that nobody waits for any more, which is not worth a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.close()
