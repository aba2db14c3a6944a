"""Dual coordinate ascent over the rows of a sparse X."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._kernels import sparse as kernels
from ..runtime.scratch import lines_of_cache, new_lines
from ..runtime.threads import side_by_side
from .target import Target

if TYPE_CHECKING:
    from .sparse import SparseMatrix

Doubles = NDArray[np.float64]

#: A row to begin with, and a step that leads through all.
Order = tuple[int, int]

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
    seed : int
        Of the orders of rows: those of one seed are in the same order in the same turns.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
    dual : ndarray of shape (n_samples,)
    root : ndarray of shape (n_samples,)
        Decision values that dual numbers are the residuals of; NaN where there are none.
    intercept : float
    """

    def __init__(
        self, matrix: SparseMatrix, target: Target, l2: float, fit_intercept: bool, seed: int
    ) -> None:
        self.matrix, self.target = matrix, target
        self.strength = l2 * target.total_weight
        self.own = 0.0
        if fit_intercept:
            self.own = max(OWN_SHARE * _mean_square(matrix), OWN_OF_PENALTY * l2)
        self.root = np.full(matrix.n_samples, np.nan)
        self.dual = np.zeros(matrix.n_samples)
        self.coef = np.zeros(matrix.n_features)
        self.intercept, self.total = 0.0, 0.0  # where a turn began; the sum of weighted duals
        self.company: Company | None = None
        self._seed, self._n_stretches = seed, 0
        self.begin_stretch()

    def begin_stretch(self) -> None:
        """Turns from here on come in orders of their own, whatever their number was so far.

        Ascents that wait for one another after different numbers of turns go on in step.
        """
        self._generator = np.random.default_rng([self._seed, self._n_stretches])
        self._n_stretches += 1

    def begin_at(self, decision: Doubles, coef: Doubles, intercept: float) -> None:
        """From the dual numbers of a point's decision values, with the coefficients of these."""
        self.root[:] = decision
        np.negative(self.target.link.residual(decision, self.target.y), out=self.dual)
        self.coef[:] = coef
        weight = self.target.sample_weight
        total = self.dual.sum() if weight is None else weight @ self.dual
        self.intercept, self.total = intercept, float(total)

    def next_order(self) -> Order:
        """That of the next turn."""
        n_samples = self.matrix.n_samples
        step = int(self._generator.integers(n_samples))
        while math.gcd(step, n_samples) > 1:
            step = int(self._generator.integers(n_samples))
        return int(self._generator.integers(n_samples)), step


class Company:
    """Ascents over the same rows whose numbers lie together, so that they go side by side.

    Parameters
    ----------
    ascents : sequence of Ascent
        `MOST_ASCENTS` at most, of the same matrix and y. What they have becomes a part of what
        their company has.
    """

    def __init__(self, ascents: Sequence[Ascent]) -> None:
        first, width = ascents[0], kernels.width_of(len(ascents))
        self.matrix, self._y = first.matrix, first.target.y.astype(np.float64)
        n_samples, n_threads = self.matrix.n_samples, self.matrix.n_threads
        self._coef = new_lines((self.matrix.n_features, width))
        self._rows = new_lines((n_samples, 3, width))
        with lines_of_cache(len(ascents), self.matrix.n_features) as coefs:
            for k, one in enumerate(ascents):
                coefs[k], one.coef = one.coef, self._coef[:, k]
            kernels.interleave(coefs, self._coef, n_threads)
        with lines_of_cache(3 * width, n_samples) as of_rows:
            of_rows[:] = 0
            for k, one in enumerate(ascents):
                weight = one.target.sample_weight
                of_rows[k], one.root = one.root, self._rows[:, 0, k]
                of_rows[width + k], one.dual = one.dual, self._rows[:, 1, k]
                of_rows[2 * width + k] = 1.0 if weight is None else weight
            by_row = self._rows.reshape(n_samples, 3 * width)
            kernels.interleave(of_rows, by_row, n_threads)
        self._members = list(ascents)
        for one in ascents:
            one.company = self

    def turn(self, active: Sequence[Ascent], order: Order) -> dict[Ascent, float]:
        """A step of each row for some of the ascents; about what each gained, a mean over rows."""
        told = np.zeros((6, self._coef.shape[1]))
        told[1] = 1.0
        for k, one in enumerate(self._members):
            told[:5, k] = one in active, one.strength, one.own, one.intercept, one.total
        kernels.ascend(*self.matrix.stored, *order, self._y, told, self._rows, self._coef)
        gains = {}
        for one, total, gain in zip(self._members, *told[4:].tolist(), strict=False):
            if one in active:
                one.total = total
                one.intercept += one.own * total / one.strength
                gains[one] = gain / one.target.total_weight
        return gains


def turns(ascents: Sequence[Ascent]) -> list[float]:
    """A turn of each over the same matrix; about what each gained.

    Those of a company in the same order share a pass of one thread; companies go side by side.
    """
    matrix = ascents[0].matrix
    _join([ascent for ascent in ascents if ascent.company is None])
    walks: dict[Company, dict[Order, list[Ascent]]] = {}
    for ascent in ascents:
        assert ascent.company is not None
        walks.setdefault(ascent.company, {}).setdefault(ascent.next_order(), []).append(ascent)
    matrix.n_passes += sum(map(len, walks.values()))
    n_threads = min(matrix.n_threads, len(walks))  # of one, Ctrl-C stops a turn
    gains: dict[Ascent, float] = {}
    for own in side_by_side(_walks, walks.items(), n_threads):
        gains |= own
    return [gains[ascent] for ascent in ascents]


def _walks(item: tuple[Company, dict[Order, list[Ascent]]]) -> dict[Ascent, float]:
    """Those of a company, one after the other: they share its memory."""
    company, walks = item
    gains: dict[Ascent, float] = {}
    for order, active in walks.items():
        gains |= company.turn(active, order)
    return gains


def _join(ascents: Sequence[Ascent]) -> None:
    """Put ascents into companies, as few as can be: one has hardly more to do than one ascent."""
    by_target: dict[int, list[Ascent]] = {}
    for ascent in ascents:
        by_target.setdefault(id(ascent.target.y), []).append(ascent)
    for alike in by_target.values():
        n = -(-len(alike) // kernels.MOST_ASCENTS)
        for k in range(n):
            Company(alike[len(alike) * k // n : len(alike) * (k + 1) // n])


def _mean_square(matrix: SparseMatrix) -> float:
    """Of the rows, about: all of their squares together, by some of the values."""
    square = 1.0
    if matrix.values is not None and matrix.n_entries:
        seen = matrix.values[:: 1 + matrix.n_entries // VALUES_SEEN].astype(np.float64)
        square = float(seen @ seen) / len(seen)
    return square * matrix.n_entries / matrix.n_samples
