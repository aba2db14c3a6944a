"""On Dask's workers, fits come to what they come to in memory."""

import gc
import pickle
import time
from itertools import pairwise

import dask
import dask.array as da
import numpy as np
import pytest
from scipy.sparse import csr_array, hstack, random_array
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

import fusedlogit
from fusedlogit.dask import LogisticRegression, LogisticRegressionCV

CHUNKS = (100, 200, 1)  # and the rest


def chunked(X, chunks=CHUNKS):
    return da.from_array(X, chunks=((*chunks, len(X) - sum(chunks)), *X.shape[1:]))


def sparse_blocks(X, ends):
    return da.concatenate(
        [
            da.from_delayed(dask.delayed(part), part.shape, meta=csr_array((0, 0)))
            for part in (X[begin:end] for begin, end in pairwise(ends))
        ]
    )


def assert_same(X, y, here, *, weight=None, atol=1e-8, **parameters):
    """Of equal coefficients, and an equal proof."""
    ours = LogisticRegression(tol=1e-10, **parameters).fit(X, y, weight)
    memory = fusedlogit.LogisticRegression(tol=1e-10, **parameters).fit(*here)
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.intercept_, memory.intercept_, rtol=1e-11, atol=atol)
    assert ours.converged_ == memory.converged_
    assert ours.classes_.tolist() == memory.classes_.tolist()
    assert isinstance(ours.coef_, np.ndarray)
    return ours


@pytest.mark.parametrize(
    ("load", "parameters"),
    [
        (load_breast_cancer, {"scaling": "standard"}),
        (load_breast_cancer, {"scaling": "standard", "l1_ratio": 0.5, "C": 0.1}),
        (load_breast_cancer, {"C": 1e-3, "fit_intercept": False, "class_weight": "balanced"}),
        (load_iris, {"scaling": "standard", "class_weight": {1: 3.0}}),
        (load_iris, {"l1_ratio": 1.0, "C": 0.1}),
    ],
    ids=str,
)
def test_as_in_memory(client, shuffled, load, parameters):
    X, y = shuffled(load)
    chunks = (60, 1)
    model = assert_same(chunked(X, chunks), chunked(y, (90,)), (X, y), **parameters)
    assert model.converged_


def test_weights(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    weight = np.random.default_rng(0).random(len(y))
    weight[:100] = 0  # a block without any
    for given in (weight, chunked(weight)):
        assert_same(chunked(X), y, (X, y, weight), weight=given, scaling="standard")


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64, np.bool_])
def test_types(client, shuffled, dtype):
    X, y = shuffled(load_digits)
    X, y = (X > 7) if dtype == np.bool_ else X.astype(dtype), y % 2
    if dtype == np.int64:  # blocks that would be stored in different types
        X[:100] -= 20
        X[150] *= 1000
    # Sums of float32 products depend on the order of the rows.
    model = assert_same(chunked(X), y, (X, y), atol=1e-5, scaling=16.0, C=0.1)
    assert model.converged_


def test_sparse_blocks(client, shuffled):
    X, y = shuffled(load_digits)
    X = csr_array(X)
    blocks = sparse_blocks(X, [0, 300, 1000, 1797])
    model = assert_same(blocks, y % 2, (X, y % 2), scaling="standard", C=0.1)
    expected = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(blocks).compute(), expected, rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_blocks_of_many_columns(client, n_classes):
    rng = np.random.default_rng(6)
    far = 50 + 1e-2 * rng.normal(size=(1500, 1))  # a column that calls for a frame
    X = csr_array(hstack([random_array((1500, 2499), density=0.01, rng=rng), far]))
    y = rng.integers(0, n_classes, 1500)
    blocks = sparse_blocks(X, [0, 400, 1500])
    ours = LogisticRegression(C=1.0, tol=1e-10).fit(blocks, y)
    memory = fusedlogit.LogisticRegression(C=1.0, tol=1e-10).fit(X, y)
    assert ours.converged_ == memory.converged_
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("n_samples", "n_features"), [(300, 400), (1200, 2100)])
def test_more_columns_than_rows(client, n_samples, n_features):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(n_samples, n_features)), rng.integers(0, 2, n_samples)
    assert_same(chunked(X, (n_samples // 3,)), y, (X, y), C=1e-3)


def test_working_sets_of_columns(client):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 300))
    y = (X[:, :5].sum(axis=1) + rng.logistic(size=400) > 0).astype(int)
    model = assert_same(chunked(X), y, (X, y), l1_ratio=1.0, C=0.03)
    assert 0 < np.count_nonzero(model.coef_) < 256
    sparse = csr_array(np.where(np.abs(X) > 1.5, X, 0))
    blocks = sparse_blocks(sparse, [0, 100, 400])
    assert_same(blocks, y, (sparse, y), l1_ratio=1.0, C=0.03)


def test_columns_far_from_zero(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    X = X + 1e7 * X.std(axis=0)
    assert_same(chunked(X), y, (X, y), scaling="standard")


def test_blocks_of_columns_and_empty_blocks(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    halves = da.from_array(X, chunks=(200, 15))
    assert_same(halves, y, (X, y), scaling="standard")
    parts = [da.from_array(part, chunks=part.shape) for part in (X[:0], X[:300], X[:0], X[300:])]
    model = assert_same(da.concatenate(parts), y, (X, y), scaling="standard")
    unknown = da.concatenate(parts)
    unknown = unknown[unknown[:, 0] > -np.inf]
    assert np.isnan(unknown.shape[0])
    again = LogisticRegression(tol=1e-10, scaling="standard").fit(unknown, y)
    assert (again.coef_ == model.coef_).all()
    assert len(model.predict(unknown).compute()) == len(y)


def test_a_class_that_blocks_lack(client):
    X, y = load_iris(return_X_y=True)
    assert_same(da.from_array(X, chunks=(50, 4)), y, (X, y), scaling="standard")


def test_labels_of_text(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    names = np.array(["no", "yes"], dtype=object)[y]
    model = assert_same(chunked(X), chunked(names), (X, names), scaling="standard")
    assert (model.predict(chunked(X)).compute() == model.predict(X)).all()


def test_many_classes_and_columns(client):
    """So many coefficients that decision values are not kept, and each class draws its rows."""
    rng = np.random.default_rng(4)
    X, W = rng.normal(size=(3000, 200)), rng.normal(size=(200, 6)) / 4
    y = (X @ W + rng.gumbel(size=(3000, 6))).argmax(axis=1)
    ours = LogisticRegression(C=1.0).fit(chunked(X, (1000, 500)), y)
    memory = fusedlogit.LogisticRegression(C=1.0).fit(X, y)
    assert ours.converged_
    assert memory.converged_
    np.testing.assert_allclose(ours.coef_, memory.coef_, atol=1e-4)


def assert_nothing_is_left(client, before):
    """No futures but those of before, nor anything on the workers that these do not stand for."""
    # What is no more is taken from the lists by the threads of the client and workers, later.
    until = time.monotonic() + 30
    while True:
        gc.collect()
        kept = client.run(lambda dask_worker: set(dask_worker.data)).values()
        left = set(client.futures).union(*kept) - before
        if not left:
            return
        assert time.monotonic() < until, left
        time.sleep(0.01)


def test_nothing_is_left_behind(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    gc.collect()
    before = set(client.futures)
    LogisticRegression(scaling="standard").fit(chunked(X), y)
    assert_nothing_is_left(client, before)


def test_nothing_is_left_behind_by_a_fit_that_is_refused(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    gc.collect()
    before = set(client.futures)
    missing = X.copy()
    missing[-1, 3] = np.nan
    with pytest.raises(ValueError, match=r"block 3: .* nan in row 267, column 3"):
        LogisticRegression().fit(chunked(missing), y)
    assert_nothing_is_left(client, before)
    with pytest.raises(ValueError, match="y lacks a label"):
        LogisticRegression().fit(chunked(X), np.where(y == 0, None, "yes"))
    assert_nothing_is_left(client, before)


def test_lazy_predictions(client, shuffled):
    X, y = shuffled(load_iris)
    blocks = chunked(X, (60,))
    for labels in (y, y % 2):
        model = LogisticRegression().fit(blocks, labels)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            lazy = getattr(model, method)(blocks)
            expected = getattr(model, method)(X)
            assert isinstance(lazy, da.Array)
            assert lazy.shape == expected.shape
            assert lazy.dtype == expected.dtype
            np.testing.assert_allclose(lazy.persist().compute(), expected, rtol=1e-9)
        assert model.score(blocks, labels) == model.score(X, labels)
        weight = np.arange(len(y)) + 1.0
        weighted = model.score(blocks, chunked(labels), chunked(weight, (10,)))
        assert weighted == pytest.approx(model.score(X, labels, weight))


def test_without_dask_a_model_is_any_other(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    model = LogisticRegression(scaling="standard")
    model.client = client
    again = pickle.loads(pickle.dumps(model.fit(chunked(X), y)))
    assert again.client is None
    assert (again.predict(X) == model.predict(X)).all()
    memory = LogisticRegression(scaling="standard").fit(X, y)
    assert (memory.coef_ == fusedlogit.LogisticRegression(scaling="standard").fit(X, y).coef_).all()


def test_warm_start(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    model = LogisticRegression(scaling="standard", warm_start=True).fit(chunked(X), y)
    n_iter = model.n_iter_[0]
    assert model.fit(chunked(X), y).n_iter_[0] < n_iter


def test_threads_of_a_task(client):
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(4000, 200)), rng.integers(0, 2, 4000)
    assert_same(chunked(X, (3000,)), y, (X, y), n_jobs=2)


def test_cross_validation(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    X = X[:, :8]
    parameters = {"Cs": [0.01, 1.0], "cv": 3, "scaling": "standard", "scoring": "neg_log_loss"}
    ours = LogisticRegressionCV(**parameters).fit(chunked(X), chunked(y))
    memory = fusedlogit.LogisticRegressionCV(**parameters).fit(X, y)
    np.testing.assert_allclose(ours.scores_, memory.scores_, rtol=1e-6)
    np.testing.assert_allclose(ours.coef_, memory.coef_, atol=1e-8)
    assert ours.C_ == memory.C_
    assert ours.converged_
    assert ours.score(chunked(X), y) == pytest.approx(ours.score(X, y))
    assert (ours.predict(chunked(X)).compute() == memory.predict(X)).all()


def test_cross_validation_of_many_classes(client, shuffled):
    X, y = shuffled(load_iris)
    weight = 1.0 + np.arange(len(y)) % 2
    ours, memory = (
        kind(Cs=[1.0], cv=2).fit(*given)
        for kind, given in (
            (LogisticRegressionCV, (chunked(X, (60,)), y, weight)),
            (fusedlogit.LogisticRegressionCV, (X, y, weight)),
        )
    )
    np.testing.assert_allclose(ours.scores_, memory.scores_)
    np.testing.assert_allclose(ours.coef_, memory.coef_, atol=1e-8)


def test_many_classes_are_no_numbers_to_predict(client, recwarn):
    """More than 20 classes, each on two rows, bring no warning, as in memory."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    LogisticRegression(C=1e-2).fit(da.from_array(X, chunks=(20, 3)), np.arange(60) % 30)
    assert not [warning for warning in recwarn if "regression problem" in str(warning.message)]
