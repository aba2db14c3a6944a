"""Quadratic models of the cost of many classes, minimised together with an L1 norm."""

from __future__ import annotations

import numpy as np

from ...problems.multinomial import Multinomial
from ..hessian import ROUNDING, CenteredHessian
from ..quadratic import minimise_quadratic
from ..settings import Doubles
from .hessian import about_mean, inverse_of_intercepts


class BlockModel:
    """That of the classes' own Hessians: what one class changes for another is left out.

    Parameters
    ----------
    hessians : list of CenteredHessian
    fit_intercept : bool
    """

    def __init__(self, hessians: list[CenteredHessian], fit_intercept: bool) -> None:
        self.hessians, self.fit_intercept = hessians, fit_intercept

    def step(self, point: Doubles, gradient: Doubles, l1: float) -> Doubles:
        """To the minimum of the model plus l1 times the L1 norm; all are (K, n_features + 1)."""
        step = np.zeros_like(point)
        for k, hessian in enumerate(self.hessians):
            coef, own = point[k, :-1].copy(), gradient[k, -1]
            minimise_quadratic(hessian.matrix, l1, coef, gradient[k, :-1] - hessian.mean * own)
            step[k, :-1] = coef - point[k, :-1]
            if self.fit_intercept:
                step[k, -1] = -own / hessian.total - hessian.mean @ step[k, :-1]
        return step

    def square(self, step: Doubles) -> float:
        """Of a step, in the model's metric."""
        total = 0.0
        for change, hessian in zip(step, self.hessians, strict=True):
            own = change[-1] + hessian.mean @ change[:-1]
            total += float(change[:-1] @ hessian.matrix @ change[:-1] + hessian.total * own * own)
        return total


class WholeModel:
    """That of the Hessian of all coefficients, the intercepts eliminated.

    Parameters
    ----------
    objective : Multinomial
    blocks : ndarray of shape (K, K, n_features + 1, n_features + 1)
        Sandwiches with the mixed derivatives of each pair of classes; changed in place.
    """

    def __init__(self, objective: Multinomial, blocks: Doubles) -> None:
        self.mean, _ = about_mean(objective, blocks)
        n_classes, size = len(blocks), blocks.shape[-1]
        n_coefs = n_classes * (size - 1)
        whole = blocks[:, :, :-1, :-1].transpose(0, 2, 1, 3).reshape(n_coefs, n_coefs)
        self.cross = blocks[:, :, :-1, -1].transpose(0, 2, 1).reshape(n_coefs, n_classes)
        self.own = np.ascontiguousarray(blocks[:, :, -1, -1])
        self.inverse = np.zeros_like(self.own)
        if objective.one.fit_intercept:
            self.inverse = inverse_of_intercepts(self.own)
        rounding = ROUNDING[objective.sharp] * n_coefs
        diagonal = whole.diagonal().copy()
        self.matrix = np.ascontiguousarray(whole - self.cross @ self.inverse @ self.cross.T)
        self.matrix.flat[:: n_coefs + 1] += objective.penalty + rounding * diagonal

    def step(self, point: Doubles, gradient: Doubles, l1: float) -> Doubles:
        """To the minimum of the model plus l1 times the L1 norm; all are (K, n_features + 1)."""
        step = np.zeros_like(point)
        begin = point[:, :-1].ravel()
        own = self.inverse @ gradient[:, -1]
        slope = (gradient[:, :-1] - np.outer(gradient[:, -1], self.mean)).ravel() - self.cross @ own
        coef = begin.copy()
        minimise_quadratic(self.matrix, l1, coef, slope)
        step[:, :-1] = (coef - begin).reshape(len(point), -1)
        step[:, -1] = -own - self.inverse @ (self.cross.T @ (coef - begin))
        step[:, -1] -= step[:, :-1] @ self.mean
        return step

    def square(self, step: Doubles) -> float:
        """Of a step, in the model's metric."""
        change = step[:, :-1].ravel()
        own = step[:, -1] + step[:, :-1] @ self.mean + self.inverse @ (self.cross.T @ change)
        return float(change @ self.matrix @ change + own @ self.own @ own)
