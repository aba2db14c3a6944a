"""What data tells of its passes wherever X lies; verbs of a full X that follow from others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.threads import threads_now

if TYPE_CHECKING:
    from .by_columns import Columns
    from .protocol import Data

Doubles = NDArray[np.float64]


class Ledger:
    """The threads of the passes, and how often X was read."""

    n_samples: int
    n_features: int
    n_passes: float
    _n_threads: int

    @property
    def n_threads(self) -> int:
        """Threads of the next pass: after a fork, perhaps one."""
        return threads_now(self._n_threads)

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""
        raise NotImplementedError

    @property
    def n_entries(self) -> int:
        """Elements that a pass reads."""
        raise NotImplementedError

    @property
    def waits_for_rows(self) -> bool:
        """Whether a pass takes as long in float64, because it takes long to have the rows."""
        return False

    @property
    def density(self) -> float:
        """Share of the elements of X that a pass reads."""
        return self.n_entries / (self.n_samples * self.n_features)

    def blocks(self, n_rows: int) -> Iterator[tuple[slice, Any]]:
        """All rows in turn, so many at most, where they lie, as data of their own: one pass."""
        raise NotImplementedError

    def by_blocks(
        self,
        n_rows: int,
        verb: Callable[..., Any],
        by_row: tuple[Any, ...],
        *arguments: Any,
        combine: Callable[[Any, Any], Any],
    ) -> Any:
        """verb(block, *by_row, *arguments) of so many rows after the other, combined: one pass."""
        found = None
        for rows, block in self.blocks(n_rows):
            own = verb(block, *(of_rows(value, rows) for value in by_row), *arguments)
            found = own if found is None else combine(found, own)
        return found

    def sandwich(
        self, row_weight: Doubles, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X - about, 1]^T diag(row_weight) [X - about, 1]."""
        raise NotImplementedError

    def sandwiches(
        self, row_weights: Iterable[Any], about: Doubles | None = None, *, precise: bool = False
    ) -> list[Doubles]:
        """Those of several weights of the rows."""
        return [self.sandwich(weight, about, precise=precise) for weight in row_weights]

    def by_columns(self) -> Columns | None:
        """None: no column holds few rows, or they are not at hand."""
        return None

    def count(self, part: Data) -> None:
        """Add the passes over a part of X, and its making, as fractions of a pass."""
        self.n_passes += (part.n_passes + 1) * part.n_bytes / self.n_bytes


def of_rows(value: Any, rows: slice) -> Any:
    """What is told of some rows: by an array, or by what has samples; None tells nothing."""
    if value is None:
        return None
    return value.sample(rows) if hasattr(value, "sample") else value[..., rows]


class Full(Ledger):
    """An X of which all elements are stored."""

    centres_freely = True
    density = 1.0

    def arranged(self) -> None:
        """None: no order of columns is better than another."""

    def ascent(self, *told: Any) -> None:
        """None: rows that share all columns disturb each other."""

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: Doubles,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, Doubles]:
        """[X, 1]^T diag(curvature) [X, 1] times vectors; curvature is (K, n_samples)."""
        raise NotImplementedError

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Weighted mean of each column, and variance of the column times `unit` (n_features,)."""
        raise NotImplementedError

    def row_sum(self, factor: Doubles, *, precise: bool = False) -> tuple[Doubles, Doubles]:
        """[X, 1]^T factor, for factors (K, n_samples)."""
        zero, one = np.zeros((len(factor), self.n_features)), np.ones(len(factor))
        return self.hessian_product(factor, zero, one, precise=precise)

    def squares(self, row_weight: Doubles) -> tuple[Doubles, Doubles]:
        """The sums of row_weight x, and of row_weight x^2, of shape (n_features,)."""
        mean, variance = self.moments(row_weight)
        total = row_weight.sum()
        return total * mean, total * (variance + mean**2)
