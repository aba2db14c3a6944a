"""Approximate leave-one-out: what a fit would say of each row if it had not seen it.

A Newton step from the fit of all rows, without row i, moves its decision value by

    s_i r_i h_i / (1 - s_i c_i h_i),    h_i = x_i^T H^-1 x_i,

with weight s, residual r and curvature c of the row, and H the Hessian of all rows, intercept and
penalty included: one factorisation for all rows (Rad and Maleki, 2020, Journal of the Royal
Statistical Society B 82). Of K classes r is a vector, c and h are K x K matrices. With an L1 norm
H is that of the coefficients that are not zero. Where a step goes far, one is not enough: such
rows, few of many, are `doubtful`, to be `refined` by more (`without.py`), or fitted without.

Of very many rows, none of which holds much, h is taken along a few random directions.

Many features become as many as there are rows, by the eigenvectors of the Gram product of all rows:
an L2 norm knows no rotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ..data.class_margins import ClassMargins
from ..data.dense import DenseMatrix
from ..data.margins import Margins
from ..data.protocol import Data
from ..data.scaling import Scaling
from ..data.target import Target
from ..fitting import Problem
from ..problems.links import SOFTMAX, by_class
from ..problems.multinomial import Multinomial, one_of
from ..problems.objective import Objective
from ..runtime.threads import side_by_side
from ..solvers.hessian import reliable_hessian
from ..solvers.metric import TINY
from ..solvers.scheduler import run
from .directions import directions_of_many, directions_of_two, margins_of_two
from .without import Without

Doubles = NDArray[np.float64]

#: Size of the matrix to factor, at most.
MOST = 8192

#: Rows for each feature of a sampled Hessian: leverages are within some percent of those of all.
ROWS_PER_FEATURE = 144

#: Relative change of a Hessian, up to which leverages are those of the last penalty: at least; at
#: most; and in which it changes the log loss by so much, relative to it.
NEARLY, MOST_NEARLY = 0.02, 0.25
UNSEEN = 1e-4

#: Random directions in the place of at least so many times as many features, in groups.
DIRECTIONS, GROUPS, FEW_DIRECTIONS = 32, 8, 4

#: Change of a decision value from which on a row's leverage is that of all directions; of all rows,
#: at most one of so many.
MUCH, MOST_AGAIN = 0.03, 256

#: Share of its own fit that a row may hold.
LARGEST_SHARE = 1 - 1e-6

#: Change of decision values, and share of all losses by which a row's would rise were the change so
#: many times as large, from which on the row is fitted without; and of how many rows that is done.
FAR = 0.25
LONGER, COUNTS = 4, 2e-4
MOST_REFITTED = 512

#: Of so few rows each is fitted without: one holds much of the fit, and the fits take no time.
FEW_ROWS = 64

#: By how much a row's loss rises at most, in the sum of all: some steps go much too far.
MOST_RISE = 10.0

#: Numbers of a block of rows.
BLOCK_NUMBERS = 1 << 18

#: A penalty that leaves a coefficient at zero.
HELD_FAST = 1e30


class LeaveOneOut:
    """Leave-one-out decision values of fits of the same data.

    Parameters
    ----------
    data : Data
        To tell its size by.
    n_classes : int

    Raises
    ------
    ValueError
        If both rows and features are too many for a factorisation.
    """

    def __init__(self, data: Data, n_classes: int) -> None:
        self.wide = data.n_features > data.n_samples
        size = min(data.n_samples, data.n_features + 1) * (1 if n_classes == 2 else n_classes)
        if size > MOST:
            raise ValueError(
                f"cv='loo' factors a matrix of the rows or of the coefficients, whichever are "
                f"fewer; here that is {size:,}, and {MOST:,} is the most. Use cv=5"
            )
        self._rotated: tuple[int, DenseMatrix] | None = None
        self._squares: _Squares | None = None

    def decisions(self, problem: Problem, point: Doubles, decisions: Doubles) -> Doubles:
        """Decision values of each row without it, from those of the fit: (1 or n_classes, n)."""
        problem, active = self._with_few_features(problem, point)
        if isinstance(problem, Multinomial):
            return _of_many(problem, decisions, active)
        if self._squares is None or not self._squares.serve(problem, decisions):
            self._squares = _squares(problem, decisions)
        return _of_two(problem, decisions, self._squares.squares)

    def refined(
        self, problem: Problem, point: Doubles, decisions: Doubles, rows: NDArray[np.intp]
    ) -> Doubles:
        """The same of some rows as of a fit without each, where there is no L1 norm."""
        problem, active = self._with_few_features(problem.sharpened(), point)
        if isinstance(problem, Multinomial):
            directions = directions_of_many(problem, decisions, active)
        else:
            directions = directions_of_two(problem, decisions)
        return Without(problem, *directions, decisions).decisions_of(rows)

    def _with_few_features(
        self, problem: Problem, point: Doubles
    ) -> tuple[Problem, NDArray[np.bool_] | None]:
        """The same cost of features that are no more than the rows, near the point.

        With an L1 norm also which of their coefficients may move: (1 or n_classes, n_features).
        """
        one = one_of(problem)
        if one.l1_penalty > 0:
            active = point.reshape(-1, one.data.n_features + 1)[:, :-1] != 0
            features = np.flatnonzero(active.any(axis=0))
            if len(features) == 0:  # one that cannot move
                return _with_penalty(problem.columns(np.array([0])), HELD_FAST), active[:, :1]
            few = len(features) < one.data.n_features
            return problem.columns(features) if few else problem, active[:, features]
        if not self.wide:
            return problem, None
        if self._rotated is None or self._rotated[0] != id(one.data):
            self._rotated = id(one.data), _rotated(one)
        data = self._rotated[1]
        one = replace(
            one, data=data, scaling=Scaling.by(1.0, data.n_features), frame=None, about=None,
            far=1.0,
        )  # fmt: skip
        return (replace(problem, one=one) if isinstance(problem, Multinomial) else one), None


def _with_penalty(problem: Problem, penalty: float) -> Problem:
    """The same cost under another L2 penalty."""
    if isinstance(problem, Multinomial):
        return replace(problem, one=replace(problem.one, penalty=penalty))
    return replace(problem, penalty=penalty)


def _rotated(one: Objective) -> DenseMatrix:
    """Features with the Gram product of the scaled ones, about their mean if that is free."""
    n_samples = one.data.n_samples
    center = one.scaling.center
    if one.fit_intercept:
        center = one.data.row_sum(np.full((1, n_samples), 1 / n_samples), precise=True)[0][0]
    gram = one.data.gram(center, 1 / one.scaling.scale, np.ones(n_samples), np.float64)
    values, vectors = eigh(gram, lower=True)
    kept = values > values[-1] * n_samples * np.finfo(np.float64).eps
    features = vectors[:, kept] * np.sqrt(values[kept])
    return DenseMatrix(np.ascontiguousarray(features), one.data.n_threads)


@dataclass(frozen=True)
class _Squares:
    """Squares of rows in the inverse of a Hessian, and how far they will do.

    Attributes
    ----------
    squares : ndarray of shape (n_samples,)
    objective : Objective
    decisions : ndarray of shape (1, n_samples)
        Where the Hessian was summed.
    least : float
        Of its eigenvalues, at least.
    nearly : float
        Relative change of the Hessian, up to which they will do.
    """

    squares: Doubles
    objective: Objective
    decisions: Doubles
    least: float
    nearly: float

    def serve(self, objective: Objective, decisions: Doubles) -> bool:
        """Whether the Hessian of another penalty, at other decision values, is nearly this one."""
        same = objective.data is self.objective.data and objective.target is self.objective.target
        change = abs(objective.penalty - self.objective.penalty)
        near = same and change <= self.nearly * self.least
        return near and float(np.abs(decisions - self.decisions).max()) <= self.nearly


def _squares(objective: Objective, decisions: Doubles) -> _Squares:
    """Of two classes: one product of all rows with a matrix of the features."""
    margins = margins_of_two(objective, decisions)
    curvature = margins.curvature()
    part, own, share = _sampled(objective, curvature)
    (hessian,) = run([reliable_hessian(part, own)])
    factored = hessian.factored
    factored.truncate()
    mean, root = hessian.mean, factored.inverse_root()
    squares = None
    if root.shape[1] >= FEW_DIRECTIONS * DIRECTIONS:
        squares = _nearly_squares(objective, mean, root, margins)
    if squares is None:
        squares = _squares_of_rows(objective, mean, root)
    squares *= share
    least = factored.least * float(factored.size.min()) ** 2
    # To first order, leaving rows out adds as much to the loss.
    added = float(margins.residual() ** 2 @ squares)
    unseen = UNSEEN * float(margins.loss()) / max(added, TINY)
    nearly = float(np.clip(unseen, NEARLY, MOST_NEARLY))
    return _Squares(squares, objective, decisions, least, nearly)


def _squares_of_rows(objective: Objective, mean: Doubles, root: Doubles) -> Doubles:
    """Squares of all rows about a mean in a matrix of this root."""
    squares = np.empty(objective.data.n_samples)

    def square(rows: slice, moved: NDArray[Any]) -> None:
        np.einsum("ij,ij->i", moved, moved, out=squares[rows], casting="same_kind")

    _each_product(square, objective, mean, root)
    return squares


def _nearly_squares(
    objective: Objective, mean: Doubles, root: Doubles, margins: Margins
) -> Doubles | None:
    """The same along a few random directions, if that will do; None if it will not.

    Each group of directions gives squares that are right in the mean (Johnson and Lindenstrauss,
    1984, Contemporary Mathematics 26): by how much what leaving rows out adds to the loss differs
    between groups tells how well all of them know it. Rows that move much are squared themselves;
    were these many, leverages would be too small in the mean, for those that seem large are not.
    """
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (root.shape[1], DIRECTIONS))
    squares, residual = np.empty(objective.data.n_samples), margins.residual()
    weight = residual**2
    added: dict[int, Doubles] = {}

    def square(rows: slice, moved: NDArray[Any]) -> None:
        in_groups = moved.reshape(len(moved), -1, GROUPS)
        of_group = np.einsum("idg,idg->ig", in_groups, in_groups) / in_groups.shape[1]
        np.mean(of_group, axis=1, out=squares[rows])
        added[rows.start] = weight[rows] @ of_group

    _each_product(square, objective, mean, root @ signs)
    by_group = np.sum([added[start] for start in sorted(added)], axis=0)
    if 2 * by_group.std(ddof=1) / np.sqrt(GROUPS) > UNSEEN * float(margins.loss()):
        return None
    much = np.flatnonzero(np.abs(residual) * squares > MUCH)
    if len(much) * MOST_AGAIN > len(squares):
        return None
    if len(much):
        squares[much] = _squares_of_rows(objective.sample(much), mean, root)
    return squares


def _of_two(objective: Objective, decisions: Doubles, square: Doubles) -> Doubles:
    """Of two classes, from the squares of rows about the features' mean."""
    margins = margins_of_two(objective, decisions)
    curvature = margins.curvature()
    if objective.fit_intercept:
        square = square + 1 / float(curvature.sum())
    held = np.minimum(curvature * square, LARGEST_SHARE)
    left_out: Doubles = decisions + margins.residual() * square / (1 - held)
    return left_out


def _sampled(objective: Objective, curvature: Doubles) -> tuple[Objective, Doubles, float]:
    """Some rows if they will do for a Hessian, their curvature, and by what leverages shrink.

    The inverse of a sample's second moments is too large by 1 / (1 - n_features / n_rows).
    """
    n_samples, n_features = objective.data.n_samples, objective.data.n_features
    n_rows = ROWS_PER_FEATURE * (n_features + 1)
    if 2 * n_rows > n_samples:
        return objective, curvature, 1.0
    rows = np.sort(np.random.default_rng(0).choice(n_samples, n_rows, replace=False))
    part, own = objective.sample(rows), curvature[rows] * (n_samples / n_rows)
    objective.data.count(part.data)
    return part, own, 1 - n_features / n_rows


def _each_product(
    take: Callable[[slice, NDArray[Any]], None], objective: Objective, mean: Doubles,
    matrix: Doubles,
) -> None:  # fmt: skip
    """Scaled features less a mean times a matrix, block by block, in the type of the passes.

    Neither is formed: the matrix is scaled instead, and the mean's product taken from the result.
    Blocks go to `take`, with their rows, side by side.
    """
    data, dtype = objective.data, np.float64 if objective.sharp else np.float32
    scaled, shift = (one.astype(dtype) for one in objective.scaling.product(matrix, mean))
    n_rows = max(1, BLOCK_NUMBERS // max(*matrix.shape, 1))

    def multiply(block: tuple[slice, NDArray[Any]]) -> None:
        rows, features = block
        product: NDArray[Any] = features @ scaled
        product -= shift
        take(rows, product)

    begins = range(0, data.n_samples, n_rows)
    slices = (slice(begin, min(begin + n_rows, data.n_samples)) for begin in begins)
    blocks = ((rows, data.rows(rows, dtype)) for rows in slices)
    for _ in side_by_side(multiply, blocks, data.n_threads):
        pass
    data.n_passes += 1


def _of_many(problem: Multinomial, decisions: Doubles, active: NDArray[np.bool_] | None) -> Doubles:
    """Of many classes; of their coefficients all may move, or those that are active."""
    mean, root = directions_of_many(problem, decisions, active)
    left_out = decisions.copy()
    if not root.shape[2]:
        return left_out
    n_classes, target = len(root), problem.target
    probabilities = ClassMargins(decisions, target).probabilities
    weight = target.weighted(np.ones(decisions.shape[1]))

    def step(rows: slice, product: NDArray[Any]) -> None:
        moved = product.reshape(len(product), n_classes, -1).transpose(1, 0, 2) + root[:, -1:]
        left_out[:, rows] += _steps(
            np.einsum("kij,lij->ikl", moved, moved, optimize=True),
            probabilities[:, rows], target.y[rows], weight[rows],
        )  # fmt: skip

    by_feature = root[:, :-1].transpose(1, 0, 2).reshape(root.shape[1] - 1, -1)
    _each_product(step, problem.one, mean, by_feature)
    return left_out


def _steps(leverage: Doubles, chance: Doubles, y: NDArray[Any], weight: Doubles) -> Doubles:
    """Newton steps (K, n_rows) of the rows' decision values, of leverages (n_rows, K, K)."""
    residual = chance.T.copy()
    residual[np.arange(len(y)), y.astype(np.intp)] -= 1
    residual *= weight[:, None]
    curvature = -np.einsum("ki,li->ikl", chance, chance)
    curvature[:, range(len(chance)), range(len(chance))] += chance.T
    curvature *= weight[:, None, None]
    held = np.eye(len(chance)) - leverage @ curvature
    pushed = np.einsum("ikl,il->ik", leverage, residual)
    try:
        steps: Doubles = np.linalg.solve(held, pushed[..., None])[..., 0].T
    except np.linalg.LinAlgError:  # a row holds a direction by itself
        steps = _bounded_steps(leverage, curvature, pushed)
    return steps


def _bounded_steps(leverage: Doubles, curvature: Doubles, pushed: Doubles) -> Doubles:
    """The same where no row holds more than `LARGEST_SHARE` of any direction.

    With R R = C, (I - L C)^-1 = I + L R (I - R L R)^-1 R.
    """
    values, vectors = np.linalg.eigh(curvature)
    back = vectors.transpose(0, 2, 1)
    root = (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ back
    shares, directions = np.linalg.eigh(root @ leverage @ root)
    left = 1 - np.clip(shares, 0, LARGEST_SHARE)
    turned = (root @ pushed[..., None]).transpose(0, 2, 1) @ directions
    solved = directions @ (turned / left[:, None]).transpose(0, 2, 1)
    steps: Doubles = (pushed + (leverage @ root @ solved)[..., 0]).T
    return steps


def doubtful(target: Target, decisions: Doubles, left_out: Doubles) -> NDArray[np.intp]:
    """Rows that one step does not do for: it goes far, and what it costs counts among all losses.

    All rows, if they are few. Those whose class would be gone without them are taken as they are.
    """
    codes = target.y.astype(np.intp)
    moved = left_out - decisions
    change = by_class(moved)
    far = change.max(axis=0) - change.min(axis=0) > FAR
    few = len(codes) <= FEW_ROWS
    if not (few or far.any()):
        return np.empty(0, dtype=np.intp)
    losses = losses_of(decisions, codes)
    rise = losses_of(left_out, codes) - losses
    least = COUNTS * target.weighted(losses + np.minimum(rise, MOST_RISE)).sum()
    rise = target.weighted(losses_of(decisions + LONGER * moved, codes) - losses)
    own = target.weighted(np.ones(len(codes)))
    total = np.bincount(codes, own)
    doubted = few | far & (rise > least)
    doubted &= own < total[codes] * LARGEST_SHARE
    rows = np.flatnonzero(doubted)
    return np.sort(rows[np.argsort(-rise[rows], kind="stable")[:MOST_REFITTED]])


def losses_of(decisions: Doubles, codes: NDArray[np.intp]) -> Doubles:
    """The log loss of each row."""
    logarithms: Doubles = SOFTMAX.log_probabilities(by_class(decisions))
    losses: Doubles = -logarithms[codes, np.arange(len(codes))]
    return losses
