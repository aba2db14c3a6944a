"""The quasi-Newton descent that solvers share: a metric, what the steps taught, stored margins.

A step is B gradient, where B is the inverse of a metric P (see `metric`) updated by what the last
steps showed of the Hessian (L-BFGS). One pass at the end of the step gives cost, gradient and
margins there. If the cost has not fallen enough, the best point of the line is found on the
margins of both ends, which are linear in the step, without reading X.

On the way the distance to the minimum is but estimated: by the Newton decrement in the metric,
1/2 gradient^T P^-1 gradient, over the least curvature relative to P that the path has met. When the
estimate is small enough, or in float32 can be no smaller, the descent goes on in float64, and
`certificate` has the last word.
"""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np

from ..errors import PassOverflowError
from ..problems.objective import Evaluation
from .cause import Cause
from .certificate import suboptimality
from .memory import memory_of
from .metric import EPS, TINY, Metric
from .path import C, Path, evaluate_along, evaluate_start
from .requests import Steps, evaluate, solved
from .settings import Doubles, Result, Settings

SUFFICIENT = 1e-4  # share of the decrease promised by the slope (Armijo)
BLUR = 1e-5  # share of the cost that float32 sums may hide
FAINT = 1e-7  # share of it that they do hide
LEAST_SHARE = 0.01  # by which an estimate's target falls at once, at most
STALLED = 16  # iterations in which the estimate must have halved
BLURRED = 0.01  # share of the estimate that rounding makes where float32 will no longer do


class Descent(Path[C]):
    """A path of points, each of lower cost than the last, and what was learnt on it.

    Parameters
    ----------
    objective : Cost
    here : Evaluation
        The start.
    settings : Settings
    memory : int
        Steps to learn from.
    """

    def __init__(self, objective: C, here: Evaluation, settings: Settings, memory: int) -> None:
        super().__init__(objective, settings)
        self.here = here
        self.history.append(self.here.value)
        self.memory = memory_of(memory, len(here.point), objective.data.n_threads)
        self._target = settings.tol
        self._estimates: list[float] = []
        self._begun = 0  # how many of them are of metrics before
        self._n_sharp = 0  # steps in a row that were seen in float64

    @classmethod
    def begin(
        cls, objective: C, start: Doubles, settings: Settings, memory: int
    ) -> Steps[Descent[C]]:
        """From a point."""
        known = settings.known
        if known is not None and np.array_equal(known.point, start):
            return cls(objective, known, settings, memory)
        here = yield from evaluate_start(objective, start)
        return cls(objective, here, settings, memory)

    def go(self, metric: Metric, n_steps: float = np.inf, worth: float = 0) -> Steps[None]:
        """Descend in a metric until finished, or for a number of steps, or until it is no use.

        After that number it goes on only while, at the rate so far, it will be at the end in
        `worth` steps: as many as another metric costs.

        A metric is of no use any more when no step in it lowers the cost, or when it cannot vouch
        for what it estimates. Where one that is `final` leads nowhere, the descent is at its end.
        """
        self.memory.clear()
        fresh, softest, scale = True, 1.0, metric.damping
        self._begun = len(self._estimates)
        while not self.finished:
            if metric.sharp:  # what float32 cannot tell of the Hessian, it cannot of the gradient
                yield from self._sharpen()
            newton = yield from solved(metric, self.here.gradient, self.objective.sharp)
            if self.memory:
                softest = min(softest, self.memory.settle(self.here.gradient, newton))
                scale = self.memory.scale or scale
            near, sharp = self._seems_near(float(self.here.gradient @ newton) / 2 / softest), None
            if not near and self._stalls():
                sharp = yield from self._unblurred(metric)
            if near or sharp is not None:
                if not self.settings.certify:
                    self.suboptimality = self._estimates[-1]
                    return
                if (yield from self._worth_a_proof(metric)):
                    if (yield from self._sharpen(sharp)):
                        continue
                    if (yield from self._prove(metric)) or not metric.vouches:
                        return
            if n_steps <= 0 and self.steps_left() > worth:
                return
            blur = 0.0
            if self._next_is_the_last(metric):
                self.objective, blur = self.objective.sharpened(), BLUR
            before = self.here
            direction = self.memory.direction(before.gradient, newton, scale)
            if not (yield from self._step(direction, blur)):
                if blur:
                    self.here = yield from evaluate(self.objective, self.here.point)
                faint = self._is_faint(float(before.gradient @ direction))
                if (not faint and self._forget()) or (yield from self._sharpen()):
                    continue
                if fresh and metric.final:
                    self.cause = Cause.ROUNDING
                return
            fresh = False
            n_steps -= 1
            self._learn(before, newton)
            self.report(self.here.point, self.here.value, self.here.gradient_norm)
            self._n_sharp = self._n_sharp + 1 if self.objective.sharp else 0
            self._look_for_an_end()

    def jump(self, point: Doubles) -> Steps[bool]:
        """Go on from a point, maybe certified, if its cost is lower; False if it is not."""
        try:
            there = yield from evaluate(self.objective, point)
        except PassOverflowError:
            return False
        if not there.value < self.here.value:
            return False
        self.here = there
        self.report(there.point, there.value, there.gradient_norm)
        if self.settings.certify and self.objective.sharp:
            yield from self.prove()
        return True

    def prove(self) -> Steps[bool]:
        """Whether the certificate confirms that it has converged, by no metric."""
        return self._prove(None)

    def _seems_near(self, estimate: float) -> bool:
        """Whether the minimum seems to be reached; what rounding makes negative is as small."""
        self._estimates.append(abs(estimate) / max(self.here.value, TINY))
        return self._estimates[-1] <= self._target

    def steps_left(self) -> float:
        """To the target, at the rate at which the estimate has fallen so far."""
        of_metric = self._estimates[self._begun :]
        first, last = of_metric[0], of_metric[-1]
        if not 0 < self._target < last < first:
            return np.inf
        return (len(of_metric) - 1) * math.log(last / self._target) / math.log(first / last)

    def _unblurred(self, metric: Metric) -> Steps[Evaluation | None]:
        """In float64, where a descent stalls by the rounding of float32; None if it is but slow."""
        if self.objective.sharp:
            return None
        there = yield from evaluate(self.objective.sharpened(), self.here.point)
        error = self.here.gradient - there.gradient
        if error @ metric.solve(error) > 2 * BLURRED * self._estimates[-1] * self.here.value:
            return there
        self._forget_estimates(but=1)
        return None

    def _worth_a_proof(self, metric: Metric) -> Steps[bool]:
        """Whether float64 is to confirm what seems near; else what it must come to is less.

        What a metric's bound says in float32 is no proof, but tells whether there will be one.
        """
        if self.objective.sharp or not metric.previews or self._stalls():
            return True
        bound = yield from metric.bound(self.objective, self.here)
        seen = bound / max(self.here.value, TINY)
        if seen > self.settings.tol:
            self._lower_target(seen)
        return seen <= self.settings.tol

    def _lower_target(self, proved: float) -> None:
        """An estimate has been proved to so much only: the next must be less by as much."""
        share = min(self.settings.tol / proved, 0.5)
        self._target = min(self._target, self._estimates[-1]) * max(share, LEAST_SHARE)

    def _next_is_the_last(self, metric: Metric) -> bool:
        """Whether a step like the last two will bring the estimate within the target.

        Its end is then evaluated in float64 at once, not in float32 first.
        """
        if self.objective.sharp or not self.settings.certify or len(self._estimates) < 2:
            return False
        if metric.previews and self._target == self.settings.tol:
            return False  # it is not known yet what the bound makes of the estimate
        first, *_, last = self._estimates[-3:]
        fall = (last / max(first, TINY)) ** (1 / min(2, len(self._estimates) - 1))
        return bool(last * fall <= self._target)

    def _stalls(self) -> bool:
        """Whether the estimate, once small, no longer falls: the gradient is but rounding."""
        return self._lingers() and min(self._estimates) < 1e-4

    def _lingers(self) -> bool:
        """Whether the estimate has not halved for long."""
        last = self._estimates
        return len(last) > STALLED and min(last[-STALLED:]) > 0.5 * min(last[:-STALLED])

    def _prove(self, metric: Metric | None) -> Steps[bool]:
        """Whether the certificate confirms an estimate; if not, what it must come to is less."""
        tol = self.settings.tol
        self.suboptimality = yield from suboptimality(self.objective, self.here, tol, metric)
        if metric is not None and metric.vouches and not self.converged:
            self._lower_target(self.suboptimality)
        return self.converged

    def _sharpen(self, here: Evaluation | None = None) -> Steps[bool]:
        """From now on, evaluate in float64, as `here` is if given. False if that is so already."""
        if self.objective.sharp:
            return False
        self.objective = self.objective.sharpened()
        self.here = here or (yield from evaluate(self.objective, self.here.point))
        self.history[-1] = self.here.value
        self.memory.clear()
        self._forget_estimates()
        return True

    def _forget_estimates(self, but: int = 0) -> None:
        """All but the last ones."""
        del self._estimates[: len(self._estimates) - but]
        self._begun = 0

    def _forget(self) -> bool:
        """Forget what the last steps taught. False if there is nothing to forget."""
        known = bool(self.memory)
        self.memory.clear()
        return known

    def _step(self, direction: Doubles, blur: float) -> Steps[bool]:
        """Go along a direction. False if the cost cannot be seen to fall, but for a share of it."""
        slope = float(self.here.gradient @ direction)
        if not -np.inf < slope < 0:  # only rounding can make it so
            return False
        try:
            length, there = yield from evaluate_along(self.objective, self.here.point, direction)
        except PassOverflowError:
            return False
        slope *= length
        unseen = blur * self.here.value
        for _ in range(self.objective.searches):
            enough = there.value <= self.here.value + SUFFICIENT * slope + unseen
            if enough or self._flat(there, slope):
                break
            share = self.objective.best_share(self.here, there, there.point - self.here.point)
            if share == 0 or self._is_faint(slope):
                return False
            length, slope = share * length, share * slope
            try:
                there = yield from evaluate(self.objective, self.here.point + length * direction)
            except PassOverflowError:
                return False
        if not there.value < self.here.value + unseen and not self._flat(there, slope):
            return False
        self.here = there
        return True

    def _is_faint(self, slope: float) -> bool:
        """Whether float32 hides what a step is to gain."""
        return not self.objective.sharp and -slope < FAINT * self.here.value

    def _flat(self, there: Evaluation, slope: float) -> bool:
        """Whether a fall would drown in the rounding of J, where the gradient may still shrink."""
        rounding = 8 * EPS * abs(self.here.value)
        return bool(there.value <= self.here.value + rounding and -slope <= rounding / SUFFICIENT)

    def _learn(self, before: Evaluation, solved: Doubles) -> None:
        """Keep the step, unless rounding spoilt it. P^-1 of its end comes with the next one."""
        step, change = self.here.point - before.point, self.here.gradient - before.gradient
        if not self.memory.learn(step, before.gradient, change, solved):
            self.memory.clear()

    def _look_for_an_end(self) -> None:
        """Of a descent that has no minimum, or whose cost is but rounding."""
        if self._separated():
            self.cause = Cause.UNBOUNDED
        elif self._n_sharp > 2 * STALLED:
            fall = self.history[-2 * STALLED] - self.history[-1]
            hidden = fall <= 64 * EPS * self.here.value
            # Without a penalty, that of rows which are told apart shrinks for ever.
            if hidden and (self.objective.penalty == 0 or self._lingers()):
                self.cause = Cause.ROUNDING

    def end(self) -> Steps[Result]:
        """Where the descent ended, with a bound that holds also where it did not converge."""
        if not self.converged and self.settings.certify:
            with suppress(PassOverflowError):
                yield from self._sharpen()
                yield from self.prove()
        return self.result()

    def _separated(self) -> bool:
        """Whether the classes are told apart without a penalty: then there is no minimum."""
        objective = self.objective
        if objective.penalty > 0 or self.here.value > 1e-6:
            return False
        return objective.separates(self.here)
