"""The rows of a sparse X: sound ones lie where they are, others are refused or put in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fusedlogit import functions
from fusedlogit.data.arguments import data_of
from fusedlogit.data.structure import rows_of

from .problems import steady
from .test_sparse import INDICES, sparse_rows


@pytest.fixture(params=INDICES)
def indices(request):
    return request.param


def test_pattern_stores_no_values():
    X = sparse_rows(50, 8, "pattern")
    ones = sparse.csr_array((np.ones(X.nnz, np.float32), X.indices, X.indptr), shape=X.shape)
    assert data_of(X, 1).values is None
    assert data_of(ones, 1).values is None
    ones.data[-1] = 2
    assert np.shares_memory(data_of(ones, 1).values, ones.data)


def test_sound_rows_are_not_copied(indices):
    X = sparse_rows(50, 8, "float32", indices)
    data = data_of(rows_of(X), 1)
    assert data.indices is X.indices or np.shares_memory(data.indices, X.indices)
    assert np.shares_memory(data.values, X.data)


def broken(change):
    X = sparse_rows(30, 9, seed=5)
    change(X)
    return X


def set_index(X, place, value):
    X.indices[place] = value


def fall(X):
    X.indptr[7] = X.indptr[6] - 1


def overrun(X):
    X.indptr[-1] += 5


def begin_late(X):
    X.indptr[0] = 1


def shorten(X):
    X.indptr = X.indptr[:-1]


def lose_values(X):
    X.data = X.data[:-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: set_index(X, 4, -1), r"column index -1 in row .*lie in \[0, 8\]"),
        (lambda X: set_index(X, 11, 9), r"column index 9 in row .*lie in \[0, 8\]"),
        (lambda X: set_index(X, 11, 2**31 - 1), "column index 2147483647 in row"),
        (fall, "indptr of the sparse X is broken at row 6"),
        (overrun, "indptr of the sparse X is broken at row 29"),
        (begin_late, "indptr of the sparse X is broken at row 0"),
        (shorten, "indptr of the sparse X has length 30; 30 rows need 31"),
        (lose_values, "indices and .* values"),
    ],
)
@pytest.mark.parametrize("by_columns", [False, True])
def test_broken_structure_is_refused(change, message, by_columns):
    X = broken(change)
    if by_columns:
        other = sparse.csc_array(X.shape[::-1])
        other.data, other.indices, other.indptr = X.data, X.indices, X.indptr
        X = other
        message = message.replace("column", "ROW").replace("row", "column").replace("ROW", "row")
    with pytest.raises(ValueError, match=message):
        rows_of(X)


@steady
@given(
    st.lists(st.integers(-2, 14), min_size=5, max_size=5),
    st.lists(st.integers(-2, 5), min_size=12, max_size=12),
    st.sampled_from(INDICES),
)
def test_any_structure_is_refused_or_right(indptr, indices, dtype):
    X = sparse.csr_array((4, 4))
    X.indptr = np.array(indptr, dtype=dtype)
    X.indices, X.data = np.array(indices, dtype=dtype), np.arange(12.0)
    sound = indptr[0] == 0 and (np.diff(indptr) >= 0).all() and indptr[-1] <= 12
    used = np.array(indices[: indptr[-1] if sound else 0], dtype=int)
    if not sound or (used < 0).any() or (used > 3).any():
        with pytest.raises(ValueError, match=r"sparse X"):
            rows_of(X)
        return
    expected = np.zeros((4, 4))
    rows = np.repeat(np.arange(4), np.diff(indptr))
    np.add.at(expected, (rows, used), np.arange(12.0)[: len(used)])
    data = data_of(rows_of(X), 1)
    np.testing.assert_array_equal(data.decision_values(np.eye(4), np.zeros(4)).T, expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8"])
def test_unordered_and_repeated_indices_add_up(dtype):
    X = sparse.csr_array(
        (np.array([1, 2, 3, 4, 5], np.float32), np.array([2, 0, 2, 1, 1]), np.array([0, 3, 3, 5])),
        shape=(3, 4),
    )
    X.data = X.data.astype(dtype)
    kept = X.indices.copy()
    assert functions.decision_values(X, [1.0, 10, 100, 1000], 0).tolist() == [402, 0, 90]
    np.testing.assert_array_equal(X.indices, kept)


@pytest.mark.parametrize("form", ["csc", "coo", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_other_formats_are_converted(form, kind):
    X = sparse_rows(20, 7)
    other = getattr(sparse, f"{form}_{kind}")(X)
    vector = np.arange(7.0)
    np.testing.assert_allclose(
        functions.decision_values(other, vector, 0), X @ vector, rtol=1e-13, atol=1e-12
    )


def test_half_precision_by_columns():
    X = sparse.csc_array(sparse_rows(20, 7))
    full = X.toarray()
    X.data = X.data.astype(np.float16)
    actual = functions.decision_values(X, np.arange(7.0), 0)
    np.testing.assert_allclose(actual, full @ np.arange(7.0), rtol=1e-13, atol=1e-12)


def test_coordinates_out_of_place_are_refused():
    X = sparse.coo_array(sparse_rows(20, 7))
    X.coords[1][3] = 7
    with pytest.raises(ValueError, match="column index outside"):
        rows_of(X)
