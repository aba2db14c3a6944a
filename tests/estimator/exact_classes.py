"""The cost of a fit of many classes and its minimum, in long double and without the package."""

import numpy as np

from .exact import Exact, Long


class ExactClasses(Exact):
    """As `Exact`, of the softmax's log loss.

    Points hold, class by class, coefficients of the scaled features, then the intercept.
    """

    def __init__(self, model, X, y, weight=None):
        super().__init__(model, X, y, weight)
        self.codes = np.unique(y, return_inverse=True)[1]
        self.n_classes, self.size = self.codes.max() + 1, X.shape[1] + 1
        numbers = np.arange(self.n_classes * self.size)
        is_intercept = numbers % self.size == self.size - 1
        self.free = numbers if model.fit_intercept else numbers[~is_intercept]
        self.penalised, self.shrinks = numbers[~is_intercept], ~is_intercept

    def cost_of(self, z, point):
        others, own = self._shares(z)
        losses = np.where(own == 1, np.log1p(others), np.log(others + own) - np.log(own))
        coef = point[self.penalised]
        return self.weight @ losses + self.l2 / 2 * coef @ coef + self.l1 * np.abs(coef).sum()

    def _shares(self, z):
        """exp(z) of all other classes and of the own one, in units of the largest."""
        rows = np.arange(len(z))
        exp = np.exp(np.maximum(z - z.max(axis=1, keepdims=True), -11000))
        own = exp[rows, self.codes].copy()
        exp[rows, self.codes] = 0
        return exp.sum(axis=1), own

    def cost(self, point):
        return self.cost_of(self.features @ point.reshape(self.n_classes, -1).T, point)

    def cost_of_model(self, model):
        coef, intercept = model.coef_.astype(Long), model.intercept_.astype(Long)
        return self.cost_of(self.x @ coef.T + intercept, self._points(coef, intercept))

    def _points(self, coef, intercept):
        by_class = [self._point(w, b) for w, b in zip(coef, intercept, strict=True)]
        return np.concatenate(by_class)

    def least(self, model):
        coef, intercept = model.coef_.astype(Long), model.intercept_.astype(Long)
        starts = self._points(coef, intercept), np.zeros(self.n_classes * self.size, Long)
        search = self._newton if self.l1 == 0 else self._proximal
        return min(min(self.cost(start), search(start)) for start in starts)

    def _model_at(self, point):
        z = self.features @ point.reshape(self.n_classes, -1).T
        others, own = self._shares(z)
        p = np.exp(z - z.max(axis=1, keepdims=True)) / (others + own)[:, None]
        residual = p.copy()
        residual[np.arange(len(z)), self.codes] = -others / (others + own)
        gradient = ((self.weight[:, None] * residual).T @ self.features).ravel()
        gradient[self.penalised] += self.l2 * point[self.penalised]
        A, weight, p = self.features.astype(float), self.weight.astype(float), p.astype(float)
        blocks = -np.einsum("ik,il,ia,ib->kalb", weight[:, None] * p, p, A, A, optimize=True)
        for k in range(self.n_classes):
            blocks[k, :, k] += (A.T * (weight * p[:, k])) @ A
        hessian = blocks.reshape(len(point), len(point))
        hessian[self.penalised, self.penalised] += float(self.l2)
        return gradient.astype(float), hessian
