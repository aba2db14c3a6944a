"""scikit-learn's own checks, and its tools around our estimator."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from fusedlogit import LogisticRegression, LogisticRegressionCV


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        LogisticRegression(),
        LogisticRegression(solver="lbfgs"),
        LogisticRegression(solver="gd"),
        LogisticRegression(scaling="standard"),
        LogisticRegression(l1_ratio=0.5),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("solver", "instead"),
    [
        ("liblinear", "'proximal' with an L1 norm; the intercept is not penalised"),
        ("newton-cg", "'newton'"),
        ("newton-cholesky", "'newton'"),
        ("sag", "'newton'"),
        ("saga", "'proximal'"),
    ],
)
def test_solvers_of_scikit_learn_are_refused_with_the_name_of_ours(solver, instead, cancer):
    with pytest.raises(ValueError, match=f"solver='{solver}' is scikit-learn's: use .*{instead}"):
        LogisticRegression(solver=solver).fit(*cancer)


def test_unknown_solvers_are_refused_with_the_names_of_ours_alone(cancer):
    with pytest.raises(ValueError, match="'proximal'") as error:
        LogisticRegression(solver="adam").fit(*cancer)
    assert "saga" not in str(error.value)


@pytest.mark.parametrize(
    ("argument", "instead"),
    [
        ({"penalty": "l1"}, "l1_ratio says 0 for 'l2', 1 for 'l1'.*C=np.inf"),
        ({"dual": True}, "leave it out"),
        ({"intercept_scaling": 10.0}, "not penalised"),
        ({"multi_class": "ovr"}, "OneVsRestClassifier"),
    ],
)
def test_arguments_of_scikit_learn_are_refused_with_what_does_their_job(argument, instead):
    with pytest.raises(TypeError, match=instead):
        LogisticRegression(**argument)


@pytest.fixture
def model():
    return LogisticRegression(scaling="standard", tol=1e-6)


def test_cross_validation(model, cancer):
    assert cross_val_score(model, *cancer, cv=5).mean() > 0.96


def test_cross_validated_probabilities(model, cancer):
    X, y = cancer
    probabilities = cross_val_predict(model, X, y, method="predict_proba")
    assert probabilities.shape == (len(y), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_grid_search_finds_a_stronger_penalty_than_none(model, flowers):
    search = GridSearchCV(model, {"C": [1e-6, 1.0]}, scoring="neg_log_loss").fit(*flowers)
    assert search.best_params_ == {"C": 1.0}
    assert search.score(*flowers) > search.cv_results_["mean_test_score"].min()


def test_pipeline_equals_scaling_inside(cancer):
    X, y = cancer
    outside = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-7)).fit(X, y)
    inside = LogisticRegression(scaling="standard", tol=1e-7).fit(X, y)
    np.testing.assert_allclose(
        outside.decision_function(X), inside.decision_function(X), rtol=1e-4, atol=1e-4
    )


def test_calibration(model, cancer):
    X, y = cancer
    calibrated = CalibratedClassifierCV(model, cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.96


def test_clone_takes_parameters_and_forgets_the_fit(cancer):
    model = LogisticRegression(C=3.0, scaling=2.0, threshold=0.3, tol=1.0).fit(*cancer)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "coef_")


@pytest.mark.parametrize("begin", ["fit", "partial_fit", "cross-validation"])
def test_a_fit_that_is_refused_leaves_the_model_as_it_was(begin, cancer):
    """It predicted of the columns of the refused X by coefficients of the others."""
    X, y = cancer
    if begin == "partial_fit":
        model = LogisticRegression().partial_fit(X, y, classes=[0, 1])
    else:
        model = LogisticRegressionCV(Cs=2) if begin == "cross-validation" else LogisticRegression()
        model.fit(X, y)
    before = model.decision_function(X)
    spoilt = X[:, :7].copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        model.fit(spoilt, y)
    with pytest.raises(ValueError, match="has 7 features, but LogisticRegression"):
        model.predict(X[:, :7])
    np.testing.assert_array_equal(model.decision_function(X), before)
    if begin == "partial_fit":
        assert model.partial_fit(X, y).n_iter_ == 2


def test_a_first_fit_that_is_refused_leaves_nothing(cancer):
    X, y = cancer
    for model in LogisticRegression(), LogisticRegressionCV():
        with pytest.raises(ValueError, match="one class only"):
            model.fit(X, np.ones_like(y))
        assert vars(model) == vars(clone(model))


def test_pickle_keeps_every_bit(model, cancer):
    X, y = cancer
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.history_ == model.history_


def test_feature_names_of_a_data_frame(model, cancer):
    pandas = pytest.importorskip("pandas")
    X, y = cancer
    names = [f"feature {j}" for j in range(X.shape[1])]
    frame = pandas.DataFrame(X, columns=names)
    model.fit(frame, y)
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.predict(frame), clone(model).fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[names[::-1]])


def test_data_frame_out_of_the_step_before(cancer):
    pandas = pytest.importorskip("pandas")
    X, y = cancer
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.set_output(transform="pandas")
    pipeline.fit(pandas.DataFrame(X).rename(columns="feature {}".format), y)
    assert pipeline[-1].feature_names_in_[3] == "feature 3"


def test_labels_of_a_pandas_series(model, cancer):
    pandas = pytest.importorskip("pandas")
    X, y = cancer
    series = pandas.Series(np.where(y == 1, "benign", "malignant"), dtype="category")
    assert model.fit(X, series).classes_.tolist() == ["benign", "malignant"]
    assert model.score(X, series) > 0.96


def test_sample_weights_are_routed_by_metadata(cancer):
    X, y = cancer
    weight = np.where(y == 1, 1.0, 5.0)
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression(scaling="standard").set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=3).fit(X, y, sample_weight=weight)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model).fit(X, y, sample_weight=weight)
        with pytest.raises(ValueError, match="not explicitly set as requested"):
            GridSearchCV(LogisticRegression(), {"C": [1.0]}).fit(X, y, sample_weight=weight)
    direct = LogisticRegression(scaling="standard", C=search.best_params_["C"]).fit(X, y, weight)
    np.testing.assert_allclose(search.best_estimator_.coef_, direct.coef_, rtol=1e-6)
    by_hand = LogisticRegression(scaling="standard").fit(
        StandardScaler().fit_transform(X), y, weight
    )
    np.testing.assert_allclose(pipeline[-1].coef_, by_hand.coef_, rtol=1e-6)


def test_grid_search_over_penalties_and_solvers(cancer):
    grid = {"C": [0.1, 10.0], "l1_ratio": [0.0, 0.5, 1.0]}
    search = GridSearchCV(LogisticRegression(scaling="standard"), grid, cv=3).fit(*cancer)
    assert search.best_score_ > 0.96
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_polars_data_frame(model, cancer):
    polars = pytest.importorskip("polars")
    X, y = cancer
    frame = polars.DataFrame(X, schema=[f"feature {j}" for j in range(X.shape[1])])
    model.fit(frame, polars.Series(y))
    assert model.feature_names_in_[3] == "feature 3"
    np.testing.assert_array_equal(model.predict(frame), clone(model).fit(X, y).predict(X))


def test_tags():
    tags = get_tags(LogisticRegression())
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_class
    assert tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
