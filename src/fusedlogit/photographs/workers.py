"""Work on many images in Python threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

import joblib


def for_each(
    work: Callable[[int], None],
    n_items: int,
    *,
    n_threads: int | None = None,
    chunk: int = 32,
    on_done: Callable[[int], None] | None = None,
) -> None:
    """Call `work(i)` for every i below `n_items`, in threads.

    An error in one call, or Ctrl-C, stops all others after the item they are at.

    Parameters
    ----------
    work : callable
        What to do; called from several threads.
    n_items : int
        How often.
    n_threads : int, optional
        Number of threads; all available cores by default.
    chunk : int
        Items a thread works on before it reports: long enough to make threads cheap, short
        enough for a smooth progress bar and a quick Ctrl-C.
    on_done : callable, optional
        Called in this thread with the number of items finished since the last call.
    """
    stop = Event()

    def work_on(items: range) -> int:
        for item in items:
            if stop.is_set():
                break
            work(item)
        return len(items)

    chunks = [range(i, min(i + chunk, n_items)) for i in range(0, n_items, chunk)]
    with ThreadPoolExecutor(n_threads or joblib.cpu_count()) as pool:
        try:
            for future in as_completed([pool.submit(work_on, items) for items in chunks]):
                finished = future.result()
                if on_done is not None:
                    on_done(finished)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
