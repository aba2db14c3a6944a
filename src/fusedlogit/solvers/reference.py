"""The steps of `stochastic.pyx` in plain NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..reference import log_loss, residual

Doubles = NDArray[np.float64]


def stochastic_descent(
    X: ArrayLike,
    y: ArrayLike,
    coef: Doubles,
    intercept: Doubles,
    first_rows: NDArray[np.intp],
    steps: ArrayLike,
    batch_rows: int,
    *,
    sample_weight: ArrayLike | None = None,
    inverse: ArrayLike | None = None,
    intercept_gain: float = 1.0,
    l2: float = 0.0,
    l1: float = 0.0,
    momentum: float = 0.0,
    tail: float = 0.0,
    fit_intercept: bool = True,
) -> tuple[float, Doubles, Doubles]:
    """A step after each batch of rows, w := soft(w + v, step l1) with v := momentum v - step M g.

    g is the batch's mean gradient and that of the L2 penalty; with an L1 penalty M must be a
    multiple of the unit matrix, and l1 counts as often.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    y : array of shape (n_samples,)
        Targets in [0, 1]; of more than one vector the numbers of classes.
    coef : ndarray of shape (K, n_features)
    intercept : ndarray of shape (K,)
        Both change in place.
    first_rows : ndarray of int, of shape (n_batches,)
    steps : array of shape (n_batches,)
    batch_rows : int
    sample_weight : array of shape (n_samples,), optional
    inverse : array of shape (n_features, n_features), optional
        M; the unit matrix if not given.
    intercept_gain : float
        The same for the intercepts.
    l2, l1, momentum, tail : float
    fit_intercept : bool

    Returns
    -------
    loss : float
        The sum of the losses of all rows, each before the step that it takes part in.
    average : ndarray of shape (K, n_features)
    average_intercept : ndarray of shape (K,)
    """
    features, targets = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weight = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, float)
    metric = np.eye(features.shape[1]) if inverse is None else np.asarray(inverse)
    velocity, velocity_intercept = np.zeros_like(coef), np.zeros_like(intercept)
    average, average_intercept = np.zeros_like(coef), np.zeros_like(intercept)
    total = 0.0
    for n, (first, step) in enumerate(zip(first_rows, np.asarray(steps), strict=True)):
        rows = slice(first, first + batch_rows)
        x, share = features[rows], weight[rows, None]
        z = x @ coef.T + intercept
        if len(coef) == 1:
            total += float(share[:, 0] @ log_loss(z[:, 0], targets[rows]))
            pull = residual(z, targets[rows, None])
        else:
            lse = np.logaddexp.reduce(z, axis=1, keepdims=True)
            own = targets[rows, None] == np.arange(len(coef))
            total += float((share * (lse - z))[own].sum())
            pull = np.exp(z - lse) - own
        pull = pull * share / batch_rows
        velocity = momentum * velocity - step * (pull.T @ x + l2 * coef) @ metric
        velocity_intercept = momentum * velocity_intercept
        if fit_intercept:
            velocity_intercept -= step * intercept_gain * pull.sum(axis=0)
        coef += velocity
        intercept += velocity_intercept
        if l1:
            coef[:] = np.sign(coef) * np.maximum(np.abs(coef) - step * metric[0, 0] * l1, 0)
        average += (coef - average) * (1 + tail) / (n + 1 + tail)
        average_intercept += (intercept - average_intercept) * (1 + tail) / (n + 1 + tail)
    return total, average, average_intercept
