"""What a solver minimises: the cost J of data, weights, penalty and implicit scaling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

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
    """

    matrix: DenseMatrix
    y: Doubles
    sample_weight: Doubles | None
    scaling: Scaling
    penalty: float
    fit_intercept: bool

    @cached_property
    def total_weight(self) -> float:
        """The sum of the sample weights, added up once: every evaluation divides by it."""
        if self.sample_weight is None:
            return float(self.matrix.n_samples)
        return float(self.sample_weight.sum())

    def value_and_gradient(self, coef: Doubles, intercept: float) -> tuple[float, Doubles, float]:
        """J, dJ/dw and dJ/db, in one pass."""
        loss, gradient, intercept_gradient = self.matrix.loss_and_gradient(
            self.y, self.sample_weight, *self.scaling.to_data(coef, intercept)
        )
        gradient = (gradient - self.scaling.center * intercept_gradient) / self.scaling.scale
        cost = loss / self.total_weight + self.penalty / 2 * float(coef @ coef)
        return (
            cost,
            gradient / self.total_weight + self.penalty * coef,
            intercept_gradient / self.total_weight if self.fit_intercept else 0.0,
        )
