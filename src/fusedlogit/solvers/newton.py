"""Newton's method with the Hessian of as many rows as pay for themselves.

The Hessian of all rows costs as much as many passes; that of a sample of rows is nearly free, and
what it lacks a few quasi-Newton steps of one pass each make up for.

- Few features, few rows: the exact Hessian, at each step.
- Few features, many rows: the minimum of a sample first, which is as near as the sample is large;
  then steps in the metric of the sample's Hessian there.
- Many features, or more than rows: steps in the metric of a Gram product, of all rows or sampled;
  of sparse data, in that of the Hessian among the commonest features.

A Hessian is renewed, and if it was sampled made exact, once the passes since have cost as much as
that will: at most twice the best choice in hindsight. An exact one is renewed ever sooner. Costs
are counted in multiplications, not in seconds, so that the same data takes the same path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..data.margins import Margins
from ..problems.cost import Cost
from ..problems.objective import Objective
from .ascent import Rise
from .cause import Cause
from .certificate import OF_DATA, OF_LINK
from .common import common_hessian
from .descent import Descent
from .diagonal import Diagonal
from .gram import SampledGram
from .hessian import (
    DENSE_FEATURES,
    SampleHessian,
    UnprovedHessian,
    dense_hessian,
    reliable_hessian,
)
from .requests import Steps, along, passes
from .settings import Doubles, Result, Settings, Solver
from .spanned import LentSpan, begin_wide, lent_span, spans

#: Features up to which a Hessian costs so little that nothing is gained by a smaller Gram product.
SMALL_FEATURES = 256

#: Rows, or features, up to which a Gram product of all rows, or a Hessian, is formed at last where
#: a sample of rows does not do: numbers of 128 MB.
WHOLE = 4096

#: Rows for each feature that a sampled Hessian needs: its eigenvalues are within (1 +- 1/6)^2.
ROWS_PER_FEATURE = 36

#: Steps in the Hessian of a sample that mostly lead to the end: as many are tried, if that of all
#: rows is no bargain.
SAMPLED_STEPS = 6

#: Multiply-adds of a matrix product that take as long as one multiply-add of a pass, from memory.
PRODUCT_SPEED = 8

#: Multiply-adds of a dense pass that take as long as an entry of a sparse one, or the product of
#: two of a row; and entries that take as long as the link of a row.
ENTRY_WORK, LINK_ENTRIES = 8, 6

#: What a call costs besides, in multiply-adds of a pass.
OVERHEAD = 200_000

#: Multiply-adds of a whole Hessian that are always spent on a certificate: some milliseconds.
CHEAP = 100_000_000

#: As PRODUCT_SPEED, of a Gram product, for each byte of an element that a pass reads.
GRAM_SPEED = 2.8

#: Rows that a Gram product begins with, at most and as a share of all rows (one in so many).
FIRST_ROWS = 1024
FIRST_SHARE = 16

#: The share of all rows that a sample may come to (one in so many).
SHARE_OF_ROWS = 12

#: Likewise of a sample for several fits, and its bytes; it has WHOLE rows at most.
SHARE_LENT, LENT_BYTES = 5, 1 << 28

#: Passes that twice the rows save: so much over the root of the damping. Measured.
SAVING = 9

#: The same of each of several fits, which share the product with those of other penalties.
SAVED_BY_ALL = 18

#: A Gram product, which is but a model, is renewed after so many times its price in passes.
RENEWAL = 4

#: Steps after which it is asked whether a Gram product of all rows will lead to the end in time.
FEW = 16

#: Share of elements stored up to which data is treated as sparse: beyond, sampled rows tell more.
SPARSE = 0.05

#: Of sparse data, the steps to learn from, and those after which its metric is renewed. Measured.
SPARSE_MEMORY, RENEWED = 8, 10

#: Turns of an ascent that may be left for no descent to be tried first.
PATIENCE = 16

#: Steps to learn from, at most, and vectors kept of each.
MEMORY = 20
VECTORS = 4


def solve(objective: Objective, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point."""
    by = _by_hessian
    if _wide(objective):
        by = _by_common if is_sparse(objective) else _by_gram
    descent = yield from by(objective, start, settings)
    return (yield from descent.end())


def _wide(objective: Objective) -> bool:
    """Whether a Gram product takes the place of a Hessian: it is smaller, or that too large."""
    n_samples, n_features = objective.data.n_samples, objective.data.n_features
    if objective.penalty == 0 and n_features <= min(n_samples, WHOLE):
        return False  # without a penalty, a sample tells nothing of most directions
    few = n_samples < n_features > SMALL_FEATURES
    return bool(few or n_features > DENSE_FEATURES)


def is_sparse(objective: Cost) -> bool:
    """Whether so few elements are stored that a few columns hold most of what ties them."""
    return objective.data.density <= SPARSE and objective.data.n_samples > FIRST_ROWS


def _by_hessian(
    objective: Objective, start: Doubles, settings: Settings
) -> Steps[Descent[Objective]]:
    """Few features: a dense Hessian."""
    price = price_of_hessian(objective)
    generator = np.random.default_rng(settings.seed)
    n_rows = _rows_for_hessian(objective)
    if n_rows is None:
        descent = yield from Descent.begin(objective, start, settings, _memory(objective))
    else:
        if objective.data.waits_for_rows:
            objective = objective.sharpened()
        descent, metric = yield from _from_sample(objective, n_rows, start, settings, generator)
        yield from descent.go(metric, max(min(SAMPLED_STEPS, 2 * price), 1 + price))
    yield from in_whole_hessians(descent)
    return descent


def _from_sample(
    objective: Objective,
    n_rows: int,
    start: Doubles,
    settings: Settings,
    generator: np.random.Generator,
) -> Steps[tuple[Descent[Objective], SampleHessian]]:
    """A descent that starts at the minimum of a sample, and the sample's Hessian there.

    A start that is not zero is taken for a better one, and so is zero if the sample has no minimum
    (its classes may be separable where those of the whole are not).
    """
    n_samples = objective.data.n_samples
    rows = draw_rows(n_samples, n_rows, generator)
    first = replace(objective, precise=False)  # a sample's Hessian is no proof
    sample = first.sample(rows)
    point = start
    if start.any():
        margins = yield from along(sample, start)
    else:
        margins = Margins(np.zeros(n_rows), sample.target)
        loose = replace(
            settings, tol=0.1 / ROWS_PER_FEATURE, max_iter=30, callback=None, certify=False
        )
        found = yield from _by_hessian(sample, start, loose)
        if found.converged:
            point, margins = found.here.point, found.here.margins

    def other() -> tuple[Objective, NDArray[np.intp]]:
        rows = draw_rows(n_samples, n_rows, generator)
        return first.sample(rows), rows

    cheap = n_samples * objective.data.n_features**2 <= CHEAP
    hessian = yield from reliable_hessian(sample, margins.curvature())
    kind = UnprovedHessian if cheap else SampleHessian
    metric = kind(sample, margins, hessian, other)
    descent = yield from Descent.begin(objective, point, settings, _memory(objective))
    if descent.here.value > np.log(2) and not start.any():  # more than the cost at zero
        descent = yield from Descent.begin(objective, start, settings, _memory(objective))
    objective.data.count(sample.data)
    return descent, metric


def _by_gram(objective: Objective, start: Doubles, settings: Settings) -> Steps[Descent[Objective]]:
    """Many features: the span of few rows first, then Gram products."""
    descent = yield from begin_wide(objective, start, settings, _memory(objective), _by_hessian)
    yield from in_gram_products(descent)
    return descent


def price_of_metric(objective: Objective) -> float:
    """Passes that take as long as what a dense Newton step needs; infinite of wide sparse data."""
    if not _wide(objective):
        return price_of_hessian(objective)
    if is_sparse(objective):
        return np.inf
    return price_of_gram(objective, first_rows(objective.data.n_samples))


def in_newtons_metrics(descent: Descent[Objective]) -> Steps[None]:
    """Go on in whole Hessians, or where they are large in Gram products."""
    yield from (in_gram_products if _wide(descent.objective) else in_whole_hessians)(descent)


def in_gram_products(descent: Descent[Objective]) -> Steps[None]:
    """Go on in the metric of a Gram product, of all rows if they are few, else of a sample.

    Where the passes come to cost as much, a Gram product of all rows or the whole Hessian takes
    its place, if memory allows for it.
    """
    objective = descent.objective
    n_samples, n_features = objective.data.n_samples, objective.data.n_features
    generator = np.random.default_rng(descent.settings.seed)
    n_rows, patience = first_rows(n_samples), _price_of_whole(objective)
    metric = descent.settings.lent_to(objective)
    if metric is not None:
        yield from descent.go(metric, RENEWAL * price_of_gram(objective, len(metric.root)))
    if n_rows == n_samples:
        yield from _in_whole_gram_products(descent, objective)
    while not descent.finished:
        before = descent.n_iter
        metric = _that_pays(
            objective, descent.here.margins, n_rows, n_samples // SHARE_OF_ROWS, SAVING,
            lambda n: draw_rows(n_samples, n, generator),
        )  # fmt: skip
        n_rows = len(metric.root)
        yield from descent.go(metric, RENEWAL * price_of_gram(objective, n_rows))
        metric.count_passes(objective)
        useless = descent.n_iter == before
        if useless or descent.n_iter >= patience:
            if min(n_samples, n_features) > WHOLE:
                if useless:
                    yield from descent.go(Diagonal(objective))
            elif n_samples <= n_features:
                yield from _in_whole_gram_products(descent, objective)
            else:
                yield from in_whole_hessians(descent)


def _in_whole_gram_products(descent: Descent[Objective], objective: Objective) -> Steps[None]:
    """Go on in the metric of the Gram product of all rows to the end.

    It serves a few steps, and more while these lead to the end sooner than its renewal: at the
    first, as many as it costs, then half as many each time (see `in_whole_hessians`). It is exact
    once float32 leads nowhere. Where that does not either, for columns are of so different sizes
    that products of rows know of the largest alone, the columns' variances do.
    """
    worth, exact = _price_of_whole(objective), False
    while not descent.finished:
        before = descent.n_iter
        metric = SampledGram(objective, descent.here.margins, exact=exact)
        yield from descent.go(metric, min(worth, FEW), worth)
        metric.count_passes(objective)
        worth = max(1, worth // 2)
        if descent.n_iter == before and not descent.finished:
            if exact:
                yield from descent.go(Diagonal(objective))
            exact = True


def _by_common(
    objective: Objective, start: Doubles, settings: Settings
) -> Steps[Descent[Objective]]:
    """Many features of sparse data: dual ascent, then the Hessian among the commonest of them.

    Where the passes come to cost as much, or that is far from enough, the whole Hessian takes its
    place, if memory allows for it.
    """
    whole = objective.data.n_features <= WHOLE
    patience = min(price_of_hessian(objective), settings.max_iter // 2)
    descent = yield from Descent.begin(objective, start, settings, SPARSE_MEMORY)
    rise = Rise.ahead_of(descent)
    if rise is not None:
        yield from rise.go(PATIENCE)
    metric = None
    while not descent.finished:
        before = descent.n_iter
        metric = yield from common_hessian(objective, descent.here.margins.curvature(), metric)
        yield from descent.go(metric, RENEWED)
        useless = descent.n_iter == before
        if whole and (useless or descent.n_iter >= patience):
            yield from in_whole_hessians(descent, RENEWED)
        elif useless and not descent.finished:
            descent.cause = Cause.ROUNDING
        if rise is not None and not descent.finished:
            if descent.steps_left() > rise.turns_left():
                yield from rise.go()
            rise = None
    return descent


def in_whole_hessians(descent: Descent[Objective], n_steps: int | None = None) -> Steps[None]:
    """Go on in the metric of the Hessian of all rows to the end.

    It is renewed after so many steps, by default as many as cost as much; from then on after half
    as many each time, for what is still far changes its curvature with each step.
    """
    n_steps = n_steps or price_of_hessian(descent.objective)
    while not descent.finished:
        metric = yield from dense_hessian(descent.objective, descent.here.margins)
        yield from descent.go(metric, n_steps)
        n_steps = max(1, n_steps // 2)


def lend(
    objective: Objective,
    near: Result,
    fits: Sequence[Objective],
    seed: int,
    before: SampledGram | LentSpan | None,
) -> Steps[SampledGram | LentSpan | None]:
    """For fits of the same data near a point: what few rows span, or else a Gram product.

    They pay for more rows together. It has as many as the one before, that of a stronger penalty,
    or more.
    """
    alike = all(fit.data is objective.data and fit.penalty > 0 for fit in fits)
    if not (alike and _wide(objective)):
        return None
    if spans(objective):
        return (yield from lent_span(objective, fits, before))
    if near.margins is None:
        return None
    n_samples = objective.data.n_samples
    n_rows = len(before.root) if isinstance(before, SampledGram) else first_rows(n_samples)
    by_memory = LENT_BYTES * n_samples // objective.data.n_bytes
    most_rows = max(n_rows, min(n_samples // SHARE_LENT, WHOLE, by_memory))
    if n_rows == n_samples or is_sparse(objective):
        return None
    like = replace(objective, penalty=fits[0].penalty)
    return (
        yield from passes(
            lambda: _that_pays(
                like, near.margins, n_rows, most_rows, len(fits) * SAVED_BY_ALL,
                lambda n: draw_rows(n_samples, n, np.random.default_rng(seed)),
            )
        )
    )  # fmt: skip


def _that_pays(
    objective: Objective,
    margins: Margins,
    n_rows: int,
    most_rows: int,
    saving: int,
    draw: Callable[[int], NDArray[np.intp]],
) -> SampledGram:
    """The Gram product of so many rows, or twice as many while these save more than they cost."""
    while True:
        metric = SampledGram(objective, margins, draw(n_rows))
        more = min(2 * n_rows, most_rows)
        saved = saving / np.sqrt(metric.damping)
        if more <= n_rows or price_of_gram(objective, more) >= saved:
            return metric
        n_rows = more
        metric.count_passes(objective)
        del metric  # before the next takes as much memory


def first_rows(n_samples: int) -> int:
    """Rows of a first Gram product: all, if they are few."""
    return n_samples if n_samples <= FIRST_ROWS else min(FIRST_ROWS, n_samples // FIRST_SHARE)


def draw_rows(n_samples: int, n_rows: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Some rows, in order."""
    return np.sort(generator.choice(n_samples, n_rows, replace=False))


def _rows_for_hessian(objective: Objective) -> int | None:
    """Rows to sample for a Hessian, or None if the whole is not much more."""
    n_samples, n_features = objective.data.n_samples, objective.data.n_features
    n_rows = max(ROWS_PER_FEATURE * (n_features + 1), n_samples // (n_features + 16))
    return None if n_rows * SHARE_OF_ROWS > n_samples else n_rows


def price_of_hessian(objective: Objective, beside: float = 0.0) -> int:
    """Steps that take as long as an exact Hessian: a pass and what it has beside.

    Of sparse rows no more than of as many dense ones: fits of few are soon over in any case, and
    end in more digits than they were asked for.
    """
    data = objective.data
    n_samples, n_features, factor = data.n_samples, data.n_features, work_of_factor(data.n_features)

    def price(pairs: float, a_row: float) -> float:
        return (n_samples * pairs + factor) / (n_samples * a_row + beside + OVERHEAD)

    found = price(n_features * (n_features + 1) / 2 / PRODUCT_SPEED, n_features)
    if data.density < 1:
        entries = n_features * data.density  # of a row
        pairs = ENTRY_WORK * entries * (entries + 1) / 2
        found = min(found, price(pairs, ENTRY_WORK * (entries + LINK_ENTRIES)))
    return max(1, int(found + 0.5))


def work_of_factor(n_features: int) -> float:
    """Multiply-adds of a pass that take as long as a Hessian's factor."""
    return n_features**3 / 3 / PRODUCT_SPEED


def price_of_gram(objective: Objective, n_rows: int) -> int:
    """Passes that take as long as the Gram product of so many rows, and its factor."""
    n_features = objective.data.n_features
    product = n_rows**2 * (n_features / 2 + n_rows / 3)
    return max(1, int(product / (GRAM_SPEED * objective.data.n_bytes) + 0.5))


def _price_of_whole(objective: Objective) -> int:
    """Passes that take as long as the Hessian of all rows, or their Gram product."""
    if objective.data.n_samples <= objective.data.n_features:
        return price_of_gram(objective, objective.data.n_samples)
    return price_of_hessian(objective)


def _memory(objective: Objective) -> int:
    """Steps to keep: what they take must stay a small share of X."""
    share = objective.data.n_bytes / 24
    return int(np.clip(share / (VECTORS * 8 * objective.data.n_features), 2, MEMORY))


NEWTON = Solver(
    "newton",
    solve,
    lend=lend,
    of_link=(*OF_LINK, "probabilities"),
    of_data=(*OF_DATA, "gram", "sample"),
)
