"""The Hessian of many classes, of the square of all their coefficients, as a metric."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...data.class_margins import ClassMargins, reach
from ...problems.multinomial import Multinomial
from ...problems.objective import Evaluation
from ..factored import Factored
from ..hessian import NEAR, ROUNDING, rounding_of_gradient
from ..metric import TINY, beyond
from ..requests import Steps, passes
from ..settings import Doubles


class ClassHessian:
    """The Hessian of a cost at some margins, or that of a sample of its rows, factored.

    It is one in coefficients of features about their mean. What all classes change by together
    changes no loss, and no minimum knows of it: one class, of much curvature, is held fast, and the
    mean over classes is taken from the solution. The penalty of coefficients W less their mean is
    that of (I - 11^T / K) W.

    Parameters
    ----------
    objective : Multinomial
    margins : ClassMargins
        Where it was summed.
    blocks : ndarray of shape (K, K, n_features + 1, n_features + 1)
        `class_sandwiches`; changed in place.
    final : bool
        Whether all rows take part.
    near : float
        How far classes may have moved apart since where a bound may rest on it.
    """

    damping = 1.0
    previews = False

    def __init__(
        self,
        objective: Multinomial,
        margins: ClassMargins,
        blocks: Doubles,
        *,
        final: bool = True,
        near: float = NEAR,
    ) -> None:
        self.margins, self.penalty, self.near = margins, objective.penalty, near
        self.n_classes, self.fit_intercept = objective.n_classes, objective.one.fit_intercept
        self.sharp = objective.sharp
        self.final = self.vouches = final
        self.mean, terms = about_mean(objective, blocks)
        self.free = all_but_steepest(
            blocks[..., -1, -1] if self.fit_intercept else np.einsum("klii->kl", blocks)
        )
        n_features = blocks.shape[-1] - 1
        size = n_features + self.fit_intercept
        matrix = blocks[np.ix_(self.free, self.free)][..., :size, :size]
        for j in range(n_features):
            matrix[:, :, j, j] += self.penalty * (np.eye(len(self.free)) - 1 / self.n_classes)
        n_coefs = len(self.free) * size
        matrix = matrix.transpose(0, 2, 1, 3).reshape(n_coefs, n_coefs)
        terms = terms[self.free, :size].ravel()
        self.factored = Factored(matrix, ROUNDING[self.sharp], terms)
        self.reliable = self.factored.reliable
        self.factored.truncate()

    def _reduced(self, vector: Doubles) -> Doubles:
        """A gradient about the features' mean, of the free classes."""
        table = vector.reshape(self.n_classes, -1)
        table = (table - table.mean(axis=0))[self.free]
        if self.fit_intercept:
            table[:, :-1] -= self.mean * table[:, -1:]
        else:
            table = table[:, :-1]
        return np.asarray(table).ravel()

    def solve(self, vector: Doubles) -> Doubles:
        solved = self.factored.solve(self._reduced(vector)).reshape(len(self.free), -1)
        result = np.zeros((self.n_classes, len(vector) // self.n_classes))
        result[self.free, : solved.shape[1]] = solved
        result[:, -1] -= result[:, :-1] @ self.mean
        result -= result.mean(axis=0)
        return result.ravel()

    def bound(self, objective: Multinomial, here: Evaluation) -> Steps[float]:
        """The Newton decrement, with allowance for rounding and the change of the Hessian.

        As for two classes (`DenseHessian.bound`): the third derivative of log sum exp is a third
        central moment, and no larger than the second times how far classes move apart. So no
        curvature changes by more than exp(r), with r the largest such distance in a row. What all
        classes have in common is no part of it, and costs but its penalty.
        """
        drift = here.margins.largest_change(self.margins) if self.final else np.inf
        if drift > self.near:
            anew = yield from class_hessian(objective, here.margins)
            return (yield from anew.bound(objective, here))
        solved = self.solve(here.gradient)
        square = self.factored.square(
            self._reduced(here.gradient),
            float(here.gradient @ solved),
            *self._rounding_at(objective, here),
            self.penalty / self.n_classes,  # the least that I - 11^T / K leaves of it
        )
        if square == np.inf:
            return np.inf
        moved = yield from passes(lambda: objective.along(solved))
        common = objective.table(here.point)[:, :-1].mean(axis=0)
        in_common = self.penalty / 2 * self.n_classes * float(common @ common)
        return in_common + square / 2 * math.exp(drift) * beyond(reach(moved, objective.target))

    def _rounding_at(self, objective: Multinomial, here: Evaluation) -> tuple[float, float]:
        """Of the gradient: that of the margins and that of its sums."""
        n_features = objective.data.n_features
        size = self.factored.size.reshape(len(self.free), -1)[:, :n_features]
        largest = np.broadcast_to(size.max(axis=0), (self.n_classes, n_features))
        coef = objective.table(here.point)[:, :-1]
        return rounding_of_gradient(coef.ravel(), here.value, largest.ravel(), objective.one.far)


def all_but_steepest(laplacian: Doubles) -> NDArray[np.intp]:
    """All classes but that of the largest second derivative."""
    return np.delete(np.arange(len(laplacian)), laplacian.diagonal().argmax())


def inverse_of_intercepts(laplacian: Doubles) -> Doubles:
    """A generalised inverse of a Hessian in the intercepts, whose rows sum to zero."""
    free, factored = _intercepts(laplacian)
    inverse = np.zeros_like(laplacian)
    factored.truncate()
    inverse[np.ix_(free, free)] = factored.solve(np.eye(len(free)))
    return inverse


def step_of_intercepts(laplacian: Doubles, slope: Doubles) -> tuple[Doubles, bool]:
    """A Newton step in the intercepts, and whether all of it is known.

    It is not where a curvature has vanished, or is no more than rounding.
    """
    free, factored = _intercepts(laplacian)
    known = factored.reliable
    factored.truncate()
    step = np.zeros_like(slope)
    step[free] = -factored.solve(slope[free])
    return step, known


def _intercepts(laplacian: Doubles) -> tuple[NDArray[np.intp], Factored]:
    """All classes but one, and what ties their intercepts."""
    free = all_but_steepest(laplacian)
    return free, Factored(laplacian[np.ix_(free, free)], float(np.finfo(float).eps))


def about_mean(objective: Multinomial, blocks: Doubles) -> tuple[Doubles, Doubles]:
    """Bring sandwiches from X less what they were summed about to scaled features about their mean.

    The mean is weighted by curvature, and zero if no intercept is fitted; blocks change in place.
    Returns it, and the diagonals as they were summed, (K, n_features + 1), in features' units.
    """
    one = objective.one
    center, scale = one.scaling.center, one.scaling.scale
    about = np.zeros_like(center) if one.about is None else one.about
    own = np.einsum("kkij->ij", blocks)
    mean = np.zeros_like(center)
    if one.fit_intercept:
        mean = (own[:-1, -1] / max(own[-1, -1], TINY) + about - center) / scale
    transform = np.diag(np.append(1 / scale, 1.0))
    transform[-1, :-1] = (about - center) / scale - mean
    terms = np.einsum("kkjj->kj", blocks).copy()
    if not one.fit_intercept:
        terms[:, :-1] += terms[:, -1:] * (about - center) ** 2
    terms[:, :-1] /= scale**2
    blocks[:] = transform.T @ blocks @ transform
    return mean, terms


def class_hessian(
    objective: Multinomial, margins: ClassMargins, *, final: bool = True
) -> Steps[ClassHessian]:
    """At some margins: by float32 sums, or by float64 ones where rounding may matter."""
    while True:
        blocks = yield from class_sandwiches(objective, margins)
        hessian = ClassHessian(objective, margins, blocks, final=final)
        if objective.sharp or hessian.reliable:
            return hessian
        objective = objective.sharpened()


def class_sandwiches(objective: Multinomial, margins: ClassMargins) -> Steps[NDArray[np.float64]]:
    """[X, 1]^T D [X, 1] for the mixed derivatives D of each pair of classes.

    Those of a class with itself are minus the sums of those with all others.
    """
    n_classes, size = objective.n_classes, objective.data.n_features + 1
    blocks = np.zeros((n_classes, n_classes, size, size))
    pairs = list(combinations(range(n_classes), 2))
    couplings = (margins.coupling(k, other) for k, other in pairs)
    products = yield from passes(lambda: objective.one.sandwiches(couplings))
    for (k, other), product in zip(pairs, products, strict=True):
        blocks[k, other] = blocks[other, k] = -product
        blocks[k, k] += product
        blocks[other, other] += product
    return blocks
