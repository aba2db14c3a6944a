"""Agreement with scikit-learn's own LogisticRegression, solved to the end, on real data."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as ScikitLearn
from sklearn.preprocessing import StandardScaler

from fusedlogit import LogisticRegression

from .truth import cost_and_gradient_norm

TIGHT = {"tol": 1e-14}
COEF_RTOL = 1e-6  # of the largest


def scikit_learn(X, y, sample_weight=None, **parameters):
    model = ScikitLearn(solver="newton-cholesky", tol=1e-12, max_iter=1000, **parameters)
    return model.fit(X, y, sample_weight)


def assert_same_model(ours, theirs):
    """Coefficients and intercepts agree, as far as their common size goes.

    An intercept that is zero by symmetry is so in ours, and to some 1e-8 in scikit-learn's.
    """
    expected = np.append(theirs.coef_, theirs.intercept_)
    actual = np.append(ours.coef_, ours.intercept_)
    size = np.abs(expected).max()
    np.testing.assert_allclose(actual[:-1], expected[:-1], rtol=0, atol=COEF_RTOL * size)
    np.testing.assert_allclose(actual[-1], expected[-1], rtol=0, atol=COEF_RTOL * size + 5e-8)


@pytest.mark.parametrize("C", [1e-4, 1.0, 1e4])
def test_scaled_problems(real_problem, C):
    X, y = real_problem
    X = X[:, X.std(axis=0) > 0]
    scaler = StandardScaler().fit(X)
    theirs = scikit_learn(scaler.transform(X), y, C=C)
    ours = LogisticRegression(C=C, scaling="standard", **TIGHT).fit(X, y)
    assert ours.converged_
    size = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(
        ours.coef_ * scaler.scale_, theirs.coef_, rtol=0, atol=COEF_RTOL * size
    )
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(scaler.transform(X)), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [1e-3, 1.0, 100.0, np.inf])
def test_problem_as_it_is(flowers, C, fit_intercept):
    theirs = scikit_learn(*flowers, C=C, fit_intercept=fit_intercept)
    ours = LogisticRegression(C=C, fit_intercept=fit_intercept, **TIGHT).fit(*flowers)
    assert ours.converged_
    assert_same_model(ours, theirs)
    if not fit_intercept:
        assert ours.intercept_ == 0


def test_no_penalty_on_cancer(cancer):
    X, y = cancer
    X = StandardScaler().fit_transform(X[:, [0, 1, 4]])
    assert_same_model(LogisticRegression(C=np.inf, **TIGHT).fit(X, y), scikit_learn(X, y, C=np.inf))


@pytest.mark.parametrize("class_weight", ["balanced", {1: 0.2, 2: 3.0}, {2: 5.0}])
def test_class_weights(flowers, class_weight):
    X, y = flowers[0][:80], flowers[1][:80]
    parameters = {"C": 10.0, "class_weight": class_weight}
    assert_same_model(
        LogisticRegression(**parameters, **TIGHT).fit(X, y), scikit_learn(X, y, **parameters)
    )


@pytest.mark.parametrize("class_weight", [None, {1: 0.2, 2: 3.0}])
def test_sample_weights(flowers, class_weight):
    X, y = flowers
    weight = np.random.default_rng(0).uniform(0, 3, len(y))
    parameters = {"C": 10.0, "class_weight": class_weight}
    assert_same_model(
        LogisticRegression(**parameters, **TIGHT).fit(X, y, weight),
        scikit_learn(X, y, weight, **parameters),
    )


def test_gradient_descent_gets_there_too(flowers):
    X, y = flowers
    X = StandardScaler().fit_transform(X)
    ours = LogisticRegression(C=0.1, solver="gd", learning_rate=1.0, tol=1e-14, max_iter=20_000)
    assert_same_model(ours.fit(X, y), scikit_learn(X, y, C=0.1))
    assert ours.converged_


def test_no_worse_a_minimum_than_scikit_learns(real_problem):
    X, y = real_problem
    X = StandardScaler().fit_transform(X)
    theirs = scikit_learn(X, y)
    ours = LogisticRegression(**TIGHT).fit(X, y)
    cost, _ = cost_and_gradient_norm(ours, X, y)
    their_cost, _ = cost_and_gradient_norm(
        ours, X, y, coef=theirs.coef_[0], intercept=theirs.intercept_[0]
    )
    np.testing.assert_allclose(cost, their_cost, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:.*ill-conditioned.*")
@pytest.mark.parametrize("C", [1e-4, 1e-2, 1.0, 1e2, 1e4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_coefficients_to_six_digits(real_problem, C, weighted, scaled):
    X, y = real_problem
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y)) if weighted else None
    X = StandardScaler().fit_transform(X) if scaled else X
    theirs = scikit_learn(X, y, weight, C=C)
    ours = LogisticRegression(C=C, **TIGHT).fit(X, y, weight)
    assert ours.converged_
    assert_same_model(ours, theirs)
