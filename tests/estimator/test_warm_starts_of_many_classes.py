"""Fits of many classes that start far off: what proofs rest on may be missing there."""

import warnings

import numpy as np
import pytest

from fusedlogit import LogisticRegression

N, D, K = 300, 4, 3


@pytest.fixture(scope="module")
def law():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    return X, (X @ rng.normal(size=(D, K)) + rng.gumbel(size=(N, K))).argmax(axis=1)


def fitted_from(X, y, coef, intercept, **parameters):
    model = LogisticRegression(warm_start=True, **parameters)
    model.coef_, model.intercept_ = np.array(coef), np.array(intercept, dtype=float)
    model.classes_, model.n_features_in_ = np.arange(K), D
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def cost(model, X, y):
    z = X @ model.coef_.T + model.intercept_
    losses = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]
    return (losses.sum() + (model.coef_**2).sum() / 2 / model.C) / len(y)


def assert_true(model, X, y):
    least = cost(LogisticRegression(C=model.C, tol=1e-13).fit(X, y), X, y)
    found = cost(model, X, y)
    assert not model.converged_ or (found - least) / found <= model.tol


@pytest.mark.parametrize("solver", ["gd", "sgd", "newton", "lbfgs"])
@pytest.mark.parametrize("tol", [1e-2, 1e-6])
def test_what_all_classes_have_in_common_costs_its_penalty(law, solver, tol):
    """No loss knows of it, and no Hessian of a loss."""
    X, y = law
    best = LogisticRegression(C=0.01).fit(X, y)
    model = fitted_from(
        X, y, best.coef_ + 1.0, best.intercept_, C=0.01, tol=tol, solver=solver, max_iter=10_000
    )
    assert_true(model, X, y)
    assert model.converged_ or solver == "sgd"


@pytest.mark.parametrize("far", [1000.0, 100.0, 50.0, 30.0])
@pytest.mark.parametrize("solver", ["gd", "newton", "lbfgs"])
@pytest.mark.parametrize(("C", "tol"), [(1e-2, 1e-2), (1e-3, 1e-1), (1e-4, 1e-4), (1e-5, 1e-6)])
def test_where_all_curvature_has_vanished(law, far, solver, C, tol):
    X, _ = law
    y = np.random.default_rng(1).integers(0, K, N)
    model = fitted_from(X, y, np.zeros((K, D)), [far, 0, -far], C=C, tol=tol, solver=solver)
    assert_true(model, X, y)


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("far", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_start_that_is_worse_than_none_with_an_l1_norm(l1_ratio, far, fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    told = {"l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
    model = LogisticRegression(C=1e4, warm_start=True, **told).fit(X / far, y)
    model.set_params(C=1.0).fit(X, y)
    assert model.converged_
    afresh = LogisticRegression(**told).fit(X, y)
    assert model.history_[-1] == pytest.approx(afresh.history_[-1], rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_columns_far_from_zero_are_seen_in_float64(dtype, C, fit_intercept):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(200, 30)) + 1000).astype(dtype)
    y = (X[:, :3] + rng.gumbel(size=(200, 3))).argmax(axis=1)
    model = LogisticRegression(C=0.01, fit_intercept=fit_intercept, warm_start=True).fit(X, y)
    model.set_params(C=C).fit(X, y)
    assert model.converged_
    afresh = LogisticRegression(C=C, fit_intercept=fit_intercept).fit(X, y)
    assert model.history_[-1] == pytest.approx(afresh.history_[-1], rel=2e-8)
