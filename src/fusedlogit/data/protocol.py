"""What a solver may ask of data, however and wherever it is stored.

Verbs take K coefficient vectors, (K, n_features), and return sums over rows, not means. A verb that
reads X adds to `n_passes`, the ledger of reads. Those that are told to be `precise` multiply in
float64 whatever X is stored as. What depends on each row (decision values, weights) stays with the
data: behind `Margins`, or as arrays that solvers only hand back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .ascent import Ascent
from .by_columns import Columns
from .frame import Seen
from .margins import Margins
from .target import Target

Doubles = NDArray[np.float64]
Sums = tuple[Doubles, Doubles, Doubles, list[Margins]]


class Data(Protocol):
    """X with the threads of its passes."""

    n_passes: float

    @property
    def n_samples(self) -> int: ...

    @property
    def n_features(self) -> int: ...

    @property
    def n_threads(self) -> int: ...

    @property
    def n_bytes(self) -> int:
        """That a pass reads."""

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""

    @property
    def centres_freely(self) -> bool:
        """Whether features may be read as centred at no cost; else few columns should be."""

    @property
    def waits_for_rows(self) -> bool:
        """Whether a pass takes as long in float64, because it takes long to have the rows."""

    @property
    def density(self) -> float:
        """Share of the elements of X that a pass reads."""

    def decision_values(
        self, coef: Doubles, intercept: Doubles, *, precise: bool = False
    ) -> Doubles:
        """X coef + intercept, of shape (K, n_samples)."""

    def loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        fold: NDArray[np.uint8] | None = None,
        held_out: NDArray[np.int32] | None = None,
    ) -> Sums:
        """Losses (K,), gradients (K, n_features), derivatives in the intercept (K,), and margins.

        Sums of a vector alone add up in another order than those of one in company: they agree to
        rounding. They need not be finite: see `raise_if_nonfinite`. Rows of `fold` (n_samples,)
        held_out[k] have no weight for vector k; margins are those of all rows.
        """

    def softmax_loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        margins: bool = False,
    ) -> tuple[float, Doubles, Doubles, Doubles | None]:
        """The loss of many classes, its gradients (K, n_features) and (K,): not finite sums too.

        With `margins`, decision values (K, n_samples) too.
        """

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: Doubles,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, Doubles]:
        """[X, 1]^T (curvature [X, 1] vector), of shapes (K, n_features) and (K,)."""

    def row_sum(self, factor: Doubles, *, precise: bool = False) -> tuple[Doubles, Doubles]:
        """[X, 1]^T factor for factors (K, n_samples), of shapes (K, n_features) and (K,)."""

    def sandwich(
        self, row_weight: Doubles, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X - about, 1]^T diag(row_weight) [X - about, 1]."""

    def sandwiches(
        self, row_weights: Iterable[Any], about: Doubles | None = None, *, precise: bool = False
    ) -> list[Doubles]:
        """Those of several weights of the rows, which may share a pass."""

    def squares(self, row_weight: Doubles) -> tuple[Doubles, Doubles]:
        """The sums of row_weight x, and of row_weight x^2, of shape (n_features,)."""

    def gram(self, mean: Doubles, scale: Doubles, root: Doubles, dtype: type) -> NDArray[Any]:
        """A A^T, lower triangle, with A = diag(root) (X - mean) scale."""

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Mean of each column, and variance of the column times `unit`."""

    def first_look(self) -> Seen:
        """What some rows show of each column, evenly spread."""

    def arranged(self) -> tuple[Data, NDArray[np.intp]] | None:
        """X with columns in the order that many passes like best, and which these are.

        None where they lie well. Columns without an entry are left out. Asked again, it is the
        same.
        """

    def ascent(self, target: Target, l2: float, fit_intercept: bool, seed: int) -> Ascent | None:
        """Dual coordinate ascent of the log loss from zero; None where its turns are slow."""

    def rows(self, rows: slice | NDArray[np.intp], dtype: type) -> NDArray[Any]:
        """Some rows as numbers of a type: counted by who asks for them."""

    def features(self, center: Doubles, unit: Doubles) -> Data:
        """The same X, read as features (x - center) unit."""

    def sample(self, rows: NDArray[np.intp]) -> Data:
        """Some rows as data of their own."""

    def by_blocks(
        self,
        n_rows: int,
        verb: Callable[..., Any],
        by_row: tuple[Any, ...],
        *arguments: Any,
        combine: Callable[[Any, Any], Any],
    ) -> Any:
        """verb(block, *by_row, *arguments) of so many rows after the other, combined: one pass.

        A block is data of its own; `by_row` are arrays, a Target, `Draws` or None.
        """

    def in_memory(self) -> Data:
        """The same X in this process's memory: asked for few rows."""

    def columns(self, features: NDArray[np.intp]) -> Data:
        """Some columns as data of their own."""

    def by_columns(self) -> Columns | None:
        """A copy by columns for coordinate descent; None where most rows are in each."""

    def count(self, part: Data) -> None:
        """Add the passes over a part, and its making, to the ledger."""

    def raise_if_nonfinite(self, *sums: ArrayLike, y: NDArray[Any] | None = None) -> None:
        """Name the culprit in X or y where a sum is not finite."""


class Walked(Data, Protocol):
    """Data that a stochastic descent may go over."""

    def walk(
        self,
        target: Target,
        walk: Any,
        generator: np.random.Generator | None,
        mean_weight: float,
    ) -> float:
        """A step of a stochastic descent after each batch of rows of X itself: one pass.

        It is a `Walk`, over sparse rows a `LazyWalk`, which goes over features in their frame.
        Batches come in random order, or as they lie if there is no generator. Returns the sum of
        the weighted losses, each before the step that its row takes part in. Rows of the mean
        weight count as one.
        """


def walked(data: Any, by: str, instead: str) -> Walked:
    """Data that a stochastic descent may go over.

    Raises
    ------
    TypeError
        If it lies on workers: saying by what it was to be gone over, and what to use instead.
    """
    if not hasattr(data, "walk"):
        raise TypeError(f"{by} does not go over Dask blocks: use {instead}")
    return cast("Walked", data)
