"""Fits without one row each, by Newton steps from the fit of all rows: of many rows at once.

Coefficients move along directions in which the Hessian of all rows is the identity. Without a row
it is that less a matrix of low rank, and what has become of the curvature of other rows: a few
conjugate gradients solve for a step, in passes that all rows left out share. An L2 norm it takes:
fits without any may have no minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..fitting import Problem
from ..problems.links import SOFTMAX, by_class
from ..problems.multinomial import one_of
from ..solvers.metric import TINY

Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]

#: Decision values at a time: of all rows, for as many as are left out.
BLOCK_NUMBERS = 1 << 21

#: Change of decision values by a step that is the last, and how many there are at most.
NEAR, MOST_STEPS = 0.05, 50

#: Slope where a step ends, at most, relative to where it begins.
SLIGHT = 0.1

#: Residual of a step relative to the gradient, and turns of conjugate gradients at most.
TOL_STEP, MOST_TURNS = 0.05, 100


class Without:
    """Costs that leave out one row each, about the fit of all rows.

    Parameters
    ----------
    problem : Objective or Multinomial
        The cost of all rows, without an L1 norm.
    mean : ndarray of shape (n_features,)
        Of scaled features, about which intercepts are.
    root : ndarray of shape (1 or n_classes, n_features + 1, n_directions)
        Directions of the coefficients, in which the Hessian at the fit is the identity.
    decisions : ndarray of shape (1 or n_classes, n_samples)
        Of the fit, where the gradient vanishes.
    """

    def __init__(self, problem: Problem, mean: Doubles, root: Doubles, decisions: Doubles) -> None:
        self.one, self.mean, self.root, self.decisions = one_of(problem), mean, root, decisions
        coefs = root[:, :-1].reshape(-1, root.shape[2])
        self.ridge = problem.penalty * (coefs.T @ coefs)
        target = problem.target
        self.weight = target.weighted(np.ones(len(target.y)))
        self.before = self.weight * _chances(decisions)

    def decisions_of(self, rows: Rows) -> Doubles:
        """Decision values of rows, each of the fit without it: (1 or n_classes, n_rows)."""
        at_once = max(1, BLOCK_NUMBERS // self.decisions.size)
        begins = range(0, len(rows), at_once)
        return np.hstack([self._together(rows[begin : begin + at_once]) for begin in begins])

    def _together(self, rows: Rows) -> Doubles:
        """The same of as many as there is room for."""
        place = np.zeros((len(rows), self.root.shape[2]))
        values = np.repeat(self.decisions[None], len(rows), axis=0)
        moving = np.arange(len(rows))
        for _ in range(MOST_STEPS):
            own = rows[moving]
            step = self._step(place[moving], values[moving], own)
            change = self._changes(step)
            apart = _apart(change)
            far = apart.max(axis=1)
            apart[np.arange(len(own)), own] = 0.0  # of rows that have a say
            share = self._share(place[moving], step, values[moving], change, own, apart.max(axis=1))
            place[moving] += share[:, None] * step
            values[moving] += share[:, None, None] * change
            moving = moving[far > NEAR]
            if not len(moving):
                break
        return values[np.arange(len(rows)), :, rows].T

    def _step(self, place: Doubles, values: Doubles, own: Rows) -> Doubles:
        """Newton steps (n_rows, n_directions) from places with decision values of all rows."""
        each = np.arange(len(own))
        weight = np.repeat(self.weight[None, None], len(own), axis=0)
        weight[each, 0, own] = 0.0
        chance = _chances(values)
        pushed = weight * chance - self.before
        pushed[each, :, own] += self.weight[own, None] * self._is_class(own)
        weight = weight * chance
        curvature = (weight - weight * chance)[:, 0] if chance.shape[1] == 1 else None

        def bent(vector: Doubles, some: Rows) -> Doubles:
            if curvature is not None:  # one pass will do
                coef, intercept = self._passed(vector)
                sums = self.one.data.hessian_product(curvature[some], coef, intercept, precise=True)
                return self._along(sums) + vector @ self.ridge
            change = self._changes(vector)
            change -= np.einsum("bki,bki->bi", chance[some], change)[:, None]
            change *= weight[some]
            return self._pulls(change) + vector @ self.ridge

        return _solved(bent, -(self._pulls(pushed) + place @ self.ridge))

    def _share(
        self, place: Doubles, step: Doubles, values: Doubles, change: Doubles, own: Rows,
        far: Doubles,
    ) -> Doubles:  # fmt: skip
        """Of steps: all, or what is left by halving where costs rise no more than slightly.

        At least that of which theory knows that it lowers the cost, for no curvature changes by
        more than exp(far) (Sun and Tran-Dinh, 2019, Mathematical Programming 178), is enough.
        """
        if far.max() <= NEAR:
            return np.ones(len(own))
        far = np.maximum(far, TINY)
        least = np.log1p(far) / far
        bent = step @ self.ridge
        fixed = (place * bent).sum(axis=1) - np.einsum("ki,bki->b", self.before, change)
        each = np.arange(len(own))
        fixed += self.weight[own] * (self._is_class(own) * change[each, :, own]).sum(axis=1)
        weighted = self.weight * change
        weighted[each, :, own] = 0.0

        def slope(share: Doubles) -> Doubles:
            chance = _chances(values + share[:, None, None] * change)
            bends = share * (step * bent).sum(axis=1)
            found: Doubles = fixed + bends + np.einsum("bki,bki->b", weighted, chance)
            return found

        first, share = slope(np.zeros(len(own))), np.ones(len(own))
        while (rises := (slope(share) > SLIGHT * np.abs(first)) & (share > least)).any():
            share[rises] = np.maximum(share[rises] / 2, least[rises])
        return share

    def _is_class(self, rows: Rows) -> NDArray[Any]:
        """Whether rows are of each class that has decision values: (n_rows, 1 or n_classes)."""
        n_classes = len(self.decisions)
        codes = np.arange(n_classes) if n_classes > 1 else np.ones(1)
        found: NDArray[Any] = self.one.target.y[rows, None] == codes
        return found

    def _passed(self, steps: Doubles) -> tuple[Doubles, Doubles]:
        """Steps as passes take them: a vector for each of their decision values."""
        table = np.tensordot(steps, self.root, (1, 2)).reshape(-1, self.root.shape[1])
        coef, intercept = table[:, :-1], table[:, -1] - table[:, :-1] @ self.mean
        coef, intercept = self.one.scaling.to_data(coef, intercept)
        return np.ascontiguousarray(coef), np.ascontiguousarray(intercept)

    def _changes(self, steps: Doubles) -> Doubles:
        """Of decision values along steps: (n_rows, 1 or n_classes, n_samples)."""
        found = self.one.data.decision_values(*self._passed(steps), precise=True)
        return found.reshape(len(steps), -1, found.shape[1])

    def _pulls(self, factor: Doubles) -> Doubles:
        """Gradients of sum_i factor_i z_i along the directions: (n_rows, n_directions)."""
        factor = factor.reshape(-1, factor.shape[-1])
        return self._along(self.one.data.row_sum(factor, precise=True))

    def _along(self, sums: tuple[Doubles, Doubles]) -> Doubles:
        """Sums over rows as gradients along the directions."""
        table = self.one.scaled(*sums)
        table[:, :-1] -= self.mean * table[:, -1:]
        size = self.root.shape[:2]
        return np.tensordot(table.reshape(-1, *size), self.root, ((1, 2), (0, 1)))


def _chances(values: Doubles) -> Doubles:
    """Probabilities of the classes that have decision values, along the last axis but one."""
    table = np.moveaxis(values, -2, 0)
    found = SOFTMAX.probabilities(by_class(table))[-len(table) :]
    return np.ascontiguousarray(np.moveaxis(found, 0, -2))


def _apart(change: Doubles) -> Doubles:
    """By how much changes (n_rows, 1 or n_classes, n_samples) move classes apart."""
    if change.shape[1] == 1:
        return np.abs(change[:, 0])
    apart: Doubles = change.max(axis=1) - change.min(axis=1)
    return apart


def _solved(product: Callable[[Doubles, Rows], Doubles], right: Doubles) -> Doubles:
    """Solutions of product(x, rows) = right, each row its own, by conjugate gradients."""
    found, left, direction = np.zeros_like(right), right.copy(), right.copy()
    square = (left * left).sum(axis=1)
    enough = TOL_STEP**2 * square
    some = np.flatnonzero(square > enough)
    for _ in range(MOST_TURNS):
        if not len(some):
            break
        along, before = direction[some], square[some]
        image = product(along, some)
        bend = (along * image).sum(axis=1)
        length = np.divide(before, bend, where=bend > 0, out=np.zeros_like(bend))[:, None]
        found[some] += length * along
        left[some] -= length * image
        square[some] = (left[some] ** 2).sum(axis=1)
        direction[some] = left[some] + (square[some] / before)[:, None] * along
        some = some[square[some] > enough[some]]
    return found
