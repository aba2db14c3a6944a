"""Blocks that a function gives anew for each pass."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer

from fusedlogit import LogisticRegression, Parts


@pytest.fixture
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X / X.std(axis=0), y


@pytest.mark.parametrize("n_rows", [60, 150, 569])
def test_memory_that_is_filled_again(cancer, n_rows):
    X, y = cancer
    rows, labels = np.empty((n_rows, X.shape[1])), np.empty(n_rows, y.dtype)

    def blocks():
        for begin in range(0, len(y), n_rows):
            some = slice(0, min(n_rows, len(y) - begin))
            rows[some], labels[some] = X[begin : begin + n_rows], y[begin : begin + n_rows]
            yield rows[some], labels[some]

    parts = Parts.from_blocks(blocks)
    np.testing.assert_array_equal(parts.y, y)
    model = LogisticRegression().fit(parts, parts.y)
    np.testing.assert_allclose(model.coef_, LogisticRegression().fit(X, y).coef_, rtol=1e-8)


@pytest.mark.parametrize("kept", ["data", "indices", "indptr"])
def test_sparse_memory_that_is_filled_again(cancer, kept):
    X, y = cancer
    X = csr_array(np.where(np.median(X, axis=0) < X, X, 0.0))
    memory = np.empty(X.nnz, np.float64 if kept == "data" else np.int64)

    def blocks():
        for begin in range(0, 569, 190):
            rows = X[begin : begin + 190]
            rows.indptr = rows.indptr.astype(np.int64)  # read where it lies
            own = getattr(rows, kept)
            memory[: len(own)] = own
            setattr(rows, kept, memory[: len(own)])
            yield rows

    model = LogisticRegression().fit(Parts.from_blocks(blocks), y)
    np.testing.assert_allclose(model.coef_, LogisticRegression().fit(X, y).coef_, rtol=1e-8)


@pytest.mark.parametrize("order", ["C", "F"])
def test_slices_of_one_array_are_read_where_they_lie(cancer, order):
    X, _ = cancer
    X = np.asarray(X, order=order)
    parts = Parts.from_blocks(lambda: (X[i : i + 200] for i in range(0, len(X), 200)))
    assert all(np.shares_memory(rows, X) for _, _, rows in parts.read())


def test_other_numbers_of_blocks_than_at_first(cancer):
    X, y = cancer
    for more, message in ((1, "now there are more"), (-1, "now it is missing")):
        calls = iter([2, 2 + more])
        parts = Parts.from_blocks(lambda calls=calls: [X] * next(calls))
        with pytest.raises(ValueError, match=message):
            LogisticRegression().fit(parts, np.tile(y, 2))


def test_an_error_of_the_function_is_told_and_gone_with_it(cancer):
    X, y = cancer
    broken = iter([False, True])

    def blocks():
        fails = next(broken, False)
        yield X[:300]
        if fails:
            raise OSError("the line is dead")
        yield X[300:]

    parts = Parts.from_blocks(blocks)
    with pytest.raises(OSError, match="the line is dead"):
        LogisticRegression().fit(parts, y)
    model = LogisticRegression().fit(parts, y)
    np.testing.assert_allclose(model.coef_, LogisticRegression().fit(X, y).coef_, rtol=1e-8)


def test_tuples_that_are_none_of_a_block(cancer):
    X, y = cancer
    for given, found in (((X, y, y, y), 4), ((), 0)):
        with pytest.raises(ValueError, match=f"block 0 is a tuple of {found}: give X, "):
            Parts.from_blocks(lambda given=given: [given])
    for kinds in ((y, y.astype(str)), (y.astype(str), y), (y, y.astype(str).astype(object))):
        with pytest.raises(ValueError, match=r"block 1 has (text|numbers) for y, block 0 has"):
            Parts.from_blocks(lambda kinds=kinds: [(X, y) for y in kinds])


def test_data_frames_are_no_parts(cancer):
    frame = pytest.importorskip("pandas").DataFrame(cancer[0])
    for make in (lambda: Parts([frame]), lambda: Parts.from_blocks(lambda: [(frame, cancer[1])])):
        with pytest.raises(
            TypeError, match=r"0 is DataFrame, not a table: give its \.to_numpy\(\)"
        ):
            make()


def test_structured_arrays_are_no_parts():
    given = np.zeros(3, [("a", float), ("b", float)])
    for make in (lambda: Parts([given]), lambda: Parts.from_blocks(lambda: [given])):
        with pytest.raises(ValueError, match=r"0 is a structured array: .*structured_to_unstruct"):
            make()


def test_parts_of_parts(cancer):
    X, y = cancer
    model = LogisticRegression().fit(Parts([Parts([X[:100], X[100:300]]), X[300:]]), y)
    np.testing.assert_allclose(model.coef_, LogisticRegression().fit(X, y).coef_, rtol=1e-8)
