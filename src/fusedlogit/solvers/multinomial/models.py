"""Quadratic models of the cost of many classes, minimised together with an L1 norm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...problems.multinomial import Multinomial
from ..hessian import ROUNDING
from ..metric import TINY
from ..proximal import Model, step_in_model
from ..quadratic import Quadratic
from ..requests import Steps
from ..settings import Doubles
from .active import Active, active_hessian, intercepts_last
from .hessian import about_mean, inverse_of_intercepts

#: Distance of features from zero, in deviations, from which on products in float32 tell too little
#: where no intercept makes up for it.
FAR = 4.0


class BlockModel:
    """That of the classes' own Hessians: what one class changes for another is left out.

    Parameters
    ----------
    hessians : list of CenteredHessian or of ColumnHessian
    fit_intercept : bool
    """

    def __init__(self, hessians: Sequence[Model], fit_intercept: bool) -> None:
        self.hessians, self.fit_intercept = hessians, fit_intercept
        self.size = len(hessians[0].mean)

    def step(self, point: Doubles, gradient: Doubles, l1: float, *, roughly: bool) -> Doubles:
        """To the minimum of the model plus l1 times the L1 norm; all are (K, n_features + 1)."""
        step = np.zeros_like(point)
        for k, hessian in enumerate(self.hessians):
            told = point[k], gradient[k], l1, self.fit_intercept
            step[k] = step_in_model(hessian, *told, roughly=roughly)
        return step

    def square(self, step: Doubles) -> float:
        """Of a step, in the model's metric."""
        total = 0.0
        for change, hessian in zip(step, self.hessians, strict=True):
            own = change[-1] + hessian.mean @ change[:-1]
            total += hessian.square(change[:-1]) + float(hessian.total * own * own)
        return total


class WholeModel:
    """That of the Hessian of active coefficients, the intercepts eliminated; others do not move.

    Parameters
    ----------
    objective : Multinomial
    active : tuple of two ndarrays of int, of shape (n_coefs,)
        Classes and features of the coefficients.
    mean : ndarray of shape (n_features,)
        What scaled features are less of in the Hessian.
    hessian : ndarray of shape (n_coefs + K, n_coefs + K)
        In the coefficients, then the intercepts.
    precise : bool
        Whether it was summed in float64.
    """

    def __init__(
        self,
        objective: Multinomial,
        active: Active,
        mean: Doubles,
        hessian: Doubles,
        precise: bool,
    ) -> None:
        n_coefs = len(active[0])
        whole, cross = hessian[:n_coefs, :n_coefs], hessian[:n_coefs, n_coefs:].copy()
        own = hessian[n_coefs:, n_coefs:].copy()
        self.active, self.mean, self.cross, self.own = active, mean, cross, own
        self.inverse = np.zeros_like(own)
        if objective.one.fit_intercept:
            self.inverse = inverse_of_intercepts(own)
        ridge = objective.penalty + ROUNDING[precise] * n_coefs * whole.diagonal()
        matrix = cross @ self.inverse @ cross.T
        np.subtract(whole, matrix, out=matrix)
        matrix.flat[:: n_coefs + 1] += ridge
        self.quadratic, self.size = Quadratic(matrix), len(matrix)

    def step(self, point: Doubles, gradient: Doubles, l1: float, *, roughly: bool) -> Doubles:
        """To the minimum of the model plus l1 times the L1 norm; all are (K, n_features + 1)."""
        step = np.zeros_like(point)
        begin = point[self.active]
        own = self.inverse @ gradient[:, -1]
        slope = (gradient[:, :-1] - np.outer(gradient[:, -1], self.mean))[self.active]
        slope -= self.cross @ own
        coef = begin.copy()
        self.quadratic.minimise(l1, coef, slope, roughly=roughly)
        step[self.active] = coef - begin
        step[:, -1] = -own - self.inverse @ (self.cross.T @ (coef - begin))
        step[:, -1] -= step[:, :-1] @ self.mean
        return step

    def square(self, step: Doubles) -> float:
        """Of a step, in the model's metric."""
        change = step[self.active]
        own = step[:, -1] + step[:, :-1] @ self.mean + self.inverse @ (self.cross.T @ change)
        return float(change @ self.quadratic.hessian @ change + own @ self.own @ own)


def whole_model(objective: Multinomial, blocks: Doubles) -> WholeModel:
    """That of all coefficients, from `class_sandwiches`, which are changed in place."""
    mean, _ = about_mean(objective, blocks)
    n_classes, size = len(blocks), blocks.shape[-1]
    hessian = blocks.transpose(0, 2, 1, 3).reshape(n_classes * size, -1)
    order = intercepts_last(np.full(n_classes, size - 1))
    active = np.divmod(np.arange(n_classes * (size - 1)), size - 1)
    return WholeModel(objective, active, mean, hessian[np.ix_(order, order)], objective.sharp)


def active_model(
    objective: Multinomial,
    point: Doubles,
    active: Active,
    generator: np.random.Generator,
    *,
    precise: bool,
) -> Steps[WholeModel]:
    """That of the active coefficients at a point, by rows that are drawn where they are many."""
    precise = precise or objective.data.computes_in_float64
    hessian, mean = yield from active_hessian(objective, point, active, generator, precise)
    if not precise and not objective.one.fit_intercept and _far(hessian, active[0]):
        precise = True
        hessian, mean = yield from active_hessian(objective, point, active, generator, precise)
    return WholeModel(objective, active, mean, hessian, precise)


def _far(hessian: Doubles, classes: NDArray[np.intp]) -> bool:
    """Whether most features are so far from zero that float32 knows little but their means."""
    diagonal, coefs, own = hessian.diagonal(), np.arange(len(classes)), len(classes) + classes
    product = np.maximum(diagonal[coefs] * diagonal[own], TINY)
    return bool(np.median(1 - hessian[coefs, own] ** 2 / product) < FAR**-2)
