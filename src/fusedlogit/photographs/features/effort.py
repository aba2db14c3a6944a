"""How much work the learning of features is, and how much of it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..workers import for_each

OnShare = Callable[[float], None]


@dataclass(frozen=True)
class LayerCosts:
    """What the stages of learning a layer take, in multiply-adds.

    Attributes
    ----------
    patches, whitening, dictionary, pooling, components : float
        Drawing patches, whitening them, finding the dictionary, pooling the responses, and
        reducing them to what the next layer sees (the last two 0 of the last layer).
    """

    patches: float
    whitening: float
    dictionary: float
    pooling: float = 0.0
    components: float = 0.0

    @property
    def total(self) -> float:
        """Of all stages."""
        return self.patches + self.whitening + self.dictionary + self.pooling + self.components


class Effort:
    """Work in threads, of which it is told what share is done.

    Parameters
    ----------
    n_threads : int, optional
        Number of threads; all available cores by default.
    total : float
        Cost of all that will be done.
    on_share : callable, optional
        Called with the share of it that is done, from 0 to 1, in the thread that asked for it.
    """

    def __init__(
        self,
        n_threads: int | None = None,
        total: float = 1.0,
        on_share: OnShare | None = None,
    ) -> None:
        self._n_threads = n_threads
        self._total = total
        self._done = 0.0
        self._on_share = on_share

    def each(
        self, work: Callable[[int], None], n_items: int, *, cost: float = 0.0, chunk: int = 8
    ) -> None:
        """Call `work(i)` for every i below `n_items`, which costs so much in all."""

        def on_done(count: int) -> None:
            self._done += cost * count / n_items
            if self._on_share is not None:
                self._on_share(min(1.0, self._done / self._total))

        for_each(work, n_items, n_threads=self._n_threads, chunk=chunk, on_done=on_done)

    def mapped(
        self, work: Callable[[slice], Any], n_items: int, length: int, *, cost: float = 0.0
    ) -> list[Any]:
        """Return what `work` makes of each block of so many items, in order, made in threads."""
        blocks = [slice(i, min(i + length, n_items)) for i in range(0, n_items, length)]
        made: list[Any] = [None] * len(blocks)

        def work_on(number: int) -> None:
            made[number] = work(blocks[number])

        self.each(work_on, len(blocks), cost=cost, chunk=1)
        return made
