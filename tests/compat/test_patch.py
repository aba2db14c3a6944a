"""Our estimators in the place of scikit-learn's."""

import logging
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context, linear_model
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from sklearn.utils._param_validation import InvalidParameterError

import fusedlogit
from fusedlogit.patch import OURS

THEIRS = linear_model.LogisticRegression
THEIRS_CV = linear_model.LogisticRegressionCV
X, y = load_iris(return_X_y=True)
X_cancer, y_cancer = load_breast_cancer(return_X_y=True)


@pytest.fixture
def patched():
    fusedlogit.patch_sklearn()
    yield linear_model.LogisticRegression
    fusedlogit.unpatch_sklearn()


def fitted_by_ours(model):
    return hasattr(model, "n_passes_")


def test_names_are_put_in_place_and_back(patched):
    assert {name: getattr(linear_model, name) for name in OURS} == OURS
    fusedlogit.patch_sklearn()
    fusedlogit.unpatch_sklearn()
    assert linear_model.LogisticRegression is THEIRS
    fusedlogit.unpatch_sklearn()
    assert linear_model.LogisticRegression is THEIRS


def test_arguments_are_scikit_learns(patched):
    assert patched().get_params() == THEIRS().get_params()
    assert clone(patched(C=3.0, solver="saga")).get_params()["C"] == 3.0
    assert repr(patched(C=3.0)) == "LogisticRegression(C=3.0)"
    assert isinstance(patched(), THEIRS)
    with pytest.raises(InvalidParameterError, match="'C' parameter"):
        patched(C=-1.0).fit(X, y)


@pytest.mark.parametrize(
    ("arguments", "features"),
    [
        ({"C": 0.1}, X),
        ({"solver": "newton-cholesky", "fit_intercept": False}, X),
        ({"solver": "newton-cg", "class_weight": "balanced"}, X),
        ({"solver": "saga", "l1_ratio": 0.5}, scale(X)),
        ({"solver": "saga", "l1_ratio": 1.0, "C": 0.1}, scale(X)),
        ({"solver": "sag", "n_jobs": 2}, scale(X)),
        ({"C": 0.1}, sparse.csr_array(X)),
        ({"C": 0.1}, sparse.coo_array(X)),
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_fits_are_ours_and_agree(patched, arguments, features, classes):
    rows = y < classes
    ours = patched(**arguments).fit(features[rows], y[rows])
    theirs = THEIRS(**arguments | {"tol": 1e-7, "max_iter": 20_000}).fit(features[rows], y[rows])
    assert fitted_by_ours(ours)
    assert ours.converged_
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(
        ours.predict_proba(features), theirs.predict_proba(features), atol=2e-4
    )


def test_warnings_point_at_the_caller_and_advise_what_scikit_learn_has(patched):
    with pytest.warns(ConvergenceWarning, match=r"Raise max_iter or tol\.$") as warned:
        patched(max_iter=1).fit(X_cancer, y_cancer)
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "features", "reason"),
    [
        ({"solver": "liblinear"}, X, "penalises the intercept"),
        ({"class_weight": {0: 1.0, 1: 0.0}}, X, "zero for every sample"),
        ({"max_iter": 0}, X, "max_iter=0"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_ours_does_not_goes_on_with_a_line_in_the_log(
    patched, arguments, features, reason, caplog
):
    two = np.flatnonzero(y < 2)
    model = patched().fit(X, y)
    model.set_params(**arguments)
    with caplog.at_level(logging.INFO, "fusedlogit"):
        model.fit(features[two], y[two])
    assert not fitted_by_ours(model)
    (record,) = caplog.records
    assert "goes on to scikit-learn" in record.getMessage()
    assert re.search(reason, record.getMessage())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l1_ratio": 1.0}, "Solver lbfgs supports only 'l2' or None penalties"),
        ({"dual": True}, "supports only dual=False"),
        ({"solver": "liblinear"}, "does not support multiclass"),
    ],
)
def test_what_scikit_learn_refuses_is_refused_in_its_words(patched, arguments, message):
    with pytest.raises(ValueError, match=message):
        patched(**arguments).fit(X, y)


def test_arrays_of_other_libraries_go_on(patched):
    pytest.importorskip("array_api_compat")
    with config_context(array_api_dispatch=True):
        assert not fitted_by_ours(patched().fit(X, y))


def test_callbacks_go_on(patched):
    if not hasattr(THEIRS, "set_callbacks"):
        pytest.skip("this scikit-learn has no callbacks")
    from sklearn.callback import ProgressBar

    assert not fitted_by_ours(patched().set_callbacks(ProgressBar()).fit(X, y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint8])
@pytest.mark.parametrize("as_frame", [False, True])
def test_outputs_are_of_scikit_learns_type(patched, dtype, as_frame):
    features = X.astype(dtype)
    if as_frame:
        features = pytest.importorskip("pandas").DataFrame(features).rename(columns="x{}".format)
    ours, theirs = patched().fit(features, y), THEIRS().fit(features, y)
    assert fitted_by_ours(ours)
    for result in (
        lambda model: model.coef_,
        lambda model: model.intercept_,
        lambda model: model.n_iter_,
        lambda model: model.decision_function(features),
        lambda model: model.predict_proba(features),
        lambda model: model.predict(features),
    ):
        assert result(ours).dtype == result(theirs).dtype
        assert result(ours).shape == result(theirs).shape


def test_names_of_columns_are_kept_and_forgotten(patched):
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    model = patched().fit(frame, y)
    assert model.feature_names_in_.tolist() == list("abcd")
    assert not hasattr(model.fit(X, y), "feature_names_in_")


def test_warm_start_needs_no_iterations(patched):
    model = patched(warm_start=True).fit(X_cancer, y_cancer)
    assert model.n_iter_[0] > 1
    assert model.fit(X_cancer, y_cancer).n_iter_[0] <= 1


def test_sparsified_coefficients_predict(patched):
    model = patched(solver="saga", l1_ratio=1.0, C=0.1).fit(X, y)
    before = model.predict_proba(X)
    np.testing.assert_allclose(model.sparsify().predict_proba(X), before)


def test_grid_search(patched):
    search = GridSearchCV(patched(), {"C": [1e-6, 1.0]}, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"C": 1.0}
    assert fitted_by_ours(search.best_estimator_)


@pytest.mark.skipif(
    THEIRS().get_params()["penalty"] != "deprecated", reason="penalty is not deprecated yet"
)
@pytest.mark.parametrize(
    ("arguments", "same", "message"),
    [
        ({"penalty": "l2"}, {}, "was deprecated"),
        ({"penalty": "l1"}, {"l1_ratio": 1.0}, "Inconsistent values: penalty=l1"),
        ({"penalty": "elasticnet", "l1_ratio": 0.3}, {"l1_ratio": 0.3}, "was deprecated"),
        ({"penalty": None, "C": 3.0}, {"C": np.inf}, "will ignore the C"),
        ({"penalty": "l2", "l1_ratio": 0.3}, {}, "only used when penalty is 'elasticnet'"),
    ],
)
def test_penalty_means_what_it_did(patched, arguments, same, message):
    flowers = scale(X)[y > 0], y[y > 0]
    with pytest.warns(match=message) as caught:
        model = patched(solver="saga", **arguments).fit(*flowers)
    assert any(issubclass(warning.category, FutureWarning) for warning in caught)
    np.testing.assert_array_equal(model.coef_, patched(solver="saga", **same).fit(*flowers).coef_)


def test_pickles_load_where_nothing_is_patched(patched, run_python):
    model = patched().fit(X, y)
    code = (
        f"import pickle; model = pickle.loads({pickle.dumps(model)!r}); "
        f"print(model.predict({X[:1].tolist()}).tolist(), type(model).__module__)"
    )
    status, out, error = run_python(code)
    assert status == 0, error
    assert out.split() == ["[0]", "fusedlogit.patch.classes"]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "arguments", [{}, {"l1_ratios": None}, {"l1_ratios": (0,)}, {"l1_ratios": np.array([0.0, 0.3])}]
)
def test_cross_validation_is_ours_and_its_attributes_are_scikit_learns(
    patched, legacy, refit, classes, arguments
):
    rows = np.flatnonzero(y < classes)[::3]
    features, labels = scale(X)[rows], np.array(["a", "b", "c"])[y[rows]]
    arguments = {
        "Cs": [0.1, 1.0], "cv": 3, "solver": "saga", "refit": refit, "scoring": "neg_log_loss",
        "use_legacy_attributes": legacy, "random_state": 0, **arguments,
    }  # fmt: skip
    if legacy and "use_legacy_attributes" not in THEIRS_CV().get_params():
        del arguments["use_legacy_attributes"]
    ours = linear_model.LogisticRegressionCV(**arguments).fit(features, labels)
    theirs = THEIRS_CV(**arguments, tol=1e-6, max_iter=5000).fit(features, labels)
    assert fitted_by_ours(ours)
    for name, expected in vars(theirs).items():
        if name == "n_iter_":
            assert ours.n_iter_.shape == expected.shape
        elif name.endswith("_"):
            assert_alike(getattr(ours, name), expected, name)
    np.testing.assert_allclose(
        ours.score(features, labels), theirs.score(features, labels), rtol=1e-3
    )


def assert_alike(ours, theirs, name):
    assert type(ours) is type(theirs), name
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert_alike(ours[key], value, name)
        return
    assert np.shape(ours) == np.shape(theirs), name
    if np.asarray(theirs).dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-2, err_msg=name)
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.skipif(
    "use_legacy_attributes" not in linear_model.LogisticRegressionCV().get_params(),
    reason="these defaults are not deprecated yet",
)
def test_defaults_of_cross_validation_warn_as_scikit_learns(patched):
    def warned(cls):
        with pytest.warns(FutureWarning) as caught:
            cls(Cs=2).fit(X, y)
        return [str(warning.message).split(" will ")[0] for warning in caught]

    ours, theirs = warned(linear_model.LogisticRegressionCV), warned(THEIRS_CV)
    assert len(ours) == len(theirs) == 3
    assert ours[:2] == theirs[:2]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"solver": "liblinear"}, "penalises the intercept"),
        ({"cv": iter([(np.arange(0, 80), np.arange(80, 100))])}, "only once"),
        ({"penalty": "l2", "l1_ratios": (0.0,)}, "l1_ratios beside penalty"),
    ],
)
def test_cross_validation_goes_on_with_a_line_in_the_log(patched, arguments, reason, caplog):
    mixed = np.random.default_rng(0).permutation(100)
    model = linear_model.LogisticRegressionCV(Cs=1, **arguments)
    with caplog.at_level(logging.INFO, "fusedlogit"):
        model.fit(X[:100][mixed], y[:100][mixed])
    assert not fitted_by_ours(model)
    assert re.search(reason, caplog.records[0].getMessage())


SCRIPT = """
import sys
from sklearn.linear_model import LogisticRegression
model = LogisticRegression(solver=sys.argv[1]).fit([[0.0], [1.0], [2.0]], [0, 0, 1])
print(__name__, sys.argv[2:], hasattr(model, "n_passes_"))
"""


@pytest.mark.parametrize(
    ("options", "solver", "ours", "said"),
    [
        ([], "lbfgs", True, ""),
        ([], "liblinear", False, "goes on to scikit-learn: solver='liblinear'"),
        (["--quiet"], "liblinear", False, ""),
        (["-m"], "lbfgs", True, ""),
    ],
)
def test_scripts_run_as_they_are(tmp_path, options, solver, ours, said):
    (tmp_path / "script.py").write_text(SCRIPT)
    script = "script" if "-m" in options else "script.py"
    run = subprocess.run(
        [sys.executable, "-m", "fusedlogit.patch", *options, script, solver, "-m", "--quiet"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"__main__ ['-m', '--quiet'] {ours}\n"
    assert said in run.stderr
    assert bool(said) == bool(run.stderr)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py"], "nowhere.py is not there"),
        (["package"], "package is a folder without a __main__.py: give a Python file"),
        (["-m", "nowhere"], "there is no module nowhere to run"),
        (["-m", "nowhere.at.all"], "there is no module nowhere.at.all to run"),
        (["-m", "package"], "there is no module package to run"),
    ],
)
def test_a_script_that_is_not_there(tmp_path, arguments, said):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    run = subprocess.run(
        [sys.executable, "-m", "fusedlogit.patch", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_an_error_of_a_module_is_its_own(tmp_path):
    (tmp_path / "broken.py").write_text("import nowhere")
    run = subprocess.run(
        [sys.executable, "-m", "fusedlogit.patch", "-m", "broken"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    assert 'broken.py", line 1' in run.stderr


@pytest.mark.parametrize("kind", ["array", "frame", "list", "csc"])
def test_scorers_that_read_x_are_given_what_scikit_learn_gives(patched, kind):
    """The model, X and y as there: a scorer that looks at all of them says the same."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    given = {"array": X, "frame": frame, "list": X.tolist(), "csc": sparse.csc_array(X)}[kind]

    def look(model, X, y):
        seen.append((type(X), X.dtype, X.shape, isinstance(model, THEIRS)))
        again = clone(model).fit(X, y)
        half = model.predict(X[: len(y) // 2])
        return again.score(X, y) + np.mean(half == y[: len(y) // 2]) + model.C

    found = []
    for cls in (THEIRS_CV, linear_model.LogisticRegressionCV):
        seen = []
        model = cls(
            Cs=[0.1, 1.0], cv=3, scoring=look, l1_ratios=(0.0,), use_legacy_attributes=False,
            max_iter=500, tol=1e-6,
        ).fit(given, y)  # fmt: skip
        found.append((model.scores_, seen))
    assert fitted_by_ours(model)
    np.testing.assert_allclose(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
