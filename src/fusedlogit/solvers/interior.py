"""A quadratic plus an L1 norm by an interior-point method, where columns nearly repeat each other.

Coordinates and signs trade such columns for each other without end; here some tens of
factorisations do, whatever the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from .settings import Doubles

MAX_STEPS = 60

#: Share of the way to the boundary that a step goes, and of a step that is too little to go on.
SHARE, LITTLE = 0.995, 1e-3

#: Sum of the products, in the cost, that is the end.
DONE = 1e-10


def minimise_inside(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles) -> Doubles:
    """Nearly the minimum of a quadratic plus l1 |coef|_1, without exact zeros.

    Coefficients are up - down, and the slopes of the two l1 + pull and l1 - pull. All stay
    positive while products of each with its slope fall to zero together, by steps that are first
    foreseen, then corrected (Mehrotra, 1992, SIAM Journal on Optimization 2).

    Parameters
    ----------
    hessian : ndarray of shape (n, n)
        Positive semidefinite.
    l1 : float
    coef, slope : ndarray of shape (n,)
        A point, and the gradient of the quadratic there.

    Returns
    -------
    ndarray of shape (n,)
    """
    size = np.sqrt(hessian.diagonal())
    size[size == 0] = 1
    matrix = hessian / size
    matrix /= size[:, None]
    linear, bound = (slope - hessian @ coef) / size, l1 / size
    best, lowest = coef * size, np.inf
    largest = float(np.abs(linear).max())
    parts = np.full((2, len(size)), max(largest, float(np.abs(best).max())))
    here = _Inside(matrix, linear, bound, parts, np.tile(bound + largest, (2, 1)))
    for _ in range(MAX_STEPS):
        point = here.parts[0] - here.parts[1]
        cost = float((matrix @ point / 2 + linear) @ point + bound @ np.abs(point))
        if cost < lowest:
            best, lowest = point, cost
        if here.products().sum() <= DONE * abs(cost) or here.go() < LITTLE:
            break
    return best / size


@dataclass
class _Inside:
    """Where the two parts of all coefficients stand, and their slopes."""

    matrix: Doubles
    linear: Doubles
    bound: Doubles
    parts: Doubles
    slopes: Doubles

    def products(self) -> Doubles:
        """Of parts and their slopes: zero at the minimum."""
        return self.parts * self.slopes

    def go(self) -> float:
        """One step; how much of it was possible."""
        pull = self.matrix @ (self.parts[0] - self.parts[1]) + self.linear
        away = self.slopes - self.bound - np.stack([pull, -pull])
        give = self.parts / self.slopes
        stiffness = 1 / give.sum(axis=0)
        among = self.matrix + np.diag(stiffness)
        factor, failed = lapack.dpotrf(among, lower=1, overwrite_a=True)
        if failed:
            return 0.0

        def newton(change: Doubles) -> tuple[Doubles, Doubles]:
            """Of parts and slopes, so that their products change by that to first order."""
            wanted = change / self.slopes + give * away
            step = lapack.dpotrs(factor, stiffness * (wanted[0] - wanted[1]), lower=1)[0]
            turn = self.matrix @ step
            slopes = np.stack([turn, -turn]) - away
            up, down = (change - self.parts * slopes) / self.slopes
            # The larger part follows from the other: its own slope is all rounding.
            larger = give[0] > give[1]
            return np.where(larger, [down + step, down], [up, up - step]), slopes

        products = self.products()
        parts, slopes = newton(-products)
        share = self._possible(parts, slopes)
        foreseen = (self.parts + share * parts) * (self.slopes + share * slopes)
        centre = (foreseen.mean() / products.mean()) ** 3 * products.mean()
        parts, slopes = newton(centre - products - parts * slopes)
        share = min(1.0, SHARE * self._possible(parts, slopes))
        self.parts += share * parts
        self.slopes += share * slopes
        return share

    def _possible(self, parts: Doubles, slopes: Doubles) -> float:
        """The share of a step, 1 at most, that leaves all positive."""
        fastest = max(float((-parts / self.parts).max()), float((-slopes / self.slopes).max()))
        return 1 / max(fastest, 1.0)
