"""A positive semidefinite matrix that is known but for its rounding, factored to be solved with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, eigh, lapack, solve_triangular

Doubles = NDArray[np.float64]

#: By how much rounding may change the least eigenvalue of a matrix that is to be relied on.
RELIABLE = 0.25

#: By how much curvature may be less than what hides it, where the gradient is rounding.
#: Measured: by 20 among nearly equal columns of which few rows have all the weight.
FLATTER = 64

#: Numbers of a vector from which on BLAS solves for it up to five times sooner than LAPACK does,
#: whose solution is meant for many.
BY_VECTOR = 128


class Factored:
    """A symmetric matrix, equilibrated and factored by Cholesky.

    Each entry was summed from terms that may be larger than what is left of them: it is known but
    for a rounding relative to the root of two such sums. Where that could change the least
    eigenvalue, `truncate` leaves directions of eigenvalues that may be rounding alone: the
    pseudo-inverse.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
    rounding : float
        Of an entry, relative to the root of the two terms of its row and column.
    terms : ndarray of shape (n,), optional
        Of the diagonal, before anything was taken from them; the diagonal itself if None.
    narrow : bool
        Whether to factor in float32, where that hides no eigenvalue: for a direction. It takes half
        the time, and a quarter of the memory.

    Attributes
    ----------
    size : ndarray of shape (n,)
        Roots of the diagonal, 1 where that is zero.
    flat : ndarray of shape (n,)
        Where it is zero.
    equilibrated, cholesky : ndarray of shape (n, n)
        The matrix over the sizes of row and column, which narrow ones do not keep, and its lower
        factor.
    rounding, least : float
        Of the equilibrated matrix: the norm of its rounding, and a lower bound of its eigenvalues,
        0 if rounding has made it indefinite.
    kept : tuple of ndarray or None
        Eigenvalues and eigenvectors that are no rounding, once the others are left alone.
    left : ndarray of shape (n, n_left)
        The directions that were left alone, but those of nothing at all: of terms that are zero.
    alone : float
        The largest that an eigenvalue left alone may be.
    """

    def __init__(
        self,
        matrix: Doubles,
        rounding: float,
        terms: Doubles | None = None,
        *,
        narrow: bool = False,
    ) -> None:
        diagonal = matrix.diagonal()
        size = np.sqrt(np.maximum(diagonal, 0))
        self.flat = size == 0
        self.size = np.where(self.flat, 1.0, size)
        self.equilibrated = matrix / self.size
        self.equilibrated /= self.size[:, None]
        #: By entry of the diagonal, of which the norm of the rounding is the sum at most.
        self.hidden = rounding * np.maximum(diagonal if terms is None else terms, diagonal)
        self.hidden /= self.size**2
        self._empty = self.flat & (self.hidden == 0)
        self.rounding = float(self.hidden.sum())
        self.kept: tuple[Doubles, Doubles] | None = None
        self.left = np.empty((len(matrix), 0))
        self.alone = 0.0
        self.cholesky: NDArray[Any]
        if narrow:
            self.cholesky, self.least = _factor(self.equilibrated.astype(np.float32))
            narrow = self.reliable and bool(np.finfo(np.float32).eps <= RELIABLE * self.least)
        if narrow:
            del self.equilibrated
        else:
            self.cholesky, self.least = _factor(self.equilibrated)

    @property
    def reliable(self) -> bool:
        """Whether rounding leaves its least eigenvalue much as it is."""
        return self.least > 0 and self.rounding <= RELIABLE * self.least

    def truncate(self) -> None:
        """Leave directions alone whose eigenvalues may be rounding, if there are any."""
        if self.reliable:
            return
        seen = (self.hidden <= RELIABLE) & ~self._empty  # a diagonal that is no rounding itself
        self.rounding = float(self.hidden[seen].sum())
        values, inside = eigh(self.equilibrated[np.ix_(seen, seen)])
        kept = values > self.rounding / RELIABLE
        vectors = np.eye(len(seen))
        vectors[np.ix_(seen, seen)] = inside
        place = np.flatnonzero(seen)[kept]
        self.kept = values[kept], vectors[:, place]
        self.left = np.delete(vectors, np.append(place, np.flatnonzero(self._empty)), axis=1)
        self.alone = (1 + 1 / RELIABLE) * self.rounding if (seen | self._empty).all() else 1.0
        self.least = float(values[kept].min(initial=np.inf))

    def solve(self, slope: Doubles) -> Doubles:
        """The matrix's inverse times a vector, or each row of a table."""
        slope = slope / self.size
        if self.kept is not None:
            values, vectors = self.kept
            slope = ((slope @ vectors) / values) @ vectors.T
        elif self.cholesky.dtype == np.float64:
            slope = solution(self.cholesky, slope.T).T
        else:
            unit = float(np.abs(slope).max()) or 1.0  # squares may be out of float32's range
            slope = solution(self.cholesky, (slope / unit).T).T * unit
        return slope / self.size

    def inverse_root(self) -> Doubles:
        """A matrix whose product with its own transpose is the inverse."""
        if self.kept is None:
            root = solve_triangular(self.cholesky, np.eye(len(self.size)), lower=True).T
        else:
            values, vectors = self.kept
            root = vectors / np.sqrt(values)
        scaled: Doubles = root / self.size[:, None]
        return scaled

    def square(
        self,
        slope: Doubles,
        square: float,
        margins: float,
        sums: float,
        floor: float,
        left: Left | None = None,
    ) -> float:
        """A gradient's square in the inverse, at most: with what rounding hides of both.

        Of the least eigenvalue, as much as rounding may make of it; and of the gradient in
        directions that were left alone.

        Parameters
        ----------
        slope : ndarray of shape (n,)
        square : float
            As `solve` has it, with what else there is.
        margins, sums : float
            Rounding of the gradient: by that of the margins, which moves it as a step would, and
            of its sums in the equilibrated coefficients.
        floor : float
            Of the curvature in every direction: the penalty.
        left : Left, optional
            What is known of the directions that were left alone.
        """
        slope = slope / self.size
        if slope[self.flat].any():
            return np.inf
        square /= 1 - self.rounding / self.least
        if self.kept is not None:
            floor = floor / float(self.size.max()) ** 2
            # Rounding may tie them to those that were kept, and so to the gradient there.
            tied = self.rounding * math.sqrt(max(square, 0.0) / self.least)
            left = left or Left(self)
            square += self._square_of_left(slope, tied, margins, sums, floor, left)
        return (math.sqrt(max(square, 0.0)) + margins + sums / math.sqrt(self.least)) ** 2

    def _square_of_left(
        self, slope: Doubles, tied: float, margins: float, sums: float, floor: float, left: Left
    ) -> float:
        """The same in the directions that were left alone.

        Where neither their curvature nor the gradient is more than rounding, there is taken to be
        the curvature that rounding hides.
        """
        least, hidden = left.least + floor, left.hidden(margins, sums)
        along = np.abs(left.directions.T @ slope)
        dead = left.dead & (float(np.linalg.norm(along[left.dead])) <= 4 * hidden)
        least[dead] = np.maximum(least[dead], self.rounding / FLATTER)
        if not (least > 0).all():
            return np.inf
        return float(np.sum((along + hidden + tied) ** 2 / least))

    def step_of_left(
        self, slope: Doubles, margins: float, sums: float, floor: float, left: Left
    ) -> Doubles:
        """What `solve` leaves out: the step in directions of some curvature, at most.

        What is asked for by no more than the gradient's rounding is none.
        """
        least = left.least + floor / float(self.size.max()) ** 2
        known = ~left.dead & (least > 0)
        directions = left.directions[:, known]
        along = directions.T @ (slope / self.size)
        hidden = 4 * left.hidden(margins, sums)[known]
        along = np.sign(along) * np.maximum(np.abs(along) - hidden, 0)
        step: Doubles = directions @ (along / least[known]) / self.size
        return step


class Left:
    """The curvature among directions that `Factored` left alone, but for the penalty.

    Products of steps along them tell far smaller curvatures than the matrix does.

    Parameters
    ----------
    factored : Factored
    product : ndarray of shape (n_left, n_left), optional
        Of the steps' margins, weighted; nothing is known without.
    far : float
        By how much rounding grows where features lie far from zero.

    Attributes
    ----------
    directions : ndarray of shape (n, n_left)
        Turned, so that curvature does not tie them to each other.
    roots, least : ndarray of shape (n_left,)
        Roots of the curvatures along them, and lower bounds of these, 0 where there is none.
    dead : ndarray of bool
        Where these may be rounding alone.
    """

    def __init__(
        self, factored: Factored, product: Doubles | None = None, far: float = 1.0
    ) -> None:
        self.directions, self._alone = factored.left, factored.alone
        self.roots = np.zeros(self.directions.shape[1])
        rounding = np.inf  # of the root of a curvature
        if product is not None:
            rounding = 8 * float(np.finfo(np.float64).eps) * far
            rounding *= float(np.abs(factored.left).sum())
            values, turned = eigh(product)
            self.directions, self.roots = self.directions @ turned, np.sqrt(np.maximum(values, 0))
        self.dead = RELIABLE * self.roots <= rounding
        tied = factored.rounding**2 / factored.least  # what those that were kept may have of it
        self.least = np.maximum(np.maximum(self.roots - rounding, 0) ** 2 - tied, 0)

    def hidden(self, margins: float, sums: float) -> Doubles:
        """Rounding of the gradient in them: margins move it by the root of a curvature."""
        hidden: Doubles = np.where(self.dead, math.sqrt(self._alone), self.roots) * margins + sums
        return hidden


def _factor(matrix: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Its lower Cholesky factor, and a lower bound of its eigenvalues, 0 if there is none."""
    single = matrix.dtype == np.float32
    factor, condition = (lapack.spotrf, lapack.spocon) if single else (lapack.dpotrf, lapack.dpocon)
    cholesky, failed = factor(matrix.T, lower=1)  # as LAPACK stores
    if failed:
        return cholesky, 0.0
    return cholesky, float(condition(cholesky, 1.0, uplo="L")[0])  # 1 / the inverse's norm


def solution(cholesky: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """The solution of a system with a lower Cholesky factor, in the factor's type.

    For one right side, (n,), or for each column of several.
    """
    single = cholesky.dtype == np.float32
    if rows.size == len(cholesky) >= BY_VECTOR:
        solve = blas.strsv if single else blas.dtrsv
        half = solve(cholesky, rows.ravel(), lower=1)
        found: NDArray[Any] = solve(cholesky, half, lower=1, trans=1).reshape(rows.shape)
    else:
        solve = lapack.spotrs if single else lapack.dpotrs
        found = solve(cholesky, rows, lower=1)[0]
    return found
