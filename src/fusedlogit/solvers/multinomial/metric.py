"""Metrics for many classes that need no more than a matrix of the features, or one for each class.

Where all probabilities are alike the Hessian is (I - 11^T / K) / K times the features' second
moments: one matrix does for all classes. Further on each class has its own, of the rows that it is
in doubt about. What all classes change by together is left out of every step: the loss does not
know of it, and the penalty brings it to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.margins import Margins
from ...data.per_row import Draws, each, fetched, stored
from ...data.protocol import Data
from ...data.target import Target
from ...problems.links import SOFTMAX
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation, Objective
from ...runtime.threads import side_by_side
from ..common import common_hessian
from ..gram import SampledGram
from ..hessian import CenteredHessian, DenseHessian, reliable_hessian
from ..metric import TINY
from ..newton import draw_rows
from ..requests import Steps, passes, sandwich
from ..settings import Doubles

#: Rows for each feature that each class draws for itself.
ROWS_PER_FEATURE = 8

#: Rows that it draws at least.
LEAST_ROWS = 1024

#: Of the curvature of a class, what is spread over all rows alike: those it did not draw have some.
SHARED = 0.1


class ConstantCurvature:
    """The softmax where all probabilities are alike."""

    def __init__(self, n_classes: int) -> None:
        self.most_curvature = 1 / n_classes

    def curvature(self, z: Doubles) -> Doubles:
        """Of each row."""
        return np.full(len(z), self.most_curvature)


class GivenCurvature:
    """A link whose margins are curvatures."""

    most_curvature = 0.5

    def curvature(self, z: Doubles) -> Doubles:
        """Of each row."""
        return z


def alike(objective: Multinomial) -> Objective:
    """One class of a cost, with the curvature of probabilities that are all alike."""
    return _of_one(objective, ConstantCurvature(objective.n_classes))


def _of_one(objective: Multinomial, link: Any) -> Objective:
    """One class of a cost, with another link."""
    target = objective.target
    return replace(objective.one, target=Target(target.y, target.sample_weight, link))


class _Steady:
    """What metrics have in common that say nothing of the distance to the minimum."""

    damping = 1.0
    final = True
    vouches = True
    previews = False
    sharp = False
    lender: Any = None

    def bound(self, objective: Multinomial, here: Evaluation) -> Steps[float]:
        yield from ()
        return np.inf


class _ByClass(_Steady):
    """One that knows nothing of what all classes change by together, and takes it from steps.

    Parameters
    ----------
    objective : Multinomial
    """

    def __init__(self, objective: Multinomial) -> None:
        self.n_classes = objective.n_classes
        self.previews = objective.penalty > 0 and not objective.keeps_margins

    def bound(self, objective: Multinomial, here: Evaluation) -> Steps[float]:
        """What strong convexity says, which the proof rests on, but for the intercepts."""
        yield from ()
        if objective.penalty == 0:
            return np.inf
        slope = objective.table(here.gradient)[:, :-1]
        return float(np.vdot(slope, slope)) / (2 * objective.penalty)

    def solve(self, vector: Doubles) -> Doubles:
        return self.solve_together(vector[None], sharp=self.sharp).ravel()

    def solve_together(self, vectors: Doubles, *, sharp: bool) -> Doubles:
        """See `requests.Solve`: those of several fits."""
        tables = vectors.reshape(len(vectors), self.n_classes, -1)
        solved = self._by_class(tables - tables.mean(axis=1, keepdims=True))
        solved -= solved.mean(axis=1, keepdims=True)
        return solved.reshape(vectors.shape)

    def _by_class(self, tables: Doubles) -> Doubles:
        """Of gradients by class, (n, K, n_features + 1)."""
        raise NotImplementedError


class PerClass(_ByClass):
    """One metric of two classes for each of many.

    Parameters
    ----------
    metric : DenseHessian, SampledGram, CommonHessian or Diagonal
    objective : Multinomial
    final : bool
        Whether no better one is to follow.
    """

    def __init__(self, metric: Any, objective: Multinomial, *, final: bool = True) -> None:
        super().__init__(objective)
        self.metric, self.final = metric, final
        self.mean = metric.mean
        self.damping = metric.damping

    def _by_class(self, tables: Doubles) -> Doubles:
        solved: Doubles = self.metric.solve(tables.reshape(-1, tables.shape[-1]))
        return solved.reshape(tables.shape)


class ClassBlocks(_ByClass):
    """A Hessian for each class, of rows that it drew: the diagonal blocks.

    Parameters
    ----------
    metrics : list of DenseHessian or CommonHessian
    objective : Multinomial
    """

    def __init__(self, metrics: Sequence[Any], objective: Multinomial) -> None:
        super().__init__(objective)
        self.metrics = metrics
        self.mean = np.mean([metric.mean for metric in metrics], axis=0)

    def _by_class(self, tables: Doubles) -> Doubles:
        by_class = [metric.solve(tables[:, k]) for k, metric in enumerate(self.metrics)]
        solved: Doubles = np.stack(by_class, axis=1)
        return solved


def shared_hessian(objective: Multinomial) -> Steps[PerClass]:
    """That of probabilities that are all alike, of the objective's rows."""
    one = alike(objective)
    weight = one.target.weighted(np.full(one.data.n_samples, 1 / objective.n_classes))
    hessian = yield from reliable_hessian(one, weight)
    return PerClass(_factored(one, hessian), objective)


def shared_gram(
    objective: Multinomial, point: Doubles, rows: NDArray[np.intp] | None
) -> Steps[PerClass]:
    """The Gram product of some rows, or of all, with their curvature at a point: for many features.

    That of a row is diag(p) - p p^T, of which the K - 1 directions but for that of what all classes
    change by have the mean (1 - p^T p) / (K - 1).
    """
    one = _of_one(objective, GivenCurvature())
    part = objective if rows is None else objective.sample(rows)
    by_class = yield from passes(lambda: fetched(each(_curvature_of_rows, part.along(point))))
    if part is not objective:
        objective.data.count(part.data)
    curvature = np.zeros(one.data.n_samples)
    curvature[slice(None) if rows is None else rows] = by_class.sum(axis=0)
    curvature /= objective.n_classes - 1
    gram = SampledGram(one, Margins(curvature, one.target), rows)
    return PerClass(gram, objective, final=False)


def shared_common(objective: Multinomial) -> Steps[PerClass]:
    """The same of all rows, exact among the commonest features: for sparse data."""
    one = alike(objective)
    weight = one.target.weighted(np.full(one.data.n_samples, 1 / objective.n_classes))
    return PerClass((yield from common_hessian(one, weight)), objective)


def common_blocks(objective: Multinomial, point: Doubles, shared: PerClass) -> Steps[ClassBlocks]:
    """That of each class at a point, among the same features as in the metric of all."""
    curvature = yield from passes(lambda: _curvature(objective, point))
    metrics = []
    for of_class in curvature:
        metrics.append((yield from common_hessian(objective.one, of_class, shared.metric)))
    return ClassBlocks(metrics, objective)


def _curvature(objective: Multinomial, point: Doubles) -> list[Doubles]:
    """Of each class, that of each row."""
    curvature = stored(each(_curvature_of_rows, objective.along(point)))
    return [objective.target.weighted(of_class) for of_class in curvature]


def _curvature_of_rows(z: Doubles) -> Doubles:
    p: Doubles = SOFTMAX.probabilities(z.copy())
    for of_class in p:
        of_class *= 1 - of_class
    return p


def _factored(one: Objective, hessian: CenteredHessian) -> DenseHessian:
    return DenseHessian(one, Margins(np.empty(0), one.target), hessian)


def class_blocks(
    objective: Multinomial, point: Doubles, generator: np.random.Generator
) -> Steps[ClassBlocks]:
    """The Hessians of each class at a point, factored."""
    metrics = yield from class_hessians(objective, point, generator, partial(_narrow, objective))
    return ClassBlocks(metrics, objective)


def _narrow(objective: Multinomial, hessian: CenteredHessian) -> DenseHessian:
    """Of one class, as a metric."""
    hessian.factor_narrowly()  # the classes may be many
    return _factored(objective.one, hessian)


def class_hessians(
    objective: Multinomial,
    point: Doubles,
    generator: np.random.Generator,
    kept: Callable[[CenteredHessian], Any] = lambda hessian: hessian,
) -> Steps[list[Any]]:
    """What is kept of a Hessian for each class at a point, of rows drawn by their curvature.

    A row of curvature c is drawn with the probability min(1, c / level) and weighs max(c, level),
    so that the sum is expected to be that of all rows, and no row outweighs the others.
    """
    shared, levels = yield from _shared_product(objective, point, generator)
    drawn = yield from passes(lambda: _draw(objective, point, levels, generator))
    one = objective.one

    def of_class(sample: tuple[Objective, Doubles]) -> tuple[Any, Data]:
        part, weight = sample
        (product,) = part.sandwiches([weight])
        spread = SHARED * product[-1, -1] / shared[-1, -1]
        product *= 1 - SHARED
        product += spread * shared
        return kept(CenteredHessian(part, product)), part.data

    def of_all() -> list[Any]:
        samples = ((one.sample(rows), weight) for rows, weight in drawn)
        hessians = []
        for hessian, data in side_by_side(of_class, samples, one.data.n_threads):
            one.data.count(data)
            hessians.append(hessian)
        return hessians

    return (yield from passes(of_all))


def _shared_product(
    objective: Multinomial, point: Doubles, generator: np.random.Generator
) -> Steps[tuple[Doubles, Doubles]]:
    """The sandwich of some rows at probabilities that are all alike, and levels to draw by."""
    n_samples, n_classes = objective.data.n_samples, objective.n_classes
    n_features = objective.data.n_features
    n_rows = min(n_samples, rows_drawn(n_features))
    some = objective.sample(draw_rows(n_samples, n_rows, generator))
    part = some.one
    product = yield from sandwich(part, part.target.weighted(np.full(n_rows, 1 / n_classes)))
    curvature = yield from passes(lambda: _curvature_of_rows(some.along(point)))
    curvature = part.target.times_weight(curvature)
    objective.data.count(part.data)
    wanted = rows_drawn(n_features)
    share = n_samples / wanted if wanted < n_samples else 0
    return product, np.maximum(curvature.mean(axis=1), TINY) * share


def rows_drawn(n_features: int) -> int:
    """Rows to expect in the Hessian of a class."""
    return max(LEAST_ROWS, ROWS_PER_FEATURE * (n_features + 1))


def _draw(
    objective: Multinomial, point: Doubles, levels: Doubles, generator: np.random.Generator
) -> list[tuple[NDArray[np.intp], Doubles]]:
    """Rows and weights for each class, in one pass."""
    draws = Draws(int(generator.integers(2**31)))
    found = objective.by_block(point, _drawn, levels, draws=draws, combine=add)
    total = objective.target.total_weight
    return [(rows, weight / total) for rows, weight in map(joined, zip(*found, strict=True))]


def _drawn(
    block: Data, target: Target, draws: Draws, p: Doubles, levels: Doubles
) -> list[list[tuple[NDArray[np.intp], Doubles]]]:
    """Of a block: a list of one, with rows and weights of each class."""
    curvature, generator = target.times_weight(p * (1 - p)), draws.generator()
    found = []
    for of_class, level in zip(curvature, levels, strict=True):
        drawn = np.flatnonzero(generator.random(len(of_class)) * level < of_class)
        found.append((drawn + draws.begin, np.maximum(of_class[drawn], level)))
    return [found]


def joined(
    parts: Sequence[tuple[NDArray[np.intp], Doubles]],
) -> tuple[NDArray[np.intp], Doubles]:
    """Rows and weights of all blocks; some row in any case."""
    rows = np.concatenate([rows for rows, _ in parts])
    weights = np.concatenate([weight for _, weight in parts])
    if not len(rows):
        return np.zeros(1, dtype=np.intp), np.full(1, TINY)
    return rows, weights
