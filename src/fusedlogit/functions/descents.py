"""Whole descents."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._kernels import coordinate
from ..data.arguments import (
    count_of,
    matrix_of,
    number_of,
    target_of,
    vector_of,
)
from ..data.checks import (
    raise_if_outside,
    real_numbers,
)
from ..data.scaling import Scaling
from ..problems.links import LOG_LOSS
from ..problems.objective import Objective
from ..reference import Descent
from ..solvers.gradient_descent import descend
from ..solvers.scheduler import run

Doubles = NDArray[np.float64]


def gradient_descent(
    X: ArrayLike,
    y: ArrayLike,
    *,
    learning_rate: float,
    max_iter: int,
    tol: float = 0.0,
    scaling: float = 1.0,
    penalty: float = 0.0,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> Descent:
    """Batch gradient descent on J(w, b) + penalty / 2 |w|^2, from w = 0 and b = 0.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    y : array of shape (n_samples,), values in [0, 1]
    learning_rate : float
        Step length: w := w - learning_rate dJ/dw.
    max_iter : int
        Updates at most.
    tol : float
        Stop when no entry of the gradient exceeds it.
    scaling : float
        X is divided by it (255 for pixels), without a copy.
    penalty : float
        lambda of the squared norm; the intercept is free.
    sample_weight : array of shape (n_samples,), optional
    n_threads : int, optional

    Returns
    -------
    Descent
        coef (of the scaled features), intercept, history (the cost before each update),
        gradient_norm, n_iter, outcome.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y leaves [0, 1], a weight is negative or all are zero, max_iter is
        no whole number, or another parameter out of range.
    """
    matrix = matrix_of(X, n_threads)
    target = target_of(y, sample_weight, matrix.n_samples, LOG_LOSS)
    raise_if_outside(target.y)
    objective = Objective(
        matrix,
        target,
        Scaling.by(number_of(scaling, "scaling", 0, above=True), matrix.n_features),
        number_of(penalty, "penalty", 0),
        fit_intercept=True,
    )
    (trail,) = run([
        descend(
            objective,
            np.zeros(matrix.n_features + 1),
            learning_rate=number_of(learning_rate, "learning_rate", 0, above=True),
            max_iter=count_of(max_iter, "max_iter", 0),
            tol=number_of(tol, "tol", 0),
        )
    ])  # fmt: skip
    return Descent(
        coef=trail.point[:-1],
        intercept=float(trail.point[-1]),
        history=trail.history,
        gradient_norm=trail.gradient_norm,
        n_iter=len(trail.history),
        outcome=trail.outcome,
    )


def coordinate_descent(
    hessian: ArrayLike,
    gradient: ArrayLike,
    l1_penalty: float,
    coef: ArrayLike,
    *,
    tol: float,
    max_sweeps: int,
) -> tuple[Doubles, int]:
    """Minimise a quadratic plus l1_penalty |w|_1 by one coefficient after the other.

    Parameters
    ----------
    hessian : array of shape (n_features, n_features), symmetric, positive semidefinite
    gradient : array of shape (n_features,)
        Of the quadratic at `coef`.
    l1_penalty : float
    coef : array of shape (n_features,)
        Where to start.
    tol : float
        Stop when no curvature * (change of w_j)^2 of a sweep over all coefficients exceeds it.
    max_sweeps : int
        After each sweep over all coefficients come up to 16 over those that are not zero.

    Returns
    -------
    coef : ndarray of shape (n_features,)
    n_sweeps : int

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite, text or complex, max_sweeps is no whole
        number, or a limit or the penalty is negative.
    """
    n_features = np.size(coef)
    w = vector_of(coef, "coef", n_features).copy()
    slope = vector_of(gradient, "gradient", n_features).copy()
    square = vector_of(real_numbers(hessian, "hessian").ravel(), "hessian", n_features**2)
    n_sweeps = coordinate.coordinate_descent(
        square.reshape(n_features, n_features),
        number_of(l1_penalty, "l1_penalty", 0),
        number_of(tol, "tol", 0),
        count_of(max_sweeps, "max_sweeps", 0),
        w,
        slope,
    )
    return w, n_sweeps
