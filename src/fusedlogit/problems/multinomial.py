"""The cost J of many classes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.class_margins import ClassMargins
from ..data.per_row import Combine, Draws
from ..data.protocol import Data
from ..data.target import Target
from ..errors import PassOverflowError
from .links import SOFTMAX
from .objective import Evaluation, Objective, best_share, penalty_slope

Doubles = NDArray[np.float64]

#: Coefficients up to which decision values are kept, and a Hessian of their square is formed, which
#: proximal steps need more. Measured.
MOST_COEFS, MOST_PROXIMAL = 768, 1024

#: Of a step that went too far, the share that is tried next, at least.
LEAST_SHARE = 0.01

#: Decision values at a time, where those of all rows are not kept.
BLOCK_NUMBERS = 1 << 21


@dataclass(frozen=True)
class Multinomial:
    """J(W, b) = (sum_i s_i L_i) / (sum_i s_i) + penalty / 2 |W|^2, in W of scaled features.

    L_i = log sum_k exp(z_ik) - z_iy with z_ik = w_k . x_i + b_k: the softmax's log loss. A point is
    a vector of K (n_features + 1) numbers: the coefficients of each class, then its intercept.

    Attributes
    ----------
    one : Objective
        The data, penalty and scaling of each class.
    n_classes : int
    """

    one: Objective
    n_classes: int

    @property
    def data(self) -> Data:
        return self.one.data

    @property
    def target(self) -> Target:
        return self.one.target

    @property
    def penalty(self) -> float:
        return self.one.penalty

    @property
    def sharp(self) -> bool:
        """Whether passes multiply in float64."""
        return self.one.sharp

    @property
    def n_coefs(self) -> int:
        """Numbers of a point."""
        return self.n_classes * (self.data.n_features + 1)

    @property
    def keeps_margins(self) -> bool:
        """Whether evaluations keep the decision values."""
        return self.n_coefs <= (MOST_PROXIMAL if self.one.l1_penalty else MOST_COEFS)

    @property
    def searches(self) -> int:
        """Trials of a shorter step: costs and slopes of its two ends tell the best but roughly."""
        return 1 if self.keeps_margins else 8

    @property
    def company(self) -> Hashable:
        """Its own: one evaluation is a pass of many vectors already."""
        return object()

    def sharpened(self) -> Multinomial:
        """The same cost, in float64 from now on."""
        return replace(self, one=self.one.sharpened())

    def columns(self, features: NDArray[np.intp]) -> Multinomial:
        """The same cost where all features but these have coefficients of zero."""
        return replace(self, one=self.one.columns(features))

    def sample(self, rows: NDArray[np.intp]) -> Multinomial:
        """The same cost of some of the rows alone."""
        return replace(self, one=self.one.sample(rows))

    def table(self, point: Doubles) -> Doubles:
        """A point by class: (K, n_features + 1)."""
        return point.reshape(self.n_classes, -1)

    def less_common(self, point: Doubles) -> Doubles:
        """A point less the mean of its classes, which no loss knows of."""
        table = self.table(point)
        less: Doubles = table - table.mean(axis=0)
        return less.ravel()

    def to_least_norm(self, point: Doubles, step: Doubles) -> Doubles:
        """A step from a point, with what all classes share of a feature where penalties are least.

        No loss knows of that. An L1 norm alone is least where it is zero or the nearest to that
        between the two coefficients in the middle; with an L2 norm, where Li and Osher (2009,
        Inverse Problems and Imaging 3) have the median of coefficients and other numbers.
        """
        there = self.table(point + step)[:, :-1]
        n_classes = len(there)
        if self.penalty == 0:
            ordered = np.sort(there, axis=0)
            shared = np.clip(0.0, ordered[(n_classes - 1) // 2], ordered[n_classes // 2])
        else:
            turns = np.arange(n_classes, -n_classes - 1, -2) * (self.one.l1_penalty / self.penalty)
            others = there.mean(axis=0) + turns[:, None] / n_classes
            shared = np.median(np.concatenate([there, others]), axis=0)
        moved, step = shared != 0, step.copy()
        by_feature = there[:, moved] - shared[moved]
        self.table(step)[:, :-1][:, moved] = by_feature - self.table(point)[:, :-1][:, moved]
        return step

    def to_data(self, point: Doubles) -> tuple[Doubles, Doubles]:
        """A point as coefficients and intercepts of X in its own units."""
        coef, intercept = self.one.to_data(self.table(point))
        return coef, intercept

    def from_data(self, coef: Doubles, intercept: Doubles) -> Doubles:
        """The point of coefficients and intercepts of X in its own units."""
        return self.one.from_data(coef, intercept).ravel()

    def ridge(self, point: Doubles) -> float:
        """The L2 penalty."""
        return sum(self.one.ridge(own) for own in self.table(point))

    def l1_norm(self, point: Doubles) -> float:
        """Of the coefficients."""
        return float(np.abs(self.table(point)[:, :-1]).sum())

    def cost(self, here: Evaluation) -> float:
        """J with its L1 norm."""
        l1 = self.one.l1_penalty
        return here.value + (l1 * self.l1_norm(here.point) if l1 else 0)

    def _passed(self, point: Doubles) -> tuple[Doubles, Doubles]:
        """A point as the passes take it."""
        table = self.table(point)
        coef, intercept = self.one.scaling.to_data(table[:, :-1], table[:, -1])
        return np.ascontiguousarray(coef), np.ascontiguousarray(intercept)

    @staticmethod
    def evaluate_together(
        objectives: Sequence[Multinomial], points: Sequence[Doubles]
    ) -> list[Evaluation | PassOverflowError]:
        """Costs, each at its own point, in a pass of its own."""
        return [
            objective._evaluate(point) for objective, point in zip(objectives, points, strict=True)
        ]

    def _evaluate(self, point: Doubles) -> Evaluation | PassOverflowError:
        data, target, one = self.data, self.target, self.one
        try:
            loss, gradient, slopes, decision = data.softmax_loss_and_gradient(
                target, *self._passed(point), precise=one.precise, margins=self.keeps_margins
            )
            data.raise_if_nonfinite(loss, gradient)
        except PassOverflowError as error:
            return error
        table = one.gradient_at(self.table(point), gradient, slopes)
        margins = None if decision is None else ClassMargins(decision, target)
        value = loss / target.total_weight + self.ridge(point)
        return Evaluation(point, value, table.ravel(), margins)

    def best_share(self, here: Evaluation, there: Evaluation, step: Doubles) -> float:
        """The best share of a step: by margins if they are kept, else by a cubic; 0 if none is."""
        if not self.keeps_margins:
            return self._share_by_cubic(here, there, step)
        paid = self._penalty_slope(self.penalty, here.point, step)
        return best_share(
            lambda share: here.margins.slope_along(there.margins, share) + paid(share)
        )

    def _penalty_slope(self, l2: float, point: Doubles, step: Doubles) -> Callable[[float], float]:
        coef, change = self.table(point)[:, :-1], self.table(step)[:, :-1]
        return penalty_slope(l2, self.one.l1_penalty, coef, change)

    def _share_by_cubic(self, here: Evaluation, there: Evaluation, step: Doubles) -> float:
        """The minimum of the cubic through costs and slopes of both ends, within the step.

        (Nocedal and Wright, 2006, Numerical Optimization, equation 3.59.)
        """
        bend = self._penalty_slope(0.0, here.point, step)  # gradients have the L2 penalty's
        first = float(here.gradient @ step) + bend(0.0)
        last = float(there.gradient @ step) + bend(1.0)
        rise = self.cost(there) - self.cost(here)
        if not first < 0:
            return 0.0
        if not np.isfinite(rise):
            return LEAST_SHARE
        middle = first + last - 3 * rise
        root = np.sqrt(max(middle * middle - first * last, 0.0))
        divisor = last - first + 2 * root
        share = 1 - (last + root - middle) / divisor if divisor > 0 else 0.5
        return float(np.clip(share, LEAST_SHARE, 0.9))

    def separates(self, here: Evaluation) -> bool:
        """Whether so little loss is left that the own class of each row must be the likeliest."""
        weight, total = self.target.sample_weight, self.target.total_weight
        least = 1.0 if weight is None else float(weight[weight > 0].min())
        return bool(here.value * total < least * np.log(2))

    def along(self, direction: Doubles) -> Doubles:
        """Change of the decision values along a direction, (K, n_samples), in one pass."""
        return self.data.decision_values(*self._passed(direction), precise=self.one.precise)

    def by_block(
        self,
        point: Doubles,
        verb: Callable[..., Any],
        *arguments: Any,
        draws: Draws | None = None,
        combine: Combine = np.add,
    ) -> Any:
        """What a function says of some rows after the other, combined: one pass.

        verb(block, target, draws, p, *arguments), with probabilities p of the classes, (K, rows).
        """
        n_rows = max(1, BLOCK_NUMBERS // self.n_classes)
        call = partial(_with_probabilities, verb, arguments, self.one.precise)
        coef, intercept = self._passed(point)
        return self.data.by_blocks(
            n_rows, call, (self.target, draws), coef, intercept, combine=combine
        )


def one_of(problem: Objective | Multinomial) -> Objective:
    """The cost of two classes, or what that of many is made of."""
    return problem.one if isinstance(problem, Multinomial) else problem


def _with_probabilities(
    verb: Callable[..., Any],
    arguments: tuple[Any, ...],
    precise: bool,
    block: Data,
    target: Target,
    draws: Draws | None,
    coef: Doubles,
    intercept: Doubles,
) -> Any:
    z = block.decision_values(coef, intercept, precise=precise)
    return verb(block, target, draws, SOFTMAX.probabilities(z), *arguments)
