"""The implicit scaling of features: only coefficients and gradients are changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame import Look

Doubles = NDArray[np.float64]
Intercept = Any  # a float, or Doubles of shape (K,)


@dataclass(frozen=True)
class Scaling:
    """Features (x - center) / scale, never formed: only coefficients are changed.

    Coefficients are (n_features,) with one intercept, or (K, n_features) with (K,).

    Attributes
    ----------
    center, scale : ndarray of shape (n_features,)
    """

    center: Doubles
    scale: Doubles

    @classmethod
    def by(cls, divisor: float, n_features: int) -> Scaling:
        """All features divided by a number."""
        zero = np.zeros(n_features)
        return cls(zero, divisor + zero)

    @classmethod
    def of(cls, look: Look, scaling: float | str | None) -> Scaling:
        """The scaling that an estimator's parameter asks for, of features in their frame."""
        if scaling == "standard":
            if look.frame is not None:
                return cls(look.frame.mean, or_infinite(look.frame.deviation))
            assert look.deviation is not None
            return cls(look.mean, or_infinite(look.deviation))
        divisor = 1.0 if scaling is None else float(scaling)
        by = cls.by(divisor, len(look.mean))
        if look.frame is not None:
            return cls(by.center, divisor * look.frame.unit)
        if look.constant is not None:
            by.scale[look.constant] = np.inf
        return by

    @cached_property
    def plain(self) -> bool:
        """Whether features are X's columns: then nothing is computed."""
        return not self.center.any() and bool((self.scale == 1).all())

    def to_data(self, coef: Doubles, intercept: Intercept) -> tuple[Doubles, Intercept]:
        """Coefficients of scaled features as coefficients of X in its own units."""
        if self.plain:
            return coef, intercept
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged descent
            coef = coef / self.scale
            return coef, intercept - coef @ self.center

    def from_data(self, coef: Doubles, intercept: Intercept) -> tuple[Doubles, Intercept]:
        """Coefficients of X in its own units as coefficients of scaled features."""
        varies = np.isfinite(self.scale)
        scaled = np.multiply(coef, self.scale, where=varies, out=np.zeros_like(coef))
        return scaled, intercept + coef @ self.center

    def product(self, matrix: Doubles, mean: Doubles) -> tuple[Doubles, Doubles]:
        """What makes the product of scaled features less a mean and a matrix of that of X's rows.

        Those are to be multiplied with the first, and the second taken from the result.
        """
        scaled = matrix / self.scale[:, None]
        return scaled, self.center @ scaled + mean @ matrix

    def gradient(self, gradient: Doubles, intercept_gradient: Intercept) -> Doubles:
        """The gradient in coefficients of scaled features from that in X's own units."""
        if self.plain:
            return gradient
        gradient = gradient - np.multiply.outer(intercept_gradient, self.center)
        return gradient / self.scale


def or_infinite(deviation: Doubles) -> Doubles:
    """Scales: a column that does not vary has no say, its scaled feature is exactly zero."""
    return np.where(deviation > 0, deviation, np.inf)
