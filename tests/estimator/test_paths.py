"""Models along C: each as fitted alone, and what is told of them held to plain NumPy."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_log_loss_score
from sklearn.preprocessing import scale
from sklearn.svm import l1_min_c

from fusedlogit import LogisticRegression, Parts, logistic_path

PROBLEMS = {
    "breast cancer": load_breast_cancer,
    "iris": load_iris,
    "wine": load_wine,
}


@pytest.fixture(scope="module", params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param](return_X_y=True)


def decisions(path, i, X):
    """Decision values by class of the i-th model."""
    z = X @ path.coefs[i].T + path.intercepts[i]
    return z if z.shape[1] > 1 else np.column_stack([np.zeros(len(z)), z])


def probabilities(path, i, X):
    z = decisions(path, i, X)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def freedom_by_definition(p, X, weight, coef, l2, fit_intercept):
    """The trace of (H + L)^-1 H over coefficients that are not zero, less the intercepts' own.

    With the Hessian H of the losses in coefficients and intercepts of all classes but, of two, the
    first, and the penalty's L.
    """
    one = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    K = coef.shape[0]
    p = p if K > 1 else p[:, 1:]
    size = one.shape[1]
    hessian = np.zeros((K, size, K, size))
    for k in range(K):
        for m in range(K):
            curvature = weight * p[:, k] * ((k == m) - p[:, m])
            hessian[k, :, m] = (one * curvature[:, None]).T @ one
    hessian = hessian.reshape(K * size, K * size)
    kept = np.ones((K, size), dtype=bool)
    kept[:, : X.shape[1]] = coef != 0
    penalty = np.zeros((K, size))
    penalty[:, : X.shape[1]] = l2
    kept, penalty = kept.ravel(), penalty.ravel()
    hessian = hessian[np.ix_(kept, kept)]
    inverse = np.linalg.pinv(hessian + np.diag(penalty[kept]), rcond=1e-12, hermitian=True)
    return np.trace(inverse @ hessian) - (max(K - 1, 1) if fit_intercept else 0)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("scaling", [None, 2.0, "standard"])
def test_each_model_is_what_is_fitted_alone(problem, l1_ratio, scaling):
    X, y = problem
    path = logistic_path(X, y, Cs=[1.0, 0.01, 0.1], l1_ratio=l1_ratio, scaling=scaling, tol=1e-11)
    assert path.Cs.tolist() == [0.01, 0.1, 1.0]
    assert path.converged.all()
    for C, coef, intercept in zip(path.Cs, path.coefs, path.intercepts, strict=True):
        alone = LogisticRegression(C=C, l1_ratio=l1_ratio, scaling=scaling, tol=1e-11).fit(X, y)
        np.testing.assert_allclose(coef, alone.coef_, rtol=1e-3, atol=2e-5 * np.abs(coef).max())
        np.testing.assert_allclose(intercept, alone.intercept_, rtol=1e-3, atol=1e-4)
        assert coef.shape == alone.coef_.shape


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_an_l1_path_starts_at_the_largest_c_without_coefficients(
    problem, l1_ratio, scaling, fit_intercept
):
    arguments = {"l1_ratio": l1_ratio, "scaling": scaling, "fit_intercept": fit_intercept}
    path = logistic_path(*problem, Cs=4, tol=1e-6, criteria=False, **arguments)
    assert path.nonzeros[0] == 0
    assert path.nonzeros[1] > 0
    np.testing.assert_allclose(path.Cs, np.geomspace(path.Cs[0], 1e4 * path.Cs[0], 4))
    just_weaker = logistic_path(*problem, Cs=[1.01 * path.Cs[0]], **arguments)
    assert 1 <= just_weaker.nonzeros[0] <= 2


def test_the_first_c_is_scikit_learns_where_no_intercept_is_fitted(cancer):
    X, y = cancer
    path = logistic_path(X, y, Cs=1, l1_ratio=1.0, fit_intercept=False)
    assert path.Cs[0] == pytest.approx(l1_min_c(X, y, loss="log", fit_intercept=False))


def test_fewer_rows_than_columns_have_a_shorter_path(cancer):
    X, y = cancer
    path = logistic_path(X[:20], y[:20], Cs=2, l1_ratio=1.0, scaling="standard", tol=1e-4)
    assert path.Cs[1] == pytest.approx(100 * path.Cs[0])


def test_without_an_l1_norm_cs_are_those_of_cross_validation(flowers):
    np.testing.assert_allclose(logistic_path(*flowers, Cs=5).Cs, np.logspace(-4, 4, 5), rtol=1e-12)


def test_columns_that_tell_nothing_leave_all_at_zero():
    path = logistic_path([[1.0], [1.0], [1.0], [1.0]], [0, 1, 0, 1], Cs=3, l1_ratio=1.0)
    assert path.nonzeros.tolist() == [0, 0, 0]
    np.testing.assert_allclose(path.deviance_explained, 0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_deviance_explained_is_scikit_learns_d2(problem, weighted):
    X, y = problem
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    path = logistic_path(X, y, Cs=4, l1_ratio=0.5, scaling="standard", sample_weight=weight)
    for i in range(1, 4):
        expected = d2_log_loss_score(y, probabilities(path, i, X), sample_weight=weight)
        assert path.deviance_explained[i] == pytest.approx(expected, abs=1e-6)
    assert path.deviance_explained[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_degrees_of_freedom_by_their_definition(problem, l1_ratio, fit_intercept, weighted):
    X, y = problem
    X = scale(X)
    weight = np.ones(len(y))
    if weighted:
        weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float)
    path = logistic_path(
        X, y, Cs=[0.01, 1.0, 100.0], l1_ratio=l1_ratio, fit_intercept=fit_intercept,
        sample_weight=weight, tol=1e-11,
    )  # fmt: skip
    for i, C in enumerate(path.Cs):
        expected = freedom_by_definition(
            probabilities(path, i, X), X, weight, path.coefs[i], (1 - l1_ratio) / C, fit_intercept
        )
        assert path.degrees_of_freedom[i] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, np.float32, np.asfortranarray, sparse.csr_array])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.1])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_degrees_of_freedom_of_fewer_rows_than_columns(kind, l1_ratio, fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.integers(-4, 5, (40, 2100)) * (np.arange(2100) < 90)
    y, weight = rng.integers(0, 2, 40), rng.integers(1, 4, 40).astype(float)
    path = logistic_path(
        kind(X.astype(float)), y, Cs=[1e-3, 0.1, 10.0], l1_ratio=l1_ratio,
        fit_intercept=fit_intercept, sample_weight=weight, tol=1e-11,
    )  # fmt: skip
    X, coefs = X[:, :90], path.coefs[:, :, :90]  # columns of zeros have no part in it
    for i, C in enumerate(path.Cs):
        p = probabilities(dataclasses.replace(path, coefs=coefs), i, X)
        l2 = (1 - l1_ratio) / C
        expected = freedom_by_definition(p, X, weight, coefs[i], l2, fit_intercept)
        assert path.degrees_of_freedom[i] == pytest.approx(expected, rel=1e-5)


def test_degrees_of_freedom_of_the_l1_norm_are_its_nonzeros(problem):
    path = logistic_path(*problem, Cs=5, l1_ratio=1.0, scaling="standard")
    np.testing.assert_array_equal(path.degrees_of_freedom, path.nonzeros)
    np.testing.assert_array_equal(path.nonzeros, np.count_nonzero(path.coefs, axis=(1, 2)))


def test_without_a_penalty_all_that_is_not_determined_by_others_counts(flowers):
    X, y = flowers
    path = logistic_path(np.column_stack([X, X[:, 0] + X[:, 1]]), y, Cs=[np.inf, 1.0])
    assert path.Cs[-1] == np.inf
    assert path.degrees_of_freedom[-1] == pytest.approx(X.shape[1])


def test_information_criteria(problem):
    X, y = problem
    n_classes = len(np.unique(y))
    path = logistic_path(X, y, Cs=4, scaling="standard")
    for i in range(4):
        own = np.searchsorted(path.classes, y)
        deviance = -2 * np.log(probabilities(path, i, X)[np.arange(len(y)), own]).sum()
        counted = path.degrees_of_freedom[i] + n_classes - 1
        assert path.aic[i] == pytest.approx(deviance + 2 * counted, rel=1e-6, abs=1e-4)
        assert path.bic[i] == pytest.approx(deviance + np.log(len(y)) * counted, rel=1e-6, abs=1e-4)


def test_weights_mean_repetition(flowers):
    X, y = flowers
    weight = np.random.default_rng(2).integers(1, 4, len(y))
    arguments = {"Cs": [0.1, 1.0], "l1_ratio": 0.5, "tol": 1e-12}
    weighted = logistic_path(X, y, sample_weight=weight, **arguments)
    repeated = logistic_path(np.repeat(X, weight, axis=0), np.repeat(y, weight), **arguments)
    for name in ("coefs", "deviance_explained", "degrees_of_freedom", "aic", "bic"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-5)


def test_class_weights_are_sample_weights(flowers):
    X, y = flowers
    by_class = logistic_path(X, y, Cs=[1.0], class_weight={1: 1.0, 2: 3.0}, tol=1e-11)
    by_row = logistic_path(X, y, Cs=[1.0], sample_weight=np.where(y == 2, 3.0, 1.0), tol=1e-11)
    np.testing.assert_allclose(by_class.coefs, by_row.coefs, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_data_as_it_is_stored(dtype):
    X, y = load_digits(return_X_y=True)
    narrow = logistic_path(X.astype(dtype), y, Cs=[1e-3, 1e-2], scaling=16.0, tol=1e-7)
    wide = logistic_path(X, y, Cs=[1e-3, 1e-2], scaling=16.0, tol=1e-7)
    for name in ("deviance_explained", "degrees_of_freedom"):
        np.testing.assert_allclose(getattr(narrow, name), getattr(wide, name), rtol=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_units_and_origins_of_columns_change_nothing(flowers, l1_ratio):
    X, y = flowers
    near = logistic_path(X, y, Cs=4, l1_ratio=l1_ratio, scaling="standard", tol=1e-10)
    far = X * [1e-8, 1.0, 1e3, 1e20] + [0.0, 1e5, -1e7, 0.0]
    far = logistic_path(far, y, Cs=4, l1_ratio=l1_ratio, scaling="standard", tol=1e-10)
    for name in ("Cs", "scaled_coefs", "deviance_explained", "degrees_of_freedom"):
        np.testing.assert_allclose(
            getattr(far, name), getattr(near, name), rtol=1e-3, atol=1e-4, err_msg=name
        )


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_sparse_data(problem, l1_ratio):
    X, y = problem
    X = np.where(np.median(X, axis=0) < X, scale(X), 0)
    arguments = {"Cs": 4, "l1_ratio": l1_ratio, "tol": 1e-10}
    thin, thick = (
        logistic_path(sparse.csr_array(X), y, **arguments),
        logistic_path(X, y, **arguments),
    )
    for name in ("Cs", "coefs", "deviance_explained", "degrees_of_freedom"):
        np.testing.assert_allclose(
            getattr(thin, name), getattr(thick, name), rtol=1e-3, atol=1e-4, err_msg=name
        )


def test_scaled_coefficients_are_by_deviation(cancer):
    X, y = cancer
    path = logistic_path(X, y, Cs=3, scaling="standard")
    np.testing.assert_allclose(path.scaled_coefs, path.coefs * X.std(axis=0), rtol=1e-9)
    path = logistic_path(X, y, Cs=[0.1], scaling=10.0)
    np.testing.assert_allclose(path.scaled_coefs, path.coefs * 10, rtol=1e-9)


def test_starting_from_the_last_reads_less_than_starting_anew(cancer):
    X, y = cancer
    path = logistic_path(X, y, Cs=30, l1_ratio=1.0, scaling="standard", criteria=False)
    alone = [
        LogisticRegression(C=C, l1_ratio=1.0, scaling="standard").fit(X, y).n_passes_
        for C in path.Cs
    ]
    assert path.n_passes < sum(alone)


def test_too_large_a_hessian_is_not_formed(monkeypatch):
    monkeypatch.setattr("fusedlogit.solvers.freedom.DENSE_FEATURES", 20)
    X = np.random.default_rng(3).normal(size=(40, 50))
    y = X[:, 0] > 0
    path = logistic_path(X, y, Cs=[1e-3], tol=1e-6)
    assert np.isnan([path.degrees_of_freedom, path.aic, path.bic]).all()
    for part in (np.s_[:20], np.s_[:, :20]):
        path = logistic_path(X[part], y[: len(X[part])], Cs=[1e-3], tol=1e-6)
        assert 0 < path.degrees_of_freedom[0] < 20


def test_criteria_are_left_out_if_not_asked_for(flowers):
    path = logistic_path(*flowers, Cs=2, criteria=False)
    assert np.isnan(path.aic).all()
    assert not np.isnan(path.deviance_explained).any()


def test_table_for_a_data_frame(flowers):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(flowers[0], columns=list("abcd"))
    path = logistic_path(X, flowers[1], Cs=3)
    frame = pandas.DataFrame(path.table())
    assert len(frame) == 3
    assert {"C", "deviance_explained", "aic", "bic", "nonzeros"} <= set(frame.columns)
    assert path.feature_names.tolist() == list("abcd")


def test_a_path_cannot_be_changed(flowers):
    with pytest.raises(dataclasses.FrozenInstanceError):
        logistic_path(*flowers, Cs=1).Cs = None


def test_it_says_which_fits_did_not_converge(cancer):
    with pytest.warns(
        ConvergenceWarning, match=r"3 of 3 fits.*C=.*Raise max_iter or tol"
    ) as caught:
        path = logistic_path(*cancer, Cs=3, max_iter=1)
    assert not path.converged.any()
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"Cs": [1.0, -1.0]}, ValueError, "Cs must be .* above 0"),
        ({"Cs": []}, ValueError, "Cs must be"),
        ({"Cs": [[1.0]]}, ValueError, "Cs must be"),
        ({"Cs": [np.nan]}, ValueError, "Cs must be"),
        ({"Cs": 0}, ValueError, "'Cs' parameter"),
        ({"Cs": ["many"]}, ValueError, "Cs must hold numbers"),
        ({"l1_ratio": 2.0}, ValueError, "'l1_ratio' parameter"),
        ({"scaling": "minmax"}, ValueError, "'scaling' parameter"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight"),
        ({"y": np.zeros(100)}, ValueError, "one class only"),
        ({"y": np.zeros(3)}, ValueError, "inconsistent numbers of samples"),
    ],
)
def test_bad_input_is_named(flowers, arguments, error, message):
    X, y = flowers
    with pytest.raises(error, match=message):
        logistic_path(**{"X": X, "y": y} | arguments)


def test_files_are_refused_and_no_threads_at_all(flowers, tmp_path):
    X, y = flowers
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(TypeError, match="in memory"):
        logistic_path(Parts([tmp_path / "x.npy"]), y)
    with pytest.raises(ValueError, match="n_jobs=0"):
        logistic_path(X, y, n_jobs=0)
