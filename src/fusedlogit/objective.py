"""What a solver minimises: the cost J of data, weights, penalty and implicit scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._kernels import link
from .matrix import DenseMatrix

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """Features (x - center) / scale, never formed: only coefficients are changed.

    Attributes
    ----------
    center, scale : ndarray of shape (n_features,)
    """

    center: Doubles
    scale: Doubles

    @classmethod
    def of(
        cls, matrix: DenseMatrix, scaling: float | str | None, sample_weight: Doubles | None
    ) -> Scaling:
        """The scaling that an estimator's parameter asks for; "standard" costs one pass."""
        if scaling == "standard":
            mean, variance = matrix.moments(sample_weight)
            deviation = np.sqrt(variance)
            # A column that does not vary has no say: its scaled feature is exactly zero.
            constant = deviation <= 1e-12 * np.abs(mean)
            return cls(mean, np.where(constant, np.inf, deviation))
        divisor = 1.0 if scaling is None else float(scaling)
        return cls(np.zeros(matrix.n_features), np.full(matrix.n_features, divisor))

    def to_data(self, coef: Doubles, intercept: float) -> tuple[Doubles, float]:
        """Coefficients of scaled features as coefficients of X in its own units."""
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged descent
            coef = coef / self.scale
            return coef, float(intercept - self.center @ coef)

    def from_data(self, coef: Doubles, intercept: float) -> tuple[Doubles, float]:
        """Coefficients of X in its own units as coefficients of scaled features."""
        varies = np.isfinite(self.scale)
        scaled = np.multiply(coef, self.scale, where=varies, out=np.zeros_like(coef))
        return scaled, float(intercept + self.center @ coef)

    def gradient(self, gradient: Doubles, intercept_gradient: float) -> Doubles:
        """The gradient in coefficients of scaled features from that in X's own units."""
        return (gradient - self.center * intercept_gradient) / self.scale


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
    margins : ndarray of shape (n_samples,)
        Decision values.
    """

    point: Doubles
    value: float
    gradient: Doubles
    margins: Doubles

    @property
    def gradient_norm(self) -> float:
        """Largest absolute entry of the gradient."""
        return float(np.abs(self.gradient).max())


@dataclass(frozen=True)
class Objective:
    """J(w, b) = (sum_i s_i L_i) / (sum_i s_i) + penalty / 2 |w|^2, in w of scaled features.

    Attributes
    ----------
    matrix : DenseMatrix
    y : ndarray of shape (n_samples,), values in [0, 1]
    sample_weight : ndarray of shape (n_samples,) or None
    scaling : Scaling
    penalty : float
    fit_intercept : bool
        False keeps b at its start.
    l1_penalty : float
        The factor of |w|_1, which J has besides. Evaluations leave it out.
    """

    matrix: DenseMatrix
    y: Doubles
    sample_weight: Doubles | None
    scaling: Scaling
    penalty: float
    fit_intercept: bool
    l1_penalty: float = 0.0

    @cached_property
    def total_weight(self) -> float:
        """The sum of the sample weights, added up once: every evaluation divides by it."""
        if self.sample_weight is None:
            return float(self.matrix.n_samples)
        return float(self.sample_weight.sum())

    def evaluate(self, point: Doubles) -> Evaluation:
        """J, its gradient and the margins, in one pass."""
        return self._evaluate(point, self.matrix.loss_and_gradient)

    def evaluate_in_float64(self, point: Doubles) -> Evaluation:
        """The same, free of float32's rounding: one pass, many times slower."""
        if self.matrix.computes_in_float64:
            return self.evaluate(point)
        return self._evaluate(point, self.matrix.loss_and_gradient_in_float64)

    def _evaluate(
        self, point: Doubles, loss_and_gradient: Callable[..., tuple[float, Doubles, float]]
    ) -> Evaluation:
        margins = np.empty(self.matrix.n_samples)
        loss, gradient, intercept_gradient = loss_and_gradient(
            self.y, self.sample_weight, *self.scaling.to_data(point[:-1], point[-1]), margins
        )
        return Evaluation(
            point,
            loss / self.total_weight + self.ridge(point),
            self._gradient(point, gradient, intercept_gradient),
            margins,
        )

    def _gradient(self, point: Doubles, gradient: Doubles, intercept_gradient: float) -> Doubles:
        """Sums over rows as the gradient of J."""
        result = self._scaled(gradient, intercept_gradient) / self.total_weight
        result[:-1] += self.penalty * point[:-1]
        return result

    def ridge(self, point: Doubles) -> float:
        """The L2 penalty."""
        return self.penalty / 2 * float(point[:-1] @ point[:-1])

    def cost(self, value: float, point: Doubles) -> float:
        """J with its L1 norm, where `value` is J without it."""
        return value + self.l1_penalty * float(np.abs(point[:-1]).sum())

    def margins(self, direction: Doubles) -> Doubles:
        """Change of the margins along a direction, in one pass."""
        return self.matrix.decision_values(*self.scaling.to_data(direction[:-1], direction[-1]))

    def pull(self, factor: Doubles) -> Doubles:
        """The gradient of sum_i factor_i z_i, in one pass."""
        return self._scaled(*self.matrix.row_sum(factor))

    def _scaled(self, gradient: Doubles, intercept_gradient: float) -> Doubles:
        """A gradient in X's own units in that of a point; zero for an intercept not fitted."""
        result = np.empty(len(gradient) + 1)
        result[:-1] = self.scaling.gradient(gradient, intercept_gradient)
        result[-1] = intercept_gradient if self.fit_intercept else 0.0
        return result

    def weighted(self, by_row: Doubles) -> Doubles:
        """Each row's share in the mean of what `by_row` says of it."""
        if self.sample_weight is not None:
            by_row = by_row * self.sample_weight
        return by_row / self.total_weight

    def loss(self, margins: Doubles) -> float:
        """The mean log loss of margins, reading no X."""
        losses = np.empty_like(margins)
        link.log_loss(margins, self.y, losses)
        return float(self.weighted(losses).sum())

    def residual(self, margins: Doubles) -> Doubles:
        """Derivative of the mean log loss in each margin, reading no X."""
        residual = np.empty_like(margins)
        link.residual(margins, self.y, residual)
        return self.weighted(residual)

    def curvature(self, margins: Doubles) -> Doubles:
        """Second derivative of the mean log loss in each margin, reading no X."""
        curvature = np.empty_like(margins)
        link.curvature(margins, curvature)
        return self.weighted(curvature)

    def columns(self, features: NDArray[np.intp]) -> Objective:
        """The same cost where all features but these have a coefficient of zero."""
        scaling = Scaling(self.scaling.center[features], self.scaling.scale[features])
        return replace(self, matrix=self.matrix.columns(features), scaling=scaling)

    def sample(self, rows: NDArray[np.intp]) -> Objective:
        """The same cost of some of the rows alone."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return replace(self, matrix=self.matrix.sample(rows), y=self.y[rows], sample_weight=weight)


class Anchored:
    """An objective near a point where it is known in float64.

    What passes in float32 round is then a share of the distance from there, and no longer of the
    margins and sums themselves. An evaluation reads X twice.

    Parameters
    ----------
    objective : Objective
    point : ndarray of shape (n_features + 1,)
    """

    def __init__(self, objective: Objective, point: Doubles) -> None:
        self.objective = objective
        self.origin = objective.evaluate_in_float64(point)
        self._residual = objective.residual(self.origin.margins)

    def evaluate(self, point: Doubles) -> Evaluation:
        """J, its gradient and the margins."""
        objective, origin = self.objective, self.origin
        distance = point - origin.point
        margins = origin.margins + objective.margins(distance)
        gradient = origin.gradient + objective.pull(objective.residual(margins) - self._residual)
        gradient[:-1] += objective.penalty * distance[:-1]
        return Evaluation(
            point, objective.loss(margins) + objective.ridge(point), gradient, margins
        )
