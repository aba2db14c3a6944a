"""Scorers of cross-validation: what they are given, and what they may do with it."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import get_scorer, make_scorer, roc_auc_score
from sklearn.model_selection import KFold

from fusedlogit import LogisticRegression, LogisticRegressionCV, Parts

from .test_cross_validation import cancer


@pytest.mark.parametrize("name", ["neg_log_loss", "accuracy"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_means_over_rows_are_those_of_scikit_learn(load, weighted, name):
    """To the last digit, also where probabilities round to one."""
    X, y = (part[:600] for part in load(return_X_y=True))
    if load is load_digits:
        X, y = X[:300, ::2], y[:300]
    weight = np.random.default_rng(0).random(len(y)) if weighted else None

    def scorer(model, X, y, sample_weight=None):
        return get_scorer(name)(model, X, y, sample_weight=sample_weight)

    found, expected = (
        LogisticRegressionCV(Cs=[1e-4, 1.0, 1e6], cv=3, scoring=scoring, tol=1e-4)
        .fit(X, y, sample_weight=weight)
        .scores_
        for scoring in (name, scorer)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["neg_log_loss", "accuracy", "balanced_accuracy", "roc_auc"])
def test_a_fold_without_weight_is_refused(name):
    X, y = cancer()
    weight = (np.arange(len(y)) >= 10).astype(float)
    cv = [(np.arange(10, len(y)), np.arange(10))]
    with pytest.raises(ValueError, match="all 10 rows that a fold is scored on, the first of them"):
        LogisticRegressionCV(Cs=[1.0], cv=cv, scoring=name).fit(X, y, sample_weight=weight)


def test_scorers_of_any_kind():
    X, y = cancer()
    seen = []

    def by_hand(estimator, X, y):
        seen.append((estimator.C, X.shape))
        return estimator.score(X, y)

    parameters = {"Cs": [0.1, 1.0], "cv": 3}
    accuracy = LogisticRegressionCV(**parameters).fit(X, y)
    own = LogisticRegressionCV(scoring=by_hand, **parameters).fit(X, y)
    np.testing.assert_array_equal(own.scores_, accuracy.scores_)
    assert {C for C, _ in seen} == {0.1, 1.0}
    assert all(shape[1] == X.shape[1] for _, shape in seen)
    made = make_scorer(roc_auc_score, response_method="decision_function")
    named = LogisticRegressionCV(scoring="roc_auc", **parameters).fit(X, y)
    again = LogisticRegressionCV(scoring=made, **parameters).fit(X, y)
    np.testing.assert_array_equal(named.scores_, again.scores_)
    assert named.score(X, y) == pytest.approx(roc_auc_score(y, named.decision_function(X)))


def predict_some(model, X, y):
    return np.mean(model.predict(X[:5]) == y[:5])


def score_a_copy(model, X, y):
    return model.score(X.copy(), y)


def fit_a_clone(model, X, y):
    return clone(model).set_params(max_iter=50).fit(X, y).score(X, y)


@pytest.mark.parametrize("scorer", [predict_some, score_a_copy, fit_a_clone])
def test_scorers_may_do_what_they_like_with_the_model(scorer):
    X, y = cancer()
    X, y, splits = X[:200], y[:200], list(KFold(3).split(X[:200]))
    model = LogisticRegressionCV(Cs=[0.1, 1.0], cv=splits, scoring=scorer).fit(X, y)
    for k, (train, test) in enumerate(splits):
        for j, C in enumerate([0.1, 1.0]):
            alone = LogisticRegression(C=C).fit(X[train], y[train])
            assert model.scores_[k, 0, j] == scorer(alone, X[test], y[test])


def test_what_leaves_rows_out_predicts_no_others():
    """The coefficients of `cv="loo"` have seen all rows."""
    X, y = cancer()
    X, y = X[:100], y[:100]
    for scorer in (predict_some, score_a_copy):
        with pytest.raises(TypeError, match="cv='loo'"):
            LogisticRegressionCV(Cs=[1.0], cv="loo", scoring=scorer).fit(X, y)


@pytest.mark.parametrize("refit", [True, False])
def test_a_scorer_may_spoil_what_it_is_given(refit):
    X, y = cancer()

    def spoil(model, X, y):
        score = model.score(X, y)
        model.coef_[:] = model.intercept_[:] = 0
        return score

    parameters = {"Cs": [0.1, 1.0], "cv": 3, "refit": refit}
    spoilt = LogisticRegressionCV(scoring=spoil, **parameters).fit(X, y)
    whole = LogisticRegressionCV(**parameters).fit(X, y)
    np.testing.assert_array_equal(spoilt.coefs_paths_, whole.coefs_paths_)
    np.testing.assert_array_equal(spoilt.coef_, whole.coef_)


@pytest.mark.parametrize("make", ["coo_array", "bsr_array", "dia_array", "csc_array", list])
def test_scorers_that_read_x_are_given_rows_of_any_kind(make):
    X, y = cancer()
    stored = X.tolist() if make is list else getattr(sparse, make)(X)
    parameters = {"Cs": [1.0], "cv": 3, "scoring": lambda model, X, y: model.score(X, y)}
    model = LogisticRegressionCV(**parameters).fit(stored, y)
    np.testing.assert_allclose(model.scores_, LogisticRegressionCV(**parameters).fit(X, y).scores_)


def test_scorers_that_read_x_cannot_score_parts(tmp_path):
    X, y = cancer()
    np.save(tmp_path / "x.npy", X)
    parts = Parts([tmp_path / "x.npy"])
    with pytest.raises(TypeError, match="make_scorer"):
        LogisticRegressionCV(Cs=[1.0], cv=3, scoring=predict_some).fit(parts, y)


@pytest.mark.parametrize("refit", [True, False])
def test_a_score_that_is_no_number_is_the_least(refit):
    X, y = cancer()

    def scorer(model, X, y):
        return np.nan if 0.5 < model.C < 2 else model.C

    model = LogisticRegressionCV(Cs=[0.01, 1.0, 100.0], cv=3, scoring=scorer, refit=refit)
    model.fit(X, y)
    assert model.cv_results_["rank_test_score"].tolist() == [2, 3, 1]
    assert model.C_ == 100


@pytest.mark.parametrize("score", ["0.5 or so", None, {"accuracy": 0.5}, [0.5, 0.6]])
def test_a_score_that_is_none_is_refused(score):
    X, y = cancer()
    with pytest.raises(TypeError, match="scoring: a scorer is to return one number, not "):
        LogisticRegressionCV(Cs=[1.0], cv=3, scoring=lambda model, X, y: score).fit(X, y)


def test_a_scorer_without_weights_is_refused_where_there_are_some():
    X, y = cancer()
    model = LogisticRegressionCV(Cs=[1.0], cv=3, scoring=lambda model, X, y: 0.5)
    model.fit(X, y)
    with pytest.raises(TypeError, match=r"scoring: .* give it a parameter sample_weight"):
        model.fit(X, y, np.ones(len(y)))
    model.set_params(scoring=lambda model, X, y, **more: more["sample_weight"].sum())
    np.testing.assert_allclose(model.fit(X, y, np.ones(len(y))).scores_.sum(), len(y))
