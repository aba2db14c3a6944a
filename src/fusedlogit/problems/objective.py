"""The cost J of two classes: data, weights, penalty and implicit scaling."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..data.frame import Frame, look_at, power_of_two
from ..data.margins import Line, Margins
from ..data.per_row import together
from ..data.protocol import Data, Sums
from ..data.scaling import Scaling
from ..data.target import Target
from ..errors import PassOverflowError

Doubles = NDArray[np.float64]

#: Means, in spreads of their column, up to which second moments about zero will do: by compute in
#: float64. The mean's square is a share of them that rounding must not feel.
NEAR = {False: 4.0, True: 1e3}

#: Least share of a step that is looked at, and a slope in the place of those that overflow.
SHORTEST, HUGE = 1e-300, 1e300


@dataclass(frozen=True)
class Evaluation:
    """The cost at a point, and all that a pass tells about it.

    Attributes
    ----------
    point : ndarray of shape (n_features + 1,)
        Coefficients of the scaled features, then the intercept.
    value : float
        The cost J, without an L1 penalty.
    gradient : ndarray of shape (n_features + 1,)
        Of `value`; zero for an intercept that is not fitted.
    margins : Margins
        Decision values; of many classes `ClassMargins`, if they are kept.
    """

    point: Doubles
    value: float
    gradient: Doubles
    margins: Any

    @property
    def gradient_norm(self) -> float:
        """Largest absolute entry of the gradient."""
        return float(np.abs(self.gradient).max())

    def with_penalty(self, change: float, n_features: int) -> Evaluation:
        """The same under an L2 penalty that is larger by so much, without a pass."""
        gradient = self.gradient.copy()
        coef = self.point.reshape(-1, n_features + 1)[:, :-1]
        gradient.reshape(-1, n_features + 1)[:, :-1] += change * coef
        value = self.value + change / 2 * float(np.vdot(coef, coef))
        return replace(self, value=value, gradient=gradient)


@dataclass(frozen=True)
class Objective:
    """J(w, b) = (sum_i s_i L_i) / (sum_i s_i) + penalty / 2 |w|^2, in w of scaled features.

    Attributes
    ----------
    data : Data
    target : Target
    scaling : Scaling
    penalty : float
    fit_intercept : bool
        False keeps b at its start.
    l1_penalty : float
        The factor of |w|_1, which J has besides. Evaluations leave it out.
    precise : bool
        Whether passes multiply in float64 whatever X is stored as.
    frame : Frame or None
        In which the data reads X.
    about : ndarray of shape (n_features,) or None
        Near the features' means: the origin of their second moments.
    far : float
        The largest mean of a feature, in spreads: by which rounding in float64 grows.
    order : ndarray of int, of shape (n_features,), or None
        Which columns of X the data has, of `n_columns`; None: all, as they lie.
    n_columns : int
    """

    data: Data
    target: Target
    scaling: Scaling
    penalty: float
    fit_intercept: bool
    l1_penalty: float = 0.0
    precise: bool = False
    frame: Frame | None = None
    about: Doubles | None = None
    far: float = 1.0
    order: NDArray[np.intp] | None = None
    n_columns: int = 0

    @classmethod
    def of(
        cls,
        data: Data,
        target: Target,
        scaling: float | str | None,
        penalty: float,
        l1_penalty: float,
        fit_intercept: bool,
        *,
        in_frame: bool = True,
    ) -> Objective:
        """The cost of data as an estimator's parameters describe it, in the frame it calls for.

        In a frame, a point's coefficients are of features in a common unit, such that they are of
        the size that the solvers' sums of squares can hold; the penalties are in that unit too.
        Without, they are those of the formulas, whose sums are in float64 where a frame is due.
        """
        n_columns, order, arranged = data.n_features, None, data.arranged()
        if arranged is not None:
            data, order = arranged
        standard = scaling == "standard"
        weight = target.sample_weight
        look = look_at(data, weight, moments=standard, centred=standard or fit_intercept)
        precise = False
        if not in_frame:
            look, precise = look.as_it_lies(), look.frame is not None
        frame, own = look.frame, Scaling.of(look, scaling)
        if frame is None:
            return cls(
                data, target, own, penalty, fit_intercept, l1_penalty, precise,
                about=look.mean if look.far > NEAR[data.computes_in_float64] else None,
                far=look.far, order=order, n_columns=n_columns,
            )  # fmt: skip
        data = data.features(frame.center, frame.unit)
        center = own.center
        if standard and not fit_intercept:  # no intercept makes up for what rounds the mean
            share = target.row_weight
            center = data.row_sum((share / share.sum())[None])[0][0]
        sizes = own.scale[np.isfinite(own.scale)]
        unit = 1.0
        if penalty == l1_penalty == 0:  # units are free: features as they are in the frame
            own = Scaling(own.center, np.where(np.isfinite(own.scale), 1.0, np.inf))
        elif sizes.size:
            unit = min(1 / float(power_of_two(np.median(sizes, keepdims=True))[0]), 1e140)
        return cls(
            data,
            target,
            Scaling(center, own.scale / unit),
            penalty * unit * unit,
            fit_intercept,
            l1_penalty * unit,
            frame=frame,
            far=look.far,
            order=order,
            n_columns=n_columns,
        )

    def to_data(self, point: Doubles) -> tuple[Doubles, Any]:
        """A point as coefficients and intercept of X in its own units."""
        coef, intercept = self.scaling.to_data(point[..., :-1], point[..., -1])
        if self.frame is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                coef, intercept = self.frame.to_data(coef, intercept)
        if self.order is not None:
            whole = np.zeros((*coef.shape[:-1], self.n_columns))
            whole[..., self.order] = coef
            coef = whole
        return coef, intercept

    def from_data(self, coef: Doubles, intercept: Any) -> Doubles:
        """The point of coefficients and an intercept of X in its own units.

        Where none is fitted, that of scaled features is zero, whatever is given.
        """
        if self.order is not None:
            coef = coef[..., self.order]
        if self.frame is not None:
            coef, intercept = self.frame.from_data(coef, intercept)
        coef, intercept = self.scaling.from_data(coef, intercept)
        if not self.fit_intercept:
            intercept = np.zeros_like(intercept)
        return np.concatenate([coef, np.asarray(intercept)[..., None]], axis=-1)

    @property
    def sharp(self) -> bool:
        """Whether passes multiply in float64."""
        return self.precise or self.data.computes_in_float64

    def sharpened(self) -> Objective:
        """The same cost, in float64 from now on."""
        return replace(self, precise=True)

    def gradient_at(self, point: Doubles, gradient: Doubles, intercept_gradient: Any) -> Doubles:
        """Sums over rows as the gradient of J; of several points or one."""
        result = self.scaled(gradient, intercept_gradient)
        result /= self.target.total_weight
        for own, coef in zip(np.atleast_2d(result), np.atleast_2d(point), strict=True):
            own[:-1] += self.penalty * coef[:-1]  # of many classes, all at once would be large
        return result

    #: Trials of a shorter step: the margins of its two ends tell the best at once.
    searches: ClassVar[int] = 1

    @property
    def company(self) -> Hashable:
        """Costs of the same company are evaluated together."""
        fold = self.target.fold
        rows = id(self.target) if fold is None else (id(fold.whole), id(fold.numbers))
        return id(self.data), rows, self.precise

    @staticmethod
    def evaluate_together(
        objectives: Sequence[Objective], points: Sequence[Doubles]
    ) -> list[Evaluation | PassOverflowError]:
        """Costs of one company, each at its own point, in one pass.

        What overflows is the affair of the one whose sum it is.
        """
        first = objectives[0]
        coef = np.empty((len(points), first.data.n_features))
        intercept = np.empty(len(points))
        for k, (objective, point) in enumerate(zip(objectives, points, strict=True)):
            coef[k], intercept[k] = objective.scaling.to_data(point[:-1], point[-1])
        targets = [objective.target for objective in objectives]
        losses, gradients, slopes, margins = _sums(
            first.data, targets, coef, intercept, first.precise
        )
        return [
            _evaluation(objective, points[k], losses[k], gradients[k], slopes[k], margins[k])
            for k, objective in enumerate(objectives)
        ]

    def best_share(self, here: Evaluation, there: Evaluation, step: Doubles) -> float:
        """The best share of a step, by the margins of its two ends; 0 if there is none."""
        line = Line(here.margins, there.margins)
        paid = penalty_slope(self.penalty, self.l1_penalty, here.point[:-1], step[:-1])
        return best_share(lambda share: line.slope_at(share) + paid(share))

    def separates(self, here: Evaluation) -> bool:
        """Whether the classes are told apart, of all rows with a weight."""
        margins: Margins = here.margins
        return margins.separate()

    def ridge(self, point: Doubles) -> float:
        """The L2 penalty."""
        return float((self.penalty / 2 * point[:-1]) @ point[:-1])

    def cost(self, value: float, point: Doubles) -> float:
        """J with its L1 norm, where `value` is J without it."""
        return value + self.l1_penalty * float(np.abs(point[:-1]).sum())

    def along(self, direction: Doubles) -> Margins:
        """Change of the margins along a direction, in one pass."""
        coef, intercept = self.scaling.to_data(direction[:-1], direction[-1])
        values = self.data.decision_values(coef[None], np.array([intercept]), precise=self.precise)
        return Margins(values[0], self.target, self.data.n_threads)

    def pull(self, factor: Doubles) -> Doubles:
        """The gradient of sum_i factor_i z_i, in one pass."""
        return self.pull_together([self], [factor])[0]

    @staticmethod
    def pull_together(objectives: Sequence[Objective], factors: Sequence[Doubles]) -> list[Doubles]:
        """The same of costs of the same data and precision, in one pass."""
        first = objectives[0]
        sums = first.data.row_sum(together(factors), precise=first.precise)
        return [own.scaled(*found) for own, *found in zip(objectives, *sums, strict=True)]

    def sandwiches(self, row_weights: Iterable[Doubles]) -> list[Doubles]:
        """[X - about, 1]^T diag(row_weight) [X - about, 1] of several weights."""
        return self.data.sandwiches(row_weights, self.about, precise=self.precise)

    def scaled(self, gradient: Doubles, intercept_gradient: Any) -> Doubles:
        """A gradient in X's own units in that of a point; zero for an intercept not fitted."""
        slope = intercept_gradient if self.fit_intercept else np.zeros_like(intercept_gradient)
        gradient = self.scaling.gradient(gradient, intercept_gradient)
        return np.concatenate([gradient, np.asarray(slope)[..., None]], axis=-1)

    def as_features(self) -> tuple[Doubles, Doubles]:
        """Center and unit such that (x - center) unit are the scaled features of X itself."""
        center, unit = self.scaling.center, 1 / self.scaling.scale
        if self.frame is None:
            return center, unit
        return self.frame.center + center / self.frame.unit, self.frame.unit * unit

    def columns(self, features: NDArray[np.intp]) -> Objective:
        """The same cost where all features but these have a coefficient of zero."""
        scaling = Scaling(self.scaling.center[features], self.scaling.scale[features])
        about = None if self.about is None else self.about[features]
        data = self.data.columns(features)
        return replace(self, data=data, scaling=scaling, frame=None, about=about, order=None)

    def in_memory(self) -> Objective:
        """The same cost of few rows, with all of them in this process's memory."""
        data = self.data.in_memory()
        return self if data is self.data else self.sample(np.arange(data.n_samples))

    def sample(self, rows: NDArray[np.intp]) -> Objective:
        """The same cost of some of the rows alone."""
        return replace(self, data=self.data.sample(rows), target=self.target.sample(rows))


def best_share(slope: Callable[[float], float]) -> float:
    """Where the derivative of a cost along a step is nearly zero; 0 if it is at neither end."""
    if not slope(0.0) < 0 or slope(1.0) <= 0:  # only rounding can make it so
        return 0.0
    low = 1.0
    while not slope(low) < 0:  # a step may be too long by any factor, and overflow
        low /= 1024
        if low < SHORTEST:
            return 0.0
    high = min(1.0, 1024 * low)
    return float(brentq(lambda share: min(HUGE, slope(share)), low, high, xtol=1e-300, rtol=1e-2))


def penalty_slope(l2: float, l1: float, coef: Doubles, step: Doubles) -> Callable[[float], float]:
    """The derivative of l2 / 2 |w|^2 + l1 |w|_1 at w = coef + share step, in the share.

    At its start it is that from the right, where a coefficient becomes zero that from the left.
    """
    first = change = 0.0
    if l2 > 0:
        for own, moved in zip(np.atleast_2d(coef), np.atleast_2d(step), strict=True):
            first += float((l2 * own) @ moved)
            change += float((l2 * moved) @ moved)
    if l1 == 0:
        return lambda share: first + share * change
    begin = np.where(coef != 0, coef, step)

    def slope(share: float) -> float:
        there = coef + share * step
        bent = np.vdot(np.sign(np.where(there != 0, there, begin)), step)
        return first + share * change + l1 * float(bent)

    return slope


def _sums(
    data: Data, targets: Sequence[Target], coef: Doubles, intercept: Doubles, precise: bool
) -> Sums:
    """The sums of one pass, each vector's held to its own target: the same one, or folds of it."""
    folds = [target.fold for target in targets if target.fold is not None]
    if all(fold.held_out < 0 for fold in folds):
        return data.loss_and_gradient(targets[0], coef, intercept, precise=precise)
    held_out = np.array([fold.held_out for fold in folds], dtype=np.int32)
    losses, gradients, slopes, margins = data.loss_and_gradient(
        folds[0].whole, coef, intercept, precise=precise, fold=folds[0].numbers, held_out=held_out
    )
    own = [found.held_to(target) for found, target in zip(margins, targets, strict=True)]
    return losses, gradients, slopes, own


def _evaluation(
    objective: Objective,
    point: Doubles,
    loss: Any,
    gradient: Doubles,
    intercept_gradient: Any,
    margins: Margins,
) -> Evaluation | PassOverflowError:
    """Sums over rows as an evaluation of J."""
    try:
        objective.data.raise_if_nonfinite(loss, gradient, y=objective.target.y)
    except PassOverflowError as error:
        return error
    return Evaluation(
        point,
        float(loss) / objective.target.total_weight + objective.ridge(point),
        objective.gradient_at(point, gradient, float(intercept_gradient)),
        margins,
    )
