"""L-BFGS for many classes: steps of one pass, in the metric of the columns' variances."""

from __future__ import annotations

import numpy as np

from ...problems.multinomial import Multinomial
from ..cause import Cause
from ..descent import Descent
from ..lbfgs import MEMORY, Diagonal, descend
from ..requests import Steps
from ..settings import Doubles, Result, Settings, Solver
from .metric import PerClass, alike
from .newton import in_whole_hessians, price_of_hessian


def solve(objective: Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point, less what its classes have in common.

    Where the coefficients are few, what rounding hides or half of the steps have not brought to the
    end is left to whole Hessians, as of two classes.
    """
    start = objective.less_common(start)
    descent = yield from Descent.begin(objective, start, settings, MEMORY)
    metric = PerClass(Diagonal(alike(objective)), objective)
    half = settings.max_iter // 2
    known = objective.keeps_margins and price_of_hessian(objective) <= half
    yield from descend(descent, metric, half if known else np.inf)
    if known and descent.cause == Cause.ROUNDING:
        descent.cause = Cause.ITERATIONS
    if not descent.finished:
        yield from in_whole_hessians(descent)
    return (yield from descent.end())


LBFGS = Solver("lbfgs", solve)
