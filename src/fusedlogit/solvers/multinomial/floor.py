"""A bound of J - J* for many classes from one matrix of the features, below their Hessian.

In each row the Hessian of the loss in the decision values is diag(p) - p p^T. Its least eigenvalue
but for that of the vector of ones is no less than the least probability, for eigenvalues of a
diagonal matrix and of the same less p p^T interlace. So the Hessian of J is nowhere below

    (I - 11^T / K) x A,    A = sum_i s_i min_k p_ik x_i x_i^T / sum_i s_i + penalty I.

No curvature falls by more than exp(r), with r how far classes move apart in a row (`ClassHessian`).
A change V of the coefficients moves them by |V|_A rho at most, rho^2 = 2 max_i x_i^T A^-1 x_i. With
the gradient's norm in the inverse of A, delta, all of J - J* is therefore within

    delta^2 (s + (1 - s) log(1 - s)) / s^2,    s = delta rho < 1

(Bach, 2010, Electronic Journal of Statistics 4), which `beyond` bounds. Where probabilities are
small this is much more than what is true, but squares of gradients fall fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from ...data.protocol import Data
from ...data.target import Target
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..factored import Left
from ..hessian import MOST_LEFT, CenteredHessian, DenseHessian
from ..metric import beyond
from ..requests import Steps, passes
from ..settings import Doubles

#: Numbers of rows that are multiplied at a time.
BLOCK_NUMBERS = 1 << 20


def floor_bound(objective: Multinomial, here: Evaluation, enough: float) -> Steps[float]:
    """What the matrix says: a pass, and another one if it may say `enough`; else infinity."""
    one, points = objective.one, objective.table(here.point)
    product = yield from passes(partial(_product, objective, here.point))
    hessian = CenteredHessian(one, product)
    metric = DenseHessian(one, here.margins, hessian)
    n_left = metric.factored.left.shape[1]
    if n_left > MOST_LEFT:
        return np.inf
    left = (yield from passes(partial(_left, objective, here.point, hessian))) if n_left else None
    if left is not None and not left.dead.all():
        return np.inf
    slopes = objective.table(objective.less_common(here.gradient))
    square = sum(
        metric.square(Evaluation(point, here.value, slope, None), solved, one.far, left)
        for point, slope, solved in zip(points, slopes, metric.solve(slopes), strict=True)
    )
    common = points[:, :-1].mean(axis=0)
    in_common = one.penalty / 2 * objective.n_classes * float(common @ common)
    if not in_common + square / 2 <= enough:
        return np.inf
    largest = yield from passes(partial(_largest_square, objective, here.point, hessian))
    return in_common + square / 2 * beyond(float(np.sqrt(2 * square * largest)))


def _left(objective: Multinomial, point: Doubles, hessian: CenteredHessian) -> Left:
    """The rows' moments along directions that the matrix does not tell from rounding.

    Not weighted by probabilities, which may be tiny: what is rounding here is so for every row.
    """
    one, factored = objective.one, hessian.factored
    directions = factored.left / factored.size[:, None]
    moved = one.scaling.product(directions, hessian.mean)
    product = objective.by_block(point, _moments_along, *moved) / objective.target.total_weight
    return Left(factored, product, one.far)


def _moments_along(
    block: Data, target: Target, draws: None, p: Doubles, scaled: Doubles, shift: Doubles
) -> Doubles:
    total = np.zeros((len(shift), len(shift)))
    for rows, moved in _moved(block, scaled, shift):
        total += (moved.T * target.row_weight[rows]) @ moved
    return total


def _product(objective: Multinomial, point: Doubles) -> Doubles:
    """The sandwich of [X - about, 1] with the least probability of each row."""
    about, precise = objective.one.about, objective.one.precise
    total: Doubles = objective.by_block(point, _sandwich, about, precise)
    return total / objective.target.total_weight


def _sandwich(
    block: Data, target: Target, draws: None, p: Doubles, about: Doubles | None, precise: bool
) -> Doubles:
    return block.sandwich(target.times_weight(p.min(axis=0)), about, precise=precise)


def _largest_square(objective: Multinomial, point: Doubles, hessian: CenteredHessian) -> float:
    """Of a row with a weight, in the inverse of a Hessian and that of its intercept."""
    scaled, shift = objective.one.scaling.product(hessian.factored.inverse_root(), hessian.mean)
    largest = objective.by_block(point, _square_of_rows, scaled, shift, combine=max)
    return float(largest) + (1 / hessian.total if objective.one.fit_intercept else 0.0)


def _square_of_rows(
    block: Data, target: Target, draws: None, p: Doubles, scaled: Doubles, shift: Doubles
) -> float:
    largest = 0.0
    for rows, moved in _moved(block, scaled, shift):
        squares = np.einsum("ij,ij->i", moved, moved)
        if target.sample_weight is not None:
            squares = squares[target.sample_weight[rows] > 0]
        largest = max(largest, float(squares.max(initial=0.0)))
    return largest


def _moved(block: Data, scaled: Doubles, shift: Doubles) -> Iterator[tuple[slice, Doubles]]:
    """Rows times a matrix, less a shift; some at a time."""
    n_rows = max(1, BLOCK_NUMBERS // len(scaled))
    for begin in range(0, block.n_samples, n_rows):
        rows = slice(begin, min(begin + n_rows, block.n_samples))
        moved = block.rows(rows, np.float64) @ scaled
        moved -= shift
        yield rows, moved
