"""Stochastic gradient descent: a step after each batch of rows, in the metric of a sample.

The metric is that of a few rows' second moments: the directions in which the features vary most,
each by itself, and one curvature for all others; under an L1 norm, whose steps go column by column,
a curvature for each of these. In it a step has a natural length, so nobody need guess one: with tr
the mean square of the features there, an average over B rows is stable up to about
1 / (1 + tr / B). The points on the way are averaged (Polyak and Juditsky, 1992, SIAM Journal on
Control and Optimization 30), which in the metric of the Hessian comes as near the minimum as any
method may that sees each row once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import eigh

from .._kernels import stochastic
from ..data.checks import blame
from ..data.walk import Metric, Walk
from ..errors import PassOverflowError
from ..problems.multinomial import Multinomial, one_of
from ..problems.objective import Evaluation, Objective
from ..runtime.blas import blas_threads
from ..runtime.scratch import new_lines, scratch
from .cause import Cause
from .certificate import OF_DATA, OF_LINK, suboptimality
from .lazy_course import LazyCourse, curvature_of
from .metric import TINY
from .path import Path, evaluate_start
from .requests import Steps, evaluate, passes
from .settings import SGD, Doubles, Result, Settings, Solver

#: Rows that the metric is taken from, and multiply-adds that its second moments may cost.
METRIC_ROWS = 2048
METRIC_WORK = 1 << 32

#: Rows for each feature that show how little the features vary in any direction.
MANY_ROWS = 8

#: Directions that it knows one by one.
MOST_DIRECTIONS = 128

#: Of the longest stable step, what is taken at first.
SHARE = 0.5

#: Of numbers of rows that weights tell; and of a mean, what rounding may make of rows less that.
ROUNDING, HIDDEN = 1e-9, 1e-13

#: Rows of a batch: some 64 batches in a pass, if they are not too short or too long for it.
LEAST_BATCH, BATCHES = 8, 64

#: Of the cost, what a pass must gain for the step to stay as long as it is. Measured: more would
#: halve it before its average is near, with nothing at all a walk goes on and on for next to it.
WORTH = 1e-5

#: Halvings of the step after which it goes on no more.
MOST_HALVINGS = 12

#: Of the cost, what a pass must gain for the metric and the average to be taken anew.
MUCH = 1e-2


def metric_of(
    features: Doubles, l2: float, *, hidden: Doubles, weight: Doubles | None = None
) -> tuple[Metric, float]:
    """The metric of rows times the roots of their curvature, and tr: their mean square in it.

    Rows may be drawn in proportion to weights, which then count in tr once more. Those that are but
    `hidden`, as rounding may make each column of them, tell nothing.

    Raises
    ------
    PassOverflowError
        If the squares of features are beyond float64.
    """
    n_rows, n_features = features.shape
    values, vectors, total = _largest_moments(features, MOST_DIRECTIONS)
    tall = n_features <= n_rows
    floor = max(total * 1e-12, TINY)
    told = total > hidden.sum() ** 2
    seen = values > floor if told else np.zeros(len(values), dtype=bool)
    # What no direction tells may vary as much as the least of them do, and what few rows do not
    # show as much as one of them.
    least = float(values[seen].min(initial=max(float(values[-1]), floor))) if told else 1.0
    unseen = total / n_rows if n_rows < MANY_ROWS * n_features else 0.0
    values, vectors = values[seen], vectors[:, seen]
    known = vectors if tall else features.T @ vectors / np.sqrt(n_rows * values)
    flat, inverse = 1 / (max(least, unseen) + l2), 1 / (values + unseen + l2)
    metric = _in_memory(known, inverse - flat, np.full(n_features, flat))
    if weight is not None:
        square = flat * np.einsum("ij,ij->i", features, features)
        square += (features @ known) ** 2 @ (inverse - flat)
        return metric, float(weight @ square) / n_rows
    rest = max(total - float(values.sum()), 0.0)
    return metric, float(values @ inverse) + rest * flat


def metric_by_column(
    features: Doubles, l2: float, *, hidden: Doubles, weight: Doubles | None = None
) -> tuple[Metric, float]:
    """As `metric_of`, of one number for each column.

    It is nowhere below the second moments: the largest of those of columns of equal squares counts
    for all of them. A column that no row shows is taken for one that a row may.
    """
    n_rows, n_features = features.shape
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->j", features, features) / n_rows
    total = float(squares.sum())
    if not np.isfinite(total):
        blame(None)
    seen = squares > np.maximum(hidden**2, TINY)
    squares[~seen] = total / (n_rows * n_features) if seen.any() else 1.0
    top = float(_largest_moments(features / np.sqrt(squares), 1)[0][-1]) if seen.any() else 1.0
    flat = 1 / (top * squares + l2)
    metric = _in_memory(np.empty((n_features, 0)), np.empty(0), flat)
    if weight is not None:
        return metric, float(weight @ (features**2 @ flat)) / n_rows
    return metric, float(squares @ flat)


def _largest_moments(features: Doubles, n_most: int) -> tuple[Doubles, Doubles, float]:
    """Some largest eigenvalues of second moments, or of products of rows if these are fewer.

    Their vectors, and the sum of all. Raises a PassOverflowError as `metric_of`.
    """
    n_rows, n_features = features.shape
    tall = n_features <= n_rows
    with np.errstate(over="ignore", invalid="ignore"):
        moments = (features.T @ features if tall else features @ features.T) / n_rows
    size, total = len(moments), float(np.trace(moments))
    if not np.isfinite(total):
        blame(None)
    n = min(n_most, size)
    if n == size:
        return *eigh(moments, driver="evd"), total
    return *eigh(moments, subset_by_index=[size - n, size - 1]), total


def _in_memory(known: Doubles, gains: Doubles, flat: Doubles) -> Metric:
    """diag(flat) + known diag(gains) known^T as a walk is given it: whole if that is less work."""
    n_features, n_known = known.shape
    whole = n_known > 0 and n_features <= 2 * n_known
    columns = np.diag(flat) + (known * gains) @ known.T if whole else known
    table = new_lines((columns.shape[1], stochastic.direction_numbers(n_features)))
    table[:, :n_features] = columns.T
    if whole:
        return Metric(table[:0], gains[:0], flat, 1.0, table)
    return Metric(table, gains, flat, 1.0)


def batch_of(options: SGD, n_samples: int) -> int:
    """Rows of a batch."""
    usual = min(max(n_samples // BATCHES, LEAST_BATCH), stochastic.MOST_ROWS)
    return options.batch_size or usual


def metric_rows(n_samples: int, n_features: int) -> int:
    """Rows that the metric is taken from."""
    return int(min(METRIC_ROWS, n_samples, max(64, METRIC_WORK // n_features**2)))


def is_due(n_rows: float, n_known: float, *, doubtful: bool = False) -> bool:
    """Whether the metric of a stream is to be taken anew: seldom once a sample has all its rows.

    Sooner if steps were too long in it.
    """
    growth = 2 if n_known <= METRIC_ROWS else 4
    return n_rows * (1 + ROUNDING) >= (1.25 if doubtful else growth) * n_known


class Course:
    """A walk about the mean of its features, in the metric of a few rows.

    Attributes
    ----------
    follows : bool
        Whether the metric is taken anew where a pass gained much.
    share : float
        Of the longest stable step, what is taken at first.

    Parameters
    ----------
    walk : Walk
        Over scaled features; its place, center, metric and step are told by `renew`.
    rows : ndarray of shape (n_rows, n_features)
        Scaled features of those that the metric is taken from.
    step : float or None
        That the user asks for.
    weight : ndarray of shape (n_rows,), optional
        Of the rows if they were drawn in proportion to it; one is the mean of all.
    """

    follows = True
    share = SHARE

    def __init__(
        self, walk: Walk, rows: Doubles, step: float | None, weight: Doubles | None = None
    ) -> None:
        self.walk, self.rows, self.step, self.weight = walk, rows, step, weight
        self.center = walk.center
        self.mean = np.zeros(rows.shape[1])

    def renew(self, table: Doubles, share: float = SHARE) -> None:
        """Take the metric at a point (K, n_features + 1), and the mean; walk on from there."""
        walk = self.walk
        curvature = curvature_of(table[:, :-1] @ self.rows.T + table[:, -1:])
        if walk.fit_intercept:
            self.mean = curvature @ self.rows / curvature.sum()
        n_bytes = self.rows.nbytes
        # Other threads of BLAS would keep spinning.
        with scratch(n_bytes) as memory, blas_threads(1):
            features = memory[:n_bytes].view(np.float64).reshape(self.rows.shape)
            np.subtract(self.rows, self.mean, out=features)
            features *= np.sqrt(curvature)[:, None]
            measure = metric_by_column if walk.l1 > 0 else metric_of
            hidden = HIDDEN * np.sqrt(curvature.mean()) * np.abs(self.mean)
            metric, trace = measure(features, walk.l2, weight=self.weight, hidden=hidden)
        walk.metric = replace(metric, intercept=1 / float(curvature.mean()))
        of_one = 1.0 if self.weight is None else float(self.weight @ curvature / curvature.sum())
        walk.step = self.step or share / (1 + (of_one + trace) / walk.batch_rows)
        shift = np.divide(self.mean, walk.unit, out=np.zeros_like(self.mean), where=walk.unit != 0)
        walk.center = self.center + shift
        walk.begin_again(*self.about_mean(table))

    def about_mean(self, table: Doubles) -> tuple[Doubles, Doubles]:
        """Coefficients and intercepts of features about the mean."""
        return table[:, :-1], table[:, -1] + table[:, :-1] @ self.mean

    def reached(self) -> Doubles:
        """The point that the walk has led to, (K, n_features + 1)."""
        coef, intercept = self.walk.reached()
        return np.column_stack([coef, intercept - coef @ self.mean])


class Wandering(Path[Objective | Multinomial]):
    """A walk over all rows again and again; `here` is the best of the points that passes led to."""

    def __init__(
        self, objective: Objective | Multinomial, settings: Settings, here: Evaluation
    ) -> None:
        super().__init__(objective, settings)
        self.here = here
        self.one = one_of(objective)
        self.history.append(self.cost(here))
        self.generator = np.random.default_rng(settings.seed)
        self.halvings = 0
        self.adaptive = settings.sgd.schedule == "adaptive"
        self.course = self._begin(settings.sgd)
        if settings.sgd.schedule != "constant":
            self.course.walk.power = settings.sgd.power
        self.share = self.course.share
        self.course.renew(self._table(), self.share)
        self.best, self.losses, self.n_without = here, list[float](), 0
        if settings.judge is not None:
            self.judge(here)

    def _table(self) -> Doubles:
        """The best point by class."""
        return self.here.point.reshape(-1, self.objective.data.n_features + 1)

    def cost(self, here: Evaluation) -> float:
        """J with its L1 norm."""
        coef = here.point.reshape(-1, self.objective.data.n_features + 1)[:, :-1]
        return here.value + self.one.l1_penalty * float(np.abs(coef).sum())

    def _begin(self, options: SGD) -> Course | LazyCourse:
        """At no place yet."""
        one, table = self.one, self._table()
        if not one.data.centres_freely:
            batch_rows = batch_of(options, one.data.n_samples)
            return LazyCourse.of(one, len(table), batch_rows, options, self.generator)
        n_samples, n_features = one.data.n_samples, one.data.n_features
        center, unit = one.as_features()
        rows = self.generator.choice(n_samples, metric_rows(n_samples, n_features), replace=False)
        walk = Walk.beginning(
            table.shape, momentum=options.momentum, average=options.average, center=center,
            unit=unit, batch_rows=batch_of(options, n_samples), l2=one.penalty, l1=one.l1_penalty,
            fit_intercept=one.fit_intercept,
        )  # fmt: skip
        scaling = one.scaling
        features = (one.data.rows(np.sort(rows), np.float64) - scaling.center) / scaling.scale
        return Course(walk, features, options.step)

    def go_on(self) -> Steps[None]:
        """A pass of steps, and one to see where they led."""
        objective, before = self.objective, self.here
        walk = self.course.walk
        data: Any = objective.data  # protocol.Walked, as the solver declares
        mean_weight = objective.target.total_weight / data.n_samples
        yield from passes(partial(data.walk, objective.target, walk, self.generator, mean_weight))
        there = before
        try:
            there = yield from evaluate(objective, self.course.reached().ravel())
            if self.cost(there) < self.cost(before):
                self.here = there
        except PassOverflowError:
            pass
        cost = self.cost(self.here)
        self.report(self.here.point, cost, self.here.gradient_norm)
        gained = 1 - cost / max(self.cost(before), TINY)
        if self.adaptive:
            self.adapt(gained)
        if self.settings.judge is not None:
            self.judge(there)
        elif gained <= self.settings.tol:
            yield from self.prove()

    def adapt(self, gained: float) -> None:
        """Halve the step after a pass that gained hardly anything, else maybe renew the metric.

        That is where it gained much; but the first pass does so in any metric, and goes on.
        """
        much = gained > MUCH and len(self.history) > 2 and self.course.follows
        if gained <= WORTH:
            self.share /= 2
            self.halvings += 1
            if self.halvings > MOST_HALVINGS:
                judged = self.settings.judge is not None
                self.cause = Cause.JUDGED if judged else Cause.SHORT
        if gained <= WORTH or much:
            self.course.renew(self._table(), self.share)

    def judge(self, there: Evaluation) -> None:
        """Keep the best of the points by the rows left out; stop when there comes no better."""
        assert self.settings.judge is not None
        loss = self.settings.judge(*self.objective.to_data(there.point))
        best, sgd = min(self.losses, default=np.inf), self.settings.sgd
        if loss < best:
            self.best = there
        self.losses.append(loss)
        self.n_without = 0 if loss < best * (1 - self.settings.tol) else self.n_without + 1
        if self.n_without >= sgd.n_iter_no_change and self.cause == Cause.ITERATIONS:
            self.cause = Cause.JUDGED

    def result(self) -> Result:
        """Where the path stands; the best of its points by the rows left out, if there are any."""
        found = super().result()
        if self.settings.judge is None:
            return found
        cause = Cause.UNJUDGED if found.cause == Cause.ITERATIONS else found.cause
        return replace(
            found, point=self.best.point, here=self.best, history=self.losses, cause=cause
        )

    def prove(self) -> Steps[None]:
        """How far the best point is from the minimum."""
        sharp = self.objective.sharpened()
        here = yield from evaluate(sharp, self.here.point)
        # Where a Hessian says nothing, the way to where it would is longer than the walk.
        self.suboptimality = yield from suboptimality(sharp, here, self.settings.tol, steps=0)


def solve(objective: Objective | Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Descend from a point."""
    here = yield from evaluate_start(objective, start)
    path = yield from passes(partial(Wandering, objective, settings, here))
    while not path.finished:
        yield from path.go_on()
    if not path.converged and settings.judge is None:
        yield from path.prove()
    return path.result()


STOCHASTIC = Solver("sgd", solve, l1=True, of_link=OF_LINK, of_data=(*OF_DATA, "rows", "walk"))
