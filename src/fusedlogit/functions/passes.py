"""One pass over X each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data import checks
from ..data.arguments import (
    matrix_of,
    number_of,
    target_of,
    vector_of,
    weight_of,
)
from ..data.protocol import Data
from ..problems.links import LOG_LOSS, SOFTMAX

Doubles = NDArray[np.float64]


def _model(matrix: Data, coef: ArrayLike, intercept: float) -> tuple[Doubles, Doubles]:
    """One coefficient vector and its intercept, as the verbs take them."""
    vector = vector_of(coef, "coef", matrix.n_features)
    return vector[None], np.array([number_of(intercept, "intercept")])


def decision_values(
    X: ArrayLike, coef: ArrayLike, intercept: float, *, n_threads: int | None = None
) -> Doubles:
    """Forward propagation z = X w + b, in one pass.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    coef : array of shape (n_features,)
    intercept : float
    n_threads : int, optional
        All usable cores if None.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    decision: Doubles = matrix.decision_values(
        *_model(matrix, coef, intercept),
    )[0]
    return decision


def loss(
    X: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: float,
    sample_weight: ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> float:
    """Cost J(w, b) = (sum_i s_i L_i) / (sum_i s_i), the weighted mean of the log losses.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,), values in [0, 1]
    coef : array of shape (n_features,)
    intercept : float
    sample_weight : array of shape (n_samples,), optional
    n_threads : int, optional
        All usable cores if None.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y leaves [0, 1], a weight is negative or all are zero, or
        n_threads is no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    target = target_of(y, sample_weight, matrix.n_samples, LOG_LOSS)
    total = matrix.loss(target, *_model(matrix, coef, intercept))
    return float(total[0]) / target.total_weight


def loss_and_gradient(
    X: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: float,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> tuple[float, Doubles, float]:
    """Cost J and its gradient, reading X once.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,), values in [0, 1]
    coef : array of shape (n_features,)
    intercept : float
    sample_weight : array of shape (n_samples,), optional
    n_threads : int, optional
        All usable cores if None. The same number gives the same bits.

    Returns
    -------
    loss : float
        J(w, b), the mean log loss (divided by the sum of the weights).
    grad_coef : ndarray of shape (n_features,)
        dJ/dw = X^T (s (a - y)) / sum(s).
    grad_intercept : float
        dJ/db = sum(s (a - y)) / sum(s).

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y leaves [0, 1], a weight is negative or all are zero, or
        n_threads is no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    target = target_of(y, sample_weight, matrix.n_samples, LOG_LOSS)
    (cost,), (gradient,), (intercept_gradient,), _ = matrix.loss_and_gradient(
        target, *_model(matrix, coef, intercept), margins=False
    )
    matrix.raise_if_nonfinite(cost, gradient, y=target.y)
    total = target.total_weight
    gradient /= total
    return float(cost) / total, gradient, float(intercept_gradient) / total


def softmax_loss_and_gradient(
    X: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> tuple[float, Doubles, Doubles]:
    """Mean loss log sum_k exp(z_k) - z_y of many classes and its gradient, reading X once.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,)
        Classes from 0 to K - 1.
    coef : array of shape (K, n_features)
    intercept : array of shape (K,)
    sample_weight : array of shape (n_samples,), optional
    n_threads : int, optional

    Returns
    -------
    loss : float
    gradient : ndarray of shape (K, n_features)
    intercept_gradient : ndarray of shape (K,)

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y holds other than 0 to K - 1, a weight is negative or all are
        zero, or n_threads is no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    table = checks.real_numbers(coef, "coef")
    if table.ndim != 2 or len(table) < 2 or table.shape[1] != matrix.n_features:
        raise ValueError(
            f"coef has shape {table.shape}; expected (K, {matrix.n_features}) of K >= 2 classes"
        )
    n_classes = len(table)
    values = vector_of(table.ravel(), "coef", table.size).reshape(table.shape)
    target = target_of(y, sample_weight, matrix.n_samples, SOFTMAX)
    intercepts = vector_of(intercept, "intercept", n_classes)
    cost, gradient, slopes, _ = matrix.softmax_loss_and_gradient(target, values, intercepts)
    if not np.isfinite(cost):
        _raise_if_no_class(target.y, n_classes)
    matrix.raise_if_nonfinite(cost, gradient)
    total = target.total_weight
    return cost / total, gradient / total, slopes / total


def _raise_if_no_class(y: NDArray[Any], n_classes: int) -> None:
    """Refuse a y of which a value is no number of a class, naming the first."""
    outside = np.flatnonzero(~np.isin(y, np.arange(n_classes)))
    if outside.size:
        raise ValueError(
            f"y contains {y[outside[0]]} in row {outside[0]}; it must hold the numbers of "
            f"classes, 0 to {n_classes - 1}"
        )


def hessian_product(
    X: ArrayLike,
    curvature: ArrayLike,
    vector: ArrayLike,
    vector_intercept: float,
    *,
    n_threads: int | None = None,
) -> tuple[Doubles, float]:
    """Product of the Hessian [X, 1]^T diag(curvature) [X, 1] with a vector, reading X once.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    curvature : array of shape (n_samples,)
    vector : array of shape (n_features,)
    vector_intercept : float
    n_threads : int, optional

    Returns
    -------
    product : ndarray of shape (n_features,)
    intercept_product : float

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    products, intercept_products = matrix.hessian_product(
        vector_of(curvature, "curvature", matrix.n_samples)[None],
        vector_of(vector, "vector", matrix.n_features)[None],
        np.array([number_of(vector_intercept, "vector_intercept")]),
    )
    return products[0], float(intercept_products[0])


def sandwich(X: ArrayLike, row_weight: ArrayLike, *, n_threads: int | None = None) -> Doubles:
    """Weighted Gram product [X, 1]^T diag(row_weight) [X, 1], in one pass.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    row_weight : array of shape (n_samples,)
    n_threads : int, optional

    Returns
    -------
    ndarray of shape (n_features + 1, n_features + 1)
        The last row and column belong to the intercept.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    return matrix.sandwich(vector_of(row_weight, "row_weight", matrix.n_samples))


def gram(
    X: ArrayLike,
    root: ArrayLike,
    mean: ArrayLike,
    scale: ArrayLike,
    *,
    n_threads: int | None = None,
) -> Doubles:
    """Gram product of rows A A^T, with A = diag(root) (X - mean) scale, which is never formed.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    root : array of shape (n_samples,)
        Such as the square roots of row weights.
    mean, scale : arrays of shape (n_features,)
    n_threads : int, optional

    Returns
    -------
    ndarray of shape (n_samples, n_samples)
        In float64.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    product: Doubles = matrix.gram(
        vector_of(mean, "mean", matrix.n_features),
        vector_of(scale, "scale", matrix.n_features),
        vector_of(root, "root", matrix.n_samples),
        np.float64,
    )
    product += np.tril(product, -1).T
    return product


def moments(
    X: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    n_threads: int | None = None,
    unit: ArrayLike | None = None,
) -> tuple[Doubles, Doubles]:
    """Weighted mean and (population) variance of each column of X, in one pass.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    sample_weight : array of shape (n_samples,), optional
    n_threads : int, optional
    unit : array of shape (n_features,), optional
        Powers of two that columns are multiplied by, on the way, for the variance: so that squares
        of numbers like 1e300 or 1e-300 neither overflow nor vanish. X * unit must be finite.

    Returns
    -------
    mean : ndarray of shape (n_features,)
    variance : ndarray of shape (n_features,)
        Of X * unit.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, a weight is negative or all are zero, a unit is no power of two,
        or n_threads no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    weight = weight_of(sample_weight, matrix.n_samples)
    if unit is None:
        return matrix.moments(weight)
    powers = vector_of(unit, "unit", matrix.n_features)
    if (np.frexp(powers)[0] != 0.5).any():
        raise ValueError("unit must hold powers of two; take np.exp2 of whole numbers")
    return matrix.moments(weight, powers)


def first_nonfinite(X: ArrayLike, *, n_threads: int | None = None) -> tuple[int, int]:
    """Where the first NaN or infinity of X stands, row by row.

    The other functions look for it by themselves where their sums show that there is one.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    n_threads : int, optional

    Returns
    -------
    row, column : int
        -1 and -1 if every number is finite.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If X is no table of real numbers, or n_threads no positive integer.
    """
    matrix = matrix_of(X, n_threads)
    culprit = matrix.first_nonfinite()
    return (-1, -1) if culprit is None else culprit[1:]
