"""The Hessian of all rows, or of a sample of them, as a metric: n_features^2 numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..data.margins import Margins
from ..data.per_row import summed
from ..problems.objective import Evaluation, Objective
from .factored import Factored, Left
from .metric import EPS, TINY, beyond
from .quadratic import Quadratic
from .requests import Steps, along, sandwich
from .settings import Doubles

#: Rounding of a sum of products, relative to the root of the sums of squares: by compute in
#: float64. A panel of float32 adds up 128 rows at most, so that rounding does not grow with n.
ROUNDING = {True: 4 * float(np.finfo(np.float64).eps), False: 4 * float(np.finfo(np.float32).eps)}

#: Features up to which a Hessian of n_features^2 numbers is formed.
DENSE_FEATURES = 2048

#: Directions that were left alone, of which the curvature is measured.
MOST_LEFT = 16

#: Change of margins since a Hessian was summed, up to which a bound may rest on it.
NEAR = 0.02


def affordable(objective: Objective) -> bool:
    """Whether a Hessian of n_features^2 numbers is formed for a proof."""
    return objective.data.n_features <= DENSE_FEATURES


class CenteredHessian:
    """The Hessian of all the rows of an objective.

    Parameters
    ----------
    objective : Objective
    product : ndarray of shape (n_features + 1, n_features + 1)
        Its sandwich with the curvature of each row, or a bound of it.

    Attributes
    ----------
    matrix : ndarray of shape (n_features, n_features)
        In the coefficients, the intercept eliminated.
    mean : ndarray of shape (n_features,)
        Of the scaled features, weighted by curvature; zero if no intercept is fitted.
    total : float
        Second derivative in the intercept.
    """

    def __init__(self, objective: Objective, product: Doubles) -> None:
        center, scale, about = objective.scaling.center, objective.scaling.scale, objective.about
        if about is not None:
            center = center - about
        self.sharp = objective.sharp
        self.total = max(float(product[-1, -1]), TINY)
        if objective.fit_intercept:
            mean = product[:-1, -1] / self.total
            hessian = product[:-1, :-1] - np.outer(mean * self.total, mean)
            self.mean = (mean - center) / scale
        else:
            sums = np.outer(product[:-1, -1], center)
            hessian = product[:-1, :-1] - sums - sums.T + self.total * np.outer(center, center)
            self.mean = np.zeros(len(center))
        hessian /= scale
        hessian /= scale[:, None]
        hessian.flat[:: len(center) + 1] += objective.penalty
        self.matrix = hessian
        terms = product.diagonal()[:-1] + (0 if objective.fit_intercept else self.total * center**2)
        self._terms = terms / scale**2

    @cached_property
    def factored(self) -> Factored:
        """The matrix, whose entries are known but for `ROUNDING`."""
        return Factored(self.matrix, ROUNDING[self.sharp], self._terms)

    def factor_narrowly(self) -> None:
        """In float32 if that will do: for a metric of little memory."""
        self.factored = Factored(self.matrix, ROUNDING[self.sharp], self._terms, narrow=True)

    @cached_property
    def quadratic(self) -> Quadratic:
        """The matrix as it is when first asked for, to be minimised plus an L1 norm."""
        return Quadratic(self.matrix)

    def minimise(self, l1: float, coef: Doubles, slope: Doubles, *, roughly: bool = False) -> None:
        """See `Quadratic.minimise`."""
        self.quadratic.minimise(l1, coef, slope, roughly=roughly)

    def square(self, change: Doubles) -> float:
        """Of a change of the coefficients, the intercept at its best."""
        return float(change @ self.matrix @ change)


def reliable_hessian(objective: Objective, row_weight: Doubles) -> Steps[CenteredHessian]:
    """The Hessian by float32 sums, or by float64 ones where rounding may matter.

    It matters where columns nearly repeat each other: a product of two float32 is exact in float64.
    """
    hessian = CenteredHessian(objective, (yield from sandwich(objective, row_weight)))
    if hessian.factored.reliable or objective.sharp:
        return hessian
    objective = objective.sharpened()
    return CenteredHessian(objective, (yield from sandwich(objective, row_weight)))


class DenseHessian:
    """The Hessian of all the rows of an objective, factored: n_features^2 numbers.

    Where rounding could change its least eigenvalue even in float64, directions of eigenvalues that
    may be rounding are left alone: the pseudo-inverse.

    Parameters
    ----------
    objective : Objective
    margins : Margins
        Where it was summed.
    hessian : CenteredHessian
    """

    damping = 1.0
    final = True
    vouches = True
    previews = False

    def __init__(self, objective: Objective, margins: Margins, hessian: CenteredHessian) -> None:
        self.margins = margins
        self.penalty = objective.penalty
        self.fit_intercept = objective.fit_intercept
        self.mean, self.total = hessian.mean, hessian.total
        self.sharp, self.factored = hessian.sharp, hessian.factored
        self.factored.truncate()

    @property
    def feature_norm(self) -> float:
        """The root of the features' mean square norm, weighted by curvature; no less."""
        size = self.factored.size
        return math.sqrt(float(size @ size) / self.total + float(self.mean @ self.mean))

    def _reduced(self, vector: Doubles) -> Doubles:
        """A gradient in the coefficients, the intercept eliminated."""
        slope: Doubles = vector[..., :-1] - self.mean * vector[..., -1:]
        return slope

    def solve(self, vector: Doubles) -> Doubles:
        result = np.zeros_like(vector)
        result[..., :-1] = step = self.factored.solve(self._reduced(vector))
        if self.fit_intercept:
            result[..., -1] = vector[..., -1] / self.total - step @ self.mean
        return result

    def bound(self, objective: Objective, here: Evaluation) -> Steps[float]:
        """The Newton decrement, enlarged by all that may be wrong with it.

        By rounding (`square`). And by the change of the Hessian: no curvature of a row changes by
        more than exp(r), where r is the change of its margin, from where the Hessian was summed to
        `here`, and on to the minimum (`beyond`). Where it was summed further off, a row whose
        curvature has vanished since would be taken to hold its place: it is summed anew.
        """
        drift = here.margins.largest(than=self.margins)
        if drift > NEAR:
            anew = yield from dense_hessian(objective, here.margins)
            return (yield from anew.bound(objective, here))
        solved = self.solve(here.gradient)
        left = yield from self._left(objective, here.margins)
        square = self.square(here, solved, objective.far, left)
        if square == np.inf:
            return np.inf
        if left is not None:
            rounding = self._rounding_at(here, objective.far)
            step = self.factored.step_of_left(
                self._reduced(here.gradient), *rounding, self.penalty, left
            )
            solved += self._with_intercept(step)
        reach = (yield from along(objective, solved)).largest()
        return square / 2 * math.exp(drift) * beyond(reach)

    def _left(self, objective: Objective, margins: Margins) -> Steps[Left | None]:
        """The loss's curvature among directions left alone, by steps along them: a pass each.

        None where there are none, or too many.
        """
        directions = (self.factored.left.T / self.factored.size)[: MOST_LEFT + 1]
        if not 0 < len(directions) <= MOST_LEFT:
            return None
        objective, values = objective.sharpened(), []
        for direction in directions:
            moved = yield from along(objective, self._with_intercept(direction))
            values.append(moved.values)
        product = summed(_products, (margins.curvature(), *values))
        return Left(self.factored, product, objective.far)

    def _with_intercept(self, step: Doubles) -> Doubles:
        """A step in the coefficients, and what it makes of the intercept that was eliminated."""
        return np.append(step, -step @ self.mean if self.fit_intercept else 0.0)

    def square(
        self,
        here: Evaluation,
        solved: Doubles,
        far: float,
        left: Left | None = None,
    ) -> float:
        """The gradient's square in this metric, at most: with what rounding hides of both."""
        slope, square = self._reduced(here.gradient), float(here.gradient @ solved)
        rounding = self._rounding_at(here, far)
        return self.factored.square(slope, square, *rounding, self.penalty, left)

    def _rounding_at(self, here: Evaluation, far: float) -> tuple[float, float]:
        """Of the gradient: that of the margins and that of its sums."""
        return rounding_of_gradient(here.point[:-1], here.value, self.factored.size, far)


def _products(row_weight: Doubles, *values: Doubles) -> Doubles:
    """Sums of products of pairs of values, weighted."""
    table = np.array(values)
    product: Doubles = (table * row_weight) @ table.T
    return product


def rounding_of_gradient(
    coef: Doubles, value: float, size: Doubles, far: float
) -> tuple[float, float]:
    """Of a gradient that was summed in float64: that of the margins and that of its sums.

    That of the margins is eps times the terms they are sums of, |x_j theta_j|, and moves the
    gradient as a step would: the root of curvature times its square. That of a sum is eps times the
    mean of |residual x_j|, which is at most the root of J times that of x_j^2. Both grow where
    features lie far from zero, as `far` says.
    """
    eps = far * EPS
    return 4 * eps * float(np.abs(coef) @ size), 8 * eps * math.sqrt(value * len(size))


def dense_hessian(objective: Objective, margins: Margins) -> Steps[DenseHessian]:
    """That of all rows, at some margins."""
    hessian = yield from reliable_hessian(objective, margins.curvature())
    return DenseHessian(objective, margins, hessian)


class SampleHessian(DenseHessian):
    """The Hessian of a sample of rows in the place of that of all.

    Attributes
    ----------
    other : callable
        other() -> another sample, as an objective and its rows.
    """

    final = False

    def __init__(
        self,
        sample: Objective,
        margins: Margins,
        hessian: CenteredHessian,
        other: Callable[[], tuple[Objective, NDArray[np.intp]]],
    ) -> None:
        super().__init__(sample, margins, hessian)
        self.other = other

    def bound(self, objective: Objective, here: Evaluation) -> Steps[float]:
        """What another sample says, which does not share the outliers of this one.

        A sample may take a rare row for a common one, and then too much curvature for granted. It
        is unlikely that two samples do so in the same direction. Twice the larger of their bounds
        leaves room for what is left of chance: eigenvalues of both are within (1 +- 1/6)^2. So
        does half as much again of the largest change of a margin in a Newton step, which only
        rows of the sample tell.
        """
        sample, rows = self.other()
        margins = Margins(here.margins.sample(rows), sample.target)
        metric = yield from dense_hessian(sample, margins)
        step = metric.solve(here.gradient)
        reach = (yield from along(sample, step)).largest()
        objective.data.count(sample.data)
        square = max(
            metric.square(here, solved, objective.far)
            for metric, solved in ((metric, step), (self, self.solve(here.gradient)))
        )
        return square * beyond(1.5 * reach)


class UnprovedHessian(SampleHessian):
    """The same where the Hessian of all rows is to be had so cheaply that it must vouch."""

    vouches = False

    def bound(self, objective: Objective, here: Evaluation) -> Steps[float]:
        yield from ()
        return np.inf
