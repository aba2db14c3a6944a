"""The same work in NumPy, as fast as NumPy can do it: no conversion, few temporaries.

X, y and the vectors share one precision, and all is computed in it. The signatures are those of
`fusedlogit.functions`; n_threads is left to NumPy. (`fusedlogit.reference` is the readable twin,
always in float64.)
"""

import numpy as np

from fusedlogit.reference import Descent


def decision_values(X, coef, intercept, n_threads=None):
    """X coef + intercept."""
    z = X @ coef
    z += intercept
    return z


def loss_and_gradient(X, y, coef, intercept, n_threads=None):
    """Mean log loss and its gradient: two products with X, and the link in between."""
    z = decision_values(X, coef, intercept)
    t = np.abs(z)
    np.negative(t, out=t)
    np.exp(t, out=t)
    losses = np.log1p(t)
    losses += np.maximum(z, 0)
    losses -= y * z
    residual = np.where(z >= 0, 1, t)
    t += 1
    residual /= t
    residual -= y
    return losses.mean(), residual @ X / len(y), residual.mean()


def gradient_descent(X, y, *, learning_rate, max_iter, scaling=1, n_threads=None):
    """Batch gradient descent from zero, on X / scaling without forming it."""
    state = Descent(coef=np.zeros(X.shape[1], dtype=X.dtype), intercept=X.dtype.type(0))
    for _ in range(max_iter):
        cost, gradient, intercept_gradient = loss_and_gradient(
            X, y, state.coef / scaling, state.intercept
        )
        gradient *= learning_rate / scaling
        state.coef -= gradient
        state.intercept -= X.dtype.type(learning_rate) * intercept_gradient
        state.history.append(cost)
    return state


def hessian_product(X, curvature, vector, vector_intercept, n_threads=None):
    """[X, 1]^T diag(curvature) [X, 1] times a vector."""
    factor = decision_values(X, vector, vector_intercept)
    factor *= curvature
    return factor @ X, factor.sum()


def sandwich(X, row_weight, n_threads=None):
    """[X, 1]^T diag(row_weight) [X, 1] for weights >= 0: BLAS halves the work of A^T A."""
    root = np.sqrt(row_weight)
    extended = np.empty((X.shape[0], X.shape[1] + 1), dtype=X.dtype)
    np.multiply(X, root[:, None], out=extended[:, :-1])
    extended[:, -1] = root
    return extended.T @ extended


def moments(X, n_threads=None):
    """Mean and variance of each column."""
    return X.mean(axis=0), X.var(axis=0)


def first_nonfinite(X, n_threads=None):
    """Row and column of the first NaN or infinity, -1 and -1 if there is none."""
    finite = np.isfinite(X)
    if finite.all():
        return -1, -1
    return divmod(int(finite.argmin()), X.shape[1])
