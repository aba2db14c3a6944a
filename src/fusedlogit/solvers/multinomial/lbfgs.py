"""L-BFGS for many classes: steps of one pass, in the metric of the columns' variances."""

from __future__ import annotations

from ...problems.multinomial import Multinomial
from ..descent import Descent
from ..lbfgs import MEMORY, Diagonal, descend
from ..requests import Steps
from ..settings import Doubles, Result, Settings, Solver
from .metric import PerClass, alike


def solve(objective: Multinomial, start: Doubles, settings: Settings) -> Steps[Result]:
    """Minimise from a point, less what its classes have in common."""
    start = objective.less_common(start)
    descent = yield from Descent.begin(objective, start, settings, MEMORY)
    metric = PerClass(Diagonal(alike(objective)), objective)
    yield from descend(descent, metric)
    return (yield from descent.end())


LBFGS = Solver("lbfgs", solve)
