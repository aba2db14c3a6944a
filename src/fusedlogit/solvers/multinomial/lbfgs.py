"""L-BFGS for many classes: steps of one pass, in the metric of the columns' variances."""

from __future__ import annotations

import numpy as np

from ...problems.multinomial import Multinomial
from ..descent import Descent
from ..diagonal import Diagonal
from ..lbfgs import MEMORY, descend
from ..requests import Steps
from ..settings import Doubles, Result, Settings, Solver
from .metric import PerClass, alike
from .newton import in_whole_hessians, price_of_hessian


def solve(objective: Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point, less what its classes have in common.

    Where the coefficients are few, whole Hessians tell what L-BFGS leaves, as of two classes.
    """
    start = objective.less_common(start)
    descent = yield from Descent.begin(objective, start, settings, MEMORY)
    metric = PerClass(Diagonal(alike(objective)), objective)
    price = price_of_hessian(objective) if objective.keeps_margins else np.inf
    unhide = price <= settings.max_iter // 2
    yield from descend(descent, metric, in_whole_hessians, price, unhide)
    return (yield from descent.end())


LBFGS = Solver("lbfgs", solve)
