"""Implicit scaling: the fit of scaled copies, the coefficients of X as given."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from fusedlogit import LogisticRegression

from .truth import cost_and_gradient_norm

SOLVERS = {
    "newton": {"tol": 1e-12},
    "lbfgs": {"solver": "lbfgs", "tol": 1e-12},
    "gd": {"solver": "gd", "learning_rate": 0.5, "max_iter": 300, "tol": 0.0},
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=SOLVERS)
def parameters(request):
    return SOLVERS[request.param]


def test_a_number_divides_x(digits, parameters):
    X, y = digits[0].astype(np.float64), digits[1]
    implicit = LogisticRegression(scaling=16, **parameters).fit(X, y)
    explicit = LogisticRegression(**parameters).fit(X / 16, y)
    np.testing.assert_allclose(implicit.coef_ * 16, explicit.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(implicit.intercept_, explicit.intercept_, atol=1e-4)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_standard_is_the_standard_scaler(flowers, parameters, fit_intercept, weighted):
    X, y = flowers
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    scaler = StandardScaler().fit(X, sample_weight=weight)
    parameters = parameters | {"fit_intercept": fit_intercept}
    implicit = LogisticRegression(scaling="standard", **parameters).fit(X, y, weight)
    explicit = LogisticRegression(**parameters).fit(scaler.transform(X), y, weight)
    np.testing.assert_allclose(implicit.coef_ * scaler.scale_, explicit.coef_, rtol=1e-4)
    np.testing.assert_allclose(
        implicit.decision_function(X), explicit.decision_function(scaler.transform(X)), atol=1e-4
    )
    np.testing.assert_allclose(implicit.history_[:8], explicit.history_[:8], rtol=1e-10)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd", "sgd", "proximal"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_start_without_an_intercept_has_none(solver, n_classes):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    parameters = {"solver": solver, "learning_rate": 0.1, "max_iter": 100}
    parameters["l1_ratio"] = 0.5 if solver == "proximal" else 0.0
    model = LogisticRegression(warm_start=True, **parameters).fit(X, y)
    assert model.intercept_.any()
    model.set_params(fit_intercept=False).fit(X, y)
    assert not model.intercept_.any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_start_without_an_intercept_is_one_about_other_means(n_classes):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    parameters = {"scaling": "standard", "fit_intercept": False, "tol": 1e-12}
    model = LogisticRegression(warm_start=True, **parameters).fit(X[::3], y[::3])
    model.fit(X[1::2], y[1::2])
    cold = LogisticRegression(**parameters).fit(X[1::2], y[1::2])
    np.testing.assert_allclose(model.coef_, cold.coef_, rtol=1e-4, atol=1e-6)
    mean = X[1::2].mean(axis=0)
    np.testing.assert_allclose(model.intercept_, -model.coef_ @ mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("scaling", [None, 255, 0.5, "standard"])
def test_coefficients_are_in_units_of_x(cancer, scaling, fit_intercept):
    # The cost at the coefficients, X as given, is the one that the fit says it ended with.
    X, y = cancer
    model = LogisticRegression(scaling=scaling, fit_intercept=fit_intercept, max_iter=30).fit(X, y)
    cost, _ = cost_and_gradient_norm(model, X, y)
    np.testing.assert_allclose(model.history_[-1], cost, rtol=1e-9)
    assert cost < model.history_[0]
    np.testing.assert_allclose(
        model.decision_function(X), X @ model.coef_[0] + model.intercept_[0], rtol=1e-10
    )


def test_standard_does_not_care_about_units_and_origins(flowers):
    X, y = flowers
    model = LogisticRegression(scaling="standard", tol=1e-12)
    expected = model.fit(X, y).decision_function(X)
    moved = X * [1e-6, 1.0, 1e6, 1e3] + [1.0, -1e4, 0.0, 1e3]
    np.testing.assert_allclose(model.fit(moved, y).decision_function(moved), expected, atol=1e-4)


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, -1e6])
def test_a_constant_column_changes_nothing(flowers, constant):
    X, y = flowers
    model = LogisticRegression(scaling="standard", tol=1e-12)
    expected = model.fit(X, y).decision_function(X)
    wider = np.column_stack([X, np.full(len(X), constant)])
    np.testing.assert_allclose(model.fit(wider, y).decision_function(wider), expected, atol=1e-4)
    assert abs(model.coef_[0, -1]) < 1e-8


@pytest.mark.parametrize("scaling", [16, "standard"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16", "int64"])
def test_storage_does_not_matter(digits, dtype, scaling):
    X, y = digits
    X = np.kron(X.reshape(-1, 8, 8), np.ones((1, 2, 2), dtype=np.uint8)).reshape(len(y), 256)
    X = X[:, X.std(axis=0) > 0]  # some pixels are lit in a single image
    model = LogisticRegression(scaling=scaling, tol=1e-12)
    expected = model.fit(X.astype(np.float64), y).coef_
    actual = model.fit(X.astype(dtype), y).coef_
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
