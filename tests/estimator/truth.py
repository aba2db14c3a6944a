"""What an estimator is held to: the cost J of its docstring and its minimum, in plain NumPy."""

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


def suboptimality(model, X, y, weight=None):
    """(J - J*) / J of a fitted model."""
    cost, _ = cost_and_gradient_norm(model, X, y, weight)
    least = minimum(model, X, y, weight)
    return (cost - least) / cost


def minimum(model, X, y, weight=None):
    """J*, by damped Newton steps in float64 to where nothing is left to gain."""
    center, scale = center_and_scale(model, X, weight)
    features = np.column_stack([(X - center) / scale, np.ones(len(X))])
    target = (y == np.unique(y)[1]).astype(float)
    share = np.ones(len(y)) if weight is None else weight
    share = share / share.sum()
    ridge = np.full(features.shape[1], 1 / (model.C * (len(y) if weight is None else weight.sum())))
    ridge[-1] = 0
    free = np.arange(features.shape[1] - (not model.fit_intercept))
    w = np.zeros(features.shape[1])

    def cost(w):
        return share @ reference.log_loss(features @ w, target) + ridge / 2 @ w**2

    for _ in range(100):
        z = features @ w
        gradient = features.T @ (share * reference.residual(z, target)) + ridge * w
        hessian = features.T * (share * reference.curvature(z)) @ features + np.diag(ridge)
        step = np.zeros_like(w)
        step[free] = np.linalg.lstsq(hessian[np.ix_(free, free)], gradient[free], rcond=None)[0]
        length = 1.0
        while cost(w - length * step) > cost(w) and length > 1e-10:
            length /= 2
        before, w = w, w - length * step
        if gradient @ step < 1e-18 or cost(w) >= cost(before):
            break
    return min(cost(w), cost(before))
