"""Where a descent over sparse rows stands: columns are let lie until they occur again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._kernels import sparse as kernels
from .._kernels.stochastic import MOST_ROWS
from ..runtime.scratch import new_lines
from .target import Target
from .walk import steps_of

if TYPE_CHECKING:
    from .sparse import SparseMatrix

Doubles = NDArray[np.float64]

#: Numbers of a column before its K coefficients, as in sparse/stochastic.pxd. Behind them are the
#: sums of the coefficients on the way.
CLOCK, DUE, GAIN, UNIT, SQUARE, SHRUNK, FIRST = range(7)


#: Step that nobody can mean, up to which the eighth power of all of them is a number.
LONGEST = 1e30


@dataclass
class LazyWalk:
    """Coefficients of K vectors on their way, in features x unit; as `Walk` for sparse rows.

    Attributes
    ----------
    columns : ndarray of shape (n_features, numbers)
        Of each column when it was last changed, its gain and unit, its coefficients and sums.
    intercept, sums : ndarray of shape (K,)
        The intercepts, and their sums on the way.
    told : ndarray of shape (3,)
        The clock, which is the sum of all steps; the sum of all steps times the share that the
        penalties had; the weight of the rows that gains are learnt from.
    step, power, batch_rows, l2, l1, fit_intercept, n_rows
        As of a `Walk`.
    averaged : bool
        Whether the average of the way is what it leads to.
    penalty_share : float
        Of `l2` and `l1`, what they are now.
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
    penalty_share: float = 1.0
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
        columns = new_lines((len(unit), kernels.column_numbers(n_vectors)))
        columns[:, GAIN], columns[:, UNIT], columns[:, SHRUNK] = 1.0, unit, 1.0
        zero = np.zeros(n_vectors)
        return cls(
            columns, zero, zero.copy(), np.zeros(3), batch_rows, l2, l1, averaged=averaged,
            fit_intercept=fit_intercept,
        )  # fmt: skip

    @property
    def n_vectors(self) -> int:
        return len(self.intercept)

    def apart(self) -> LazyWalk:
        """The same walk to go on with apart from this one."""
        arrays = {name: getattr(self, name).copy() for name in ("intercept", "sums", "told")}
        columns = new_lines(self.columns.shape)
        columns[:] = self.columns
        return replace(self, **arrays, columns=columns)

    def in_units(self, unit: Doubles) -> None:
        """Go on in features of other units; a column without one is at zero.

        What penalties are yet to do to a column that was let lie, they do in the new units.
        """
        if np.array_equal(unit, self.columns[:, UNIT]):
            return
        factor = np.divide(self.columns[:, UNIT], unit, out=np.zeros_like(unit), where=unit != 0)
        self.columns[:, FIRST:] *= factor[:, None]
        moved = factor > 0
        self.columns[moved, GAIN] *= factor[moved]
        self.columns[moved, SQUARE] /= factor[moved] ** 2
        self.columns[:, UNIT] = unit

    def gains_by(self, curvature: float, mean_squares: Doubles) -> Doubles:
        """Of columns with such features, under a curvature of the loss: the metric's inverse."""
        penalty = self.l2 * self.penalty_share
        least = np.finfo(float).tiny
        gains: Doubles = 1 / np.sqrt(np.maximum(curvature * mean_squares + penalty, least))
        return gains

    @property
    def coef(self) -> Doubles:
        """(K, n_features) as they lie, of each column when it was last changed."""
        return self.columns[:, FIRST : FIRST + self.n_vectors].T

    def coef_of(self, columns: NDArray[np.intp]) -> Doubles:
        """(K, n_columns) of some columns."""
        return np.ascontiguousarray(self.coef[:, columns])

    def over(
        self,
        matrix: SparseMatrix,
        target: Target,
        mean_weight: float,
        generator: np.random.Generator | None,
    ) -> float:
        """As `Walk.over`."""
        first_rows, steps = steps_of(self, matrix.n_samples, generator)
        steps = np.minimum(steps, LONGEST)
        block = np.empty((self.n_vectors + 2) * MOST_ROWS)
        loss = kernels.descend(
            matrix.indptr, matrix.indices, matrix.values, *target.stored, target.sample_weight,
            first_rows, steps, self.batch_rows, self.n_vectors > 1,
            1 / (self.batch_rows * mean_weight), self.l2, self.l1, self.penalty_share,
            self.intercept_gain, self.fit_intercept, self.curvature, self.columns, self.intercept,
            self.sums, self.told, block,
        )  # fmt: skip
        self.n_rows += matrix.n_samples
        return loss

    def reached(self) -> tuple[Doubles, Doubles]:
        """Coefficients (K, n_features) and intercepts: the average of the way, or its end."""
        coef = np.empty((self.n_vectors, len(self.columns)))
        with np.errstate(over="ignore", invalid="ignore"):  # of steps much too long
            counted = self.told[0] ** 8
            averaged = bool(self.averaged and counted > 0)
            kernels.reached(self.columns, self.told, self.l2, self.l1, averaged, coef)
            return coef, self.sums / counted if averaged else self.intercept.copy()

    def begin_again(self, coef: Doubles, intercept: Doubles) -> None:
        """From other coefficients, with an average of its own."""
        self.columns[:, :GAIN], self.columns[:, SHRUNK], self.told[:2] = 0.0, 1.0, 0.0
        self.coef[:] = coef
        self.columns[:, FIRST + self.n_vectors :] = 0.0
        self.intercept[:], self.sums[:] = intercept, 0.0
