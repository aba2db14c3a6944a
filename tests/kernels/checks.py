"""Each kernel against its NumPy twin on a problem: what most tests of kernels do."""

import numpy as np

from fusedlogit import reference
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.scaling import Scaling
from fusedlogit.data.target import Target
from fusedlogit.problems.links import LOG_LOSS
from fusedlogit.problems.objective import Objective
from fusedlogit.solvers.gradient_descent import descend
from fusedlogit.solvers.scheduler import run

from .contract import FACTOR_FLOOR, HISTORY_RTOL, SUM_RTOL, VALUE_RTOL, assert_within, compute_type
from .problems import largest_of


def models(problem):
    """The coefficient vectors with their intercepts, one after the other."""
    return zip(problem.coef, problem.intercept, strict=True)


def decision_sizes(problem):
    """Decision values of the reference, (n_coefs, n_samples), and the size of their terms."""
    z = np.stack([reference.decision_values(problem.X, w, b) for w, b in models(problem)])
    size = np.abs(problem.coef) @ problem.magnitude.T + np.abs(problem.intercept)[:, None]
    return z, size


def expected_sums(problem):
    """Losses, gradients and intercept gradients of the reference, as sums over rows."""
    total = problem.row_weight.sum()
    if total == 0:
        zeros = np.zeros(problem.n_coefs)
        return zeros, np.zeros_like(problem.coef), zeros
    means = [
        reference.loss_and_gradient(problem.X, problem.y, w, b, problem.weight)
        for w, b in models(problem)
    ]
    return tuple(total * np.stack(column) for column in zip(*means, strict=True))


def sums_floor(problem):
    """What the sums over rows lose if every factor is lost, by feature."""
    return FACTOR_FLOOR[compute_type(problem.dtype)] * problem.magnitude.sum(axis=0)


def assert_decision_values(problem, decision):
    z, z_size = decision_sizes(problem)
    assert_within(decision, z, problem.value_rtol, z_size)


def assert_loss(problem, loss):
    z, z_size = decision_sizes(problem)
    size = reference.log_loss(z, problem.y) + z_size  # the loss moves by no more than z does
    assert_within(loss, expected_sums(problem)[0], problem.value_rtol, size @ problem.row_weight)


def assert_gradient(problem, gradient, intercept_gradient):
    z, z_size = decision_sizes(problem)
    # Residuals, and what an error of z does to them; of a soft label, the residual is a
    # difference of numbers of the label's size.
    size = np.abs(reference.residual(z, problem.y)) + reference.curvature(z) * z_size
    size = (size + problem.y % 1) * problem.row_weight
    _, expected, expected_intercept = expected_sums(problem)
    assert_within(
        gradient, expected, problem.sum_rtol, size @ problem.magnitude, sums_floor(problem)
    )
    assert_within(intercept_gradient, expected_intercept, problem.sum_rtol, size.sum(axis=1))


def check_decision_values(kernels, problem):
    decision = kernels.decision_values(
        problem.X, problem.coef, problem.intercept, problem.n_threads
    )
    assert_decision_values(problem, decision)


def check_loss(kernels, problem):
    assert_loss(problem, kernels.loss(*problem.arguments))


def check_loss_and_gradient(kernels, problem):
    loss, gradient, intercept_gradient, decision = kernels.loss_and_gradient(*problem.arguments)
    assert_loss(problem, loss)
    assert_gradient(problem, gradient, intercept_gradient)
    assert_decision_values(problem, decision)


def check_hessian_product(kernels, problem):
    z, z_size = decision_sizes(problem)
    curvature = problem.row_weight * reference.curvature(z)
    product, intercept_product = kernels.hessian_product(
        problem.X, curvature, problem.coef, problem.intercept, problem.n_threads
    )
    expected = [
        reference.hessian_product(problem.X, c, *model)
        for c, model in zip(curvature, models(problem), strict=True)
    ]
    size = curvature * z_size
    rtol = problem.sum_rtol
    assert_within(
        product, np.stack([e[0] for e in expected]), rtol, size @ problem.magnitude,
        sums_floor(problem),
    )  # fmt: skip
    assert_within(intercept_product, [e[1] for e in expected], rtol, size.sum(axis=1))


def check_sandwich(kernels, problem):
    row_weight = problem.row_weight
    product = kernels.sandwich(problem.X, row_weight, problem.n_threads)
    size = reference.sandwich(problem.magnitude, row_weight)
    assert_within(product, reference.sandwich(problem.X, row_weight), problem.sum_rtol, size)
    np.testing.assert_array_equal(product, product.T)


def check_gram(kernels, problem, dtype="float64", frame=()):
    root, scale = np.sqrt(problem.row_weight), np.linspace(0.5, 2, problem.n_features)
    mean = problem.X.sum(axis=0, dtype=np.float64) / max(problem.n_samples, 1)
    X, size = problem.X.astype(np.float64), problem.magnitude
    if frame:
        center, unit = frame
        mean = (mean - center) * unit
        X, size = (X - center) * unit, (size + np.abs(center)) * unit
    product = kernels.gram(problem.X, root, mean, scale, problem.n_threads, frame, dtype)
    size = reference.gram(size + np.abs(mean), root, np.zeros_like(mean), scale)
    expected = np.tril(reference.gram(X, root, mean, scale))
    assert_within(product, expected, SUM_RTOL[dtype], size)


def check_moments(kernels, problem):
    """In float64 whatever X is stored as."""
    mean, deviation, weight = kernels.moments(problem.X, problem.weight, problem.n_threads)
    total = problem.row_weight.sum()
    np.testing.assert_allclose(weight, total, rtol=VALUE_RTOL["float64"])
    if total == 0:
        np.testing.assert_array_equal([mean, deviation], 0)
        return
    expected_mean, expected_variance = reference.moments(problem.X, problem.weight)
    mean_size = problem.row_weight @ problem.magnitude / total
    square_size = problem.row_weight @ problem.magnitude**2
    assert_within(mean, expected_mean, VALUE_RTOL["float64"], mean_size)
    assert_within(deviation, expected_variance * total, SUM_RTOL["float64"], square_size)


def assert_same_descent(actual, expected, dtype, feature_size=1.0):
    """History at every iteration, outcome, gradient, and where the descent ends."""
    history, outcome, gradient_norm, coef, intercept = actual
    rtol = HISTORY_RTOL[compute_type(dtype)]
    ends = max(np.abs(expected.coef).max(initial=0) * feature_size, abs(expected.intercept))
    assert outcome == expected.outcome
    assert len(history) == expected.n_iter
    assert_within(history, expected.history, rtol, np.abs(expected.history))
    assert_within(gradient_norm, expected.gradient_norm, 10 * rtol, max(1, feature_size))
    assert_within(coef * feature_size, expected.coef * feature_size, 10 * rtol, ends)
    assert_within(intercept, expected.intercept, 10 * rtol, ends)


def gradient_descent(
    X, y, weight=None, *, center=None, scale=None, penalty=0.0, fit_intercept=True,
    learning_rate=0.1, max_iter=20, tol=0.0, coef=None, intercept=0.0, observer=None,
    n_threads=1, frame=(),
):  # fmt: skip
    """History, outcome, gradient norm, coefficients, intercept."""
    d = X.shape[1]
    scaling = Scaling(
        np.zeros(d) if center is None else center, np.ones(d) if scale is None else scale
    )
    target = Target(np.asarray(y, dtype=np.float64), weight, LOG_LOSS)
    data = DenseMatrix(X, n_threads, None, *frame)
    objective = Objective(data, target, scaling, penalty, fit_intercept)
    (trail,) = run([
        descend(
            objective,
            np.append(np.zeros(d) if coef is None else coef, intercept),
            learning_rate=learning_rate,
            max_iter=max_iter,
            tol=tol,
            observer=observer,
        )
    ])  # fmt: skip
    history = np.array(trail.history)
    return history, trail.outcome, trail.gradient_norm, trail.point[:-1], trail.point[-1]


def check_gradient_descent(problem, penalty=0.0, max_iter=10):
    scaling = largest_of(problem.dtype)
    largest = np.linalg.norm(problem.magnitude / scaling, axis=1).max()
    settings = {
        # A step that keeps the descent contracting: rounding does not grow from step to step.
        "learning_rate": 2 / (1 + largest**2),
        "penalty": penalty / (1 + largest**2),
        "max_iter": max_iter,
        "n_threads": problem.n_threads,
    }
    scale = np.full(problem.n_features, scaling)
    actual = gradient_descent(problem.X, problem.y, problem.weight, scale=scale, **settings)
    expected = reference.gradient_descent(
        problem.X, problem.y, sample_weight=problem.weight, scaling=scaling, **settings
    )
    assert_same_descent(actual, expected, problem.dtype, largest)


#: All but gradient descent, which wants rows, columns and weights to descend on.
CHECKS = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_decision_values,
        check_loss,
        check_loss_and_gradient,
        check_hessian_product,
        check_sandwich,
        check_gram,
        check_moments,
    )
}
