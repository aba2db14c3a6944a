"""An X in parts: the verbs of `protocol.Data`, each as one function of a part and sums of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import PassOverflowError
from . import checks
from .frame import MOST_ROWS, Seen
from .ledger import Ledger
from .margins import Margins
from .per_row import Combine, PerRow
from .protocol import Sums
from .target import Target

Doubles = NDArray[np.float64]

#: Sandwiches of one pass, whose row weights and products are in memory together.
AT_ONCE = 16


def added(totals: tuple[Any, ...], found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sums of some rows and those of others; they need not be finite."""
    return tuple(total + own for total, own in zip(totals, found, strict=True))


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say which part it is that an error is about."""
    try:
        yield
    except PassOverflowError:
        raise
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    except Exception as error:
        error.add_note(f"in {name}")
        raise


class InParts(Ledger):
    """Verbs over parts, wherever they lie and whoever goes over them.

    Attributes
    ----------
    center, unit : ndarray of shape (n_features,) or None
        As of `DenseMatrix`.
    """

    n_samples: int
    n_features: int
    center: Doubles | None
    unit: Doubles | None
    _known_finite: bool

    def _run(
        self,
        verb: Callable[..., tuple[Any, Any]],
        by_row: tuple[Any, ...],
        *arguments: Any,
        combine: Combine = added,
        n_vectors: int = 0,
    ) -> tuple[Any, Any]:
        """Do something with each part: one pass. An error names the part.

        Parameters
        ----------
        verb : callable
            verb(matrix, *by_row, *arguments) of a part and what is told of its rows returns sums,
            and what it tells of each row: (n_vectors, rows), if there are vectors.
        by_row : tuple of array, PerRow, Target or None
        combine : callable
            Joins the sums of two parts.

        Returns
        -------
        sums
        by_row : array or PerRow of shape (n_vectors, n_samples), or None
        """
        raise NotImplementedError

    def arranged(self) -> None:
        """None: parts have their columns in the same order."""

    def ascent(self, *told: Any) -> None:
        """None: its rows would have to come in random order, and one after the other."""

    def _taken(self, rows: NDArray[np.intp]) -> Any:
        """Some rows, copied into this process's memory, as data of their own."""
        raise NotImplementedError

    def raise_if_nonfinite(self, *sums: ArrayLike, y: Any = None) -> None:
        """Raise where a sum is not finite, naming the part and the row and column in it."""
        if not (self._known_finite or all(np.isfinite(value).all() for value in sums)):
            self._run(_refuse_nonfinite, ())
        self._known_finite = True
        checks.raise_if_nonfinite(None, *sums, y=None if isinstance(y, PerRow) else y)

    def decision_values(self, coef: Doubles, intercept: Doubles, *, precise: bool = False) -> Any:
        """X coef + intercept, of shape (K, n_samples)."""
        return self._run(
            _decision_values, (), coef, intercept, precise, n_vectors=len(coef)
        )[1]  # fmt: skip

    def loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        margins: bool = True,
        fold: NDArray[np.uint8] | None = None,
        held_out: NDArray[np.int32] | None = None,
    ) -> Sums:
        """As of a `DenseMatrix`: sums that need not be finite."""
        sums, decision = self._run(
            _loss_and_gradient, (target, fold), coef, intercept, precise, margins, held_out,
            n_vectors=len(coef) if margins else 0,
        )  # fmt: skip
        found = [Margins(z, target, self.n_threads) for z in decision] if margins else []
        return (*sums, found)

    def softmax_loss_and_gradient(
        self,
        target: Target,
        coef: Doubles,
        intercept: Doubles,
        *,
        precise: bool = False,
        margins: bool = False,
    ) -> tuple[float, Doubles, Doubles, Any]:
        """As of a `DenseMatrix`: sums that need not be finite."""
        (loss, gradient, slopes), decision = self._run(
            _softmax_loss_and_gradient, (target,), coef, intercept, precise, margins,
            n_vectors=len(coef) if margins else 0,
        )  # fmt: skip
        return loss, gradient, slopes, decision

    def hessian_product(
        self, curvature: Any, vector: Doubles, vector_intercept: Doubles, *, precise: bool = False
    ) -> tuple[Doubles, Doubles]:
        """[X, 1]^T diag(curvature) [X, 1] times vectors; curvature is (K, n_samples)."""
        product, slopes = self._run(
            _hessian_product, (curvature,), vector, vector_intercept, precise
        )[0]  # fmt: skip
        return product, slopes

    def row_sum(self, factor: Any, *, precise: bool = False) -> tuple[Doubles, Doubles]:
        """[X, 1]^T factor, for factors (K, n_samples)."""
        sums, total = self._run(_row_sum, (factor,), precise)[0]
        return sums, total

    def squares(self, row_weight: Any) -> tuple[Doubles, Doubles]:
        """The sums of row_weight x, and of row_weight x^2, of shape (n_features,)."""
        sums, squares = self._run(_squares, (row_weight,))[0]
        return sums, squares

    def sandwich(
        self, row_weight: Any, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X - about, 1]^T diag(row_weight) [X - about, 1]."""
        return self.sandwiches([row_weight], about, precise=precise)[0]

    def sandwiches(
        self, row_weights: Iterable[Any], about: Doubles | None = None, *, precise: bool = False
    ) -> list[Doubles]:
        """Those of several weights of the rows, some of them in each pass."""
        products: list[Doubles] = []
        weights = iter(row_weights)
        while some := tuple(islice(weights, AT_ONCE)):
            products += self._run(partial(_sandwiches, about, precise), some)[0]
        return products

    def moments(self, sample_weight: Any, unit: Doubles | None = None) -> tuple[Doubles, Doubles]:
        """Mean of each column, and variance of the column times `unit`."""
        units = np.ones(self.n_features) if unit is None else unit
        total, mean, square, _ = self._run(
            _moments, (sample_weight,), unit, units, combine=joined_moments
        )[0]
        return mean, square / total

    def gram(self, mean: Doubles, scale: Doubles, root: Doubles, dtype: type) -> NDArray[Any]:
        """As of a `DenseMatrix`: of few rows, which are in memory for it."""
        whole = self.in_memory()
        product: NDArray[Any] = whole.gram(mean, scale, root, dtype)
        self.count(whole)
        return product

    def by_blocks(
        self,
        n_rows: int,
        verb: Callable[..., Any],
        by_row: tuple[Any, ...],
        *arguments: Any,
        combine: Combine,
    ) -> Any:
        """verb(block, *by_row, *arguments) of so many rows after the other, combined: one pass."""
        call = partial(_by_blocks, n_rows, verb, combine, arguments)
        return self._run(call, by_row, combine=combine)[0]

    def in_memory(self) -> Any:
        """The same X in this process's memory: of few rows."""
        return self._taken(np.arange(self.n_samples))

    def first_look(self) -> Seen:
        """What some rows show of each column, evenly spread."""
        step = max(1, self.n_samples // MOST_ROWS)
        seen: Seen = self._taken(np.arange(0, self.n_samples, step)[:MOST_ROWS]).first_look()
        return seen

    def sample(self, rows: NDArray[np.intp]) -> Any:
        """Some of the rows, copied into memory."""
        order = np.argsort(rows, kind="stable")
        if (order[1:] > order[:-1]).all():
            return self._taken(rows)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return self._taken(rows[order]).sample(back)

    def rows(self, rows: slice | NDArray[np.intp], dtype: type) -> NDArray[Any]:
        """Some rows as numbers of a type: counted by who asks for them."""
        table: NDArray[Any] = self.sample(np.arange(self.n_samples)[rows]).rows(slice(None), dtype)
        return table


def _refuse_nonfinite(matrix: Any) -> tuple[tuple[()], None]:
    """Raise a ValueError that names the first NaN or infinity, if there is one."""
    culprit = matrix.first_nonfinite()
    if culprit is not None:
        checks.blame(culprit)
    return (), None


def _by_blocks(
    n_rows: int,
    verb: Callable[..., Any],
    combine: Combine,
    arguments: tuple[Any, ...],
    matrix: Any,
    *by_row: Any,
) -> tuple[Any, None]:
    return matrix.by_blocks(n_rows, verb, by_row, *arguments, combine=combine), None


def _decision_values(
    matrix: Any, coef: Doubles, intercept: Doubles, precise: bool
) -> tuple[tuple[()], Doubles]:
    return (), matrix.decision_values(coef, intercept, precise=precise)


def _loss_and_gradient(
    matrix: Any,
    target: Target,
    fold: NDArray[np.uint8] | None,
    coef: Doubles,
    intercept: Doubles,
    precise: bool,
    margins: bool,
    held_out: NDArray[np.int32] | None,
) -> tuple[Any, Any]:
    *sums, found = matrix.loss_and_gradient(
        target, coef, intercept, precise=precise, margins=margins, fold=fold, held_out=held_out
    )
    return tuple(sums), np.array([of_vector.values for of_vector in found]) if margins else None


def _softmax_loss_and_gradient(
    matrix: Any, target: Target, coef: Doubles, intercept: Doubles, precise: bool, margins: bool
) -> tuple[Any, Any]:
    *sums, decision = matrix.softmax_loss_and_gradient(
        target, coef, intercept, precise=precise, margins=margins
    )
    return tuple(sums), decision


def _hessian_product(
    matrix: Any, curvature: Doubles, vector: Doubles, vector_intercept: Doubles, precise: bool
) -> tuple[Any, None]:
    curvature = np.ascontiguousarray(curvature)
    return matrix.hessian_product(curvature, vector, vector_intercept, precise=precise), None


def _row_sum(matrix: Any, factor: Doubles, precise: bool) -> tuple[Any, None]:
    return matrix.row_sum(np.ascontiguousarray(factor), precise=precise), None


def _squares(matrix: Any, row_weight: Doubles) -> tuple[Any, None]:
    return matrix.squares(row_weight), None


def _sandwiches(
    about: Doubles | None, precise: bool, matrix: Any, *row_weights: Doubles
) -> tuple[Any, None]:
    return tuple(matrix.sandwiches(row_weights, about, precise=precise)), None


def _moments(
    matrix: Any, weight: Doubles | None, unit: Doubles | None, units: Doubles
) -> tuple[Any, None]:
    """The sum of the weights, the mean, the sum of squares about it, and the units."""
    total = float(matrix.n_samples if weight is None else weight.sum())
    if total == 0:
        zero = np.zeros(matrix.n_features)
        return (0.0, zero, zero, units), None
    mean, variance = matrix.moments(weight, unit)
    return (total, mean, total * variance, units), None


def joined_moments(one: Any, other: Any) -> Any:
    """Of two parts: Chan, Golub and LeVeque (1983, The American Statistician 37).

    Of each, the sum of the weights, the mean, the sum of squares about it, and the units of these.
    """
    total, units = one[0] + other[0], one[3]
    if total == 0:
        return one
    apart = other[1] - one[1]
    if other[0] > one[0]:  # from the heavier one, whose rounding is that of the whole
        mean = other[1] - apart * (one[0] / total)
    else:
        mean = one[1] + apart * (other[0] / total)
    square = one[2] + other[2] + other[0] * (apart * units) ** 2 * (one[0] / total)
    return total, mean, square, units
