"""The Hessian of many classes, of the square of all their coefficients, as a metric."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from ...data.class_margins import ClassMargins, reach
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..factored import Factored
from ..hessian import NEAR, ROUNDING, rounding_of_gradient
from ..metric import TINY, beyond
from ..requests import Steps, passes, sandwich
from ..settings import Doubles


class ClassHessian:
    """The Hessian of a cost at some margins, or that of a sample of its rows, factored.

    It is one in coefficients of features about their mean. What all classes may change by together
    is added: no loss and no minimum knows of it, and gradients have no share in it.

    Parameters
    ----------
    objective : Multinomial
    margins : ClassMargins
        Where it was summed.
    blocks : ndarray of shape (K, K, n_features + 1, n_features + 1)
        Sandwiches with the mixed derivatives of each pair of classes.
    final : bool
        Whether all rows take part.
    """

    damping = 1.0
    previews = False

    def __init__(
        self, objective: Multinomial, margins: ClassMargins, blocks: Doubles, *, final: bool = True
    ) -> None:
        self.margins, self.penalty = margins, objective.penalty
        self.n_classes, self.fit_intercept = objective.n_classes, objective.one.fit_intercept
        self.sharp = objective.sharp
        self.final = self.vouches = final
        n_classes, size = len(blocks), blocks.shape[-1]
        self.mean = about_mean(objective, blocks)
        if self.penalty > 0:
            for j in range(size - 1):
                blocks[range(n_classes), range(n_classes), j, j] += self.penalty
        together = np.maximum(np.einsum("kkjj->j", blocks), TINY) / n_classes**2
        blocks[:, :, range(size), range(size)] += together
        matrix = blocks.transpose(0, 2, 1, 3).reshape(n_classes * size, n_classes * size)
        self.factored = Factored(matrix, ROUNDING[self.sharp])
        self.factored.truncate()

    def _reduced(self, vector: Doubles) -> Doubles:
        """A gradient about the features' mean, without what all classes share."""
        table = vector.reshape(self.n_classes, -1)
        table = table - table.mean(axis=0)
        table[:, :-1] -= self.mean * table[:, -1:]
        return np.asarray(table).ravel()

    def solve(self, vector: Doubles) -> Doubles:
        result = self.factored.solve(self._reduced(vector)).reshape(self.n_classes, -1)
        result -= result.mean(axis=0)
        result[:, -1] -= result[:, :-1] @ self.mean
        if not self.fit_intercept:
            result[:, -1] = 0
        return result.ravel()

    def bound(self, objective: Multinomial, here: Evaluation) -> Steps[float]:
        """The Newton decrement, with allowance for rounding and the change of the Hessian.

        As for two classes (`DenseHessian.bound`): the third derivative of log sum exp is a third
        central moment, and no larger than the second times how far classes move apart. So no
        curvature changes by more than exp(r), with r the largest such distance in a row.
        """
        drift = here.margins.largest_change(self.margins)
        if drift > NEAR or not self.final:
            anew = yield from class_hessian(objective, here.margins)
            return (yield from anew.bound(objective, here))
        solved = self.solve(here.gradient)
        point = objective.table(here.point)
        coef = np.append(point[:, :-1], np.zeros((self.n_classes, 1)), axis=1).ravel()
        rounding = rounding_of_gradient(coef, here.value, self.factored.size, objective.one.far)
        slope = self._reduced(here.gradient)
        square = self.factored.square(slope, float(here.gradient @ solved), *rounding, self.penalty)
        if square == np.inf:
            return np.inf
        moved = yield from passes(lambda: objective.along(solved))
        return square / 2 * math.exp(drift) * beyond(reach(moved, objective.target))


def about_mean(objective: Multinomial, blocks: Doubles) -> Doubles:
    """Bring sandwiches from X less what they were summed about to scaled features about their mean.

    The mean is weighted by curvature, and zero if no intercept is fitted; blocks change in place.
    """
    one = objective.one
    center, scale = one.scaling.center, one.scaling.scale
    about = np.zeros_like(center) if one.about is None else one.about
    own = np.einsum("kkij->ij", blocks)
    mean = np.zeros_like(center)
    if one.fit_intercept:
        mean = (own[:-1, -1] / max(own[-1, -1], TINY) + about - center) / scale
    transform = np.diag(np.append(1 / scale, 1.0 if one.fit_intercept else 0.0))
    transform[-1, :-1] = (about - center) / scale - mean
    blocks[:] = transform.T @ blocks @ transform
    return mean


def class_hessian(
    objective: Multinomial, margins: ClassMargins, *, final: bool = True
) -> Steps[ClassHessian]:
    """At some margins: by float32 sums, or by float64 ones where rounding may matter."""
    while True:
        blocks = yield from class_sandwiches(objective, margins)
        hessian = ClassHessian(objective, margins, blocks, final=final)
        if objective.sharp or hessian.factored.reliable:
            return hessian
        objective = objective.sharpened()


def class_sandwiches(objective: Multinomial, margins: ClassMargins) -> Steps[NDArray[np.float64]]:
    """A sandwich for each pair of classes."""
    n_classes, size = objective.n_classes, objective.data.n_features + 1
    blocks = np.empty((n_classes, n_classes, size, size))
    for k, other in combinations_with_replacement(range(n_classes), 2):
        product = yield from sandwich(objective.one, margins.curvature(k, other))
        blocks[k, other] = blocks[other, k] = product
    return blocks
