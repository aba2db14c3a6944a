"""Dual coordinate ascent ahead of a descent, and beside it: of sparse data.

Rows that share few columns hardly disturb each other's dual numbers, and come to rest in a few
turns where the penalty is not weak. How many that takes is seen from what the turns gain. The
certificate is that of every fit.
"""

from __future__ import annotations

import math

import numpy as np

from ..data.ascent import Ascent
from ..problems.objective import Objective
from .certificate import duality_gap
from .descent import Descent
from .metric import EPS, TINY
from .requests import Steps, turn

#: Turns to learn their gain from, and that may seem to be left at any time.
LEAST_TURNS, MOST_TURNS = 3, 100

#: What is left from turn to turn where they are too slow.
SLOW = 0.9

#: The share of `tol` that may be left where a proof is tried, and by how much nearer it must be at
#: the next try. Measured: a proof asks for that much more.
LEFT, NEARER = 0.03, 0.1


class Rise:
    """An ascent whose points a descent jumps to.

    Parameters
    ----------
    descent : Descent
    ascent : Ascent
    scale : float
        By which all features are divided.
    """

    def __init__(self, descent: Descent[Objective], ascent: Ascent, scale: float) -> None:
        self.descent, self.ascent, self.scale = descent, ascent, scale
        self.gains: list[float] = []
        self.target = LEFT * descent.settings.tol

    @classmethod
    def ahead_of(cls, descent: Descent[Objective]) -> Rise | None:
        """From where the descent stands.

        None where there is none: no penalty, a start that may do, features other than X's columns,
        or data that offers none.
        """
        objective, scaling, here = descent.objective, descent.objective.scaling, descent.here
        scale, l2 = float(scaling.scale[0]), objective.penalty
        plain = objective.frame is None and not scaling.center.any()
        if l2 == 0 or not plain or not (scaling.scale == scale).all():
            return None
        coef, slope, known = here.point[:-1], here.gradient[:-1], bool(here.point.any())
        enough = descent.settings.tol * here.value
        if known and duality_gap(objective, here, slope, here.margins) <= enough:
            return None
        seed = descent.settings.seed
        ascent = objective.data.ascent(
            objective.target, l2 * scale**2, objective.fit_intercept, seed
        )
        if ascent is None:
            return None
        if known:
            # Those of dual numbers are the loss's part of the gradient, over -l2.
            ascent.begin_at(here.margins.values, (coef - slope / l2) / scale, float(here.point[-1]))
            if not np.isfinite(ascent.coef).all():
                return None
        return cls(descent, ascent, scale)

    def turns_left(self) -> float:
        """To the target, or to where turns tell; infinite if they are too slow."""
        if len(self.gains) < LEAST_TURNS:
            return LEAST_TURNS - len(self.gains)
        left, share = self._left()
        if share > SLOW:
            return np.inf
        if left <= self._enough:
            return 0
        return math.log(self._enough / left) / math.log(share)

    @property
    def _enough(self) -> float:
        return max(max(self.target, EPS) * self.descent.here.value, TINY)

    def _left(self) -> tuple[float, float]:
        """About what is still to be gained, and the share of it that is left from turn to turn."""
        *_, before, _, last = self.gains
        share = math.sqrt(last / before) if min(last, before) > 0 else 0.0
        return last * share / max(1 - share, EPS), share

    def go(self, patience: float = MOST_TURNS) -> Steps[None]:
        """Turns to the end, or while no more than so many seem to be left."""
        while self.turns_left() <= patience:
            self.gains.append((yield from turn(self.ascent)))
            left = self.turns_left()
            if 0 < left <= patience:
                continue
            point = np.append(self.ascent.coef * self.scale, self.ascent.intercept)
            if not (yield from self.descent.jump(point)) or self.descent.finished:
                return
            self.ascent.begin_stretch()
            if left > 0:
                continue
            if not self.descent.settings.certify:
                value = max(self.descent.here.value, TINY)
                self.descent.suboptimality = self._left()[0] / value
                return
            self.target *= NEARER
