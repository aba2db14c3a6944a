"""The Hessian of the active coefficients of many classes: those that an L1 norm leaves.

That of row i in coefficients (k, j) and (l, m) is x_ij x_im (p_ik [k = l] - p_ik p_il): for each
class a product of its own features, less one product of all p_ik x_ij.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.dense import DenseMatrix
from ...data.per_row import Draws
from ...data.protocol import Data
from ...data.target import Target
from ...problems.multinomial import Multinomial
from ..metric import TINY
from ..newton import OVERHEAD, draw_rows
from ..requests import Steps, passes
from ..settings import Doubles
from .metric import LEAST_ROWS, joined

#: Classes and features of coefficients.
Active = tuple[NDArray[np.intp], NDArray[np.intp]]

#: Rows for each coefficient, drawn by their curvature.
ROWS_PER_COEF = 8

#: Of the L1 norm's factor, the slope from which on a coefficient of zero may soon not be.
NEARLY = 0.97

#: Active coefficients at most: 288 MB, twice while intercepts are eliminated.
MOST_COEFS = 6144

#: Multiply-adds of such a product that take as long as one of a step by class, with what that has
#: beside. Measured.
SPEED = 4

#: Numbers of a product's factor at a time: 16 MB of float32.
NUMBERS = 1 << 22


def active_set(coef: Doubles, slope: Doubles, l1: float) -> Active:
    """The coefficients that are not zero, or may soon not be.

    Parameters
    ----------
    coef, slope : ndarray of shape (K, n_features)
    l1 : float
    """
    classes, features = np.nonzero((coef != 0) | (np.abs(slope) > NEARLY * l1))
    return classes, features


def price_of_active(objective: Multinomial, n_coefs: int) -> int:
    """Steps by class that take as long as such a Hessian."""
    data = objective.data
    product = _n_rows(objective, n_coefs) * n_coefs**2 / 2
    a_pass = data.density * data.n_samples * objective.n_coefs + OVERHEAD
    return max(1, int(product / SPEED / a_pass))


def active_hessian(
    objective: Multinomial,
    point: Doubles,
    active: Active,
    generator: np.random.Generator,
    precise: bool,
) -> Steps[tuple[Doubles, Doubles]]:
    """The Hessian in active coefficients and the intercepts after them; all others are zero.

    Returns it, (n_coefs + K, n_coefs + K), and what scaled features are less of in it.
    """
    one, n_classes = objective.one, objective.n_classes
    sample = yield from _sample(objective, point, len(active[0]), generator)
    kept, features = np.unique(active[1], return_inverse=True)
    part = sample.columns(kept)
    inside = objective.table(point)[:, np.append(kept, -1)].ravel()
    center, scale = one.scaling.center, one.scaling.scale
    # An intercept makes up for what features are less of; without one they are as they are.
    about = center if one.about is None or not one.fit_intercept else one.about
    verb = partial(
        _products,
        dtype=np.float64 if precise else np.float32,
        features=[np.append(features[active[0] == k], len(kept)) for k in range(n_classes)],
        center=about[kept],
        scale=scale[kept],
    )
    product = yield from passes(lambda: part.by_block(inside, verb))
    sample.data.count(part.data)
    if sample is not objective:
        objective.data.count(sample.data)
    order = intercepts_last(np.bincount(active[0], minlength=n_classes))
    product = product[np.ix_(order, order)]
    product /= objective.target.total_weight
    return product, (about - center) / scale


def _n_rows(objective: Multinomial, n_coefs: int) -> int:
    return min(objective.data.n_samples, max(LEAST_ROWS, ROWS_PER_COEF * n_coefs))


def _sample(
    objective: Multinomial, point: Doubles, n_coefs: int, generator: np.random.Generator
) -> Steps[Multinomial]:
    """The same cost of rows drawn by their curvature c, which weigh 1 / min(1, c / level)."""
    n_samples, n_rows = objective.data.n_samples, _n_rows(objective, n_coefs)
    if n_rows == n_samples:
        return objective
    some = objective.sample(draw_rows(n_samples, LEAST_ROWS, generator))
    mean = (yield from passes(lambda: some.by_block(point, _sum_of_curvature))) / LEAST_ROWS
    objective.data.count(some.data)
    level = max(float(mean), TINY) * n_samples / n_rows
    draws = Draws(int(generator.integers(2**31)))
    found = yield from passes(
        lambda: objective.by_block(point, _drawn, level, draws=draws, combine=add)
    )
    rows, weight = joined(found)
    one = objective.one.sample(rows)
    target = Target(one.target.y, weight, one.target.link)
    return replace(objective, one=replace(one, target=target))


def _curvature(target: Target, p: Doubles) -> Doubles:
    """Of each row, the trace of that in its decision values."""
    return target.times_weight(1 - np.einsum("kn,kn->n", p, p))


def _sum_of_curvature(block: Data, target: Target, draws: None, p: Doubles) -> float:
    return float(_curvature(target, p).sum())


def _drawn(
    block: Data, target: Target, draws: Draws, p: Doubles, level: float
) -> list[tuple[NDArray[np.intp], Doubles]]:
    """Of a block: a list of one, with rows and weights."""
    chance = np.minimum(_curvature(target, p) / level, 1)
    drawn = np.flatnonzero(draws.generator().random(len(chance)) < chance)
    weight = 1 / chance[drawn]
    if target.sample_weight is not None:
        weight *= target.sample_weight[drawn]
    return [(drawn + draws.begin, weight)]


def _products(
    block: Data,
    target: Target,
    draws: None,
    p: Doubles,
    *,
    dtype: type,
    features: list[NDArray[np.intp]],
    center: Doubles,
    scale: Doubles,
) -> Doubles:
    """The Hessian of a block's rows, each class's intercept after its coefficients."""
    ends = np.cumsum([len(of_class) for of_class in features])
    columns, n_coefs, n_threads = np.concatenate(features), int(ends[-1]), block.n_threads
    center, scale = center.astype(dtype), scale.astype(dtype)
    total = np.zeros((n_coefs, n_coefs))
    n_rows = max(1, min(p.shape[1], NUMBERS // n_coefs))
    X: NDArray[Any] = np.ones((n_rows, len(center) + 1), dtype)
    terms: NDArray[Any] = np.empty((n_rows, n_coefs), dtype)
    for begin in range(0, p.shape[1], n_rows):
        rows = slice(begin, min(begin + n_rows, p.shape[1]))
        size = rows.stop - begin
        weight = None if target.sample_weight is None else target.sample_weight[rows]
        share = p[:, rows] if weight is None else p[:, rows] * weight
        np.subtract(block.rows(rows, dtype), center, out=X[:size, :-1])
        X[:size, :-1] /= scale
        part = np.take(X[:size], columns, axis=1, out=terms[:size], mode="clip")
        for k, end in enumerate(ends):
            own = slice(end - len(features[k]), end)
            of_class = np.ascontiguousarray(part[:, own])
            total[own, own] += DenseMatrix(of_class, n_threads).sandwich(share[k])[:-1, :-1]
            part[:, own] *= p[k, rows, None].astype(dtype)
        total -= DenseMatrix(part, n_threads).sandwich(share.sum(axis=0))[:-1, :-1]
    return total


def intercepts_last(sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where coefficients of classes of such sizes are, then the intercepts after those of each."""
    intercepts = np.cumsum(sizes + 1) - 1
    coefs = np.delete(np.arange(sizes.sum() + len(sizes)), intercepts)
    return np.concatenate([coefs, intercepts])
