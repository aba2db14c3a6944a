"""Fits on sparse rows: those on the same numbers as a dense table."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from fusedlogit import LogisticRegression
from fusedlogit.data.sparse import SparseMatrix

CASES = {
    "L2": {},
    "standard": {"scaling": "standard"},
    "divisor": {"scaling": 16.0},
    "L1": {"l1_ratio": 1.0, "C": 0.1},
    "elastic net, standard": {"l1_ratio": 0.5, "C": 0.1, "scaling": "standard"},
    "balanced": {"class_weight": "balanced", "fit_intercept": False},
    "lbfgs": {"solver": "lbfgs"},
}


@pytest.fixture(params=CASES)
def parameters(request):
    return CASES[request.param]


def assert_agree(parameters, X, y, weight=None, rtol=1e-5):
    dense = LogisticRegression(tol=1e-11, **parameters).fit(X.toarray(), y, weight)
    model = LogisticRegression(tol=1e-11, **parameters).fit(X, y, weight)
    assert model.converged_
    size = np.abs(dense.coef_).max()
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=rtol, atol=rtol * size)
    np.testing.assert_allclose(model.intercept_, dense.intercept_, rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(model.predict(X), model.predict(X.toarray()))
    np.testing.assert_allclose(
        model.predict_proba(X), model.predict_proba(X.toarray()), rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "bool"])
def test_two_classes(digits, parameters, dtype):
    X, y = digits
    assert_agree(parameters, sparse.csr_array(X.astype(dtype)), y)


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_matrix"])
def test_forms_and_weights(digits, form):
    X, y = digits
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    assert_agree({"C": 0.01}, getattr(sparse, form)(X.astype(float)), y, weight)


@pytest.mark.parametrize("case", ["L2", "standard", "L1"])
def test_many_classes(case):
    X, y = load_digits(return_X_y=True)
    X, parameters = X[:, 8:24], {"C": 0.01, **CASES[case]}
    dense = LogisticRegression(tol=1e-10, **parameters).fit(X, y)
    model = LogisticRegression(tol=1e-10, **parameters).fit(sparse.csr_array(X), y)
    assert model.converged_
    np.testing.assert_allclose(  # coefficients of an L1 norm need not be unique
        model.predict_proba(sparse.csr_array(X)), dense.predict_proba(X), atol=1e-4
    )


def test_empty_rows_and_columns():
    rng = np.random.default_rng(0)
    X = sparse.random_array((200, 30), density=0.1, rng=rng, format="lil")
    X[:, [0, 29]] = 0
    X[[0, 5, 199]] = 0
    y = rng.integers(0, 2, 200)
    assert_agree({}, X.tocsr(), y)
    assert_agree({"scaling": "standard"}, X.tocsr(), y)


@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_no_entries_at_all(scaling, l1_ratio):
    X, y = sparse.csr_array((40, 7)), np.arange(40) % 4 == 0
    model = LogisticRegression(scaling=scaling, l1_ratio=l1_ratio, tol=1e-12).fit(X, y)
    assert model.converged_
    np.testing.assert_array_equal(model.coef_, 0)
    np.testing.assert_allclose(model.intercept_, np.log(1 / 3), rtol=1e-5)


def test_far_column_in_sparse_rows():
    rng = np.random.default_rng(0)
    X = sparse.random_array((500, 8), density=0.2, rng=rng).toarray()
    X[:, 3] = 2e9 + 86400 * rng.normal(size=500)
    X[:, 5] *= 1e-9
    y = (X[:, 3] > 2e9) ^ (rng.random(500) < 0.2)
    for scaling in (None, "standard"):
        assert_agree({"scaling": scaling}, sparse.csr_array(X), y, rtol=1e-4)


def test_broken_structure_is_refused_before_the_fit():
    X = sparse.csr_array(np.eye(5))
    X.indices[2] = 5
    model = LogisticRegression()
    with pytest.raises(ValueError, match="column index 5 in row 2"):
        model.fit(X, [0, 1, 0, 1, 0])
    assert not hasattr(model, "coef_")


def test_nan_is_named(digits):
    X, y = digits
    X = sparse.csr_array(X.astype(np.float32))
    place = X.indptr[100] + 3
    X.data[place] = np.nan
    with pytest.raises(ValueError, match=f"nan in row 100, column {X.indices[place]}"):
        LogisticRegression().fit(X, y)


def test_warm_start_and_sparse_coefficients(digits):
    X, y = digits
    X = sparse.csr_array(X)
    model = LogisticRegression(l1_ratio=1.0, C=0.01, warm_start=True).fit(X, y)
    expected = model.predict_proba(X)
    assert sparse.issparse(model.sparsify().coef_)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.fit(X, y).n_iter_[0] <= 2
    assert isinstance(model.sparsify().densify().coef_, np.ndarray)


WORDS = ["red fox", "red dog", "blue fox", "blue dog", "red red fox", "blue cat"] * 5
RED = ["red" in text for text in WORDS]


@pytest.mark.parametrize("vectorizer", [HashingVectorizer(n_features=1 << 18), TfidfVectorizer()])
def test_text(vectorizer):
    model = make_pipeline(vectorizer, LogisticRegression()).fit(WORDS, RED)
    assert model.predict(["a red cat", "some blue fox"]).tolist() == [True, False]
    assert model[-1].converged_


def test_categories():
    colours = np.array([text.split()[:2] for text in WORDS])
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(colours, RED)
    assert model.predict([["red", "cat"], ["blue", "fox"]]).tolist() == [True, False]


def test_data_frame_of_sparse_columns(digits):
    pandas = pytest.importorskip("pandas")
    X, y = digits
    frame = pandas.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X.astype(float)))
    frame.columns = [f"pixel {j}" for j in range(X.shape[1])]
    model = LogisticRegression(tol=1e-9).fit(frame, y)
    assert model.feature_names_in_[3] == "pixel 3"
    other = LogisticRegression(tol=1e-9).fit(sparse.csr_array(X.astype(float)), y)
    np.testing.assert_array_equal(model.coef_, other.coef_)
    np.testing.assert_array_equal(model.predict(frame), other.predict(X))


def words(n_samples=1100, n_features=2100, seed=0):
    """Rows of some twenty words each, whose frequencies fall as Zipf's law has them."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, n_features + 1)
    columns = rng.choice(n_features, (n_samples, 20), p=frequency / frequency.sum())
    rows = np.repeat(np.arange(n_samples), 20)
    X = sparse.csr_array((np.ones(rows.size), (rows, columns.ravel())), (n_samples, n_features))
    z = X @ rng.normal(size=n_features)
    return X, (z - np.median(z) + rng.logistic(size=n_samples) > 0).astype(int)


@pytest.mark.parametrize("strength", [0.1, 100.0])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("scaling", [None, "standard"])
def test_many_columns_of_words(monkeypatch, strength, fit_intercept, scaling):
    monkeypatch.setattr("fusedlogit.solvers.common.COMMON", 100)
    X, y = words()
    weight = np.random.default_rng(1).random(len(y))
    parameters = {"C": strength, "fit_intercept": fit_intercept, "scaling": scaling}
    assert_agree(parameters, X, y, weight, rtol=1e-3)


def test_many_columns_in_a_few_passes():
    X, y = words(5000, 3000)
    model = LogisticRegression(C=1.0, tol=1e-6).fit(X, y)
    assert model.converged_
    assert model.n_passes_ < LogisticRegression(C=1.0, tol=1e-6, solver="lbfgs").fit(X, y).n_passes_


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_ascent_and_descent_come_to_the_same(monkeypatch, strength, weighted, n_threads):
    X, y = words(1500, 2500)
    weight = 10 ** np.random.default_rng(1).uniform(-2, 2, len(y)) if weighted else None
    parameters = {"C": strength, "tol": 1e-8, "n_jobs": n_threads}
    both = LogisticRegression(**parameters).fit(X, y, weight)
    monkeypatch.setattr(SparseMatrix, "ascent", lambda *told: None)
    descent = LogisticRegression(**parameters).fit(X, y, weight)
    assert both.converged_
    assert descent.converged_
    assert both.history_[0] == descent.history_[0]
    assert both.history_[-1] == pytest.approx(descent.history_[-1], rel=2e-8)


def test_a_start_is_not_left_for_an_ascent_from_zero():
    X, y = words(3000, 2500)
    model = LogisticRegression(C=0.1, tol=1e-6, warm_start=True).fit(X, y)
    passes = model.n_passes_
    assert model.fit(X, y).n_iter_[0] <= 1
    assert model.n_passes_ < passes


@pytest.mark.parametrize("strength", [0.02, 0.12, 3.0])
def test_an_ascent_goes_on_from_a_start(strength):
    X, y = words(3000, 2500)
    model = LogisticRegression(C=0.1, tol=1e-8, warm_start=True).fit(X, y)
    model.set_params(C=strength).fit(X, y)
    alone = LogisticRegression(C=strength, tol=1e-8).fit(X, y)
    assert model.converged_
    assert model.history_[0] < alone.history_[0]
    assert model.history_[-1] == pytest.approx(alone.history_[-1], rel=2e-8)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csr_array.toarray])
def test_weights_over_many_decades(monkeypatch, form, wide):
    """Where steps stay far from the minimum, the Hessian is soon renewed at each."""
    if wide:
        monkeypatch.setattr("fusedlogit.solvers.newton.DENSE_FEATURES", 300)
        monkeypatch.setattr("fusedlogit.solvers.common.COMMON", 100)
    rng = np.random.default_rng(2)
    entries = rng.normal(size=6600), (np.repeat(np.arange(1100), 6), rng.integers(0, 400, 6600))
    X = sparse.csr_array(entries, shape=(1100, 400))
    y = X @ rng.normal(size=400) + rng.logistic(size=1100) > 0
    weight = 10 ** rng.uniform(-10, 10, 1100)
    assert LogisticRegression(C=1e4, tol=1e-3).fit(form(X), y, weight).converged_


def test_many_columns_without_a_penalty_are_not_called_converged():
    X, y = words(1500, 2100)
    with pytest.warns(ConvergenceWarning):
        assert not LogisticRegression(C=np.inf, max_iter=5).fit(X, y).converged_


@pytest.mark.parametrize("n_common", [2099, 2100, 2101])
def test_as_many_columns_as_are_common(monkeypatch, n_common):
    monkeypatch.setattr("fusedlogit.solvers.common.COMMON", n_common)
    assert LogisticRegression(tol=1e-8).fit(*words()).converged_


@pytest.mark.parametrize("case", ["L2", "standard", "L1"])
@pytest.mark.parametrize("many_classes", [False, True])
def test_columns_in_another_order(monkeypatch, case, many_classes):
    """Inside; coefficients are told as columns lie, and where none has an entry they are zero."""
    X, y = words()
    X.data[X.indices == 3] = 0
    X.eliminate_zeros()
    y = y + (X[:, [5]].toarray()[:, 0] > 0) if many_classes else y
    models = []
    for least in (1 << 20, 100):
        monkeypatch.setattr("fusedlogit.data.sparse.MANY_FEATURES", least)
        monkeypatch.setattr("fusedlogit.data.sparse.MANY_ENTRIES", 1000)
        parameters = {"C": 0.1, **CASES[case]}
        model = LogisticRegression(tol=1e-9, warm_start=True, **parameters).fit(X, y)
        models.append(model)
        assert model.converged_
    one, other = models
    np.testing.assert_allclose(one.coef_, other.coef_, atol=2e-3 * np.abs(one.coef_).max())
    np.testing.assert_array_equal(other.coef_[:, 3], 0)
    assert other.fit(X, y).n_iter_[0] <= 2


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_many_classes_of_words(monkeypatch, scaling):
    monkeypatch.setattr("fusedlogit.solvers.common.COMMON", 100)
    X, _ = words(1500, 2100)
    rng = np.random.default_rng(0)
    y = (X @ rng.normal(size=(2100, 4)) + rng.gumbel(size=(1500, 4))).argmax(axis=1)
    weight = rng.random(1500)
    parameters = {"C": 0.1, "tol": 1e-9, "scaling": scaling}
    model = LogisticRegression(**parameters).fit(X, y, weight)
    other = LogisticRegression(solver="lbfgs", **parameters).fit(X, y, weight)
    assert model.converged_
    assert other.converged_
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), atol=1e-3)
    assert model.n_iter_[0] < other.n_iter_[0]
