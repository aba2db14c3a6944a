"""L-BFGS: steps of one pass, in the metric of the columns' variances.

The metric centres and scales, so that units and origins of the columns make no difference; the
penalty stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..problems.objective import Objective
from .cause import Cause
from .certificate import OF_DATA, OF_LINK
from .descent import Descent
from .diagonal import Diagonal
from .hessian import affordable
from .metric import Metric
from .newton import in_newtons_metrics, price_of_metric
from .path import C
from .requests import Steps
from .settings import Doubles, Result, Settings, Solver

MEMORY = 10


def solve(objective: Objective, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point."""
    descent = yield from Descent.begin(objective, start, settings, MEMORY)
    yield from descend(
        descent, Diagonal(objective), in_newtons_metrics, price_of_metric(objective),
        unhide=affordable(objective),
    )  # fmt: skip
    return (yield from descent.end())


def descend(
    descent: Descent[C],
    metric: Metric,
    further: Callable[[Descent[C]], Steps[None]],
    price: float,
    unhide: bool,
) -> Steps[None]:
    """In one metric, then further in others.

    These tell the way if half of the steps have not led to the end and their price in passes is no
    more than are left; and, if they may `unhide` it, where rounding hides the way.
    """
    half = descent.settings.max_iter // 2
    n_steps = half if price <= half else np.inf
    while not descent.finished and descent.n_iter < n_steps:
        yield from descent.go(metric, n_steps - descent.n_iter)
    if unhide and descent.cause == Cause.ROUNDING:
        descent.cause = Cause.ITERATIONS
    if not descent.finished:
        yield from further(descent)


LBFGS = Solver("lbfgs", solve, of_link=OF_LINK, of_data=(*OF_DATA, "moments", "gram", "sample"))
