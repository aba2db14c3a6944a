"""The quasi-Newton descent that solvers share: a metric, what the steps taught, stored margins.

A step is B gradient, where B is the inverse of a metric P (see `_metric`) updated by what the last
steps showed of the Hessian (L-BFGS). One pass at the end of the step gives cost, gradient and
margins there. If the cost has not fallen enough, the best point of the line is found on the
margins of both ends, which are linear in the step, without reading X.

The certificate is the Newton decrement in the metric, 1/2 gradient^T P^-1 gradient, which is
J - J* to first order where P is the Hessian. It is divided by the least curvature relative to P
that the path has met, if that is less than 1, and multiplied by exp(r), where r is the largest
change of a margin in the last step: the Hessian of the log loss changes by no more than that
(Bach, 2010, Electronic Journal of Statistics 4, on its self-concordance).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq

from ..matrix import PassOverflowError
from ..objective import Anchored, Evaluation, Objective
from ._metric import Metric
from ._path import PRECISION, UNBOUNDED, Path
from ._solver import Doubles, Settings

SUFFICIENT = 1e-4  # share of the decrease promised by the slope (Armijo)
STALLED = 16  # iterations in which the certificate must have halved


@dataclass
class Pair:
    """One step, and what it showed of the Hessian.

    Attributes
    ----------
    step, change : ndarray
        Of the point and of the gradient.
    image : ndarray
        P step.
    solved : ndarray
        P^-1 change.
    """

    step: Doubles
    change: Doubles
    image: Doubles
    solved: Doubles

    @cached_property
    def product(self) -> float:
        """step . change, positive."""
        return float(self.step @ self.change)

    @property
    def curvature(self) -> float:
        """Of the cost along the step, relative to that of the metric P."""
        return self.product / float(self.step @ self.image)


class Descent(Path):
    """A path of points, each of lower cost than the last, and what was learnt on it.

    Parameters
    ----------
    objective : Objective
    start : ndarray of shape (n_features + 1,)
    settings : Settings
    memory : int
        Steps to learn from.
    """

    def __init__(
        self, objective: Objective, start: Doubles, settings: Settings, memory: int
    ) -> None:
        super().__init__(objective, settings)
        self.source: Objective | Anchored = objective
        self.here = objective.evaluate(start)
        self.history.append(self.here.value)
        self.pairs: deque[Pair] = deque(maxlen=memory)
        self._certificates: list[float] = []
        self._drift = 1.0

    def go(self, metric: Metric, n_steps: float = np.inf) -> None:
        """Descend in a metric until finished, or for a number of steps."""
        self.pairs.clear()
        self._certificates.clear()
        scale, softest = metric.damping, 1.0
        while True:
            solved = metric.solve(self.here.gradient)
            if self.pairs:
                pair = self.pairs[-1]
                pair.solved = solved - pair.solved
                scale = pair.product / float(pair.solved @ pair.change)
                softest = min(softest, pair.curvature)
            self.certify(float(self.here.gradient @ solved) / 2 / softest * self._drift)
            if self.finished or n_steps <= 0:
                return
            if self._stalls() and self._sharpen():
                continue
            before = self.here
            direction, image = self._direction(solved, scale)
            if not self._step(direction):
                continue
            n_steps -= 1
            self._learn(before, direction, image, solved)
            self.report(self.here.point, self.here.value, self.here.gradient_norm)
            if self._separated():
                self.advice = UNBOUNDED

    def certify(self, gap: float) -> None:
        if gap <= 0 and self.here.gradient.any():
            gap = np.inf  # a metric in float32 that rounding has made indefinite
        super().certify(gap)
        self._certificates.append(self.suboptimality)

    def _stalls(self) -> bool:
        """Whether the certificate, once small, no longer falls: the gradient is but rounding."""
        last = self._certificates
        return (
            len(last) > STALLED
            and min(last) < 1e-4
            and min(last[-STALLED:]) > 0.5 * min(last[:-STALLED])
        )

    def _sharpen(self) -> bool:
        """From now on, evaluate in float64 about this point. False if that is so already."""
        origin = self.source.origin if isinstance(self.source, Anchored) else None
        if self.objective.matrix.computes_in_float64 or origin is self.here:
            return False
        self.source = Anchored(self.objective, self.here.point)
        self.here = self.source.origin
        self.history[-1] = self.here.value
        self.pairs.clear()
        self._certificates.clear()
        return True

    def _direction(self, solved: Doubles, scale: float) -> tuple[Doubles, Doubles]:
        """-B gradient by the two-loop recursion, whose middle is P^-1, scaled; and its image by P.

        P^-1 is linear, and known of the gradient and of each change.
        """
        rest = self.here.gradient.copy()
        solved = solved.copy()
        factors = []
        for pair in reversed(self.pairs):
            factor = float(pair.step @ rest) / pair.product
            rest -= factor * pair.change
            solved -= factor * pair.solved
            factors.append(factor)
        direction, image = -scale * solved, -scale * rest
        for pair, factor in zip(self.pairs, reversed(factors), strict=True):
            share = factor + float(pair.change @ direction) / pair.product
            direction -= share * pair.step
            image -= share * pair.image
        return direction, image

    def _step(self, direction: Doubles) -> bool:
        """Go along a direction. False if the cost cannot be seen to fall."""
        slope = float(self.here.gradient @ direction)
        if not slope < 0:  # only rounding can make it so
            return self._no_way()
        try:
            there = self.source.evaluate(self.here.point + direction)
            if there.value > self.here.value + SUFFICIENT * slope:
                length = self._best_length(direction, there)
                if length == 0:
                    return self._no_way()
                there = self.source.evaluate(self.here.point + length * direction)
        except PassOverflowError:
            self.advice = UNBOUNDED
            return False
        if not there.value < self.here.value and not self._flat(there, slope):
            return self._no_way()
        self._drift = np.exp(min(float(np.abs(there.margins - self.here.margins).max()), 700.0))
        self.here = there
        return True

    def _flat(self, there: Evaluation, slope: float) -> bool:
        """Whether a fall would drown in the rounding of J while the gradient still shrinks."""
        rounding = 8 * np.finfo(float).eps * abs(self.here.value)
        return bool(there.value <= self.here.value + rounding and -slope <= rounding / SUFFICIENT)

    def _no_way(self) -> bool:
        """Forget what was learnt, or evaluate more sharply; else give up."""
        if self.pairs:
            self.pairs.clear()
        elif not self._sharpen():
            self.advice = PRECISION
        return False

    def _best_length(self, direction: Doubles, there: Evaluation) -> float:
        """The best step along a direction, below 1, by the margins of its two ends."""
        objective, here = self.objective, self.here
        margins = there.margins - here.margins
        ridge = objective.penalty * float(direction[:-1] @ direction[:-1])
        ridge_slope = objective.penalty * float(here.point[:-1] @ direction[:-1])

        def slope(length: float) -> float:
            residual = objective.residual(here.margins + length * margins)
            return float(residual @ margins) + ridge_slope + length * ridge

        if slope(0.0) >= 0 or slope(1.0) <= 0:  # only rounding can make it so
            return 0.0
        return float(brentq(slope, 0.0, 1.0, xtol=1e-9, rtol=1e-2))

    def _learn(
        self, before: Evaluation, direction: Doubles, image: Doubles, solved: Doubles
    ) -> None:
        """Keep the step, unless rounding spoilt it. P^-1 of its end comes with the next one."""
        step, change = self.here.point - before.point, self.here.gradient - before.gradient
        length = float(step @ direction) / float(direction @ direction)
        pair = Pair(step, change, length * image, solved)
        if pair.product > 1e-12 * np.linalg.norm(step) * np.linalg.norm(change):
            self.pairs.append(pair)
        else:
            self.pairs.clear()

    def _separated(self) -> bool:
        """Whether the classes are told apart without a penalty: then there is no minimum."""
        objective = self.objective
        if objective.penalty > 0 or self.here.value > 1e-6:
            return False
        wrong = (objective.y > 0.5) != (self.here.margins > 0)
        return not objective.weighted(wrong).any()
