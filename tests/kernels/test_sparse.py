"""Passes over sparse rows: held to their twins for every type, and to what indices may be."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fusedlogit import functions, reference
from fusedlogit.data.arguments import data_of
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.data.sparse_sweeps import MOST_BYTES
from fusedlogit.data.structure import kept_columns
from fusedlogit.data.target import Target
from fusedlogit.errors import PassOverflowError
from fusedlogit.problems.links import LOG_LOSS, SOFTMAX

from .contract import SUM_RTOL, VALUE_RTOL, assert_within
from .problems import steady

TYPES = ["float64", "float32", "float16", "uint8", "int8", "uint16", "bool", "int64", "pattern"]
INDICES = ["int32", "int64"]


def sparse_rows(n, d, dtype="float64", indices="int32", seed=0, density=0.2):
    """CSR of a type, of the smallest integers where it holds integers; rows and columns may be
    empty. `pattern` has values all one, of which none is stored."""
    rng = np.random.default_rng(seed)
    full = (rng.random((n, d)) < density) * np.rint(rng.normal(size=(n, d)) * 20)
    if dtype in ("uint8", "uint16", "bool", "pattern"):
        full = np.abs(full)
    if dtype in ("bool", "pattern"):
        full = full > 0
    X = sparse.csr_array(full)
    if dtype == "pattern":
        X.data = np.broadcast_to(True, X.nnz)
    else:
        X.data = X.data.astype(dtype)
    X.indices, X.indptr = X.indices.astype(indices), X.indptr.astype(indices)
    return X


def dense_of(X):
    """The same numbers in float64."""
    out = np.zeros(X.shape)
    rows = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    np.add.at(out, (rows, X.indices), np.asarray(X.data, dtype=float))
    return out


def listed(result):
    """The results of a function, one or many."""
    return result if isinstance(result, tuple) else (result,)


@pytest.fixture(params=TYPES)
def dtype(request):
    return request.param


@pytest.fixture(params=INDICES)
def indices(request):
    return request.param


@steady
@given(
    n=st.integers(1, 150), d=st.integers(1, 40), dtype=st.sampled_from(TYPES),
    indices=st.sampled_from(INDICES), density=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    n_coefs=st.sampled_from([1, 2, 3, 9]), n_threads=st.sampled_from([1, 2, 3]),
    seed=st.integers(0, 2**20), weighted=st.booleans(), folds=st.booleans(),
)  # fmt: skip
def test_loss_and_gradient_of_many_vectors(
    n, d, dtype, indices, density, n_coefs, n_threads, seed, weighted, folds
):
    X, rng = sparse_rows(n, d, dtype, indices, seed, density), np.random.default_rng(seed)
    full = dense_of(X)
    y, offset = rng.random(n), rng.normal(size=n)
    weight = rng.random(n) + 0.1 if weighted else None
    fold = rng.integers(0, 3, n).astype(np.uint8) if folds else None
    held_out = rng.integers(-1, 3, n_coefs).astype(np.int32) if folds else None
    coef, intercept = rng.normal(size=(n_coefs, d)) / 20, rng.normal(size=n_coefs)
    data = data_of(X, n_threads)
    data._n_threads = n_threads  # small as it is
    losses, gradients, slopes, margins = data.loss_and_gradient(
        Target(y, weight, LOG_LOSS), coef, intercept, offset=offset, fold=fold, held_out=held_out
    )
    for k in range(n_coefs):
        z = full @ coef[k] + intercept[k] + offset
        share = np.ones(n) if weight is None else weight
        if folds:
            share = np.where((held_out[k] >= 0) & (fold == held_out[k]), 0, share)
        size = np.abs(full) @ np.abs(coef[k]) + np.abs(intercept[k]) + np.abs(offset) + 1
        assert_within(margins[k].values, z, VALUE_RTOL["float64"], size)
        loss = share * reference.log_loss(z, y)
        assert_within(losses[k], loss.sum(), VALUE_RTOL["float64"], share @ size)
        factor = share * reference.residual(z, y)
        terms = np.abs(full).T @ (share * size)
        assert_within(gradients[k], full.T @ factor, SUM_RTOL["float64"], terms)
        assert_within(slopes[k], factor.sum(), SUM_RTOL["float64"], share @ size)


@steady
@given(
    n=st.integers(1, 200), d=st.integers(1, 30), dtype=st.sampled_from(TYPES),
    n_classes=st.integers(2, 12), n_threads=st.sampled_from([1, 2]), seed=st.integers(0, 2**20),
)  # fmt: skip
def test_softmax(n, d, dtype, n_classes, n_threads, seed):
    X, rng = sparse_rows(n, d, dtype, seed=seed), np.random.default_rng(seed)
    full, y = dense_of(X), rng.integers(0, n_classes, n)
    coef, intercept = rng.normal(size=(n_classes, d)) / 20, rng.normal(size=n_classes)
    data = data_of(X, n_threads)
    data._n_threads = n_threads
    loss, gradient, slopes, decision = data.softmax_loss_and_gradient(
        Target(y, None, SOFTMAX), coef, intercept, margins=True
    )
    expected = reference.softmax_loss_and_gradient(full, y, coef, intercept)
    np.testing.assert_allclose(loss / n, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient / n, expected[1], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(slopes / n, expected[2], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(decision, coef @ full.T + intercept[:, None], rtol=1e-12, atol=1e-11)


def test_twins_of_every_type(dtype, indices):
    X, rng = sparse_rows(300, 17, dtype, indices), np.random.default_rng(1)
    full, weight = dense_of(X), rng.random(300)
    vector, mean, scale = rng.normal(size=(3, 17))
    for name, arguments in {
        "decision_values": (vector, 0.3),
        "hessian_product": (weight, vector, 0.3),
        "sandwich": (weight,),
        "moments": (weight,),
        "gram": (weight, mean, scale),
    }.items():
        actual = getattr(functions, name)(X, *arguments)
        expected = getattr(reference, name)(full, *arguments)
        for one, other in zip(listed(actual), listed(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10, err_msg=name)


@steady
@given(n=st.integers(1, 60), d=st.integers(1, 20), seed=st.integers(0, 2**20))
def test_parts(n, d, seed):
    rng = np.random.default_rng(seed)
    X = sparse_rows(n, d, str(rng.choice(TYPES)), str(rng.choice(INDICES)), seed)
    full, data, vector = dense_of(X), data_of(X, 2), rng.normal(size=(1, d))
    rows = np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False))
    features = np.sort(rng.choice(d, rng.integers(1, d + 1), replace=False))
    zero = np.zeros(1)
    for part, table, coef in (
        (data.sample(rows), full[rows], vector),
        (data.columns(features), full[:, features], vector[:, features]),
        *((block, full[of_block], vector) for of_block, block in data.blocks(7)),
        *(
            (block.columns(features), full[of_block, features], vector[:, features])
            for of_block, block in data.blocks(7)
        ),
    ):
        np.testing.assert_allclose(
            part.decision_values(coef, zero)[0], table @ coef[0], rtol=1e-12, atol=1e-11
        )


@steady
@given(
    n=st.integers(1, 200), d=st.integers(1, 40), n_threads=st.integers(1, 5),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]), seed=st.integers(0, 2**20),
)  # fmt: skip
def test_columns_are_those_of_scipy(n, d, n_threads, share, seed):
    rng = np.random.default_rng(seed)
    X = sparse_rows(n, d, str(rng.choice(TYPES)), str(rng.choice(INDICES)), seed)
    data = data_of(X, 1)
    features = np.flatnonzero(rng.random(d) < share)
    indptr, indices, values = kept_columns(*data.stored, d, features, n_threads)
    kept = np.ones(len(indices)) if values is None else values
    found = sparse.csr_array((kept.astype(float), indices, indptr), shape=(n, len(features)))
    assert found.has_sorted_indices
    np.testing.assert_array_equal(found.toarray(), dense_of(X)[:, features])


def test_products_about_a_point():
    X, rng = sparse_rows(100, 6), np.random.default_rng(0)
    weight, about = rng.random(100), rng.normal(size=6)
    expected = reference.sandwich(dense_of(X) - about, weight)
    np.testing.assert_allclose(data_of(X, 1).sandwich(weight, about), expected, rtol=1e-10)


def test_constant_columns_have_no_variance_at_all():
    X = sparse.csr_array(np.column_stack([np.full(50, 0.1), np.zeros(50), np.arange(50.0)]))
    weight = np.random.default_rng(0).random(50)
    weight[3] = 0
    X[3, 0] = 7.0
    mean, variance = functions.moments(X, weight)
    assert mean[0] == 0.1
    assert variance[:2].tolist() == [0, 0]
    assert variance[2] > 0


@pytest.mark.parametrize("n_coefs", [1, 3])
def test_the_same_threads_give_the_same_bits(n_coefs):
    X, rng = sparse_rows(5000, 300), np.random.default_rng(0)
    y, coef = rng.random(5000), rng.normal(size=(n_coefs, 300)) / 100
    runs = []
    for _ in range(2):
        data = SparseMatrix.of(X, 2)
        assert data.n_threads == 2
        target = Target(y, None, LOG_LOSS)
        runs.append(data.loss_and_gradient(target, coef, np.zeros(n_coefs))[:3])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradients_of_many_vectors_in_turns(monkeypatch):
    X, rng = sparse_rows(200, 30), np.random.default_rng(0)
    factor = rng.normal(size=(5, 200))
    whole = data_of(X, 1).row_sum(factor)[0]
    monkeypatch.setattr("fusedlogit.data.sparse_sweeps.MOST_BYTES", 8 * 30 * 2)
    assert MOST_BYTES > 8 * 30 * 8
    data = data_of(X, 1)
    np.testing.assert_array_equal(data.row_sum(factor)[0], whole)
    assert data.n_passes == 1.5


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_coefs", [2, 3, 4, 5, 8, 9, 16, 17, 33])
def test_a_vector_has_the_same_bits_alone_and_in_company(n_coefs, n_threads):
    X, rng = sparse_rows(5000, 300), np.random.default_rng(n_coefs)
    y = (rng.random(5000) < 0.3).astype(float)
    coef, intercept = rng.normal(size=(n_coefs, 300)) / 9, rng.normal(size=n_coefs)
    offset, target = rng.normal(size=5000), Target(y, rng.random(5000), LOG_LOSS)
    data = SparseMatrix.of(X, n_threads)
    assert data.n_threads == n_threads
    losses, gradients, slopes, _ = data.loss_and_gradient(target, coef, intercept, offset=offset)
    decisions = data.decision_values(coef, intercept, offset=offset)
    for k in range(n_coefs):
        one = slice(k, k + 1)
        loss, gradient, slope, _ = data.loss_and_gradient(
            target, coef[one], intercept[one], offset=offset
        )
        np.testing.assert_array_equal(gradient[0], gradients[k])
        np.testing.assert_array_equal((loss[0], slope[0]), (losses[k], slopes[k]))
        alone = data.decision_values(coef[one], intercept[one], offset=offset)
        np.testing.assert_array_equal(alone[0], decisions[k])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nonfinite_values_are_named(value, dtype):
    X = sparse_rows(200, 9, dtype)
    place = X.indptr[123] + 1
    X.data[place] = value
    with pytest.raises(ValueError, match=f"in row 123, column {X.indices[place]}"):
        functions.loss_and_gradient(X, np.zeros(200), np.zeros(9), 0.0)
    assert functions.first_nonfinite(X) == (123, X.indices[place])
    data = data_of(X, 1)
    _, _, (_, block), _ = data.blocks(50)
    with pytest.raises(ValueError, match=f"in row 123, column {X.indices[place]}"):
        block.row_sum(np.ones((1, 50)))


def test_numbers_that_are_too_large_are_told_from_those():
    X = sparse_rows(20, 7)
    with pytest.raises(PassOverflowError):
        functions.decision_values(X, np.full(7, 1e308), 0.0)
    assert functions.first_nonfinite(X) == (-1, -1)


def test_features_in_units_with_a_far_column():
    rng = np.random.default_rng(0)
    full = dense_of(sparse_rows(60, 5))
    full[:, 2] = 1e7 + rng.normal(size=60)
    full[7, 2] = 1e7
    data = data_of(sparse.csr_array(full), 1)
    center, unit = np.array([0, 0, 1e7, 0, 0]), np.array([1.0, 2, 4, 0.5, 1])
    coef = rng.normal(size=(1, 5))
    np.testing.assert_allclose(
        data.features(center, unit).decision_values(coef, np.zeros(1))[0],
        ((full - center) * unit) @ coef[0],
        rtol=1e-12,
        atol=1e-10,
    )


def test_arranged_by_falling_counts(monkeypatch):
    monkeypatch.setattr("fusedlogit.data.sparse.MANY_FEATURES", 40)
    monkeypatch.setattr("fusedlogit.data.sparse.MANY_ENTRIES", 500)
    X = sparse_rows(100, 40, "float32")
    X.data[X.indices == 7], X.data[X.indices == 30] = 0, 0
    X.eliminate_zeros()
    data = data_of(X, 1)
    arranged, order = data.arranged()
    assert data.arranged() == (arranged, order)
    count = np.bincount(X.indices, minlength=40)
    assert sorted(order) == np.flatnonzero(count).tolist()
    assert (np.diff(count[order]) <= 0).all()
    coef = np.random.default_rng(0).normal(size=(1, 40))
    np.testing.assert_allclose(
        arranged.decision_values(coef[:, order], np.zeros(1)),
        data.decision_values(coef, np.zeros(1)),
        rtol=1e-12,
        atol=1e-12,
    )
    monkeypatch.setattr("fusedlogit.data.sparse.MANY_FEATURES", 41)
    assert data.arranged() is None


def test_rows_are_taken_without_a_copy_of_all_indices():
    X = sparse_rows(20_000, 300, "float32")
    data = data_of(X, 1)
    tracemalloc.start()
    some = data.sample(np.arange(0, 20_000, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(dense_of(some._scipy()), dense_of(X)[::1000])
    assert peak < X.indices.nbytes / 2


def test_columns_in_order_are_not_numbered_anew(monkeypatch):
    monkeypatch.setattr("fusedlogit.data.sparse.MANY_FEATURES", 9)
    monkeypatch.setattr("fusedlogit.data.sparse.MANY_ENTRIES", 9)
    X = sparse_rows(400, 9, "float32")
    matrix, order = data_of(X, 1).arranged()
    assert sorted(order) == list(range(9))
    assert matrix.arranged() is None
