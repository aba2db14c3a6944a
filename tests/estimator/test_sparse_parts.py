"""Sparse X in parts: what is read by parts is fitted and predicted as if it were in memory."""

import gc
import pickle
import weakref
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.feature_extraction.text import HashingVectorizer

from fusedlogit import LogisticRegression, LogisticRegressionCV, Parts
from fusedlogit.data import part_kinds
from fusedlogit.data import parts as parts_module

TYPES = [
    "float64", "float32", "float16", "uint8", "int8", "uint16", "bool", "int16", "int64", "uint64",
    ">f8", ">i4",
]  # fmt: skip

BROKEN = [
    ({"indptr": [0, 2, 1]}, "indptr of the sparse X is broken at row 1"),
    ({"indptr": [1, 2, 2]}, "indptr of the sparse X is broken at row 0"),
    ({"indptr": [0, 1, 9]}, "indptr of the sparse X is broken at row 1"),
    ({"indices": [0, 4]}, "the sparse X has column index 4 in row 1"),
    ({"indices": [-1, 0]}, "the sparse X has column index -1 in row 0"),
]


@pytest.fixture(scope="module")
def digits():
    """In an order of which every part has all classes; the last part has no entry."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order[:900]], y[order[:900]]
    X[850:] = 0
    return sparse.csr_array(X), y


@pytest.fixture(scope="module")
def few_columns_count():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 300))
    y = (X[:, :5].sum(axis=1) + rng.logistic(size=400) > 0).astype(int)
    return sparse.csr_array(np.where(np.abs(X) > 1.5, X, 0)), y


def cut(X, ends):
    return [X[begin:end] for begin, end in pairwise(ends)]


def saved(folder, parts, **options):
    paths = []
    for k, part in enumerate(parts):
        paths.append(folder / f"part-{k}.npz")
        sparse.save_npz(paths[-1], part, **options)
    return paths


def given_as(source, parts, folder):
    if source == "blocks":
        return Parts.from_blocks(lambda: iter(parts))
    if source == "memory":
        return Parts(parts)
    return Parts(saved(folder, parts, compressed=source == "compressed"))


def with_type(X, dtype):
    """The same numbers in a type that SciPy itself may not compute in."""
    typed = sparse.csr_array(X.shape)
    typed.indptr, typed.indices, typed.data = X.indptr, X.indices, X.data.astype(dtype)
    return typed


def file_of(path, **arrays):
    """Two rows of four columns, with other arrays in the place of some."""
    whole = {
        "data": np.ones(2), "indices": [0, 1], "indptr": [0, 1, 2], "shape": (2, 4),
        "format": b"csr",
    }  # fmt: skip
    np.savez(path, **{**whole, **arrays})
    return path


def assert_same(parts, X, y, weight=None, atol=1e-8, **parameters):
    """Of equal coefficients, an equal proof and equal predictions."""
    ours = LogisticRegression(tol=1e-10, **parameters).fit(parts, y, weight)
    memory = LogisticRegression(tol=1e-10, **parameters).fit(X, y, weight)
    assert ours.converged_
    assert memory.converged_
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.intercept_, memory.intercept_, rtol=1e-11, atol=atol)
    np.testing.assert_allclose(ours.predict_proba(parts), memory.predict_proba(X), atol=1e-8)
    assert ours.score(parts, y) == memory.score(X, y)
    return ours


@pytest.mark.parametrize("source", ["memory", "compressed", "stored", "blocks"])
def test_all_kinds_of_sources(digits, tmp_path, source):
    X, y = digits
    parts = given_as(source, cut(X, [0, 0, 400, 401, 850, 900]), tmp_path)
    assert parts.shape == X.shape
    assert parts.dtype == X.dtype
    assert parts.n_entries == X.nnz
    assert parts.nbytes == 12 * X.nnz + 8 * (900 + 4)
    assert_same(parts, X, y % 2, scaling="standard", C=0.1)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"scaling": 16.0},
        {"l1_ratio": 1.0},
        {"scaling": "standard", "l1_ratio": 0.5},
        {"scaling": "standard", "solver": "lbfgs"},
        {"fit_intercept": False, "class_weight": "balanced"},
    ],
    ids=lambda parameters: ",".join(parameters),
)
def test_as_in_memory(digits, parameters):
    X, y = digits
    weight = np.random.default_rng(0).random(len(y))
    weight[:200] = 0  # a part without any
    parts = Parts(cut(X, [0, 200, 500, 900]))
    assert_same(parts, X, y % 2, weight, **{"C": 0.1, **parameters})


@pytest.mark.parametrize("parameters", [{}, {"scaling": "standard", "l1_ratio": 0.5}], ids=str)
def test_many_classes(digits, parameters):
    X, y = digits
    assert_same(Parts(cut(X, [0, 350, 900])), X, y % 4, C=0.1, **parameters)


@pytest.mark.parametrize("dtype", TYPES)
def test_types(digits, tmp_path, dtype):
    X, y = digits
    X = with_type(X, dtype)
    rows = [with_type(part, dtype) for part in cut(digits[0], [0, 350, 900])]
    np.savez(
        tmp_path / "part.npz", data=rows[0].data, indices=rows[0].indices, indptr=rows[0].indptr,
        shape=rows[0].shape, format="csr",
    )  # fmt: skip
    parts = Parts([tmp_path / "part.npz", rows[1]])
    assert parts.dtype == np.dtype(dtype).newbyteorder("=")
    assert_same(parts, X, y % 2, C=0.1)
    assert Parts.from_blocks(lambda: rows).dtype == parts.dtype


@pytest.mark.parametrize(
    "form", ["csr_matrix", "csc_array", "coo_matrix", "dok_array", "unordered"]
)
@pytest.mark.parametrize("source", ["memory", "blocks"])
def test_formats(digits, tmp_path, form, source):
    X, y = digits
    first, second = cut(X, [0, 350, 900])
    if form == "unordered":
        reverse = slice(None, None, -1)
        second = sparse.csr_array(
            (second.data[reverse], second.indices[reverse], second.nnz - second.indptr[reverse]),
            second.shape,
        )[reverse]
        assert not second.has_sorted_indices
    else:
        second = getattr(sparse, form)(second)
    assert_same(given_as(source, [first, second], tmp_path), X, y % 2, C=0.1)


def test_large_parts_are_cut(digits, monkeypatch):
    X, y = digits
    monkeypatch.setattr(part_kinds, "PART_BYTES", 50_000)
    parts = Parts([X])
    assert len(parts.parts) > 5
    for part in parts.parts:
        rows = part.read()
        assert np.shares_memory(rows.data, X.data)
        assert np.shares_memory(rows.indices, X.indices)
        assert part.n_bytes <= 50_000 + 8
    assert_same(parts, X, y % 2, C=0.1)
    monkeypatch.setattr(part_kinds, "PART_BYTES", 1)
    assert len(Parts([X[:50]]).parts) == 50  # no less than a row


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_many_columns_and_a_far_one(n_classes, l1_ratio):
    """A column that calls for a frame, in which each part is brought when it is read."""
    rng = np.random.default_rng(6)
    far = 50 + 1e-2 * rng.normal(size=(1500, 1))
    X = sparse.hstack([sparse.random_array((1500, 2499), density=0.01, rng=rng), far], "csr")
    y = rng.integers(0, n_classes, 1500)
    assert_same(Parts(cut(X, [0, 400, 1500])), X, y, C=0.3, l1_ratio=l1_ratio)


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_columns_of_extreme_units(scaling):
    rng = np.random.default_rng(0)
    X = sparse.random_array((500, 8), density=0.2, rng=rng).toarray()
    X[:, 3] = 2e9 + 86400 * rng.normal(size=500)
    X[:, 5] *= 1e-9
    y = (X[:, 3] > 2e9) ^ (rng.random(500) < 0.2)
    X = sparse.csr_array(X)
    ours, memory = (
        LogisticRegression(tol=1e-10, scaling=scaling).fit(data, y)
        for data in (Parts(cut(X, [0, 100, 500])), X)
    )
    assert ours.converged_
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=1e-7)


def test_working_sets_of_columns(few_columns_count):
    X, y = few_columns_count
    model = assert_same(Parts(cut(X, [0, 100, 400])), X, y, l1_ratio=1.0, C=0.1)
    assert 0 < np.count_nonzero(model.coef_) < 256


def test_more_columns_than_rows():
    rng = np.random.default_rng(2)
    X = sparse.random_array((300, 3000), density=0.01, rng=rng).tocsr()
    assert_same(Parts(cut(X, [0, 100, 300])), X, rng.integers(0, 2, 300))


@pytest.mark.parametrize("cv", [3, "loo"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_cross_validation(cv, n_classes):
    X, y = load_iris(return_X_y=True)
    X = sparse.csr_array(np.where(X > 1, X, 0))
    rows = y < n_classes
    X, y = X[rows], y[rows]
    ours, memory = (
        LogisticRegressionCV(Cs=3, cv=cv, tol=1e-10).fit(data, y)
        for data in (Parts(cut(X, [0, 30, X.shape[0]])), X)
    )
    np.testing.assert_allclose(ours.scores_, memory.scores_)
    np.testing.assert_allclose(ours.coef_, memory.coef_, atol=1e-8)
    assert ours.converged_


def test_stream_of_hashed_words():
    lines = ["red fox", "red dog", "blue fox", "blue dog", "red red fox", "blue cat"] * 20
    red = np.array(["red" in line for line in lines])
    hashed = HashingVectorizer(n_features=1 << 16)

    def blocks():
        for begin in range(0, len(lines), 50):
            rows = slice(begin, begin + 50)
            yield hashed.transform(lines[rows]), red[rows]

    parts = Parts.from_blocks(blocks)
    assert_same(parts, hashed.transform(lines), parts.y)


def test_every_reading_is_counted(digits, tmp_path):
    X, y = digits
    parts = Parts(saved(tmp_path, cut(X, [0, 350, 900])))
    read = []
    for part in parts.parts:
        original = part.read
        part.read = lambda original=original: (read.append(1), original())[1]
    model = LogisticRegression(C=0.1).fit(parts, y % 2)
    # Some rows are looked at before, which is no pass.
    assert len(read) - 2 == 2 * model.n_passes_


def test_parts_are_let_go(few_columns_count, tmp_path, monkeypatch):
    """Of all that were read, few are in memory at a time, without help of the garbage collector."""
    X, y = few_columns_count
    paths = saved(tmp_path, cut(X, range(0, 401, 50)))
    read, most = [], []
    original = parts_module.stored_rows

    def watched(part, *wanted):
        rows = original(part, *wanted)
        read.append(weakref.ref(rows.indices))
        most.append(sum(reference() is not None for reference in read))
        return rows

    monkeypatch.setattr(parts_module, "stored_rows", watched)
    gc.disable()
    try:
        for parameters in ({}, {"C": 0.1, "l1_ratio": 1.0}):
            LogisticRegression(**parameters).fit(Parts(paths), y)
    finally:
        gc.enable()
    assert len(most) > 50
    assert max(most) <= 3


def test_another_process_reads_files(digits, tmp_path):
    X, y = digits
    parts = pickle.loads(pickle.dumps(Parts(saved(tmp_path, cut(X, [0, 350, 900])))))
    assert_same(parts, X, y % 2, C=0.1)


class TestRefused:
    """What is wrong is named."""

    def test_sparse_and_dense(self, digits):
        X, _ = digits
        with pytest.raises(ValueError, match="part 1 is dense, the first part sparse"):
            Parts([X, X.toarray()])
        with pytest.raises(ValueError, match="part 2 is sparse, the first part dense"):
            Parts([X.toarray(), X.toarray(), X])

    def test_parts_that_do_not_fit(self, digits):
        X, _ = digits
        with pytest.raises(TypeError, match="in a list"):
            Parts(X)
        with pytest.raises(ValueError, match="part 1 has 3 columns, the first part 64"):
            Parts([X, X[:, :3]])
        with pytest.raises(ValueError, match="part 1 holds float32, the first part float64"):
            Parts([X, X.astype(np.float32)])
        with pytest.raises(ValueError, match=r"part 0 holds complex128; store it as one of"):
            Parts([X.astype(complex)])
        with pytest.raises(TypeError, match=r"part 0 is coo_array, not a table"):
            Parts([sparse.coo_array(np.ones(3))])
        with pytest.raises(ValueError, match="no rows"):
            Parts([X[:0]])

    @pytest.mark.parametrize(("arrays", "message"), BROKEN)
    def test_broken_structure(self, tmp_path, arrays, message):
        whole = sparse.csr_array(np.eye(2, 4))
        broken = whole.copy()
        for name, values in arrays.items():
            setattr(broken, name, np.array(values, np.int32))
        with pytest.raises(ValueError, match=f"part 1: {message}"):
            Parts([whole, broken])
        with pytest.raises(ValueError, match=f"block 1: {message}"):
            Parts.from_blocks(lambda: [whole, broken])
        parts = Parts([whole, file_of(tmp_path / "broken.npz", **arrays)])
        with pytest.raises(ValueError, match=rf"broken\.npz: {message}"):
            LogisticRegression().fit(parts, [0, 1, 0, 1])

    def test_indices_that_break_after_a_fit(self, digits):
        X, y = digits
        X = X.copy()
        parts = Parts(cut(X, [0, 900]))
        LogisticRegression(C=0.1).fit(parts, y % 2)
        parts.parts[0].source.indices[0] = 64
        with pytest.raises(ValueError, match="part 0: the sparse X has column index 64 in row 0"):
            LogisticRegression().fit(parts, y % 2)

    def test_nan(self, digits, tmp_path):
        X, y = digits
        X = X.copy()
        place = X.indptr[450] + 3
        X.data[place] = np.nan
        parts = Parts(saved(tmp_path, cut(X, [0, 350, 900])))
        named = rf"part-1\.npz: Input X contains NaN .* nan in row 100, column {X.indices[place]}"
        with pytest.raises(ValueError, match=named):
            LogisticRegression().fit(parts, y)

    @pytest.mark.parametrize("n_bytes", [0, 60, -60])
    def test_a_file_cut_short(self, digits, tmp_path, n_bytes):
        X, y = digits
        paths = saved(tmp_path, cut(X, [0, 350, 900]))
        parts = Parts(paths)
        paths[1].write_bytes(paths[1].read_bytes()[:n_bytes])
        with pytest.raises(ValueError, match=r"part-1\.npz has changed"):
            LogisticRegression().fit(parts, y)
        with pytest.raises(ValueError, match=r"part-1\.npz is no whole \.npz file"):
            Parts(paths)

    def test_a_damaged_file(self, digits, tmp_path):
        X, y = digits
        (path,) = saved(tmp_path, [X], compressed=False)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        parts = Parts([path])  # its headers are whole
        with pytest.raises(ValueError, match=r"part-0\.npz is no whole .* Bad CRC-32"):
            LogisticRegression().fit(parts, y)

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"format": b"csc"}, r"it is in the format csc; save X\.tocsr"),
            ({"data": np.array([None, 1])}, "data claims to be object"),
            ({"data": np.ones((2, 1))}, "2 dimensions; expected 1"),
            ({"data": np.ones(3)}, r"arrays of \(3, 2, 3\) numbers are no rows of shape \(2, 4\)"),
            ({"indices": [0.0, 1.0]}, "indices claims to be float64"),
            ({"shape": (3, 4)}, r"no rows of shape \(3, 4\)"),
            ({"shape": (2, -4)}, r"no rows of shape \(2, -4\)"),
        ],
    )
    def test_files_of_other_things(self, tmp_path, arrays, message):
        assert Parts([file_of(tmp_path / "whole.npz")]).shape == (2, 4)
        path = file_of(tmp_path / "X.npz", **arrays)
        with pytest.raises(ValueError, match=rf"X\.npz is no whole \.npz file .*{message}"):
            Parts([path])

    def test_no_sparse_file(self, tmp_path):
        np.savez(tmp_path / "X.npz", X=np.ones((3, 2)))
        with pytest.raises(ValueError, match=r"X\.npz is no whole .* no item named 'format\.npy'"):
            Parts([tmp_path / "X.npz"])

    def test_blocks_that_become_dense(self, digits):
        X, y = digits
        given = iter([[X]])
        parts = Parts.from_blocks(lambda: next(given, [X.toarray()]))
        with pytest.raises(ValueError, match=r"block 0 was sparse float64 .*, now it is float64"):
            LogisticRegression().fit(parts, y)
