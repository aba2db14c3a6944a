"""The neuron on compiled kernels: the functions of :mod:`fusedlogit.reference`, fast.

Same names, arguments and results. X of float64, float32, float16, uint8, int8, uint16 or bool is
read where it lies, by rows or by columns (C or Fortran order, at any distance). Integers of other
types are copied into the narrowest of these that holds their values (float32 up to 2^24, else
float64), any other numbers into float64: convert what many calls read once yourself. float64 is
computed in float64, the others in float32 with sums in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._kernels import coordinate, link
from .data import checks
from .data.arguments import (
    count_of,
    dense_of,
    number_of,
    total_of,
    vector_of,
    weight_of,
)
from .data.checks import (
    check_target,
    raise_if_outside,
    real_numbers,
)
from .data.dense import DenseMatrix
from .data.scaling import Scaling
from .data.target import Target
from .problems.links import LOG_LOSS
from .problems.objective import Objective
from .reference import Descent
from .solvers.gradient_descent import descend
from .solvers.scheduler import run

__all__ = [
    "coordinate_descent",
    "curvature",
    "decision_values",
    "first_nonfinite",
    "gradient_descent",
    "gram",
    "hessian_product",
    "log_loss",
    "loss",
    "loss_and_gradient",
    "moments",
    "residual",
    "sandwich",
    "sigmoid",
]

Doubles = NDArray[np.float64]


def _model(matrix: DenseMatrix, coef: ArrayLike, intercept: float) -> tuple[Doubles, Doubles]:
    """One coefficient vector and its intercept, as the verbs take them."""
    vector = vector_of(coef, "coef", matrix.n_features)
    return vector[None], np.array([number_of(intercept, "intercept")])


def _apply(kernel: Callable[..., None], **arguments: ArrayLike) -> NDArray[Any]:
    """Run a link function over arrays of any shape, in float32 if z is float32, else float64."""
    arrays = np.broadcast_arrays(*(real_numbers(a, name) for name, a in arguments.items()))
    dtype = np.float32 if arrays[0].dtype == np.float32 else np.float64
    out = np.empty(arrays[0].size, dtype=dtype)
    kernel(*(np.ascontiguousarray(a, dtype=dtype).ravel() for a in arrays), out)
    return out.reshape(arrays[0].shape)


def sigmoid(z: ArrayLike) -> NDArray[Any]:
    """Activation a = 1 / (1 + exp(-z)) of decision values z, for any finite z.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates.
    """
    return _apply(link.sigmoid, z=z)


def log_loss(z: ArrayLike, y: ArrayLike) -> NDArray[Any]:
    """Log loss -(y log a + (1 - y) log(1 - a)) with a = sigmoid(z), as log(1 + exp(z)) - y z.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates, or shapes do not fit.
    """
    return _apply(link.log_loss, z=z, y=y)


def residual(z: ArrayLike, y: ArrayLike) -> NDArray[Any]:
    """Derivative dL/dz = a - y of the log loss, as (1 - y) sigmoid(z) - y sigmoid(-z).

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates, or shapes do not fit.
    """
    return _apply(link.residual, z=z, y=y)


def curvature(z: ArrayLike) -> NDArray[Any]:
    """Second derivative a (1 - a) of the log loss in z.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates.
    """
    return _apply(link.curvature, z=z)


def decision_values(
    X: ArrayLike, coef: ArrayLike, intercept: float, *, n_threads: int | None = None
) -> Doubles:
    """Forward propagation z = X w + b, in one pass.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = dense_of(X, n_threads)
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
    X : array of shape (n_samples, n_features)
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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y leaves [0, 1], a weight is negative or all are zero, or
        n_threads is no positive integer.
    """
    matrix = dense_of(X, n_threads)
    weight = weight_of(sample_weight, matrix.n_samples)
    total = matrix.loss(
        check_target(y, matrix.n_samples),
        weight,
        *_model(matrix, coef, intercept),
    )
    return float(total[0]) / total_of(weight, matrix.n_samples)


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
    X : array of shape (n_samples, n_features)
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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y leaves [0, 1], a weight is negative or all are zero, or
        n_threads is no positive integer.
    """
    matrix = dense_of(X, n_threads)
    weight = weight_of(sample_weight, matrix.n_samples)
    target = Target(check_target(y, matrix.n_samples), weight, LOG_LOSS)
    (cost,), (gradient,), (intercept_gradient,), _ = matrix.loss_and_gradient(
        [target], *_model(matrix, coef, intercept), margins=False
    )
    matrix.raise_if_nonfinite(cost, gradient, y=target.y)
    total = target.total_weight
    gradient /= total
    return float(cost) / total, gradient, float(intercept_gradient) / total


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
    X : array of shape (n_samples, n_features)
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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = dense_of(X, n_threads)
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
    X : array of shape (n_samples, n_features)
    row_weight : array of shape (n_samples,)
    n_threads : int, optional

    Returns
    -------
    ndarray of shape (n_features + 1, n_features + 1)
        The last row and column belong to the intercept.

    Raises
    ------
    TypeError
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = dense_of(X, n_threads)
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
    X : array of shape (n_samples, n_features)
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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, or n_threads no positive integer.
    """
    matrix = dense_of(X, n_threads)
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
    X : array of shape (n_samples, n_features)
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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, a weight is negative or all are zero, a unit is no power of two,
        or n_threads no positive integer.
    """
    matrix = dense_of(X, n_threads)
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
    X : array of shape (n_samples, n_features)
    n_threads : int, optional

    Returns
    -------
    row, column : int
        -1 and -1 if every number is finite.

    Raises
    ------
    TypeError
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If X is no table of real numbers, or n_threads no positive integer.
    """
    matrix = dense_of(X, n_threads)
    return checks.first_nonfinite(matrix.X, matrix.n_threads)


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
        If X is sparse, or an argument holds objects that are no numbers.
    ValueError
        If shapes do not fit, a value is NaN or infinite (the first one in X is named by row and
        column), text or complex, y leaves [0, 1], a weight is negative or all are zero, max_iter is
        no whole number, or another parameter out of range.
    """
    matrix = dense_of(X, n_threads)
    weight = weight_of(sample_weight, matrix.n_samples)
    target = check_target(y, matrix.n_samples)
    raise_if_outside(target)
    objective = Objective(
        matrix,
        Target(target, weight, LOG_LOSS),
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
