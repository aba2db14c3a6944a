"""Approximate leave-one-out beside a fit without each row."""

import warnings

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score, get_scorer, log_loss

from fusedlogit import SGD, LogisticRegression, LogisticRegressionCV, leave_one_out
from fusedlogit.selection import loo, without


def standardised(load, every=1):
    X, y = load(return_X_y=True)
    X, y = X[::every], y[::every]
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def cancer(every=5):
    return standardised(load_breast_cancer, every)


def wide():
    """More features than rows: all products of pairs."""
    X, y = cancer(every=6)
    pairs = np.einsum("ij,ik->ijk", X, X).reshape(len(X), -1)
    return np.hstack([X, pairs / pairs.std(axis=0)])[:, :300], y


def wide_classes():
    X, y = standardised(load_wine, 4)
    pairs = np.einsum("ij,ik->ijk", X, X).reshape(len(X), -1)
    return np.hstack([X, pairs / pairs.std(axis=0)])[:, :100], y


DATA = {
    "cancer": cancer,
    "iris": lambda: standardised(load_iris, 2),
    "wine": lambda: standardised(load_wine, 2),
    "wide": wide,
    "wide classes": wide_classes,
}


def brute_force(X, y, sample_weight=None, **parameters):
    """Every row left out in its turn."""
    rows = np.arange(len(y))
    folds = [(np.delete(rows, i), [i]) for i in rows]
    model = LogisticRegressionCV(cv=folds, scoring="neg_log_loss", tol=1e-7, **parameters)
    model.fit(X, y, sample_weight)
    return np.average(model.scores_, axis=0, weights=sample_weight)[0], model.C_


@pytest.mark.parametrize("name", DATA)
def test_log_loss_and_choice_are_those_of_brute_force(name):
    X, y = DATA[name]()
    Cs = np.logspace(-3, 2, 4)
    model = LogisticRegressionCV(Cs=Cs, cv="loo", scoring="neg_log_loss").fit(X, y)
    scores, C = brute_force(X, y, Cs=Cs)
    np.testing.assert_allclose(model.scores_[0, 0], scores, rtol=0.01)
    assert model.C_ == C
    assert model.scores_.shape == (1, 1, 4)
    assert model.converged_


@pytest.mark.parametrize(
    "parameters",
    [
        {"l1_ratios": [0.7]},
        {"l1_ratios": [1.0], "Cs": [1e-4, 0.1]},
        {"fit_intercept": False},
        {"class_weight": {0: 2.0, 1: 0.5}},
        {"scaling": 7.0},
    ],
)
def test_other_problems(parameters):
    X, y = cancer()
    parameters = {"Cs": [0.01, 1.0]} | parameters
    model = LogisticRegressionCV(cv="loo", scoring="neg_log_loss", **parameters).fit(X, y)
    scores, C = brute_force(X, y, **parameters)
    np.testing.assert_allclose(model.scores_[0, 0], scores, rtol=0.01)
    assert model.C_ == C


def test_weights_of_rows():
    X, y = cancer()
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    model = LogisticRegressionCV(Cs=[0.01, 1.0], cv="loo", scoring="neg_log_loss", tol=1e-9)
    model.fit(X, y, weight)
    kept = weight > 0
    scores, _ = brute_force(X[kept], y[kept], weight[kept], Cs=[0.01, 1.0])
    np.testing.assert_allclose(model.scores_[0, 0], scores, rtol=0.01)


def test_a_weight_of_two_leaves_out_both():
    X, y = cancer()
    fit = LogisticRegression(C=0.1, tol=1e-10)
    weight = np.ones(len(y))
    weight[:40] = 2.0
    fit.fit(X, y, weight)
    found = leave_one_out(fit, X, y, weight).decision_function[:5]
    for row in range(5):
        rest = np.delete(np.arange(len(y)), row)
        without = LogisticRegression(C=0.1, tol=1e-10).fit(X[rest], y[rest], weight[rest])
        assert found[row] == pytest.approx(without.decision_function(X[[row]])[0], rel=0.02)


@pytest.mark.parametrize("name", ["cancer", "wine"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_of_a_fitted_model(name, dtype):
    X, y = DATA[name]()
    X = X.astype(dtype)
    model = LogisticRegression(C=0.3, tol=1e-10).fit(X, y)
    found = leave_one_out(model, X, y)
    chosen = LogisticRegressionCV(Cs=[0.3], cv="loo", scoring="neg_log_loss", tol=1e-10).fit(X, y)
    assert found.log_loss == pytest.approx(-chosen.scores_[0, 0, 0], rel=1e-3)
    assert found.log_loss > log_loss(y, model.predict_proba(X))
    assert found.decision_function.shape == model.decision_function(X).shape
    values = found.decision_function
    predicted = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
    assert found.accuracy == accuracy_score(y, predicted)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_many_rows_by_a_sampled_hessian(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 6)).astype(dtype)
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    model = LogisticRegression(tol=1e-10).fit(X, y)
    left_out = leave_one_out(model, X, y).decision_function
    moved = left_out - model.decision_function(X)
    for row in (3, 1000, 5999):
        rest = np.delete(np.arange(len(y)), row)
        without = LogisticRegression(tol=1e-12).fit(X[rest], y[rest])
        expected = without.decision_function(X[[row]]) - model.decision_function(X[[row]])
        assert moved[row] == pytest.approx(expected[0], rel=0.15, abs=1e-5)


def test_columns_far_from_zero_and_standardised():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[::3] + 1e5 * X.std(axis=0)
    y = y[::3]
    far = LogisticRegressionCV(Cs=[0.1], cv="loo", scaling="standard", scoring="neg_log_loss")
    near = LogisticRegressionCV(Cs=[0.1], cv="loo", scoring="neg_log_loss")
    near.fit((X - X.mean(axis=0)) / X.std(axis=0), y)
    np.testing.assert_allclose(far.fit(X, y).scores_, near.scores_, rtol=1e-4)


def test_scorers_see_what_is_left_out():
    X, y = cancer()

    def accuracy(estimator, X, y):
        return (estimator.predict(X) == y).mean()

    by_hand = LogisticRegressionCV(Cs=[1.0], cv="loo", scoring=accuracy).fit(X, y)
    plain = LogisticRegressionCV(Cs=[1.0], cv="loo").fit(X, y)
    assert by_hand.scores_[0, 0, 0] == plain.scores_[0, 0, 0]
    model = LogisticRegression(C=1.0).fit(X, y)
    assert plain.scores_[0, 0, 0] == leave_one_out(model, X, y).accuracy
    assert plain.scores_[0, 0, 0] < get_scorer("accuracy")(model, X, y)


def test_bad_input():
    X, y = cancer()
    with pytest.raises(NotFittedError):
        leave_one_out(LogisticRegression(), X, y)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"y has the classes \[5, 6\]"):
        leave_one_out(model, X, y + 5)
    with pytest.raises(ValueError, match="'cv' parameter"):
        LogisticRegressionCV(cv="leave one out").fit(X, y)


def test_too_large_for_a_factorisation():
    X = np.ones((8_200, 8_300), dtype=np.uint8)
    y = np.arange(len(X)) % 2
    with pytest.raises(ValueError, match=r"cv='loo' factors a matrix .* Use cv=5"):
        LogisticRegressionCV(cv="loo").fit(X, y)


def test_models_of_other_kinds_are_refused():
    X, y = cancer()
    chosen = LogisticRegressionCV(Cs=[0.1, 1.0], cv=3).fit(X, y)
    for model, word in (
        (chosen, "C_"),
        (linear_model.LogisticRegression().fit(X, y), "of fusedlogit"),
        (LogisticRegression(solver=SGD(), tol=1e-2, max_iter=20).fit(X, y), "minimum"),
        (LogisticRegression(solver="sgd", tol=1e-2, max_iter=20).fit(X, y), "minimum"),
        (LogisticRegression().partial_fit(X, y, classes=[0, 1]), "minimum"),
    ):
        with pytest.raises(TypeError, match=word):
            leave_one_out(model, X, y)


def test_a_model_that_did_not_converge_is_told():
    X, y = cancer()
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(solver="gd", max_iter=3).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="leave_one_out of a model that did not converge"):
        leave_one_out(model, X, y)


def overlapping(n_samples, n_features, n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    seen = X @ rng.normal(size=(n_features, n_classes)) * 2 / np.sqrt(n_features)
    return X, (seen + rng.gumbel(size=seen.shape)).argmax(axis=1)


@pytest.mark.parametrize(
    ("shape", "most"), [((60, 10, 2), 200), ((100, 400, 2), 200), ((150, 10, 3), 300)]
)
def test_rows_that_move_far_share_passes(shape, most):
    """Hundreds of rows under weak penalties, in passes that do not grow with them."""
    X, y = overlapping(*shape)
    parameters = {"Cs": np.logspace(-2, 4, 4), "scoring": "neg_log_loss"}
    model = LogisticRegressionCV(cv="loo", **parameters).fit(X, y)
    assert model.n_passes_ < most
    scores, C = brute_force(X, y, Cs=parameters["Cs"])
    np.testing.assert_allclose(model.scores_[0, 0], scores, rtol=0.01)
    assert model.C_ == C


def test_all_rows_move_far_and_there_is_no_room_for_all_at_once(monkeypatch):
    X, y = overlapping(60, 10, 3)
    model = LogisticRegression(C=100.0).fit(X, y)
    together = leave_one_out(model, X, y).decision_function
    monkeypatch.setattr(without, "BLOCK_NUMBERS", 11 * 60 * 3)
    np.testing.assert_allclose(leave_one_out(model, X, y).decision_function, together, rtol=1e-9)


@pytest.mark.parametrize("C", [100.0, 1e4])
def test_rare_features_under_l1(C):
    """Many classes: scores that are numbers."""
    X = (np.random.default_rng(0).random((40, 30)) < 0.05) * 1.0
    model = LogisticRegressionCV(Cs=[C], l1_ratios=[1.0], cv="loo", max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.arange(40) % 4)
    assert np.isfinite(model.scores_).all()


def test_a_row_that_holds_a_direction_by_itself():
    """Its matrix is singular, which rare features under an L1 norm may make it but for rounding."""
    leverage, chance = 2 * np.eye(2)[None], np.full((2, 1), 0.5)
    steps = loo._steps(leverage, chance, np.zeros(1), np.ones(1))
    assert np.isfinite(steps).all()
    assert steps[0, 0] < 0 < steps[1, 0]


def test_bounded_steps_are_those_of_solving_where_no_row_holds_a_direction():
    rng = np.random.default_rng(0)
    chance = rng.dirichlet(np.ones(4), 50)
    curvature = -np.einsum("ik,il->ikl", chance, chance)
    curvature[:, range(4), range(4)] += chance
    root = 0.3 * rng.normal(size=(50, 4, 4))
    leverage, pushed = root @ root.transpose(0, 2, 1), rng.normal(size=(50, 4))
    expected = np.linalg.solve(np.eye(4) - leverage @ curvature, pushed[..., None])[..., 0].T
    np.testing.assert_allclose(loo._bounded_steps(leverage, curvature, pushed), expected)


@pytest.mark.parametrize(
    ("kind", "n_features"),
    [*(("alike", n) for n in (127, 128, 129, 200)), *(("heavy", n) for n in (127, 128, 200)),
     *(("weighted", n) for n in (127, 129))],
)  # fmt: skip
def test_leverages_along_random_directions(monkeypatch, n_features, kind):
    """From 128 features on and of many rows: the same log loss, and where rows hold much."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, n_features)).astype(np.float32)
    if kind == "heavy":
        X *= np.exp(rng.normal(size=(len(X), 1)))
        X[:5] *= 30
    y = (X[:, :9].sum(axis=1) / 3 + rng.logistic(size=len(X)) > 0).astype(int)
    weight = rng.exponential(size=len(X)) if kind == "weighted" else None
    model = LogisticRegression(C=1.0).fit(X, y, weight)
    asked = []

    def watched(*arguments):
        asked.append(found := nearly(*arguments))
        return found

    nearly = loo._nearly_squares
    monkeypatch.setattr(loo, "_nearly_squares", watched)
    found = leave_one_out(model, X, y, weight)
    assert len(asked) == (n_features >= 128)
    monkeypatch.setattr(loo, "FEW_DIRECTIONS", 10**9)
    exact = leave_one_out(model, X, y, weight)
    assert found.log_loss == pytest.approx(exact.log_loss, rel=3e-4)
    seen = model.decision_function(X)
    moved, exactly = found.decision_function - seen, exact.decision_function - seen
    far = np.abs(exactly) > 0.1
    np.testing.assert_allclose(moved[far], exactly[far], rtol=0.01)
    if n_features >= 128 and kind == "alike":
        assert asked[0] is not None
        assert np.corrcoef(moved, exactly)[0, 1] > 0.9


def test_few_rows_have_leverages_of_their_own(monkeypatch):
    """Where leverages count, random directions do not know enough."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 200))
    y = (X[:, 0] + rng.logistic(size=len(X)) > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    found = leave_one_out(model, X, y)
    monkeypatch.setattr(loo, "FEW_DIRECTIONS", 10**9)
    assert found.log_loss == leave_one_out(model, X, y).log_loss


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_zeros_of_one_class_stay_where_others_have_none(l1_ratio):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(700, 12))
    y = (X @ (1.2 * np.eye(12)[:, :6]) + rng.gumbel(size=(700, 6))).argmax(axis=1)
    model = LogisticRegression(C=0.02, l1_ratio=l1_ratio, tol=1e-10).fit(X, y)
    assert 0 < np.count_nonzero(model.coef_) < np.count_nonzero(model.coef_.any(axis=0)) * 5
    found = leave_one_out(model, X, y).decision_function[:24]
    for row, decision in enumerate(found):
        rest = np.delete(np.arange(700), row)
        without = LogisticRegression(C=0.02, l1_ratio=l1_ratio, tol=1e-10).fit(X[rest], y[rest])
        moved, exact = (
            z - model.decision_function(X[[row]])[0]
            for z in (decision, without.decision_function(X[[row]])[0])
        )
        np.testing.assert_allclose(moved, exact, atol=0.1 * np.abs(exact).max())


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_no_coefficient_of_many_classes(fit_intercept, capfd):
    X, y = standardised(load_iris)
    fit = LogisticRegression(C=1e-6, l1_ratio=1.0, fit_intercept=fit_intercept).fit(X, y)
    assert not fit.coef_.any()
    found = leave_one_out(fit, X, y).decision_function
    np.testing.assert_allclose(found, fit.decision_function(X), atol=0.05)
    assert not any(capfd.readouterr())  # nor has LAPACK anything to say


def test_sparse_coefficients():
    X, y = cancer()
    model = LogisticRegression().fit(X, y)
    told = leave_one_out(model, X, y).log_loss
    assert leave_one_out(model.sparsify(), X, y).log_loss == told
