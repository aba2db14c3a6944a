"""Steps that take a few rows at a time, in plain NumPy: of stochastic descents, of dual ascent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from ..reference import log_loss, residual, sigmoid

Doubles = NDArray[np.float64]

#: Of a step times a gain and the L2 penalty, at most: next to nothing is left of a coefficient.
MOST_REACH = 32.0

#: Halvings of a step, and by how much it moves a decision value, at most.
MOST_HALVINGS = 64
MOST_MOVE = 4.0


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

    g is the batch's mean gradient and that of the L2 penalty; with an L1 penalty M must be
    diagonal, and l1 counts as often for each column. No step moves a decision value by more than
    `MOST_MOVE`; one beyond the least cost of its batch is halved until it is not.

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
        x = features[rows]
        z = x @ coef.T + intercept
        loss, pull = _losses(z, targets[rows], weight[rows])
        total, pull = total + loss, pull / batch_rows
        way = (pull.T @ x + l2 * coef) @ metric
        way_of_one = pull.sum(axis=0) * (intercept_gain if fit_intercept else 0.0)
        along = x @ way.T + way_of_one
        step = step * MOST_MOVE / max(step * np.abs(along).max(), MOST_MOVE)
        for _ in range(MOST_HALVINGS):
            _, after = _losses(z - step * along, targets[rows], weight[rows])
            fall = np.sum(after * along) / batch_rows + l2 * np.sum((coef - step * way) * way)
            if fall >= 0:
                break
            step = step / 2
        velocity = momentum * velocity - step * way
        velocity_intercept = momentum * velocity_intercept - step * way_of_one
        coef += velocity
        intercept += velocity_intercept
        if l1:
            coef[:] = soft(coef, step * metric.diagonal() * l1)
        average += (coef - average) * (1 + tail) / (n + 1 + tail)
        average_intercept += (intercept - average_intercept) * (1 + tail) / (n + 1 + tail)
    return total, average, average_intercept


def lazy_descent(
    X: ArrayLike,
    stored: NDArray[np.bool_],
    y: ArrayLike,
    coef: Doubles,
    intercept: Doubles,
    first_rows: NDArray[np.intp],
    steps: ArrayLike,
    batch_rows: int,
    *,
    gain: Doubles,
    sample_weight: ArrayLike | None = None,
    intercept_gain: float = 1.0,
    l2: float = 0.0,
    l1: float = 0.0,
    fit_intercept: bool = True,
    curvature: float = 0.0,
) -> tuple[float, Doubles, Doubles]:
    """A step of all columns after each batch of rows, w := soft(w - h (g + l2 w), h l1).

    h is (1 - exp(-step gain l2)) / l2 of each column, or step gain without an L2 penalty. Of a
    row's residual no more is taken than moves its own decision values by `MOST_MOVE`.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Features.
    stored : ndarray of bool, of the same shape
        Which of them are stored: where none of a column's is in a batch, it is let lie.
    y, coef, intercept, first_rows, steps, batch_rows, sample_weight, intercept_gain, l2, l1,
    fit_intercept
        As of `stochastic_descent`.
    gain : ndarray of shape (n_features,)
        Changes in place if gains are learnt.
    curvature : float
        Above zero, the gain of a column is 1 / sqrt(curvature square + l2) by its mean square in
        the rows so far, whenever it is stored.

    Returns
    -------
    loss : float
    average : ndarray of shape (K, n_features)
    average_intercept : ndarray of shape (K,)
        Of the points on the way, weighted by what they add to the eighth power of the sum of the
        steps. While a column is let lie they count as the mean of its ends, the first of which is
        that of its last step but for the L1 penalty; if that has made it zero, as zero.
    """
    features, targets = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weight = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight, float)
    sums, sums_of_one = np.zeros_like(coef), np.zeros_like(intercept)
    left, since = coef.copy(), np.zeros(len(gain))  # as a column was left, and when
    square, clock, total, seen = np.zeros(len(gain)), 0.0, 0.0, 0.0

    def count(columns: NDArray[np.intp]) -> None:
        half = (clock**8 - since[columns] ** 8) / 2
        there = coef[:, columns]
        counts = (there != 0) | (l1 == 0)
        sums[:, columns] += np.where(counts, half * (left[:, columns] + there), 0)

    for first, step in zip(first_rows, np.asarray(steps), strict=True):
        rows = slice(first, first + batch_rows)
        x, columns = features[rows], np.flatnonzero(stored[rows].any(axis=0))
        count(columns)
        square, seen = square + weight[rows] @ x**2, seen + weight[rows].sum()
        if curvature:
            known = columns[square[columns] > 0]
            gain[known] = 1 / np.sqrt(curvature * square[known] / seen + l2)
        loss, pull = _losses(x @ coef.T + intercept, targets[rows], weight[rows])
        if l2:
            gain[columns] = np.minimum(gain[columns], MOST_REACH / (step * l2))
        length = -np.expm1(-step * gain * l2) / l2 if l2 else step * gain
        own = x**2 @ length + (step * intercept_gain if fit_intercept else 0.0)
        total, pull = total + loss, pull / batch_rows
        farthest = own * np.abs(pull).max(axis=1)
        pull = pull * (MOST_MOVE / np.maximum(farthest, MOST_MOVE))[:, None]
        gradient = pull.T @ x
        left[:, columns] = (np.exp(-step * gain * l2) * coef - length * gradient)[:, columns]
        since[columns] = clock
        coef[:] = soft(coef - length * (gradient + l2 * coef), length * l1)
        if fit_intercept:
            intercept -= step * intercept_gain * pull.sum(axis=0)
        sums_of_one += ((clock + step) ** 8 - clock**8) * intercept
        clock += step
    count(np.arange(len(gain)))
    return total, sums / clock**8, sums_of_one / clock**8


def soft(value: Doubles, threshold: Doubles | float) -> Doubles:
    """sign(value) max(|value| - threshold, 0)."""
    shrunk: Doubles = np.sign(value) * np.maximum(np.abs(value) - threshold, 0)
    return shrunk


def _losses(z: Doubles, y: Doubles, weight: Doubles) -> tuple[float, Doubles]:
    """The sum of the weighted losses of decision values (n_rows, K), and their derivatives."""
    if z.shape[1] == 1:
        loss, pull = log_loss(z[:, 0], y), residual(z, y[:, None])
    else:
        lse = np.logaddexp.reduce(z, axis=1, keepdims=True)
        own = y[:, None] == np.arange(z.shape[1])
        loss, pull = (lse - z)[own], np.exp(z - lse) - own
    return float(weight @ loss), pull * weight[:, None]


def dual_ascent(
    X: Doubles,
    y: Doubles,
    sample_weight: Doubles,
    strength: float,
    own: float,
    base: float,
    order: NDArray[np.intp],
) -> tuple[Doubles, Doubles]:
    """The first turn of `data.ascent.Ascent`, with exact roots: dual numbers and coefficients.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y, sample_weight : ndarray of shape (n_samples,)
    strength : float
        The L2 penalty times the sum of the sample weights.
    own : float
        The square of the intercept's feature.
    base : float
        The intercept.
    order : ndarray of int
        Rows, one after the other.
    """
    dual, coef = np.zeros(len(y)), np.zeros(X.shape[1])
    for i in order:
        x, weight, before = X[i], sample_weight[i], dual[i]
        z = base + own * (sample_weight @ dual) / strength + x @ coef
        q = weight * (x @ x + own) / strength
        if q == 0:
            continue

        def excess(t: float, z: float = z, q: float = q, fixed: float = y[i] - before) -> float:
            return t - z - q * (fixed - float(sigmoid(t)))

        low, high = z + q * (y[i] - 1 - before), z + q * (y[i] - before)
        root = brentq(excess, low - 1, high + 1, xtol=1e-14)
        dual[i] = y[i] - sigmoid(root)
        coef += weight * (dual[i] - before) / strength * x
    return dual, coef
