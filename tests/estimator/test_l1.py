"""Penalties with an L1 norm: the conditions of the minimum, exact zeros, the certificate."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as ScikitLearn
from sklearn.preprocessing import StandardScaler

from fusedlogit import LogisticRegression, reference
from fusedlogit.solvers import by_columns, certificate, proximal

from .truth import center_and_scale

RATIOS = [0.3, 1.0]


def cost_and_violation(model, X, y, weight=None):
    """J, and the largest entry of its subgradient of least length, in shares of the penalty."""
    center, scale = center_and_scale(model, X, weight)
    w, b = model.coef_[0] * scale, model.intercept_[0] + center @ model.coef_[0]
    penalty = 1 / (model.C * (len(y) if weight is None else weight.sum()))
    l1, l2 = model.l1_ratio * penalty, (1 - model.l1_ratio) * penalty
    loss, gradient, intercept_gradient = reference.loss_and_gradient(
        (X - center) / scale, y == np.unique(y)[1], w, b, weight
    )
    gradient = gradient + l2 * w
    entries = np.where(
        w != 0, np.abs(gradient + l1 * np.sign(w)), np.maximum(np.abs(gradient) - l1, 0)
    )
    if model.fit_intercept:
        entries = np.append(entries, abs(intercept_gradient))
    return loss + l1 * np.abs(w).sum() + l2 / 2 * w @ w, entries.max() / penalty


@pytest.fixture
def enlarged(digits):
    """Threes and eights of 24 x 24 pixels: more features than a first working set has."""
    X, y = digits
    X = np.kron(X.reshape(-1, 8, 8), np.ones((1, 3, 3), dtype=np.uint8))
    return X.reshape(len(y), 576), y


@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("l1_ratio", RATIOS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_conditions_of_the_minimum(real_problem, C, l1_ratio, fit_intercept):
    X, y = real_problem
    X = X[:, X.std(axis=0) > 0]
    model = LogisticRegression(
        C=C, l1_ratio=l1_ratio, scaling="standard", fit_intercept=fit_intercept, tol=1e-10
    ).fit(X, y)
    _, violation = cost_and_violation(model, X, y)
    assert model.converged_
    assert violation < 1e-3


@pytest.mark.parametrize("l1_ratio", RATIOS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_as_scikit_learns(flowers, l1_ratio, weighted):
    X, y = flowers
    X = StandardScaler().fit_transform(X)
    weight = np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None
    theirs = ScikitLearn(l1_ratio=l1_ratio, C=0.5, solver="saga", tol=1e-12, max_iter=100_000)
    theirs.fit(X, y, weight)
    ours = LogisticRegression(l1_ratio=l1_ratio, C=0.5, tol=1e-13).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(ours.coef_ == 0, theirs.coef_ == 0)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("l1_ratio", RATIOS)
def test_working_sets_find_the_minimum_over_all_features(enlarged, dtype, l1_ratio):
    X, y = enlarged
    model = LogisticRegression(C=0.2, l1_ratio=l1_ratio, scaling=16)
    model.fit(X.astype(dtype), y)
    _, violation = cost_and_violation(model, X.astype(np.float64), y)
    assert model.converged_
    assert violation < 1e-3
    assert 5 < np.count_nonzero(model.coef_) < 200


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-7])
@pytest.mark.parametrize("l1_ratio", RATIOS)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_converged_means_a_cost_within_tol_of_the_minimum(enlarged, tol, l1_ratio, dtype):
    X, y = enlarged[0].astype(dtype), enlarged[1]
    model = LogisticRegression(C=0.2, l1_ratio=l1_ratio, scaling=16, tol=1e-11)
    least, _ = cost_and_violation(model.fit(X.astype(np.float64), y), X.astype(np.float64), y)
    model.set_params(tol=tol).fit(X, y)
    cost, _ = cost_and_violation(model, X.astype(np.float64), y)
    assert model.converged_
    assert -1e-10 < (cost - least) / least <= tol
    assert model.history_[-1] == pytest.approx(cost, rel=1e-6)


def test_a_strong_penalty_leaves_the_intercept_alone(cancer):
    X, y = cancer
    model = LogisticRegression(C=1e-6, l1_ratio=1.0, scaling="standard").fit(X, y)
    assert not model.coef_.any()
    assert model.intercept_[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())), rel=1e-9)
    assert model.n_iter_ == 0


@pytest.mark.parametrize("l1_ratio", RATIOS)
def test_weights_mean_repetition(flowers, l1_ratio):
    X, y = flowers
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    model = LogisticRegression(C=2.0, l1_ratio=l1_ratio, scaling="standard", tol=1e-13)
    weighted = model.fit(X, y, weight).coef_
    np.testing.assert_allclose(model.fit(X[rows], y[rows]).coef_, weighted, rtol=1e-7)


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_constant_column_stays_at_zero(flowers, constant):
    X, y = flowers
    wider = np.column_stack([X, np.full(len(X), constant)])
    for scaling in (None, "standard"):
        model = LogisticRegression(l1_ratio=1.0, scaling=scaling).fit(wider, y)
        assert model.converged_
        assert model.coef_[0, -1] == 0


def test_history_only_falls_and_the_callback_sees_it(enlarged):
    seen = []

    def callback(iteration, coef, intercept, loss, gradient_norm):
        seen.append((iteration, np.count_nonzero(coef), loss, gradient_norm))

    model = LogisticRegression(C=0.2, l1_ratio=1.0, scaling=16, callback=callback, tol=1e-6).fit(
        *enlarged
    )
    assert np.all(np.diff(model.history_) <= 1e-6)
    assert [entry[0] for entry in seen] == list(range(1, model.n_iter_[0] + 1))
    assert seen[-1][1] == np.count_nonzero(model.coef_)
    assert seen[-1][2] == pytest.approx(model.history_[-1], rel=1e-6)
    assert seen[-1][3] < seen[0][3]


def test_callback_stops_the_fit(enlarged):
    model = LogisticRegression(l1_ratio=1.0, scaling=16, callback=lambda i, *_: i == 2)
    with pytest.warns(ConvergenceWarning, match="The callback stopped it"):
        model.fit(*enlarged)
    assert model.n_iter_ == 2
    assert not model.converged_


def test_too_few_iterations_are_told(enlarged):
    model = LogisticRegression(l1_ratio=1.0, scaling=16, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="in 1 iterations.*Raise max_iter"):
        model.fit(*enlarged)
    assert not model.converged_


def test_a_working_set_is_read_as_a_fraction_of_a_pass(enlarged):
    model = LogisticRegression(C=0.2, l1_ratio=1.0, scaling=16, tol=1e-6).fit(*enlarged)
    assert model.n_passes_ != int(model.n_passes_)
    assert model.n_passes_ < 4 * model.n_iter_[0] + 4


def test_warm_start_from_the_minimum_ends_at_once(flowers):
    model = LogisticRegression(l1_ratio=0.5, warm_start=True).fit(*flowers)
    assert model.fit(*flowers).n_iter_ == 0


@pytest.mark.parametrize("parameters", [{"l1_ratio": 0.0}, {"l1_ratio": 0.5, "C": np.inf}])
def test_the_solver_for_l1_is_refused_without_l1(flowers, parameters):
    with pytest.raises(ValueError, match="is for penalties with an L1 norm"):
        LogisticRegression(solver="proximal", **parameters).fit(*flowers)


def test_no_penalty_at_all_needs_no_solver_for_l1(flowers):
    model = LogisticRegression(C=np.inf, l1_ratio=0.5).fit(*flowers)
    plain = LogisticRegression(C=np.inf).fit(*flowers)
    np.testing.assert_array_equal(model.coef_, plain.coef_)


@pytest.mark.parametrize("l1_ratio", [0.0, *RATIOS])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("C", [0.1, np.inf])
def test_intercepts_of_many_classes_sum_to_zero(l1_ratio, scaling, C):
    X, y = load_iris(return_X_y=True)
    X, y = np.vstack([X, X[::7]]), np.append(y, (y[::7] + 1) % 3)
    model = LogisticRegression(l1_ratio=l1_ratio, scaling=scaling, C=C, tol=1e-6).fit(X, y)
    assert model.intercept_.sum() == pytest.approx(0, abs=1e-9 * np.abs(model.intercept_).max())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("store", [np.asarray, sparse.csr_array])
def test_a_column_that_vanishes_leaves_the_model(store, n_classes):
    # A fold may have none of the rows of a rare column that the start was fitted to.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 5))
    X[:, 4] = np.arange(100) < 10
    y = (X @ rng.standard_normal((5, n_classes)) + rng.gumbel(size=(100, n_classes))).argmax(axis=1)
    y[:10] = 1
    model = LogisticRegression(C=10, l1_ratio=1, tol=1e-6, warm_start=True).fit(store(X), y)
    assert model.coef_[..., 4].any()
    model.fit(store(X[10:]), y[10:])
    assert model.converged_
    assert not model.coef_[..., 4].any()


@pytest.mark.parametrize("l1_ratio", RATIOS)
def test_few_rows_ask_for_no_matrix_of_all_features(monkeypatch, l1_ratio):
    def never(*arguments):
        raise AssertionError("a matrix of all features takes a hundred times as long as the fit")

    monkeypatch.setattr(certificate, "dense_hessian", never)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 600))
    y = X[:, 0] + rng.standard_normal(60) > 0
    model = LogisticRegression(l1_ratio=l1_ratio).fit(X, y)
    assert model.converged_
    assert cost_and_violation(model, X, y)[1] < 1e-4


@pytest.fixture
def few_at_once(monkeypatch):
    """Of 60 features and more no Hessian is formed."""
    monkeypatch.setattr(by_columns, "DENSE_FEATURES", 60)
    formed, whole = [], proximal.reliable_hessian

    def counted(objective, row_weight):
        formed.append(objective.data.n_features)
        return whole(objective, row_weight)

    monkeypatch.setattr(proximal, "reliable_hessian", counted)
    return formed


def counts(n_features, dtype, mean=0.0):
    """Sparse counts, some columns of which are full, and classes that some of them tell."""
    rng = np.random.default_rng(0)
    X = rng.poisson(0.3, (400, n_features)) + np.where(np.arange(n_features) < 3, mean, 0)
    z = X @ np.where(np.arange(n_features) % 5, 0.0, 1.0)
    return X.astype(dtype), (z - np.median(z) + rng.logistic(size=400) > 0).astype(int)


@pytest.mark.parametrize("n_features", [59, 60, 61, 300])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("l1_ratio", RATIOS)
def test_many_sparse_columns_are_gone_along_without_a_hessian(
    few_at_once, n_features, dtype, l1_ratio
):
    X, y = counts(n_features, dtype)
    model = LogisticRegression(C=0.3, l1_ratio=l1_ratio, tol=1e-9)
    model.fit(sparse.csr_array(X), y)
    assert model.converged_
    assert all(n <= 60 for n in few_at_once)
    assert bool(few_at_once) == (n_features <= 60)
    dense = LogisticRegression(C=0.3, l1_ratio=l1_ratio, tol=1e-9).fit(X.astype(float), y)
    cost, violation = cost_and_violation(model, X.astype(float), y)
    assert cost == pytest.approx(cost_and_violation(dense, X.astype(float), y)[0], rel=2e-9)
    assert violation < 1e-3


@pytest.mark.parametrize("scaling", [None, 3.0, "standard"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("mean", [0.0, 40.0, 1e4])
def test_columns_of_all_scalings_weights_and_means(few_at_once, scaling, fit_intercept, mean):
    X, y = counts(90, "float64", mean)
    weight = np.random.default_rng(1).uniform(0, 3, len(y))
    told = {"C": 0.3, "scaling": scaling, "fit_intercept": fit_intercept, "tol": 1e-9}
    model = LogisticRegression(l1_ratio=0.8, **told).fit(sparse.csr_array(X), y, weight)
    hard = mean > 0 and not fit_intercept and scaling != "standard"  # columns repeat each other
    assert bool(few_at_once) == hard
    _, violation = cost_and_violation(model, X, y, weight)
    assert model.converged_
    assert violation < 1e-3


def test_rows_that_are_certainly_wrong_do_not_throw_steps_away(few_at_once):
    """Nearly separable words: a step of Newton's method from where no curvature is left."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((1000, 3000), density=0.005, format="csr", rng=rng)
    X.data[:] = 1.0
    y = (X @ rng.normal(size=3000) + 0.1 * rng.logistic(size=1000) > 0).astype(int)
    model = LogisticRegression(C=300, l1_ratio=1.0, tol=1e-5).fit(X, y)
    assert model.converged_
    assert not few_at_once
