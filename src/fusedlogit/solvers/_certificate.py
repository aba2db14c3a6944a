"""What a solver that knows no Hessian can say of its end."""

from __future__ import annotations

import math

import numpy as np

from ..objective import Evaluation, Objective
from ._metric import Ridge
from ._solver import Settings
from .newton import metric_at


def suboptimality(objective: Objective, here: Evaluation, settings: Settings) -> float:
    """A bound of (J - J*) / J at an evaluation: the duality gap.

    Without a penalty there is none, and the bound is the Newton decrement, times the most that
    the Hessian can change on the way of that step (see `_descent`). One pass, or a Hessian and a
    pass.
    """
    least = float(np.finfo(float).tiny)
    if objective.penalty > 0:
        solved = Ridge(objective, here.margins).solve(here.gradient)
        return float(here.gradient @ solved) / 2 / max(here.value, least)
    solved = metric_at(objective, here.margins, settings).solve(here.gradient)
    drift = math.exp(min(float(np.abs(objective.margins(solved)).max()), 700.0))
    return float(here.gradient @ solved) / 2 * drift / max(here.value, least)
