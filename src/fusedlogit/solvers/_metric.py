"""Models of the Hessian that can be inverted: the metric of a quasi-Newton method.

Each knows the Hessian of J in scaled features, or an estimate of it, and solves with it. The
intercept has no penalty and is eliminated: with rows weighted by their curvature d_i and m the
weighted mean of the features, the Hessian in w alone is that of centred rows,

    H_ww = sum_i d_i (x_i - m)(x_i - m)^T + penalty I,

so that features far from zero cost no accuracy, whatever `scaling` says.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, eigh, lapack

from ..blas import blas_threads
from ..objective import Objective

Doubles = NDArray[np.float64]
Singles = NDArray[np.float32]

#: Eigenvalues of the equilibrated Hessian that count as zero: rounding of its sums.
SINGULAR = {True: 1e-13, False: 1e-7}

#: Smallest ridge of a Gram product, in units of its mean diagonal.
LEAST_RIDGE = 1e-4

#: Columns of a tile of the Gram product: tiles are float32.
TILE_COLUMNS = 128


class Metric(Protocol):
    """A positive definite model P of the Hessian."""

    #: By which a first step along P^-1 gradient should be shortened.
    damping: float

    def solve(self, vector: Doubles) -> Doubles:
        """P^-1 vector, of shape (n_features + 1,)."""


class Ridge:
    """The penalty alone as the Hessian in w, never more than it is: the duality gap as a bound.

    For the dual point of the residuals, J - D = |gradient|^2 / (2 penalty) if the intercept's
    derivative is zero. Where it is not, a step to its zero is taken into account. One pass.

    Parameters
    ----------
    objective : Objective
        With a penalty.
    margins : ndarray of shape (n_samples,)
    """

    damping = 1.0

    def __init__(self, objective: Objective, margins: Doubles) -> None:
        self.penalty = objective.penalty
        curvature = objective.curvature(margins)
        self.total = max(float(curvature.sum()), np.finfo(float).tiny)
        self.mean = objective.pull(curvature)[:-1] / self.total
        self.fit_intercept = objective.fit_intercept

    def solve(self, vector: Doubles) -> Doubles:
        if not self.fit_intercept:
            return np.append(vector[:-1] / self.penalty, 0.0)
        coef = (vector[:-1] - self.mean * vector[-1]) / self.penalty
        return np.append(coef, vector[-1] / self.total - self.mean @ coef)


class Diagonal:
    """The diagonal of the Hessian at zero, about the columns' means.

    Parameters
    ----------
    objective : Objective
    """

    damping = 1.0

    def __init__(self, objective: Objective) -> None:
        scaling = objective.scaling
        mean, variance = objective.matrix.moments(objective.sample_weight)
        self.mean = (mean - scaling.center) / scaling.scale
        square = variance / scaling.scale**2
        if not objective.fit_intercept:
            square = square + self.mean**2
            self.mean = np.zeros_like(self.mean)
        self.diagonal = square / 4 + objective.penalty
        self.diagonal[self.diagonal == 0] = 1  # a column that is constant: its gradient is zero
        self.fit_intercept = objective.fit_intercept

    def solve(self, vector: Doubles) -> Doubles:
        result = np.empty_like(vector)
        result[:-1] = (vector[:-1] - self.mean * vector[-1]) / self.diagonal
        result[-1] = 4 * vector[-1] - self.mean @ result[:-1] if self.fit_intercept else 0
        return result


class CenteredHessian:
    """The Hessian of all the rows of an objective, from one sandwich pass.

    Attributes
    ----------
    matrix : ndarray of shape (n_features, n_features)
        In the coefficients, the intercept eliminated.
    mean : ndarray of shape (n_features,)
        Of the scaled features, weighted by curvature; zero if no intercept is fitted.
    total : float
        Second derivative in the intercept.
    """

    def __init__(self, objective: Objective, margins: Doubles) -> None:
        center, scale = objective.scaling.center, objective.scaling.scale
        product = objective.matrix.sandwich(objective.curvature(margins))
        self.total = max(float(product[-1, -1]), np.finfo(float).tiny)
        if objective.fit_intercept:
            mean = product[:-1, -1] / self.total
            hessian = product[:-1, :-1] - np.outer(mean * self.total, mean)
            self.mean = (mean - center) / scale
        else:
            sums = np.outer(product[:-1, -1], center)
            hessian = product[:-1, :-1] - sums - sums.T + self.total * np.outer(center, center)
            self.mean = np.zeros(len(center))
        hessian /= scale
        hessian /= scale[:, None]
        hessian.flat[:: len(center) + 1] += objective.penalty
        self.matrix = hessian


class DenseHessian:
    """The exact Hessian, factored: n_features^2 numbers.

    Where it is singular (columns that repeat each other, no penalty), directions in which it
    vanishes are left alone: the pseudo-inverse.

    Parameters
    ----------
    objective : Objective
    margins : ndarray of shape (n_samples,)
    """

    damping = 1.0

    def __init__(self, objective: Objective, margins: Doubles) -> None:
        hessian = CenteredHessian(objective, margins)
        self.fit_intercept = objective.fit_intercept
        self.mean, self.total = hessian.mean, hessian.total
        self._factor(hessian.matrix, SINGULAR[objective.matrix.computes_in_float64])

    def _factor(self, hessian: Doubles, singular: float) -> None:
        """Cholesky of the equilibrated matrix, or its eigenvalues if that fails."""
        size = np.sqrt(np.maximum(hessian.diagonal(), 0))
        self.size = np.where(size > 0, size, 1.0)
        hessian = hessian / self.size
        hessian /= self.size[:, None]
        self.cholesky, failed = lapack.dpotrf(hessian, lower=1)
        self.inverse: Doubles | None = None
        if failed or self.cholesky.diagonal().min() ** 2 < singular:
            values, vectors = eigh(hessian)
            kept = values > singular * max(1.0, values[-1])
            self.inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T

    def solve(self, vector: Doubles) -> Doubles:
        result = np.empty_like(vector)
        slope = (vector[:-1] - self.mean * vector[-1]) / self.size
        if self.inverse is None:
            slope = lapack.dpotrs(self.cholesky, slope, lower=1)[0]
        else:
            slope = self.inverse @ slope
        result[:-1] = slope / self.size
        result[-1] = vector[-1] / self.total - self.mean @ result[:-1] if self.fit_intercept else 0
        return result


class SampledGram:
    """The Hessian of a few rows of an objective of more features, by Woodbury's identity.

    With A the centred rows times the square root of their curvature,
    ``(penalty I + A^T A)^-1 = (I - A^T (penalty I + A A^T)^-1 A) / penalty``. The Gram product
    A A^T and its factor are float32; A itself is never formed: the rows stay as they are stored.

    `damping` tells how much a few rows leave to the penalty. In the limit of many rows and
    features the inverse acts as that of the whole Hessian with a larger penalty k,
    ``(penalty + A^T A)^-1 ~ k / penalty (k + H)^-1`` with
    ``1 / k = trace((penalty I + A A^T)^-1) / n_rows``
    (Silverstein and Bai, 1995, Journal of Multivariate Analysis 54). It is penalty / k.

    Parameters
    ----------
    objective : Objective
        Of the rows alone.
    margins : ndarray of shape (n_samples,)
        Of these rows.
    """

    def __init__(self, objective: Objective, margins: Doubles) -> None:
        self.objective = objective
        n_rows = objective.matrix.n_samples
        weight = objective.curvature(margins)
        self.total = max(float(weight.sum()), np.finfo(float).tiny)
        self.root = np.sqrt(weight)
        scaling = objective.scaling
        if objective.fit_intercept:
            mean, _ = objective.matrix.row_sum(weight / self.total)
            self.center = mean
            self.mean = (mean - scaling.center) / scaling.scale
        else:
            self.center = scaling.center
            self.mean = np.zeros(len(scaling.center))
        with blas_threads(objective.matrix.n_threads):
            gram = self._gram()
        # What float32 cannot tell from zero cannot be divided by.
        least = LEAST_RIDGE * float(gram.trace()) / n_rows
        self.ridge = max(objective.penalty, least, np.finfo(np.float32).tiny)
        gram.flat[:: n_rows + 1] += np.float32(self.ridge)
        # In one thread: unlike the product, it has other bits in more, and gains little by them.
        self.cholesky, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("the Gram product of a sample of rows is not definite")
        self.damping = self._damping()

    def _gram(self) -> Singles:
        """A A^T, lower triangle, in Fortran order."""
        X, scale = self.objective.matrix.X, self.objective.scaling.scale
        n_rows, n_features = X.shape
        gram = np.zeros((n_rows, n_rows), dtype=np.float32, order="F")
        root = self.root.astype(np.float32)[:, None]
        for begin in range(0, n_features, TILE_COLUMNS):
            part = slice(begin, begin + TILE_COLUMNS)
            tile = X[:, part].astype(np.float32)
            tile -= self.center[part].astype(np.float32)
            tile *= (1 / scale[part]).astype(np.float32)
            tile *= root
            gram = blas.ssyrk(1.0, tile.T, 1.0, gram, trans=1, lower=1, overwrite_c=1)
        return gram

    def _damping(self) -> float:
        """penalty / k, with the trace estimated by a few random signs (Hutchinson)."""
        n_rows = len(self.root)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (n_rows, 8)).astype(np.float32)
        solved = lapack.spotrs(self.cholesky, signs, lower=1)[0]
        trace = float((signs * solved).sum()) / signs.shape[1]
        return float(np.clip(self.ridge * trace / n_rows, 1e-6, 1.0))

    def solve(self, vector: Doubles) -> Doubles:
        objective, scaling = self.objective, self.objective.scaling
        result = np.empty_like(vector)
        slope = result[:-1]
        np.multiply(self.mean, -vector[-1], out=slope)
        slope += vector[:-1]
        data_slope = slope / scaling.scale
        rows = objective.matrix.decision_values(data_slope, -float(self.center @ data_slope))
        del data_slope  # vectors may be longer than all else here
        rows *= self.root
        rows = lapack.spotrs(self.cholesky, rows.astype(np.float32), lower=1)[0] * self.root
        back, total = objective.matrix.row_sum(rows)
        back -= self.center * total
        back /= scaling.scale
        slope -= back
        slope /= self.ridge
        result[-1] = vector[-1] / self.total - self.mean @ result[:-1]
        if not objective.fit_intercept:
            result[-1] = 0
        return result
