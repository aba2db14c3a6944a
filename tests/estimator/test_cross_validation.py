"""LogisticRegressionCV: as separate fits of each fold, and as scikit-learn's."""

import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn import linear_model as sk
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from fusedlogit import LogisticRegression, LogisticRegressionCV
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.selection.grid import Fit, ahead
from fusedlogit.selection.penalties import Penalty

TOL = 1e-10


def cancer(dtype=np.float64):
    X, y = load_breast_cancer(return_X_y=True)
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(dtype), y


def iris():
    return load_iris(return_X_y=True)


def assert_as_separate(model, X, y, splits, sample_weight=None, class_weight=None, **parameters):
    """Every fit and score of a fold as by `LogisticRegression` on its training rows."""
    scorer = get_scorer("neg_log_loss")
    for k, (train, test) in enumerate(splits):
        for i, ratio in enumerate(model.l1_ratios_):
            for j, C in enumerate(model.Cs_):
                alone = LogisticRegression(
                    C=C, l1_ratio=ratio, tol=TOL, class_weight=class_weight, **parameters
                )
                weight = None if sample_weight is None else sample_weight[train]
                alone.fit(X[train], y[train], weight)
                found = model.coefs_paths_[k, i, j]
                if not model.fit_intercept:
                    found = np.column_stack([found, np.zeros(len(found))])
                expected = np.column_stack([alone.coef_, alone.intercept_])
                span = (X.std(axis=0).mean() or 1) * np.abs(expected[:, :-1]).max() + 1
                difference = (found - expected)[:, :-1] @ X.T + (found - expected)[:, -1:]
                assert np.abs(difference).max() < 2e-3 * span
                weight = None if sample_weight is None else sample_weight[test]
                score = scorer(alone, X[test], y[test], sample_weight=weight)
                assert model.scores_[k, i, j] == pytest.approx(score, rel=1e-4, abs=1e-5)


KINDS = {
    "plain": {},
    "no intercept": {"fit_intercept": False},
    "standard": {"scaling": "standard"},
    "L1": {"l1_ratios": (0.5, 1.0)},
    "number": {"scaling": 3.0},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_folds_are_as_separate_fits(kind, dtype):
    X, y = cancer(dtype)
    parameters = dict(KINDS[kind])
    model = LogisticRegressionCV(
        Cs=[1e-3, 0.1, 10.0], cv=4, scoring="neg_log_loss", tol=TOL, **parameters
    ).fit(X, y)
    parameters.pop("l1_ratios", None)
    assert model.converged_
    assert_as_separate(model, X, y, StratifiedKFold(4).split(X, y), **parameters)
    C, ratio = model.C_, model.l1_ratio_
    alone = LogisticRegression(C=C, l1_ratio=ratio, tol=TOL, **parameters).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), alone.decision_function(X), atol=2e-3)


def test_columns_far_from_zero():
    X, y = load_breast_cancer(return_X_y=True)
    X = X + 1e4 * X.std(axis=0)
    for dtype in (np.float64, np.float32):
        model = LogisticRegressionCV(
            Cs=[0.01, 1.0], cv=3, scoring="neg_log_loss", scaling="standard", tol=TOL
        ).fit(X.astype(dtype), y)
        folds = StratifiedKFold(3).split(X, y)
        assert_as_separate(model, X.astype(dtype), y, folds, scaling="standard")


def test_weights_of_rows_and_classes():
    X, y = cancer()
    weight = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    model = LogisticRegressionCV(
        Cs=[1e-2, 1.0], cv=4, scoring="neg_log_loss", tol=TOL, class_weight={0: 3.0, 1: 0.5}
    ).fit(X, y, weight)
    folds = StratifiedKFold(4).split(X, y)
    assert_as_separate(model, X, y, folds, weight, class_weight={0: 3.0, 1: 0.5})


def test_balanced_is_so_of_all_rows():
    X, y = cancer()
    parameters = {"Cs": [1e-2, 1.0], "cv": KFold(4), "scoring": "neg_log_loss"}
    balanced = LogisticRegressionCV(class_weight="balanced", **parameters).fit(X, y)
    by_class = dict(enumerate(len(y) / 2 / np.bincount(y)))
    told = LogisticRegressionCV(class_weight=by_class, **parameters).fit(X, y)
    np.testing.assert_array_equal(balanced.scores_, told.scores_)


def bootstrap(n_samples, n_folds=3):
    rng = np.random.default_rng(0)
    for _ in range(n_folds):
        train = rng.integers(0, n_samples, n_samples)
        yield train, np.setdiff1d(np.arange(n_samples), train)


def masks(X, y):
    for train, test in StratifiedKFold(3).split(X, y):
        yield np.isin(np.arange(len(y)), train), np.isin(np.arange(len(y)), test)


@pytest.mark.parametrize(
    "folds",
    [
        lambda X, y: ShuffleSplit(4, test_size=0.3, random_state=0).split(X, y),
        lambda X, y: ShuffleSplit(3, test_size=0.2, train_size=0.3, random_state=0).split(X, y),
        lambda X, y: RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0).split(X, y),
        lambda X, y: bootstrap(len(y)),
        masks,
    ],
)
def test_folds_that_are_no_partition(folds):
    X, y = cancer()
    splits = list(folds(X, y))
    model = LogisticRegressionCV(Cs=[0.01, 1.0], cv=splits, scoring="neg_log_loss", tol=TOL)
    assert_as_separate(model.fit(X, y), X, y, splits)


@pytest.mark.parametrize("l1_ratios", [(0.0,), (0.7,)])
@pytest.mark.parametrize("scaling", [None, "standard"])
def test_many_classes(scaling, l1_ratios):
    X, y = iris()
    model = LogisticRegressionCV(
        Cs=[0.1, 10.0], cv=3, l1_ratios=l1_ratios, scaling=scaling, scoring="neg_log_loss", tol=TOL
    ).fit(X, y)
    assert model.coefs_paths_.shape == (3, 1, 2, 3, 5)
    assert_as_separate(model, X, y, StratifiedKFold(3).split(X, y), scaling=scaling)


def scikit_learns(**parameters):
    return sk.LogisticRegressionCV(
        l1_ratios=(0.0,), use_legacy_attributes=False, tol=1e-10, max_iter=10_000, **parameters
    )


@pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        ("accuracy", True),
        ("accuracy", False),
        ("neg_log_loss", True),
        ("roc_auc_ovr", False),
        ("neg_brier_score", True),
    ],
)
@pytest.mark.parametrize("load", [cancer, iris, lambda: load_wine(return_X_y=True)])
def test_as_scikit_learns(load, scoring, refit):
    X, y = load()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    parameters = {"Cs": [1e-3, 1e-1, 10.0], "cv": 3, "scoring": scoring, "refit": refit}
    ours = LogisticRegressionCV(tol=TOL, **parameters).fit(X, y)
    theirs = scikit_learns(**parameters).fit(X, y)
    np.testing.assert_allclose(ours.scores_, theirs.scores_, rtol=1e-4)
    assert (ours.C_, ours.l1_ratio_) == (pytest.approx(theirs.C_), theirs.l1_ratio_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for name in ("scores_", "coefs_paths_", "n_iter_", "Cs_", "l1_ratios_", "coef_", "intercept_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape, name


def test_the_table_of_scores():
    pandas = pytest.importorskip("pandas")
    X, y = cancer()
    model = LogisticRegressionCV(Cs=3, l1_ratios=[0, 1], cv=3, scoring="neg_log_loss").fit(X, y)
    table = pandas.DataFrame(model.cv_results_)
    assert len(table) == 6
    best = table.loc[table["rank_test_score"] == 1].iloc[0]
    assert (best["param_C"], best["param_l1_ratio"]) == (model.C_, model.l1_ratio_)
    splits = table[[f"split{k}_test_score" for k in range(3)]]
    np.testing.assert_allclose(splits.mean(axis=1), table["mean_test_score"])
    np.testing.assert_allclose(splits.std(axis=1, ddof=0), table["std_test_score"])


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_centred_features_without_an_intercept_are_those_of_each_fold(load, l1_ratio):
    X, y = load(return_X_y=True)
    splits = list(StratifiedKFold(4).split(X, y))
    parameters = {"scaling": "standard", "fit_intercept": False, "tol": TOL}
    model = LogisticRegressionCV(
        Cs=[0.1, 10.0], cv=splits, l1_ratios=[l1_ratio], scoring="neg_log_loss", **parameters
    ).fit(X, y)
    scorer = get_scorer("neg_log_loss")
    assert model.converged_
    for k, (train, test) in enumerate(splits):
        for j, C in enumerate([0.1, 10.0]):
            alone = LogisticRegression(C=C, l1_ratio=l1_ratio, **parameters)
            alone.fit(X[train], y[train])
            score = scorer(alone, X[test], y[test])
            assert model.scores_[k, 0, j] == pytest.approx(score, rel=1e-4)
            path = model.coefs_paths_[k, 0, j]
            np.testing.assert_allclose(path[:, -1], alone.intercept_, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("cv", [3, "loo"])
def test_means_of_folds_predict_without_an_intercept_too(cv):
    X, y = load_breast_cancer(return_X_y=True)
    parameters = {"Cs": [1.0], "cv": cv, "scaling": "standard", "fit_intercept": False}
    model = LogisticRegressionCV(refit=False, **parameters).fit(X, y)
    assert model.score(X, y) > 0.97


def test_a_threshold_counts_in_accuracy():
    X, y = cancer()
    low, high = (
        LogisticRegressionCV(Cs=[1.0], cv=3, threshold=threshold).fit(X, y)
        for threshold in (0.01, 0.99)
    )
    assert (low.scores_ != high.scores_).any()
    by_hand = LogisticRegressionCV(
        Cs=[1.0], cv=3, threshold=0.99, scoring=lambda model, X, y: (model.predict(X) == y).mean()
    ).fit(X, y)
    np.testing.assert_allclose(by_hand.scores_, high.scores_)


def test_metadata_is_routed_to_splitter_and_scorer():
    X, y = cancer()
    groups, weight = np.arange(len(y)) % 7, np.where(y == 1, 1.0, 5.0)
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        model = LogisticRegressionCV(Cs=[1.0], cv=GroupKFold(7), scoring=scorer)
        model.set_fit_request(sample_weight=True)
        model.fit(X, y, sample_weight=weight, groups=groups)
        assert model.scores_.shape == (7, 1, 1)
        unweighted = LogisticRegressionCV(Cs=[1.0], cv=GroupKFold(7))
        unweighted.fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="groups"):
        LogisticRegressionCV(cv=GroupKFold(7)).fit(X, y, groups=groups)
    for k, (train, test) in enumerate(GroupKFold(7).split(X, y, groups)):
        alone = LogisticRegression().fit(X[train], y[train], weight[train])
        expected = alone.score(X[test], y[test], sample_weight=weight[test])
        assert model.scores_[k, 0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Cs": 0}, "'Cs' parameter"),
        ({"Cs": [1.0, 0.0]}, "Cs must be above 0"),
        ({"Cs": [-1.0]}, "Cs must be above 0"),
        ({"Cs": [np.nan]}, "Cs must be above 0"),
        ({"Cs": []}, "Cs must be a list"),
        ({"Cs": ["strong"]}, "Cs must hold numbers"),
        ({"l1_ratios": [0.5, 1.5]}, "l1_ratios must lie between 0 and 1"),
        ({"l1_ratios": []}, "l1_ratios must be a list"),
        ({"cv": []}, "cv yields no folds"),
        ({"cv": [1, 2]}, "cv: fold 0 is no pair of training rows and test rows"),
        ({"cv": [([0], [1], [2])]}, "cv: fold 0 is no pair"),
        ({"cv": 1}, "'cv' parameter"),
        ({"cv": [(np.arange(50, 569), [])]}, "fold 0 has no test rows"),
        ({"cv": [(np.arange(600), [0])]}, "fold 0 has training rows from 0 to 599"),
        ({"cv": [(np.arange(19), np.arange(19, 25))]}, "no training rows .* of class"),
        ({"scoring": "nonsense"}, "'scoring' parameter"),
        ({"solver": "proximal"}, "solver='proximal' is for penalties with an L1 norm"),
        ({"solver": "lbfgs", "l1_ratios": [0.5]}, "smooth penalties only"),
    ],
)
def test_bad_input(parameters, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegressionCV(**parameters).fit(*cancer())


def test_a_class_that_a_fold_lacks():
    X, y = iris()
    with pytest.raises(ValueError, match=r"fold 0 has no training rows .* of class 0"):
        LogisticRegressionCV(cv=KFold(3)).fit(X, y)


def test_one_warning_of_all_fits_that_did_not_converge():
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match=r"of 9 fits are not certified") as caught:
        model = LogisticRegressionCV(Cs=[1e-4, 1e3], cv=4, solver="lbfgs", max_iter=8).fit(X, y)
    assert len(caught) == 1
    assert not model.converged_
    assert not model.folds_converged_.all()
    assert caught[0].filename == __file__


def test_no_penalty_at_the_end_of_the_grid():
    X, y = cancer()
    X = X[:, :5]
    model = LogisticRegressionCV(Cs=[1.0, np.inf], cv=3, scoring="neg_log_loss", tol=TOL)
    assert_as_separate(model.fit(X, y), X, y, StratifiedKFold(3).split(X, y))


def test_the_order_of_penalties_is_the_users():
    X, y = cancer()
    parameters = {"cv": 3, "scoring": "neg_log_loss"}
    rising = LogisticRegressionCV(Cs=[0.01, 1.0, 100.0], **parameters).fit(X, y)
    mixed = LogisticRegressionCV(Cs=[1.0, 100.0, 0.01], **parameters).fit(X, y)
    np.testing.assert_array_equal(mixed.scores_, rising.scores_[..., [1, 2, 0]])
    assert mixed.C_ == rising.C_


def test_text_labels_and_names_of_columns():
    pandas = pytest.importorskip("pandas")
    X, y = cancer()
    names = [f"feature {j}" for j in range(X.shape[1])]
    labels = np.where(y == 1, "benign", "malignant")
    seen = []

    def by_hand(estimator, X, y):
        seen.append(list(X.columns))
        return estimator.score(X, y)

    frame = pandas.DataFrame(X, columns=names)
    model = LogisticRegressionCV(Cs=[1.0], cv=3, scoring=by_hand).fit(frame, labels)
    assert model.feature_names_in_.tolist() == names
    assert seen[0] == names
    assert set(model.predict(frame)) == {"benign", "malignant"}
    plain = LogisticRegressionCV(Cs=[1.0], cv=3).fit(X, y)
    np.testing.assert_array_equal(plain.scores_, model.scores_)


@pytest.mark.parametrize(
    ("coefs", "l1_ratio", "leads"),
    [
        ([1.0], 0.0, 1.0),
        ([0.0, 1.0], 0.0, 1.0),
        ([0.0, 1.0, 1.5], 0.0, 1.75),
        ([5.0, 0.0, 1.0, 1.5], 0.0, 1.75),
        ([0.0, 1.0, 4.0], 0.0, 10.0),  # at most twice as far as the last step
        ([0.0, 1.0, 0.5], 0.0, 0.5),
        ([1.0, 1.0, 1.5], 0.0, 1.5),
        ([0.0, 1.0, 1.5], 0.5, 1.5),  # zeros would be lost
    ],
)
def test_where_a_path_leads(coefs, l1_ratio, leads):
    path = [
        Fit(Penalty(1.0, l1_ratio), None, None, np.full((1, 3), coef), np.full(1, -coef))
        for coef in coefs
    ]
    coef, intercept = ahead(path)
    np.testing.assert_allclose(coef, np.full((1, 3), leads))
    np.testing.assert_allclose(intercept, [-leads])


@pytest.mark.parametrize("far", [0, 1e6])
def test_folds_share_passes(far):
    """Also of columns so far from zero that X is read in another frame."""
    X = np.tile(cancer()[0], (20, 1)) + far
    y = np.tile(cancer()[1], 20)
    model = LogisticRegressionCV(Cs=[0.001, 0.1, 10.0], cv=5).fit(X, y)
    n_passes = 0.0
    for train, _ in StratifiedKFold(5).split(X, y):
        for C in model.Cs_:
            n_passes += LogisticRegression(C=C).fit(X[train], y[train]).n_passes_
    assert model.n_passes_ < n_passes / 2


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("cv", [5, "loo"])
def test_penalties_that_move_nothing_take_no_evaluation(load, cv, monkeypatch):
    X, y = load(return_X_y=True)
    X, y = np.tile(X[:, :4], (30, 1)), np.tile(y, 30)
    noise = np.random.default_rng(0).random(len(y)) < 0.3  # or there would be no minimum
    y[noise] = np.random.default_rng(1).permutation(y)[noise]
    counted, models = [], []
    for name in ("loss_and_gradient", "softmax_loss_and_gradient"):
        made = getattr(DenseMatrix, name)
        monkeypatch.setattr(
            DenseMatrix, name,
            lambda data, *args, made=made, **told: (calls.append(1), made(data, *args, **told))[1],
        )  # fmt: skip
    for most in (8, 16):
        calls = []
        models.append(
            LogisticRegressionCV(
                Cs=np.logspace(0, most, most // 2 + 1), cv=cv, tol=1e-6, scoring="neg_log_loss",
                scaling="standard", refit=False,
            ).fit(X, y)
        )  # fmt: skip
        counted.append(len(calls))
    assert counted[1] <= counted[0] + 1  # for nothing may have settled before the last
    few, many = (model.scores_[..., -1] for model in models)
    np.testing.assert_allclose(many, few, rtol=1e-6)
    assert models[1].converged_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        LogisticRegressionCV(Cs=3, cv=3),
        LogisticRegressionCV(Cs=2, cv=2, l1_ratios=(0.5,), scaling="standard"),
        LogisticRegressionCV(Cs=2, cv=2, refit=False),
    ]
)
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        check(estimator)
