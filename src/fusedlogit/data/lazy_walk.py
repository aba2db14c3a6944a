"""Where a descent over sparse rows stands: columns are let lie until they occur again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._kernels import sparse as kernels
from .._kernels.stochastic import MOST_ROWS
from .target import Target
from .walk import steps_of

if TYPE_CHECKING:
    from .sparse import SparseMatrix

Doubles = NDArray[np.float64]

#: Numbers of a column before its K coefficients, as in sparse/stochastic.pxd. Behind them are the
#: sums of the coefficients on the way.
CLOCK, GAIN, UNIT, SQUARE, FIRST = range(5)

#: Bytes of a line of cache, at a multiple of which each column begins.
LINE_BYTES = 64


@dataclass
class LazyWalk:
    """Coefficients of K vectors on their way, in features x unit; as `Walk` for sparse rows.

    Attributes
    ----------
    columns : ndarray of shape (n_features, numbers)
        Of each column when it was last changed, its gain and unit, its coefficients and sums.
    intercept, sums : ndarray of shape (K,)
        The intercepts, and their sums on the way.
    told : ndarray of shape (2,)
        The clock, which is the sum of all steps, and the weight of the rows that gains are learnt
        from.
    step, power, batch_rows, l2, l1, softmax, fit_intercept, n_rows
        As of a `Walk`.
    averaged : bool
        Whether the average of the way is what it leads to.
    intercept_gain : float
        The inverse of the curvature in the intercepts.
    curvature : float
        Of the loss, by which gains are learnt of the rows on the way; 0 lets them be.
    """

    columns: Doubles
    intercept: Doubles
    sums: Doubles
    told: Doubles
    batch_rows: int
    l2: float
    l1: float = 0.0
    step: float = 1.0
    power: float = 0.0
    averaged: bool = True
    fit_intercept: bool = True
    intercept_gain: float = 1.0
    curvature: float = 0.0
    n_rows: int = 0

    @classmethod
    def beginning(
        cls,
        unit: Doubles,
        n_vectors: int,
        batch_rows: int,
        l2: float,
        l1: float,
        *,
        averaged: bool,
        fit_intercept: bool,
    ) -> LazyWalk:
        """A walk from zero whose gains and step are yet to be told."""
        columns = _lines(len(unit), kernels.column_numbers(n_vectors))
        columns[:, GAIN], columns[:, UNIT] = 1.0, unit
        zero = np.zeros(n_vectors)
        return cls(
            columns, zero, zero.copy(), np.zeros(2), batch_rows, l2, l1, averaged=averaged,
            fit_intercept=fit_intercept,
        )  # fmt: skip

    @property
    def n_vectors(self) -> int:
        return len(self.intercept)

    @property
    def coef(self) -> Doubles:
        """(n_features, K), as it lies: of each column when it was last changed."""
        return self.columns[:, FIRST : FIRST + self.n_vectors]

    @property
    def coef_sums(self) -> Doubles:
        """(n_features, K), as it lies."""
        return self.columns[:, FIRST + self.n_vectors : FIRST + 2 * self.n_vectors]

    def over(
        self,
        matrix: SparseMatrix,
        target: Target,
        mean_weight: float,
        generator: np.random.Generator | None,
    ) -> float:
        """As `Walk.over`."""
        first_rows, steps = steps_of(self, matrix.n_samples, generator)
        block = np.empty((self.n_vectors + 2) * MOST_ROWS)
        loss = kernels.descend(
            matrix.indptr, matrix.indices, matrix.values, *target.stored, target.sample_weight,
            first_rows, steps, self.batch_rows, self.n_vectors > 1,
            1 / (self.batch_rows * mean_weight), self.l2, self.l1, self.intercept_gain,
            self.fit_intercept, self.curvature, self.columns, self.intercept, self.sums, self.told,
            block,
        )  # fmt: skip
        self.n_rows += matrix.n_samples
        return loss

    def settle(self) -> None:
        """Bring all columns to the clock."""
        kernels.settle(self.columns, self.intercept, self.told[0], self.l2, self.l1)

    def reached(self) -> tuple[Doubles, Doubles]:
        """Coefficients (K, n_features) and intercepts: the average of the way, or its end."""
        self.settle()
        counted = self.told[0] ** 8
        if not self.averaged or counted == 0:
            return self.coef.T.copy(), self.intercept.copy()
        return (self.coef_sums / counted).T, self.sums / counted

    def begin_again(self, coef: Doubles, intercept: Doubles) -> None:
        """From other coefficients, with an average of its own."""
        self.columns[:, CLOCK], self.told[0] = 0.0, 0.0
        self.coef[:], self.intercept[:] = coef.T, intercept
        self.coef_sums[:], self.sums[:] = 0.0, 0.0


def _lines(n_columns: int, numbers: int) -> Doubles:
    """Zeros (n_columns, numbers) from a line of cache on."""
    memory = np.zeros(n_columns * numbers + LINE_BYTES // 8)
    begin = -memory.ctypes.data % LINE_BYTES // 8
    return memory[begin : begin + n_columns * numbers].reshape(n_columns, numbers)
