"""The neuron in plain NumPy: what every kernel computes, written to be read.

The functions have the names, arguments and results of :mod:`fusedlogit.functions`, which runs
them on compiled kernels. Here X is converted to float64, and the formulas stand as in the
textbook: forward propagation, cost, backward propagation, update. The tests hold each kernel to
its twin below; speed tables compare against it.

``n_threads`` is accepted and ignored: NumPy decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Descent",
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
    "softmax_loss_and_gradient",
]

Doubles = NDArray[np.float64]


@dataclass
class Descent:
    """What gradient descent reached.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Weights of the scaled features.
    intercept : float
    history : list of float
        The cost J before each update.
    gradient_norm : float
        Largest absolute entry of the last gradient computed.
    n_iter : int
        Forward and backward passes made.
    outcome : str
        "converged", "stopped" (by a callback), "diverged", or "iterating" after max_iter passes.
    """

    coef: Doubles
    intercept: float = 0.0
    history: list[float] = field(default_factory=list)
    gradient_norm: float = np.inf
    n_iter: int = 0
    outcome: str = "iterating"


def _table(X: Any) -> Doubles:
    """X as a dense table of float64, a sparse one too."""
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)


def sigmoid(z: ArrayLike) -> Doubles:
    """Activation a = 1 / (1 + exp(-z)) of decision values z, for any finite z."""
    z = np.asarray(z, dtype=np.float64)
    t: Doubles = np.exp(-np.abs(z))
    a: Doubles = np.where(z >= 0, 1.0, t) / (1.0 + t)
    return a


def log_loss(z: ArrayLike, y: ArrayLike) -> Doubles:
    """Log loss -(y log a + (1 - y) log(1 - a)) with a = sigmoid(z), as log(1 + exp(z)) - y z."""
    z = np.asarray(z, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    losses: Doubles = (np.maximum(z, 0.0) - y * z) + np.log1p(np.exp(-np.abs(z)))
    return losses


def residual(z: ArrayLike, y: ArrayLike) -> Doubles:
    """Derivative dL/dz = a - y of the log loss, as (1 - y) sigmoid(z) - y sigmoid(-z)."""
    z = np.asarray(z, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    return (1.0 - y) * sigmoid(z) - y * sigmoid(-z)


def curvature(z: ArrayLike) -> Doubles:
    """Second derivative a (1 - a) of the log loss in z."""
    z = np.asarray(z, dtype=np.float64)
    return sigmoid(z) * sigmoid(-z)


def decision_values(
    X: ArrayLike, coef: ArrayLike, intercept: float, *, n_threads: int | None = None
) -> Doubles:
    """Forward propagation z = X w + b.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    coef : array of shape (n_features,)
    intercept : float

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    return _table(X) @ np.asarray(coef, dtype=np.float64) + intercept


def _weights(sample_weight: ArrayLike | None, n_samples: int) -> Doubles:
    if sample_weight is None:
        return np.ones(n_samples)
    return np.asarray(sample_weight, dtype=np.float64)


def loss(
    X: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: float,
    sample_weight: ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> float:
    """Cost J(w, b) = (sum_i s_i L_i) / (sum_i s_i), the weighted mean of the log losses."""
    z = decision_values(X, coef, intercept)
    s = _weights(sample_weight, len(z))
    return float(s @ log_loss(z, y) / s.sum())


def loss_and_gradient(
    X: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: float,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> tuple[float, Doubles, float]:
    """Cost J and its gradient: forward, then backward propagation.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    y : array of shape (n_samples,), values in [0, 1]
    coef : array of shape (n_features,)
    intercept : float
    sample_weight : array of shape (n_samples,), optional

    Returns
    -------
    loss : float
        J(w, b).
    grad_coef : ndarray of shape (n_features,)
        dJ/dw = X^T (s (a - y)) / sum(s).
    grad_intercept : float
        dJ/db = sum(s (a - y)) / sum(s).
    """
    X = _table(X)
    z = decision_values(X, coef, intercept)  # forward propagation
    s = _weights(sample_weight, len(z))
    cost = s @ log_loss(z, y) / s.sum()
    dz = s * residual(z, y)  # backward propagation: a - y
    return float(cost), X.T @ dz / s.sum(), float(dz.sum() / s.sum())


def hessian_product(
    X: ArrayLike,
    curvature: ArrayLike,
    vector: ArrayLike,
    vector_intercept: float,
    *,
    n_threads: int | None = None,
) -> tuple[Doubles, float]:
    """Product of the Hessian [X, 1]^T diag(curvature) [X, 1] with a vector.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    curvature : array of shape (n_samples,)
    vector : array of shape (n_features,)
    vector_intercept : float

    Returns
    -------
    product : ndarray of shape (n_features,)
    intercept_product : float
    """
    X = _table(X)
    factor = np.asarray(curvature, dtype=np.float64) * decision_values(X, vector, vector_intercept)
    return X.T @ factor, float(factor.sum())


def sandwich(X: ArrayLike, row_weight: ArrayLike, *, n_threads: int | None = None) -> Doubles:
    """Weighted Gram product [X, 1]^T diag(row_weight) [X, 1].

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    row_weight : array of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_features + 1, n_features + 1)
        The last row and column belong to the intercept.
    """
    X = _table(X)
    extended = np.column_stack([X, np.ones(len(X))])
    weighted = np.asarray(row_weight, dtype=np.float64)[:, None] * extended
    product: Doubles = extended.T @ weighted
    return product


def gram(
    X: ArrayLike,
    root: ArrayLike,
    mean: ArrayLike,
    scale: ArrayLike,
    *,
    n_threads: int | None = None,
) -> Doubles:
    """Gram product of rows A A^T, with A = diag(root) (X - mean) scale.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    root : array of shape (n_samples,)
        Such as the square roots of row weights.
    mean, scale : arrays of shape (n_features,)

    Returns
    -------
    ndarray of shape (n_samples, n_samples)
    """
    centred = _table(X) - np.asarray(mean, dtype=np.float64)
    rows = np.asarray(root, dtype=np.float64)[:, None] * centred
    rows *= np.asarray(scale, dtype=np.float64)
    product: Doubles = rows @ rows.T
    return product


def moments(
    X: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    n_threads: int | None = None,
    unit: ArrayLike | None = None,
) -> tuple[Doubles, Doubles]:
    """Weighted mean and (population) variance of each column of X.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    sample_weight : array of shape (n_samples,), optional
    unit : array of shape (n_features,), optional
        Powers of two that columns are multiplied by, for the variance.

    Returns
    -------
    mean : ndarray of shape (n_features,)
    variance : ndarray of shape (n_features,)
        Of X * unit.
    """
    X = _table(X)
    unit = np.ones(X.shape[1]) if unit is None else np.asarray(unit, dtype=np.float64)
    s = _weights(sample_weight, len(X))
    mean: Doubles = s @ (X * unit) / s.sum()
    return mean / unit, s @ (X * unit - mean) ** 2 / s.sum()


def first_nonfinite(X: ArrayLike, *, n_threads: int | None = None) -> tuple[int, int]:
    """Where the first NaN or infinity of X stands, row by row.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)

    Returns
    -------
    row, column : int
        -1 and -1 if every number is finite.
    """
    places = np.argwhere(~np.isfinite(_table(X)))
    return (int(places[0, 0]), int(places[0, 1])) if len(places) else (-1, -1)


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
        X is divided by it: 255 for pixels.
    penalty : float
        lambda of the squared norm; the intercept is free.
    sample_weight : array of shape (n_samples,), optional

    Returns
    -------
    Descent
    """
    X = _table(X) / scaling
    state = Descent(coef=np.zeros(X.shape[1]))
    for _ in range(max_iter):
        cost, grad_coef, grad_intercept = loss_and_gradient(
            X, y, state.coef, state.intercept, sample_weight
        )
        grad_coef = grad_coef + penalty * state.coef
        state.history.append(cost + penalty / 2 * float(state.coef @ state.coef))
        state.n_iter += 1
        state.gradient_norm = max(float(np.abs(grad_coef).max()), abs(grad_intercept))
        if not np.isfinite(state.history[-1] + state.gradient_norm):
            state.outcome = "diverged"
            break
        if state.gradient_norm <= tol:
            state.outcome = "converged"
            break
        state.coef = state.coef - learning_rate * grad_coef
        state.intercept = state.intercept - learning_rate * grad_intercept
    return state


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

    With h = hessian[j, j] and g the quadratic's slope in w_j, the minimum along w_j is at
    S(w_j - g / h, l1_penalty / h), S(x, t) = sign(x) max(|x| - t, 0). Where h is zero it is at zero
    if |g| <= l1_penalty; else there is none, and w_j stays.

    Parameters
    ----------
    hessian : array of shape (n_features, n_features), symmetric, positive semidefinite
    gradient : array of shape (n_features,), of the quadratic at `coef`
    l1_penalty : float
    coef : array of shape (n_features,), where to start
    tol : float
        Stop when no h (change of w_j)^2 of a sweep over all coefficients exceeds it.
    max_sweeps : int
        After each sweep over all coefficients come up to 16 over those that are not zero.

    Returns
    -------
    coef : ndarray of shape (n_features,)
    n_sweeps : int
    """
    hessian = np.asarray(hessian, dtype=np.float64)
    w, slope = np.array(coef, dtype=np.float64), np.array(gradient, dtype=np.float64)

    def sweep(chosen: NDArray[np.bool_]) -> float:
        largest = 0.0
        for j in range(len(w)):
            h, target = hessian[j, j], w[j]
            if not chosen[j] and w[j] == 0:
                continue
            if h > 0:
                x = w[j] - slope[j] / h
                target = np.sign(x) * max(abs(x) - l1_penalty / h, 0.0)
            elif abs(slope[j]) <= l1_penalty:
                target = 0.0
            change, w[j] = target - w[j], target
            slope[:] += change * hessian[j]
            largest = max(largest, h * change**2)
        return largest

    n_sweeps, largest, narrow = 0, np.inf, 0
    while n_sweeps < max_sweeps:
        every = narrow == 0
        largest = sweep(np.full(len(w), every))
        n_sweeps += 1
        if every and largest <= tol:
            break
        narrow = 0 if (largest <= tol and not every) or narrow == 16 else narrow + 1
    return w, n_sweeps


def softmax_loss_and_gradient(
    X: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> tuple[float, Doubles, Doubles]:
    """Mean loss log sum_k exp(z_k) - z_y of many classes, and its gradient.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
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
    """
    features, codes = _table(X), np.asarray(y, dtype=np.intp)
    weight = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight, float)
    share = (weight / weight.sum())[:, None]
    z = features @ np.asarray(coef, dtype=np.float64).T + np.asarray(intercept, dtype=np.float64)
    largest = z.max(axis=1, keepdims=True)
    total = np.exp(z - largest).sum(axis=1, keepdims=True)
    rows = np.arange(len(codes))
    losses = np.log(total[:, 0]) + largest[:, 0] - z[rows, codes]
    residual = np.exp(z - largest) / total
    residual[rows, codes] -= 1
    residual *= share
    return float(share[:, 0] @ losses), residual.T @ features, residual.sum(axis=0)
