"""What a solver minimises: the cost J of data, weights, penalty and implicit scaling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._kernels import link
from ..data.dense import DenseMatrix
from ..data.frame import Frame, look_at, power_of_two
from ..data.scaling import Scaling

Doubles = NDArray[np.float64]

#: Means, in spreads of their column, up to which second moments about zero will do: by compute in
#: float64. The mean's square is a share of them that rounding must not feel.
NEAR = {False: 4.0, True: 1e3}


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
    precise : bool
        Whether passes multiply in float64 whatever X is stored as.
    frame : Frame or None
        In which the matrix reads X.
    about : ndarray of shape (n_features,) or None
        Near the features' means: the origin of their second moments.
    far : float
        The largest mean of a feature, in spreads: by which rounding in float64 grows.
    """

    matrix: DenseMatrix
    y: Doubles
    sample_weight: Doubles | None
    scaling: Scaling
    penalty: float
    fit_intercept: bool
    l1_penalty: float = 0.0
    precise: bool = False
    frame: Frame | None = None
    about: Doubles | None = None
    far: float = 1.0

    @classmethod
    def of(
        cls,
        matrix: DenseMatrix,
        y: Doubles,
        sample_weight: Doubles | None,
        scaling: float | str | None,
        penalty: float,
        l1_penalty: float,
        fit_intercept: bool,
    ) -> Objective:
        """The cost of data as an estimator's parameters describe it, in the frame it calls for.

        In a frame, a point's coefficients are of features in a common unit, such that they are of
        the size that the solvers' sums of squares can hold; the penalties are in that unit too.
        """
        standard = scaling == "standard"
        look = look_at(matrix, sample_weight, moments=standard, centred=standard or fit_intercept)
        frame, own = look.frame, Scaling.of(look, scaling)
        if frame is None:
            return cls(
                matrix, y, sample_weight, own, penalty, fit_intercept, l1_penalty,
                about=look.mean if look.far > NEAR[matrix.computes_in_float64] else None,
                far=look.far,
            )  # fmt: skip
        matrix = matrix.features(frame.center, frame.unit)
        center = own.center
        if standard and not fit_intercept:  # no intercept makes up for what rounds the mean
            weight = np.ones(matrix.n_samples) if sample_weight is None else sample_weight
            center = matrix.row_sum(weight / weight.sum())[0]
        sizes = own.scale[np.isfinite(own.scale)]
        unit = 1.0
        if penalty == l1_penalty == 0:  # units are free: features as they are in the frame
            own = Scaling(own.center, np.where(np.isfinite(own.scale), 1.0, np.inf))
        elif sizes.size:
            unit = min(1 / float(power_of_two(np.median(sizes, keepdims=True))[0]), 1e140)
        return cls(
            matrix,
            y,
            sample_weight,
            Scaling(center, own.scale / unit),
            penalty * unit * unit,
            fit_intercept,
            l1_penalty * unit,
            frame=frame,
        )

    def to_data(self, point: Doubles) -> tuple[Doubles, float]:
        """A point as coefficients and intercept of X in its own units."""
        coef, intercept = self.scaling.to_data(point[:-1], float(point[-1]))
        return (coef, intercept) if self.frame is None else self.frame.to_data(coef, intercept)

    def from_data(self, coef: Doubles, intercept: float) -> Doubles:
        """The point of coefficients and an intercept of X in its own units."""
        if self.frame is not None:
            coef, intercept = self.frame.from_data(coef, intercept)
        return np.append(*self.scaling.from_data(coef, intercept))

    @property
    def sharp(self) -> bool:
        """Whether passes multiply in float64."""
        return self.precise or self.matrix.computes_in_float64

    def sharpened(self) -> Objective:
        """The same cost, in float64 from now on."""
        return replace(self, precise=True)

    @cached_property
    def total_weight(self) -> float:
        """The sum of the sample weights, added up once: every evaluation divides by it."""
        if self.sample_weight is None:
            return float(self.matrix.n_samples)
        return float(self.sample_weight.sum())

    def evaluate(self, point: Doubles) -> Evaluation:
        """J, its gradient and the margins, in one pass."""
        margins = np.empty(self.matrix.n_samples)
        loss, gradient, intercept_gradient = self.matrix.loss_and_gradient(
            self.y, self.sample_weight, *self.scaling.to_data(point[:-1], point[-1]), margins,
            precise=self.precise,
        )  # fmt: skip
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
        coef, intercept = self.scaling.to_data(direction[:-1], direction[-1])
        return self.matrix.decision_values(coef, intercept, precise=self.precise)

    def pull(self, factor: Doubles) -> Doubles:
        """The gradient of sum_i factor_i z_i, in one pass."""
        return self._scaled(*self.matrix.row_sum(factor, precise=self.precise))

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

    def largest(self, change: Doubles) -> float:
        """The largest change of a margin, of rows that have a weight."""
        change = np.abs(change)
        if self.sample_weight is not None:
            change = change[self.sample_weight > 0]
        return float(change.max())

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

    def majorant(self, margins: Doubles) -> Doubles:
        """The curvature in each margin of a parabola that touches the mean log loss from above.

        It is (sigmoid(z) - 1/2) / z, and falls but as 1 / |z| where the curvature itself vanishes
        (Jaakkola and Jordan, 2000, Statistics and Computing 10).
        """
        half = np.maximum(np.abs(margins) / 2, 1e-8)
        return self.weighted(np.tanh(half) / (4 * half))

    def columns(self, features: NDArray[np.intp]) -> Objective:
        """The same cost where all features but these have a coefficient of zero."""
        scaling = Scaling(self.scaling.center[features], self.scaling.scale[features])
        about = None if self.about is None else self.about[features]
        matrix = self.matrix.columns(features)
        return replace(self, matrix=matrix, scaling=scaling, frame=None, about=about)

    def sample(self, rows: NDArray[np.intp]) -> Objective:
        """The same cost of some of the rows alone."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return replace(self, matrix=self.matrix.sample(rows), y=self.y[rows], sample_weight=weight)
