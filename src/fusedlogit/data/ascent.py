"""Dual coordinate ascent over the rows of a sparse X."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._kernels import sparse as kernels
from ..runtime.threads import side_by_side
from .target import Target

if TYPE_CHECKING:
    from .sparse import SparseMatrix

Doubles = NDArray[np.float64]

#: The square of the intercept's feature, as a share of the rows' mean square, or as a multiple of
#: the penalty: in a turn it must be able to move as far as the residuals of all rows ask.
OWN_SHARE, OWN_OF_PENALTY = 0.1, 40.0

#: Values that this is estimated by.
VALUES_SEEN = 100_000


class Ascent:
    """Of the dual of (1 / W) sum_i s_i L_i + l2 / 2 |w|^2: a step a row, in random order.

    Where rows share few columns and the penalty is not weak beside their squares, a turn of all
    rows brings more than a gradient of all of them can.

    Parameters
    ----------
    matrix : SparseMatrix
    target : Target
        Of two classes, with the log loss.
    l2 : float
        Above zero.
    fit_intercept : bool
    generator : numpy.random.Generator

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
    intercept : float
    """

    def __init__(
        self,
        matrix: SparseMatrix,
        target: Target,
        l2: float,
        fit_intercept: bool,
        generator: np.random.Generator,
    ) -> None:
        self.matrix, self.target, self.generator = matrix, target, generator
        self.y = target.y.astype(np.float64)
        self.strength = l2 * target.total_weight
        self.own = 0.0
        if fit_intercept:
            self.own = max(OWN_SHARE * _mean_square(matrix), OWN_OF_PENALTY * l2)
        self.dual = np.zeros(matrix.n_samples)
        self.coef = np.zeros(matrix.n_features)
        self._intercept = np.zeros(2)  # where a turn began, and the sum of the weighted duals

    @property
    def intercept(self) -> float:
        return float(self._intercept[0])

    def begin_at(self, residual: Doubles, coef: Doubles, intercept: float) -> None:
        """From the dual numbers of a point, with the coefficients that are theirs."""
        np.negative(residual, out=self.dual)
        self.coef[:] = coef
        weight = self.target.sample_weight
        total = self.dual.sum() if weight is None else weight @ self.dual
        self._intercept[:] = intercept, total

    def turn(self) -> float:
        """A step of each row; about what it gained, as a mean over rows."""
        gain = kernels.ascend(
            *self.matrix.stored, *self._order(), self.y, self.target.sample_weight,
            self.strength, self.own, self._intercept, self.dual, self.coef,
        )  # fmt: skip
        with np.errstate(all="ignore"):
            self._intercept[0] += self.own * self._intercept[1] / self.strength
        return gain / self.target.total_weight

    def _order(self) -> tuple[int, int]:
        """A row to begin with, and a step that leads through all."""
        n_samples = self.matrix.n_samples
        step = int(self.generator.integers(n_samples))
        while math.gcd(step, n_samples) > 1:
            step = int(self.generator.integers(n_samples))
        return int(self.generator.integers(n_samples)), step


def turns(ascents: Sequence[Ascent]) -> list[float]:
    """A turn of each over the same matrix: a pass each, of a thread each, side by side."""
    matrix = ascents[0].matrix
    matrix.n_passes += len(ascents)
    n_threads = min(matrix.n_threads, len(ascents))  # of one, Ctrl-C stops a turn
    return list(side_by_side(Ascent.turn, ascents, n_threads))


def _mean_square(matrix: SparseMatrix) -> float:
    """Of the rows, about: all of their squares together, by some of the values."""
    square = 1.0
    if matrix.values is not None and matrix.n_entries:
        seen = matrix.values[:: 1 + matrix.n_entries // VALUES_SEEN].astype(np.float64)
        square = float(seen @ seen) / len(seen)
    return square * matrix.n_entries / matrix.n_samples
