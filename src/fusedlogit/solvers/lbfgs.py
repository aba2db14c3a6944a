"""L-BFGS: steps of one pass, in the metric of the columns' variances.

The metric centres and scales, so that units and origins of the columns make no difference; the
penalty stays what it is.
"""

from __future__ import annotations

from ..objective import Objective
from ._descent import Descent
from ._metric import Diagonal
from ._solver import Doubles, Result, Settings, Solver

MEMORY = 10


def solve(objective: Objective, start: Doubles, settings: Settings) -> Result:
    """Minimise from a point."""
    descent = Descent(objective, start, settings, MEMORY)
    metric = Diagonal(objective)
    while not descent.finished:
        descent.go(metric)
    return descent.result()


LBFGS = Solver("lbfgs", solve)
