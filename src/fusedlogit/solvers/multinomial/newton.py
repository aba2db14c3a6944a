"""Newton's method for many classes, with as much of the Hessian as pays for itself.

- Few coefficients: the Hessian of all, at each step; of many rows, from the minimum of a sample on.
- Few features, many classes: the minimum of a sample first, then quasi-Newton steps in a metric
  that all classes share. Once they have cost a good part of what a Hessian for each class does, in
  that of these; at once where these cost little and the sample's minimum is near. Of sparse data,
  of which a pass may cost next to nothing, steps in the metric of the columns' variances come
  before.
- Many features, or more than rows: quasi-Newton steps in the metrics of Gram products of more and
  more rows, and where the first has few, of the columns' variances before; of many features of
  sparse data, in that of a Hessian among the commonest for each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...problems.multinomial import Multinomial
from ..descent import Descent
from ..diagonal import Diagonal
from ..hessian import DENSE_FEATURES
from ..newton import (
    ENTRY_WORK,
    FIRST_ROWS,
    LENT_BYTES,
    OVERHEAD,
    PRODUCT_SPEED,
    RENEWED,
    SHARE_OF_ROWS,
    SPARSE,
    SPARSE_MEMORY,
    WHOLE,
    draw_rows,
    first_rows,
    is_sparse,
    price_of_gram,
)
from ..requests import Steps
from ..settings import Doubles, Result, Settings, Solver
from ..spanned import LentSpan, begin_wide, lent_span, spans
from .hessian import class_hessian
from .lent import LentBlocks, LentHessians, lent_hessians
from .metric import (
    PerClass,
    alike,
    class_blocks,
    common_blocks,
    rows_drawn,
    shared_common,
    shared_gram,
    shared_hessian,
)

#: Rows for each coefficient that a sampled Hessian of all of them needs.
ROWS_PER_COEF = 36

#: Rows for each feature of the sample that a fit starts at the minimum of.
ROWS_PER_FEATURE = 8

#: Steps that hardly any fit ends in, in a metric that all classes share (measured on images).
FEW_STEPS = 32

#: Of the price of Hessians of classes, the share that is spent in that metric, and steps at least.
SHARE_OF_PRICE, LEAST_STEPS = 0.25, 8

#: By how much a point must cost the whole more than the sample it is the minimum of for the
#: curvature there to tell nothing of that at the minimum.
OVERFITTED = 4

#: Each renewal of the Hessians of classes is for so many times the steps of the last one.
GROWTH = 4

#: Multiply-adds of a Hessian of a class that take as long as one of a pass of many vectors.
BLOCK_SPEED = 2

#: Steps in the metric of the variances of many features, and by how much longer than a Gram product
#: takes steps are gone on with that lead to the end (measured on noise, digits and their features).
VARIANCE_STEPS, STAYING = 16, 4

#: Rows for each feature from which on the features' Hessians do, rather than the rows' products.
#: Measured.
ROWS_BY_CLASS = 1.25

#: By how much more steps a metric of all rows serves each time: in the end, memory learns more.
LONGER = 2

#: Steps to learn from.
MEMORY = 20

#: Vectors that a step goes through besides, of as many numbers as coefficients.
VECTORS = 8

#: Numbers of the steps kept of sparse data: 512 MB, as each is two vectors.
MOST_KEPT = 1 << 25

#: Numbers that Hessians of all classes may come to: 512 MB.
MOST_NUMBERS = 1 << 26


def solve(objective: Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point, less what its classes have in common."""
    start = objective.less_common(start)
    descent = yield from _by_size(objective, start, settings)
    return (yield from descent.end())


def _by_size(
    objective: Multinomial, start: Doubles, settings: Settings
) -> Steps[Descent[Multinomial]]:
    """By what of the Hessian pays for itself."""
    if objective.keeps_margins:
        by = _by_hessian
    elif _goes_by_class(objective):
        by = _by_class
    else:
        by = _by_common if is_sparse(objective) else _by_gram
    return by(objective, start, settings)


def _goes_by_class(objective: Multinomial) -> bool:
    """Whether features are so few, and rows so many, that Hessians of the classes are worth it."""
    most = min(DENSE_FEATURES, objective.data.n_samples / ROWS_BY_CLASS)
    return bool(objective.data.n_features <= most)


def _affords_blocks(objective: Multinomial) -> bool:
    """Whether Hessians of the classes fit into memory."""
    return bool(objective.n_classes * objective.data.n_features**2 <= MOST_NUMBERS)


def _by_hessian(
    objective: Multinomial, start: Doubles, settings: Settings
) -> Steps[Descent[Multinomial]]:
    """Few coefficients: their whole Hessian."""
    price = price_of_hessian(objective)
    n_rows = ROWS_PER_COEF * objective.n_coefs
    if n_rows * SHARE_OF_ROWS <= objective.data.n_samples:
        descent, sample = yield from _from_sample(objective, n_rows, start, settings)
        if sample is not None and sample.converged:
            metric = yield from class_hessian(sample.objective, sample.here.margins, final=False)
            yield from descent.go(metric, 1 + price)
    else:
        descent = yield from Descent.begin(objective, start, settings, MEMORY)
        if not start.any() and price > 1:
            yield from descent.go((yield from shared_hessian(objective)), price)
    lent = settings.lent_to(objective)
    if lent is not None:
        yield from descent.go(lent, price)
    yield from in_whole_hessians(descent)
    return descent


def in_whole_hessians(descent: Descent[Multinomial]) -> Steps[None]:
    """Go on in the metric of the whole Hessian to the end, renewed when that costs as much."""
    price = price_of_hessian(descent.objective)
    while not descent.finished:
        metric = yield from class_hessian(descent.objective, descent.here.margins)
        yield from descent.go(metric, price)


def _by_class(
    objective: Multinomial, start: Doubles, settings: Settings
) -> Steps[Descent[Multinomial]]:
    """Few features: a Hessian for each class, if memory allows for it, else one for all."""
    n_samples, n_features = objective.data.n_samples, objective.data.n_features
    n_rows = ROWS_PER_FEATURE * (n_features + 1)
    far = False
    if n_rows * SHARE_OF_ROWS // 4 > n_samples:
        descent = yield from Descent.begin(objective, start, settings, MEMORY)
    else:
        descent, sample = yield from _from_sample(objective, n_rows, start, settings)
        far = sample is not None and descent.here.value > OVERFITTED * sample.here.value
    if objective.data.density <= SPARSE:
        yield from descent.go(_variances(objective, final=False), price_of_factoring(objective))
        if descent.finished:
            return descent
    # Of rows that a fit started from, most would be told apart with too much confidence.
    generator = np.random.default_rng([settings.seed, 1])
    lent = settings.lent_to(objective)
    if lent is not None:
        yield from descent.go(lent, price_of_blocks(objective))
    affordable = _affords_blocks(objective) and settings.certify
    n_steps = price = price_of_blocks(objective) if affordable else np.inf
    if far or price > FEW_STEPS:
        patience = max(LEAST_STEPS, SHARE_OF_PRICE * price)
        yield from _in_shared_metric(descent, n_rows, generator, patience)
    while affordable and not descent.finished:
        metric = yield from class_blocks(descent.objective, descent.here.point, generator)
        yield from descent.go(metric, n_steps, price)
        n_steps *= GROWTH
    return descent


def _in_shared_metric(
    descent: Descent[Multinomial], n_rows: int, generator: np.random.Generator, n_steps: float
) -> Steps[None]:
    """Descend for some steps in the metric of some rows, the same for all classes."""
    objective = descent.objective
    n_samples = objective.data.n_samples
    part = objective
    if n_rows < n_samples:
        part = objective.sample(draw_rows(n_samples, n_rows, generator))
    metric = yield from shared_hessian(part)
    if part is not objective:
        objective.data.count(part.data)
    yield from descent.go(metric, n_steps, worth=2 * n_steps)


def _by_gram(
    objective: Multinomial, start: Doubles, settings: Settings
) -> Steps[Descent[Multinomial]]:
    """Many features: Gram products of more and more rows; before one of few, the variances.

    Each is of the curvature where it begins, which falls with the cost, and is gone on with while
    it leads to the end before the next would have paid for itself. Where the last one does not
    lead on, the variances do, as for two classes.
    """
    n_samples, generator = objective.data.n_samples, np.random.default_rng(settings.seed)
    by_memory = LENT_BYTES * n_samples // objective.data.n_bytes
    n_rows = first_rows(n_samples)
    most = max(n_rows, min(n_samples, WHOLE, by_memory))
    descent = yield from begin_wide(objective, start, settings, MEMORY, _by_size)
    if n_rows < min(n_samples, FIRST_ROWS):
        worth = STAYING * _price_of_gram(objective, most)
        yield from descent.go(_variances(objective, final=False), VARIANCE_STEPS, worth)
    least = LEAST_STEPS
    while not descent.finished:
        following = min(2 * n_rows, most)
        rows = None if n_rows == n_samples else draw_rows(n_samples, n_rows, generator)
        before = descent.n_iter
        metric = yield from shared_gram(objective, descent.here.point, rows)
        n_steps = max(least, 2 * _price_of_gram(objective, n_rows))
        yield from descent.go(metric, n_steps, STAYING * _price_of_gram(objective, following))
        metric.metric.count_passes(objective)
        if n_rows == most and descent.n_iter == before:
            yield from descent.go(_variances(objective))
        least *= LONGER if n_rows == most else 1
        n_rows = following
    return descent


def _variances(objective: Multinomial, *, final: bool = True) -> PerClass:
    """The metric of the columns' variances; if it is not final, others are to follow."""
    return PerClass(Diagonal(alike(objective)), objective, final=final)


def _price_of_gram(objective: Multinomial, n_rows: int) -> int:
    """Passes for all classes that take as long as the Gram product of so many rows."""
    return price_of_gram(objective.one, n_rows) // objective.n_classes


def _by_common(
    objective: Multinomial, start: Doubles, settings: Settings
) -> Steps[Descent[Multinomial]]:
    """Many features of sparse data: the Hessian among the commonest of them, then by class."""
    memory = int(np.clip(MOST_KEPT // objective.n_coefs, 2, SPARSE_MEMORY))
    descent = yield from Descent.begin(objective, start, settings, memory)
    metric = yield from shared_common(objective)
    worth = price_of_common(objective, len(metric.metric.common.features))
    yield from descent.go(metric, RENEWED, worth)
    while not descent.finished:
        blocks = yield from common_blocks(objective, descent.here.point, metric)
        yield from descent.go(blocks, 2 * RENEWED, worth)
    return descent


def _from_sample(
    objective: Multinomial, n_rows: int, start: Doubles, settings: Settings
) -> Steps[tuple[Descent[Multinomial], Descent[Multinomial] | None]]:
    """A descent that starts at the minimum of a sample, and the descent on the sample.

    A start that is not zero is taken for a better one, and so is zero if the sample has none.
    """
    if start.any():
        return (yield from Descent.begin(objective, start, settings, MEMORY)), None
    generator = np.random.default_rng(settings.seed)
    sample = objective.sample(draw_rows(objective.data.n_samples, n_rows, generator))
    loose = replace(
        settings, tol=0.1 / ROWS_PER_COEF, max_iter=30, callback=None, certify=False, lent=None
    )
    by = _by_hessian if objective.keeps_margins else _by_class
    found = yield from by(sample, start, loose)
    objective.data.count(sample.data)
    descent = yield from Descent.begin(objective, found.here.point, settings, MEMORY)
    if descent.here.value > np.log(objective.n_classes):  # more than the cost at zero
        descent = yield from Descent.begin(objective, start, settings, MEMORY)
    return descent, found


def price_of_hessian(objective: Multinomial, beside: int = 0) -> int:
    """Steps that take as long as the Hessian of all coefficients: a pass and what it has beside."""
    n_samples, size = objective.data.n_samples, objective.n_coefs
    product = n_samples * size * size / 2 + size**3 / 3
    a_step = n_samples * size + beside
    return max(1, int(product / PRODUCT_SPEED / (a_step + OVERHEAD) + 0.5))


def price_of_blocks(objective: Multinomial) -> int:
    """Passes that take as long as Hessians of the classes: of the rows drawn, summed, factored."""
    data = objective.data
    n_rows = min(data.n_samples, rows_drawn(data.n_features))
    product = n_rows * (data.density * data.n_features) ** 2 / 2 + data.n_features**3 / 3
    return max(1, int(_in_passes(objective, product / BLOCK_SPEED)))


def price_of_factoring(objective: Multinomial) -> int:
    """Passes that take as long as factoring Hessians of the classes, which is the least they cost.

    0 where that is next to nothing.
    """
    return int(_in_passes(objective, objective.data.n_features**3 / 3 / PRODUCT_SPEED))


def price_of_common(objective: Multinomial, n_common: int) -> float:
    """Steps that take as long as factoring Hessians of the classes among so many features.

    Where rows are few, a step takes longer for its vectors than for its pass.
    """
    entries = objective.data.density * objective.data.n_samples  # of a feature
    a_step = ENTRY_WORK * (entries + VECTORS) * objective.n_coefs + OVERHEAD
    return objective.n_classes * n_common**3 / 3 / PRODUCT_SPEED / a_step


def _in_passes(objective: Multinomial, work: float) -> float:
    """What takes so many multiply-adds of a pass for each class."""
    data = objective.data
    a_pass = data.density * data.n_samples * objective.n_coefs
    return objective.n_classes * work / (a_pass + OVERHEAD)


def lend(
    objective: Multinomial,
    near: Result,
    fits: Sequence[Multinomial],
    seed: int,
    before: LentHessians | LentBlocks | LentSpan | None,
) -> Steps[LentHessians | LentBlocks | LentSpan | None]:
    """For fits of the same data near a point: the Hessians of each, or those of the classes."""
    for fit in fits:
        alike = fit.data is objective.data and fit.one.about is objective.one.about
        if fit.penalty == 0 or not alike:
            return None
    if objective.keeps_margins:
        return (yield from lent_hessians(objective, near.margins, fits))
    if not _goes_by_class(objective):
        return (yield from lent_span(objective, fits, before)) if spans(objective) else None
    if not _affords_blocks(objective):
        return None
    like = replace(objective, one=replace(objective.one, penalty=fits[0].penalty))
    return LentBlocks((yield from class_blocks(like, near.point, np.random.default_rng(seed))))


NEWTON = Solver("newton", solve, lend=lend)
