"""L-BFGS: steps of one pass, in the metric of the columns' variances.

The metric centres and scales, so that units and origins of the columns make no difference; the
penalty stays what it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..objective import Objective
from ._certificate import suboptimality
from ._descent import Descent
from ._metric import Diagonal
from ._solver import Doubles, Result, Settings, Solver

MEMORY = 10


def solve(objective: Objective, coef: Doubles, intercept: float, settings: Settings) -> Result:
    """Minimise from (coef, intercept).

    The descent's own certificate knows of the Hessian only what the steps met, so that it may be
    too small. Where it is small enough, a true one is computed, and the descent goes on if need be.
    """
    descent = Descent(objective, np.append(coef, intercept), settings, MEMORY)
    metric = Diagonal(objective)
    while True:
        descent.go(metric)
        own, gradient = descent.suboptimality, descent.here.gradient
        descent.suboptimality = suboptimality(objective, descent.here, settings)
        if own > descent.settings.tol or descent.suboptimality <= settings.tol:
            break
        if not gradient.any() or descent.n_iter >= settings.max_iter:
            break
        share = settings.tol / descent.suboptimality
        descent.settings = replace(settings, tol=own * min(share / 2, 0.5))
    descent.settings = settings
    return descent.result()


LBFGS = Solver("lbfgs", solve)
