"""What an estimator is held to: the cost J of its docstring, in plain NumPy."""

import numpy as np

from fusedlogit import reference


def center_and_scale(model, X, weight):
    """What the parameter `scaling` means for this X."""
    if model.scaling == "standard":
        mean, variance = reference.moments(X, weight)
        return mean, np.sqrt(variance)
    divisor = 1.0 if model.scaling is None else float(model.scaling)
    return np.zeros(X.shape[1]), np.full(X.shape[1], divisor)


def cost_and_gradient_norm(model, X, y, weight=None, *, coef=None, intercept=None):
    """J and the largest entry of its gradient at a model's coefficients, or at others."""
    coef = model.coef_[0] if coef is None else coef
    intercept = model.intercept_[0] if intercept is None else intercept
    center, scale = center_and_scale(model, X, weight)
    target = y == np.unique(y)[1]
    w, b = coef * scale, intercept + center @ coef
    penalty = 1 / (model.C * (len(y) if weight is None else weight.sum()))
    cost, gradient, intercept_gradient = reference.loss_and_gradient(
        (X - center) / scale, target, w, b, weight
    )
    gradient_norm = np.abs(gradient + penalty * w).max()
    if model.fit_intercept:
        gradient_norm = max(gradient_norm, abs(intercept_gradient))
    return cost + penalty / 2 * w @ w, gradient_norm
