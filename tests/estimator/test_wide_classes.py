"""Many classes of more features than rows, or than a Hessian is formed for: fits end in a proof."""

import numpy as np
import pytest
from sklearn.base import clone

from fusedlogit import LogisticRegression, Parts, reference
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.target import Target
from fusedlogit.problems.links import SOFTMAX
from fusedlogit.problems.multinomial import MOST_COEFS, Multinomial
from fusedlogit.problems.objective import Objective
from fusedlogit.solvers.multinomial.metric import shared_gram
from fusedlogit.solvers.multinomial.newton import ROWS_BY_CLASS
from fusedlogit.solvers.scheduler import run

WIDE = 2_100  # features, just more than for which there is a Hessian for each class


def drawn(n_samples, kind, n_classes=3, n_features=WIDE):
    """Normal columns, of variances that fall, or with a common factor; classes of a softmax."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    if kind == "falling":
        X *= np.logspace(0, -3, n_features)
    elif kind == "common":
        X = 0.2 * X + rng.normal(size=(n_samples, 20)) @ rng.normal(size=(20, n_features))
    z = X @ rng.normal(size=(n_features, n_classes)) / X.std() / np.sqrt(n_features) * 3
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def gap(model, X, y, weight=None):
    """Of J: |gradient|^2 / (2 penalty), and about that in the intercepts, by NumPy in float64."""
    X = np.asarray(X, dtype=np.float64)
    weight = np.ones(len(y)) if weight is None else weight
    share, penalty = weight / weight.sum(), 1 / (model.C * weight.sum())
    loss, slope, slope_of_one = reference.softmax_loss_and_gradient(
        X, y, model.coef_, model.intercept_, sample_weight=share
    )
    slope = slope + penalty * model.coef_
    square = float((slope**2).sum()) / (2 * penalty)
    if model.fit_intercept:  # whose curvature is some of the loss
        square += float((slope_of_one**2).sum()) / (2 * 0.1 * loss)
    return square / cost(model, X, y, weight)


def cost(model, X, y, weight):
    """J, by NumPy in float64."""
    loss, _, _ = reference.softmax_loss_and_gradient(
        np.asarray(X, dtype=np.float64),
        y,
        model.coef_,
        model.intercept_,
        sample_weight=weight / weight.sum(),
    )
    return loss + float((model.coef_**2).sum()) / (2 * model.C * weight.sum())


@pytest.mark.parametrize("kind", ["alike", "falling", "common"])
@pytest.mark.parametrize("C", [0.01, 1.0, 1e4])
@pytest.mark.parametrize("n_samples", [300, 1_500])
def test_fits_converge(n_samples, C, kind):
    X, y = drawn(n_samples, kind)
    model = LogisticRegression(C=C, tol=1e-6).fit(X, y)
    assert model.converged_
    assert gap(model, X, y) <= 2e-6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of the best
@pytest.mark.parametrize("C", [1e-2, 1.0, 1e4])
@pytest.mark.parametrize("kind", ["alike", "common"])
@pytest.mark.parametrize(
    ("n_samples", "n_features"),
    [(600, MOST_COEFS // 4 + more) for more in (-2, -1, 0)]
    + [(int(300 * ROWS_BY_CLASS) + more, 300) for more in (-1, 0, 1)],
)
def test_whichever_hessian_serves(n_samples, n_features, kind, C):
    """That of all coefficients or those of the classes, and these or products of rows."""
    X, y = drawn(n_samples, kind, n_classes=4, n_features=n_features)
    model, best = (LogisticRegression(C=C, tol=tol).fit(X, y) for tol in (1e-6, 1e-12))
    assert model.converged_
    assert gap(best, X, y) <= 1e-7
    far, least = (cost(each, X, y, np.ones(n_samples)) for each in (model, best))
    assert far - least <= 1.1e-6 * far


@pytest.mark.parametrize("kind", ["alike", "common"])
@pytest.mark.parametrize("C", [1e-2, 1.0, 1e4])
@pytest.mark.parametrize("n_samples", [60, 399, 400, 401])
def test_rows_are_fewer_than_features(n_samples, C, kind):
    X, y = drawn(n_samples, kind, n_classes=5, n_features=400)
    model = LogisticRegression(C=C, tol=1e-6).fit(X, y)
    assert model.converged_
    assert gap(model, X, y) <= 2e-6
    assert model.n_iter_ < 300


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize(
    "parameters", [{}, {"fit_intercept": False}, {"scaling": "standard"}, {"warm_start": True}]
)
def test_types_and_parameters(dtype, parameters):
    X, y = drawn(400, "common", n_classes=4)
    X = (10 * X + 128).clip(0, 255).astype(dtype) if dtype == "uint8" else X.astype(dtype)
    weight = np.random.default_rng(1).exponential(size=len(y))
    model = LogisticRegression(C=1e-3 if dtype == "uint8" else 1.0, tol=1e-6, **parameters)
    model.fit(X, y, weight)
    if "warm_start" in parameters:
        model.set_params(C=10 * model.C).fit(X, y, weight)
    assert model.converged_
    if "scaling" in parameters:
        return
    if dtype == "uint8":  # far from zero, where the gap is much too large
        best = clone(model).set_params(tol=1e-10).fit(X, y, weight)
        least = cost(best, X, y, weight)
        assert cost(model, X, y, weight) - least <= 1.01e-6 * least
    else:
        assert gap(model, X, y, weight) <= 2e-6


@pytest.mark.parametrize("n_samples", [1_024, 1_025])
def test_rows_of_the_first_product(n_samples):
    X, y = drawn(n_samples, "falling")
    assert LogisticRegression(C=100.0, tol=1e-6).fit(X, y).converged_


def test_parts():
    X, y = drawn(400, "falling")
    parts = Parts([X[:150], X[150:]])
    model, alone = (LogisticRegression(C=10.0).fit(rows, y) for rows in (parts, X))
    assert model.converged_
    np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-4 * np.abs(alone.coef_).max())


@pytest.mark.parametrize("rows", [None, np.arange(0, 60, 2)])
def test_the_product_is_that_of_its_definition(rows):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 7)), rng.integers(0, 3, 60).astype(np.uint8)
    problem = Multinomial(
        Objective.of(DenseMatrix(X, 1), Target(y, None, SOFTMAX), None, 0.3, 0.0, False), 3
    )
    point = rng.normal(size=24)
    point[7::8] = 0
    (metric,) = run([shared_gram(problem, point, rows)])
    own = slice(None) if rows is None else rows
    p = np.exp(X[own] @ point.reshape(3, 8)[:, :7].T)
    p /= p.sum(axis=1, keepdims=True)
    curvature = (1 - (p**2).sum(axis=1)) / 2
    hessian = (X[own].T * curvature / len(p)) @ X[own] + problem.penalty * np.eye(7)
    slope = rng.normal(size=(3, 8))
    slope[:, 7] = 0
    slope -= slope.mean(axis=0)
    solved = metric.solve(slope.ravel()).reshape(3, 8)[:, :7]
    np.testing.assert_allclose(solved @ hessian, slope[:, :7], rtol=1e-3, atol=1e-3)
