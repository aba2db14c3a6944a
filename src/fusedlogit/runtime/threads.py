"""How many threads a pass uses."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import joblib
import numpy as np

from .._kernels import cpu
from .blas import blas_threads

T = TypeVar("T")
Made = TypeVar("Made")

# Below this many multiply-adds a second thread costs more to wake than it saves.
WORK_PER_THREAD = 200_000


class _Forks:
    """Whether passes may run in several threads, which not every forked child can.

    The threads of an OpenMP team do not survive a fork, and a child that waited for them would
    hang. So they are ended before it, and parent and child start their own. Where that cannot be
    done, or another Python thread may be about to start its own, children stay at one thread; but
    only if threads have been used before.
    """

    def __init__(self) -> None:
        self.used = False
        self.single = False
        self._child_single = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._prepare, after_in_child=self._begin_child)

    def _prepare(self) -> None:
        ended = cpu.end_team()  # in any case: other libraries may have used OpenMP
        alone = threading.active_count() == 1
        self._child_single = self.single or (self.used and not (ended and alone))

    def _begin_child(self) -> None:
        self.single = self._child_single


_forks = _Forks()

_this_thread = threading.local()


def usable_threads(n_jobs: int | None = None) -> int:
    """Number of threads that `n_jobs` asks for.

    Parameters
    ----------
    n_jobs : int or None
        None: all cores this process may use (affinity, container limits, ``OMP_NUM_THREADS``).
        Negative: that many fewer, -1 meaning all of them.

    Returns
    -------
    int
        At least 1; always 1 without OpenMP, and in a forked child where OpenMP cannot run.

    Raises
    ------
    ValueError
        If `n_jobs` is 0.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning; use None for all cores, or a positive number")
    if _forks.single or not cpu.openmp_version():
        return 1
    if n_jobs is not None and n_jobs > 0:
        return n_jobs
    cores: int = min(joblib.cpu_count(), cpu.openmp_threads())
    return max(1, cores + 1 + (n_jobs or -1))


def threads_for(n_jobs: int | None, n_samples: int, n_features: int) -> int:
    """As many of the threads that `n_jobs` asks for as a pass over this shape keeps busy."""
    busy = n_samples * n_features // WORK_PER_THREAD
    if busy < 2 and n_jobs != 0:
        return 1  # without asking the machine: a small fit must stay quick
    return min(usable_threads(n_jobs), busy)


def threads_now(n_threads: int) -> int:
    """As many of the threads that a pass was to have as it may start at this moment."""
    if n_threads == 1 or _forks.single or getattr(_this_thread, "beside_others", False):
        return 1
    _forks.used = True
    return n_threads


def side_by_side(work: Callable[[T], Made], items: Iterable[T], n_threads: int) -> Iterator[Made]:
    """work(item) of each, in their order, in so many Python threads whose passes have one each.

    For much work in small pieces, which threads of a pass would share worse. Items are taken by the
    calling thread, a few ahead.
    """
    if n_threads == 1:
        yield from map(work, items)
        return

    warned_of = np.geterr()

    def beside_others(item: T) -> Made:
        _this_thread.beside_others = True
        with blas_threads(1), np.errstate(**warned_of):
            return work(item)

    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(n_threads, "fusedlogit") as pool:
        for item in items:
            waiting.append(pool.submit(beside_others, item))
            if len(waiting) > n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
