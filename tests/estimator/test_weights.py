"""Weights mean repetition."""

import numpy as np
import pytest

from fusedlogit import LogisticRegression

RTOL = 1e-7  # of coefficients: the numerical contract


@pytest.fixture(params=["newton", "lbfgs", "gd"])
def model(request):
    gd = {"solver": "gd", "learning_rate": 1.0, "max_iter": 20_000}
    others = gd if request.param == "gd" else {"solver": request.param}
    return LogisticRegression(C=0.05, scaling="standard", tol=1e-15, **others)


def fit(model, *data):
    model.fit(*data)
    assert model.converged_
    return np.append(model.coef_, model.intercept_)


@pytest.mark.parametrize("scaling", [None, 3.0, "standard"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {1: 2.0}])
def test_weight_is_the_row_so_many_times(model, flowers, scaling, class_weight):
    X, y = flowers
    X = X - X.mean(axis=0)
    model.set_params(scaling=scaling, class_weight=class_weight)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    np.testing.assert_allclose(fit(model, X, y, weight), fit(model, X[rows], y[rows]), rtol=RTOL)


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_weight_zero_is_the_row_left_out(model, flowers, scaling):
    X, y = flowers
    X = X - X.mean(axis=0)
    model.set_params(scaling=scaling)
    spoilt = np.vstack([X, 1e3 * np.ones((5, 4))])
    weight = np.r_[np.ones(len(y)), np.zeros(5)]
    with_zeros = fit(model, spoilt, np.r_[y, [1, 2, 1, 2, 1]], weight)
    np.testing.assert_allclose(with_zeros, fit(model, X, y), rtol=RTOL)


def test_weights_of_one_are_none(model, flowers):
    X, y = flowers
    np.testing.assert_allclose(fit(model, X, y, np.ones(len(y))), fit(model, X, y), rtol=RTOL)


def test_class_weights_are_sample_weights(model, flowers):
    X, y = flowers
    by_class = fit(model.set_params(class_weight={1: 0.5, 2: 3.0}), X, y)
    by_sample = fit(model.set_params(class_weight=None), X, y, np.where(y == 1, 0.5, 3.0))
    np.testing.assert_allclose(by_class, by_sample, rtol=RTOL)


def test_balanced_weighs_both_classes_alike(flowers):
    X, y = flowers[0][:70], flowers[1][:70]
    model = LogisticRegression(class_weight="balanced", C=1e-9).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), 0.5, atol=1e-3)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(100), "[Nn]egative"),
        (np.zeros(100), "zero"),
        (np.full(100, np.nan), "NaN"),
        (np.ones(99), "inconsistent|shape"),
    ],
)
def test_weights_that_mean_nothing_are_refused(flowers, weight, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression().fit(*flowers, weight)
