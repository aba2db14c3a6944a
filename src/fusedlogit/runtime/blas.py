"""How many threads BLAS uses, which all Python threads of a process share."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _Blas:
    """The BLAS libraries at hand, and what the Python threads ask of them.

    They run in the fewest threads that any asks for; when the last has left, in as many as before
    the first came. If each saved and restored the number by itself, the last to leave would bring
    back what another had set.
    """

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            # Other Python threads, what they asked for and the locks they held: no child has them.
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._libraries: list[Any] | None = None
        self._before: list[int] = []
        self._asked: dict[int, int] = {}  # by Python thread

    @contextmanager
    def threads(self, n_threads: int) -> Iterator[None]:
        """While open, BLAS runs in so many threads; in fewer if another Python thread asks it to.

        In one, during a fit: waiting threads of BLAS would take cores from ours, and small
        products wait for each other longer than they take. In more, for a product that no pass
        goes beside.
        """
        outer = self._asked.get(threading.get_ident())
        try:
            self._ask(n_threads)
            yield
        finally:
            self._ask(outer)

    def _ask(self, n_threads: int | None) -> None:
        """Set what this Python thread asks for; None if it no longer does."""
        with self._lock:
            if self._libraries is None:
                controller = ThreadpoolController().select(user_api="blas")
                self._libraries = controller.lib_controllers
            if not self._asked:
                self._before = [library.num_threads for library in self._libraries]
            if n_threads is None:
                self._asked.pop(threading.get_ident(), None)
            else:
                self._asked[threading.get_ident()] = n_threads
            fewest = min(self._asked.values(), default=None)
            for library, before in zip(self._libraries, self._before, strict=True):
                number = n_threads if _counts_by_thread(library) else fewest
                _set_threads(library, before if number is None else number)


def _counts_by_thread(library: Any) -> bool:
    """Whether each Python thread has a number of its own."""
    return getattr(library, "threading_layer", None) == "openmp"


def _set_threads(library: Any, n_threads: int) -> None:
    library.set_num_threads(n_threads)
    # From threadpoolctl 3.8 on, OpenBLAS obeys one Python thread until that releases it.
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread()


blas_threads = _Blas().threads
