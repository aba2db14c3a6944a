"""Hessians of samples, Gram products, and the precision that a fit certifies."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fusedlogit import LogisticRegression, reference
from fusedlogit.problems.multinomial import Multinomial
from fusedlogit.solvers.multinomial import newton

from .truth import cost_and_gradient_norm, suboptimality


def problem(n_samples, n_features, seed=0, strength=2.0):
    """Normal columns with labels drawn from a model of them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    z = X @ rng.standard_normal(n_features) * strength / np.sqrt(n_features)
    return X, (z + rng.logistic(size=n_samples) > 0.5).astype(int)


@pytest.fixture(scope="module")
def tall():
    """Enough rows for a fit to begin with a sample of them."""
    return problem(20_000, 8)


@pytest.fixture(scope="module")
def wide():
    """More features than a dense Hessian is formed for, and rows to sample from."""
    X, y = problem(1_500, 2_100)
    return (40 * X + 128).clip(0, 255).astype(np.uint8), y


@pytest.mark.parametrize("C", [1e-3, 1.0, np.inf])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_fit_that_begins_with_a_sample_ends_at_the_minimum(tall, C, fit_intercept, dtype):
    X, y = tall[0].astype(dtype), tall[1]
    model = LogisticRegression(C=C, fit_intercept=fit_intercept, tol=1e-10).fit(X, y)
    assert model.converged_
    assert model.n_passes_ != int(model.n_passes_), "no sample was read"
    assert suboptimality(model, X.astype(np.float64), y) <= 1e-10


def test_units_and_origins_do_not_matter(tall):
    X, y = tall
    rng = np.random.default_rng(1)
    model = LogisticRegression(C=np.inf, tol=1e-12)
    expected = model.fit(X, y).decision_function(X)
    steps = model.n_iter_[0]
    moved = X * 10 ** rng.uniform(-4, 4, 8) + 10 ** rng.uniform(-3, 3, 8)
    np.testing.assert_allclose(model.fit(moved, y).decision_function(moved), expected, atol=1e-5)
    assert model.n_iter_ <= steps + 3


def test_a_feature_that_samples_miss(tall):
    X, y = tall
    rare = np.zeros((len(y), 1))
    rare[:: len(y) // 7] = 1
    wider = np.hstack([X, rare])
    model = LogisticRegression(tol=1e-10).fit(wider, y)
    assert model.converged_
    assert suboptimality(model, wider, y) <= 1e-10


def test_rows_in_order_of_their_class(tall):
    order = np.argsort(tall[1], kind="stable")
    X, y = tall[0][order], tall[1][order]
    model = LogisticRegression(tol=1e-10).fit(X, y)
    assert suboptimality(model, X, y) <= 1e-10
    assert model.n_iter_ <= 12


def test_other_samples_lead_to_the_same_minimum(tall):
    fits = [LogisticRegression(random_state=seed, tol=1e-13).fit(*tall) for seed in (None, 1, 2)]
    again = LogisticRegression(random_state=1, tol=1e-13).fit(*tall)
    np.testing.assert_array_equal(fits[1].coef_, again.coef_)
    assert not np.array_equal(fits[1].history_, fits[2].history_)
    for other in fits[1:]:
        np.testing.assert_allclose(other.coef_, fits[0].coef_, rtol=1e-6)


def test_weights_mean_repetition_with_samples(tall):
    X, y = tall
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    model = LogisticRegression(C=0.01, tol=1e-16)
    weighted = model.fit(X, y, weight).coef_
    np.testing.assert_allclose(model.fit(X[rows], y[rows]).coef_, weighted, rtol=1e-7)


def test_a_value_that_is_not_finite_is_named_by_its_own_row(tall):
    X = tall[0].copy()
    X[1_234::1_000, 5] = np.nan
    with pytest.raises(ValueError, match="nan in row 1234, column 5"):
        LogisticRegression().fit(X, tall[1])


@pytest.mark.parametrize("C", [1e-5, 1e-2, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_gram_product_of_a_sample_leads_to_the_minimum(wide, C, fit_intercept):
    X, y = wide
    model = LogisticRegression(C=C, scaling=255, fit_intercept=fit_intercept).fit(X, y)
    exact = LogisticRegression(C=C, scaling=255, fit_intercept=fit_intercept, tol=1e-12)
    exact.fit(X.astype(np.float64), y)
    cost, _ = cost_and_gradient_norm(model, X.astype(np.float64), y)
    least, _ = cost_and_gradient_norm(exact, X.astype(np.float64), y)
    assert model.converged_
    assert -1e-12 <= (cost - least) / least <= 1e-8


def test_the_duality_gap_confirms_a_gram_product(wide):
    X, y = wide
    C = 1e-3
    model = LogisticRegression(C=C, scaling="standard", tol=1e-12).fit(X, y)
    X = X.astype(np.float64)
    mean, variance = reference.moments(X)
    features = (X - mean) / np.sqrt(variance)
    penalty, w = 1 / (C * len(y)), model.coef_[0] * np.sqrt(variance)
    cost, gradient, intercept_gradient = reference.loss_and_gradient(
        features, y, w, model.intercept_[0] + mean @ model.coef_[0]
    )
    gradient = gradient + penalty * w
    assert abs(intercept_gradient) < 1e-6
    assert gradient @ gradient / (2 * penalty) < 1e-9 * cost


@pytest.mark.parametrize("C", [1e-4, 1.0, 1e4])
def test_fewer_rows_than_features(C):
    X, y = problem(50, 260)
    model = LogisticRegression(C=C, tol=1e-12).fit(X, y)
    assert model.converged_
    assert suboptimality(model, X, y) <= 1e-10


@pytest.mark.parametrize("C", [1e-3, 1.0, 100.0])
def test_no_matrix_of_more_features_than_rows(monkeypatch, C):
    monkeypatch.delattr("fusedlogit.solvers.newton.dense_hessian")
    X, y = problem(1_100, 1_200)
    model = LogisticRegression(C=C).fit(X, y)
    assert model.converged_
    exact, penalty = LogisticRegression(C=C, tol=1e-14).fit(X, y), 1 / (C * len(y))
    (cost, *_), (least, gradient, of_intercept) = (
        reference.loss_and_gradient(X, y, each.coef_[0], each.intercept_[0])
        for each in (model, exact)
    )
    cost, least = (
        loss + penalty / 2 * each.coef_[0] @ each.coef_[0]
        for loss, each in ((cost, model), (least, exact))
    )
    assert abs(of_intercept) < 1e-9
    gap = np.sum((gradient + penalty * exact.coef_[0]) ** 2) / (2 * penalty)
    assert cost <= (least - gap) * (1 + 1e-8)
    assert model.n_iter_ <= 75  # 126 for C of 100 in Hessians of all features


@pytest.mark.parametrize("scaling", [None, 255])
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_float32_certifies_what_only_float64_can_tell(wide, scaling, solver):
    X, y = wide
    C = 1e-6 if scaling is None else 1e-2
    model = LogisticRegression(C=C, scaling=scaling, solver=solver, tol=1e-13, max_iter=3000)
    model.fit(X, y)
    exact = LogisticRegression(C=C, scaling=scaling, tol=1e-14, max_iter=3000)
    exact.fit(X.astype(np.float64), y)
    assert model.converged_
    size = np.abs(exact.coef_).max()
    np.testing.assert_allclose(model.coef_, exact.coef_, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("C", [1.0, np.inf])
def test_columns_that_repeat_each_other(flowers, C, copies):
    X, y = flowers
    repeated = np.hstack([X] + copies * [X[:, :2]])
    model = LogisticRegression(C=C, tol=1e-10).fit(repeated, y)
    assert model.converged_
    assert suboptimality(model, repeated, y) <= 1e-9


@pytest.mark.parametrize(
    ("solver", "size"),
    [*(("newton", size) for size in (1e-150, 1e-8, 1e8, 1e100)), ("lbfgs", 1e-8), ("lbfgs", 1e8)],
)
def test_huge_and_tiny_units_without_a_penalty(flowers, solver, size):
    X, y = flowers
    model = LogisticRegression(C=np.inf, solver=solver, tol=1e-10)
    expected = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(model.fit(size * X, y).predict_proba(X * size), expected, atol=1e-4)
    assert model.converged_


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_what_cannot_be_reached_is_not_called_converged(tall, solver):
    model = LogisticRegression(C=1.0, solver=solver, tol=1e-300, max_iter=200)
    with pytest.warns(ConvergenceWarning, match="Rounding hides|Raise max_iter"):
        model.fit(*tall)
    assert not model.converged_
    assert suboptimality(model, *tall) < 1e-12


def test_separable_rows_of_a_sample_do_not_mislead():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30_000, 2))
    y = (X[:, 0] > 0).astype(int)
    y[7] = 1 - y[7]  # one row in the wrong class: a sample of them is separable
    model = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y)
    assert model.converged_
    assert suboptimality(model, X, y) <= 1e-8


@pytest.fixture(scope="module")
def directions():
    """Twelve classes of directions whose deviations fall to a thirtieth, in float32."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(220, 220)))[0]
    X = (rng.normal(size=(1500, 220)) * np.logspace(0, -1.5, 220) @ basis).astype(np.float32)
    z = X @ rng.normal(size=(12, 220)).T
    return X, (z + 0.5 * rng.gumbel(size=z.shape)).argmax(axis=1)


def test_a_slow_descent_is_not_taken_for_rounding(directions, monkeypatch):
    precise, evaluate = [], Multinomial._evaluate

    def evaluated(objective, point):
        precise.append(objective.one.precise)
        return evaluate(objective, point)

    monkeypatch.setattr(Multinomial, "_evaluate", evaluated)
    model = LogisticRegression(C=100.0, tol=1e-6).fit(*directions)
    assert model.converged_
    assert model.n_iter_[0] > 32
    assert 0 < sum(precise) < len(precise) / 4


@pytest.mark.parametrize(("C", "pays"), [(1e-3, False), (1e4, True)])
def test_hessians_of_classes_are_summed_where_they_pay(directions, monkeypatch, C, pays):
    summed, blocks = [], newton.class_blocks
    monkeypatch.setattr(newton, "class_blocks", lambda *of: (summed.append(of), blocks(*of))[1])
    model = LogisticRegression(C=C, tol=1e-6).fit(*directions)
    assert model.converged_
    assert bool(summed) == pays


def test_hessians_of_classes_are_as_curved_as_these():
    """Where few rows are in doubt, what is mixed into a Hessian must not outweigh it."""
    rng = np.random.default_rng(0)
    means = 0.5 * rng.normal(size=(20, 100))
    y = rng.integers(0, 20, 40_000)
    X = (means[y] + rng.normal(size=(len(y), 100))).astype(np.float32)
    model = LogisticRegression(C=1 / (1e-6 * len(y)), tol=1e-5).fit(X, y)
    assert model.converged_
    assert model.n_passes_ < 100


def test_a_tolerance_of_zero_is_not_reached(directions):
    with pytest.warns(ConvergenceWarning, match="tol is 0"):
        model = LogisticRegression(C=1e4, tol=0.0, max_iter=60).fit(*directions)
    assert model.n_iter_[0] == 60
