"""X in parts: what is read by parts is fitted and predicted as if it were in memory."""

import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

from fusedlogit import LogisticRegression, LogisticRegressionCV, Parts
from fusedlogit.data import part_kinds
from fusedlogit.data.arguments import data_of

STORED = [np.float64, np.float32, np.float16, np.uint8, np.int8, np.uint16, np.bool_]


def bundled(load, dtype=np.float64):
    X, y = load(return_X_y=True)
    return X.astype(dtype), y


def as_npy(folder, X, n_parts=4, order="C"):
    paths = []
    for k, part in enumerate(np.array_split(X, n_parts)):
        paths.append(folder / f"part-{k}.npy")
        np.save(paths[-1], np.asarray(part, order=order))
    return paths


def as_parquet(folder, X, y, n_parts=2):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    paths = []
    rows = zip(np.array_split(X, n_parts), np.array_split(y, n_parts), strict=True)
    for k, (part, target) in enumerate(rows):
        frame = pd.DataFrame(part, columns=[f"x{j}" for j in range(X.shape[1])])
        frame["label"], frame["weight"] = target, 1.0 + np.arange(len(target)) % 3
        paths.append(folder / f"{k}.parquet")
        frame.to_parquet(paths[-1], row_group_size=60)
    return paths


def assert_same(parts, X, y, weight=None, **parameters):
    """Of equal fits to rounding, and equal predictions."""
    ours = LogisticRegression(tol=1e-12, **parameters).fit(parts, y, weight)
    memory = LogisticRegression(tol=1e-12, **parameters).fit(X, y, weight)
    assert ours.converged_
    assert memory.converged_
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, memory.intercept_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        ours.predict_proba(parts), memory.predict_proba(X), rtol=1e-4, atol=1e-7
    )
    assert (ours.predict(parts) == memory.predict(X)).all()
    return ours


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_digits])
@pytest.mark.parametrize(
    "parameters",
    [
        {"scaling": "standard"},
        {"scaling": 16.0, "C": 0.1},
        {"scaling": "standard", "l1_ratio": 0.5, "C": 0.1},
        {"scaling": "standard", "solver": "lbfgs"},
        {"scaling": "standard", "fit_intercept": False},
    ],
    ids=lambda parameters: ",".join(parameters),
)
def test_as_in_memory(load, parameters):
    X, y = bundled(load)
    weight = np.random.default_rng(0).random(len(y))
    weight[:60] = 0  # a part without any
    order = np.random.default_rng(1).permutation(len(y))
    X, y = X[order], y[order]
    assert_same(Parts(np.array_split(X, 7)), X, y, weight, **parameters)


@pytest.mark.parametrize("n_rows", [30, 400])
def test_more_columns_than_rows(n_rows):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n_rows, 3000)).astype(np.float32)
    y = rng.integers(0, 2, n_rows)
    ours = LogisticRegression(C=0.01).fit(Parts(np.array_split(X, 3)), y)
    memory = LogisticRegression(C=0.01).fit(X, y)
    assert ours.converged_
    np.testing.assert_allclose(ours.coef_, memory.coef_, atol=1e-5)


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("order", ["C", "F"])
def test_types_and_orders_of_files(tmp_path, dtype, order):
    X, y = load_digits(return_X_y=True)
    X, y = (X > 7).astype(dtype) if dtype == np.bool_ else X.astype(dtype), y % 2
    parts = Parts(as_npy(tmp_path, X, order=order))
    assert parts.shape == X.shape
    assert parts.dtype == X.dtype
    assert parts.nbytes == X.nbytes
    model = LogisticRegression(scaling=16.0, C=0.1).fit(parts, y)
    memory = LogisticRegression(scaling=16.0, C=0.1).fit(X, y)
    assert model.converged_
    np.testing.assert_allclose(
        model.decision_function(parts), memory.decision_function(X), atol=1e-3
    )


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 569), max_size=12), n_threads=st.integers(1, 3))
def test_wherever_it_is_cut(cuts, n_threads):
    X, y = bundled(load_breast_cancer)
    parts = Parts(np.split(X, sorted(cuts)))  # empty ones too
    ours = LogisticRegression(scaling="standard", n_jobs=n_threads).fit(parts, y)
    memory = LogisticRegression(scaling="standard").fit(X, y)
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("below", [-1, 0, 1])
def test_large_parts_are_cut(monkeypatch, below):
    X, y = bundled(load_breast_cancer)
    monkeypatch.setattr(part_kinds, "PART_BYTES", (100 + below) * X.strides[0])
    parts = Parts([X])
    assert [part.shape[0] for part in parts.parts][:-1] == [100 + below] * (569 // (100 + below))
    assert_same(parts, X, y, scaling="standard")


def test_the_same_bits():
    X, y = bundled(load_digits, np.float32)
    fits = [LogisticRegression(n_jobs=2).fit(Parts(np.array_split(X, 5)), y) for _ in range(2)]
    assert (fits[0].coef_ == fits[1].coef_).all()


def test_columns_far_from_zero():
    X, y = bundled(load_breast_cancer)
    shifted = (X + 1e6 * X.std(axis=0)).astype(np.float64)
    assert_same(Parts(np.array_split(shifted, 5)), shifted, y, scaling="standard")


def test_memory_map(tmp_path):
    X, y = bundled(load_breast_cancer)
    np.save(tmp_path / "X.npy", X)
    assert_same(Parts([np.load(tmp_path / "X.npy", mmap_mode="r")]), X, y, scaling="standard")


def test_datasets_sliced_by_rows(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    X, y = bundled(load_breast_cancer)
    monkeypatch.setattr(part_kinds, "PART_BYTES", 120 * X.strides[0])
    with h5py.File(tmp_path / "X.h5", "w") as file:
        dataset = file.create_dataset("X", data=X, chunks=(50, 30))
        parts = Parts([dataset])
        assert [part.shape[0] for part in parts.parts][:2] == [100, 100]  # whole chunks
        assert_same(parts, X, y, scaling="standard")
        model = LogisticRegression(C=1e-3).fit(dataset, y)  # as a whole, like an array
        np.testing.assert_array_equal(model.predict(dataset), model.predict(X))


def test_parquet(tmp_path):
    X, y = bundled(load_breast_cancer)
    paths = as_parquet(tmp_path, X, y)
    parts = Parts.from_parquet(paths, y="label", sample_weight="weight")
    assert parts.columns == [f"x{j}" for j in range(30)]
    assert parts.dtype == np.float64
    assert len(parts.parts) == 10
    ours = assert_same(parts, X, parts.y, parts.sample_weight, scaling="standard")
    assert ours.feature_names_in_.tolist() == parts.columns
    np.testing.assert_array_equal(parts.y, y)
    few = Parts.from_parquet(paths[0], ["x3", "x1"], dtype=np.float32)
    assert few.shape == (285, 2)
    assert few.dtype == np.float32


def test_blocks():
    X, y = bundled(load_iris)
    calls = []

    def blocks():
        calls.append(0)
        for begin in range(0, len(y), 40):
            rows = slice(begin, begin + 40)
            yield X[rows], y[rows], np.ones(len(y[rows]))

    parts = Parts.from_blocks(blocks)
    ours = assert_same(parts, X, parts.y, parts.sample_weight)
    assert len(calls) >= ours.n_passes_


@pytest.mark.parametrize("cv", [3, "loo"])
def test_cross_validation(cv):
    X, y = bundled(load_iris)
    ours, memory = (
        LogisticRegressionCV(Cs=3, cv=cv).fit(data, y) for data in (Parts(np.array_split(X, 4)), X)
    )
    np.testing.assert_allclose(ours.scores_, memory.scores_)
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=1e-5, atol=1e-6)


def test_every_reading_is_counted(tmp_path):
    X, y = bundled(load_breast_cancer)
    parts = Parts(as_npy(tmp_path, X))
    read = []
    for part in parts.parts:
        original = part.read
        part.read = lambda original=original: (read.append(1), original())[1]
    model = LogisticRegression(scaling="standard").fit(parts, y)
    # Some rows are looked at before, which is no pass.
    assert len(read) - 4 == 4 * model.n_passes_


def test_names_of_columns_follow_the_fit(tmp_path):
    X, y = bundled(load_breast_cancer)
    parts = Parts.from_parquet(as_parquet(tmp_path, X, y), y="label", sample_weight="weight")
    model = LogisticRegression(scaling="standard").fit(parts, y)
    model.fit(Parts([X]), y)
    assert not hasattr(model, "feature_names_in_")


def test_another_process_reads_files(tmp_path):
    X, y = bundled(load_breast_cancer)
    parts = Parts(as_npy(tmp_path, X))
    LogisticRegression(scaling="standard").fit(parts, y)
    pickled = pickle.dumps(parts)
    assert len(pickled) < 5_000
    assert_same(pickle.loads(pickled), X, y, scaling="standard")


@pytest.mark.skipif(sys.platform != "linux", reason="limits what may be addressed")
def test_little_memory(tmp_path):
    """200 MB where the process may address 120 MB more than it does before."""
    rng = np.random.default_rng(3)
    for k in range(10):
        np.save(tmp_path / f"{k}.npy", rng.normal(size=(5_000, 500)))
    code = f"""
import resource
import numpy as np
from fusedlogit import LogisticRegression, LogisticRegressionCV, Parts
X = Parts([{str(tmp_path)!r} + f"/{{k}}.npy" for k in range(10)])
y = np.arange(50_000) % 2
LogisticRegression(C=1e-3, tol=1e-3).fit(Parts([np.random.rand(600, 500)]), y[:600])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 120_000_000,) * 2)
print(LogisticRegression(C=1e-3, tol=1e-3).fit(X, y).converged_)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr


def test_floats_of_files_are_read_once_less():
    """Passes that wait for rows are in float64 from the first: none is read again for a proof."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 4)).astype(np.float32)
    y = X @ rng.normal(size=4) + rng.logistic(size=len(X)) > 0
    memory = LogisticRegression().fit(X, y)
    parts = LogisticRegression().fit(Parts([X]), y)
    assert parts.converged_
    assert parts.n_passes_ < memory.n_passes_ - 0.5


class TestRefused:
    """What is wrong is named."""

    def test_no_parts(self):
        with pytest.raises(ValueError, match="no rows"):
            Parts([])
        with pytest.raises(ValueError, match="no rows"):
            Parts([np.empty((0, 3))])

    @pytest.mark.parametrize("given", [np.ones((3, 2)), "X.npy"])
    def test_a_single_one(self, given):
        with pytest.raises(TypeError, match="in a list"):
            Parts(given)

    @pytest.mark.parametrize("part", [[[1.0, 2.0]], np.ones(3), None, 7])
    def test_no_table(self, part):
        with pytest.raises(TypeError, match=r"part 1 is .*, not a table"):
            Parts([np.ones((3, 2)), part])

    def test_other_columns(self):
        with pytest.raises(ValueError, match="part 1 has 3 columns, the first part 2"):
            Parts([np.ones((3, 2)), np.ones((3, 3))])

    def test_no_columns(self):
        with pytest.raises(ValueError, match="part 0 has no columns"):
            Parts([np.ones((3, 0))])

    def test_another_type(self):
        with pytest.raises(ValueError, match="part 1 holds float32, the first part float64"):
            Parts([np.ones((3, 2)), np.ones((3, 2), np.float32)])

    @pytest.mark.parametrize("dtype", [np.int64, object, "U3", np.complex128])
    def test_a_type_that_is_not_stored(self, dtype):
        with pytest.raises(ValueError, match=r"part 0 holds .*; store it as one of float64"):
            Parts([np.ones((3, 2)).astype(dtype)])

    def test_nan_in_a_file(self, tmp_path):
        X, y = bundled(load_breast_cancer)
        X[300, 7] = np.nan
        paths = as_npy(tmp_path, X)
        place = rf"part-2\.npy: Input X contains NaN .* nan in row {300 - 285}, column 7"
        with pytest.raises(ValueError, match=place):
            LogisticRegression().fit(Parts(paths), y)
        model = LogisticRegression(scaling="standard").fit(np.delete(X, 300, 0), np.delete(y, 300))
        with pytest.raises(ValueError, match=place):
            model.predict(Parts(paths))

    def test_a_file_cut_short(self, tmp_path):
        X, y = bundled(load_breast_cancer)
        paths = as_npy(tmp_path, X)
        parts = Parts(paths)
        os.truncate(paths[2], paths[2].stat().st_size - 8)
        with pytest.raises(ValueError, match=r"part-2\.npy has changed"):
            LogisticRegression().fit(parts, y)
        with pytest.raises(ValueError, match=r"part-2\.npy is cut short: it holds .* bytes"):
            Parts(paths)

    def test_a_file_that_changes_between_passes(self, tmp_path):
        X, y = bundled(load_breast_cancer)
        paths = as_npy(tmp_path, X)

        def change(*_):
            np.save(paths[3], X[:142] + 1)
            os.utime(paths[3], (1, 1))

        model = LogisticRegression(scaling="standard", callback=change)
        with pytest.raises(ValueError, match=r"part-3\.npy has changed"):
            model.fit(Parts(paths), y)
        assert not hasattr(model, "coef_")

    def test_parts_are_made_anew_of_a_file_that_has_changed(self, tmp_path):
        X, y = bundled(load_breast_cancer)
        paths = as_npy(tmp_path, X)
        parts = Parts(paths)
        model = LogisticRegression(C=1e-3).fit(parts, y)
        os.utime(paths[1], (1, 1))
        for use in (model.predict, lambda parts: model.fit(parts, y)):
            with pytest.raises(
                ValueError, match=r"part-1\.npy has changed since .* make them anew"
            ):
                use(parts)
            use(Parts(paths))

    @pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00v\x00{"])
    def test_no_npy_file(self, tmp_path, content):
        (tmp_path / "X.npy").write_bytes(content)
        with pytest.raises(ValueError, match=r"X\.npy is no \.npy file of a table"):
            Parts([tmp_path / "X.npy"])

    def test_objects_in_a_file(self, tmp_path):
        np.save(tmp_path / "X.npy", np.array([[None, 1]]), allow_pickle=True)
        with pytest.raises(ValueError, match="object"):
            Parts([tmp_path / "X.npy"])

    @pytest.mark.parametrize("name", ["X.npy", "X.npz"])
    def test_a_pipe(self, tmp_path, name):
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes")
        os.mkfifo(tmp_path / name)
        with pytest.raises(OSError, match="is a pipe"):
            Parts([tmp_path / name])

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            Parts([tmp_path / "X.npy"])

    def test_y_of_another_length(self):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            LogisticRegression().fit(Parts([np.ones((3, 2))]), [0, 1])

    def test_no_y(self):
        with pytest.raises(ValueError, match="requires y"):
            LogisticRegression().fit(Parts([np.ones((3, 2))]), None)

    def test_prediction_of_other_columns(self):
        X, y = bundled(load_iris)
        model = LogisticRegression().fit(X, y)
        with pytest.raises(ValueError, match="3 features, but LogisticRegression is expecting 4"):
            model.predict(Parts([X[:, :3]]))

    def test_parquet(self, tmp_path):
        X, y = bundled(load_iris)
        pd = pytest.importorskip("pandas")
        paths = as_parquet(tmp_path, X, y)
        with pytest.raises(ValueError, match="no column 'y'"):
            Parts.from_parquet(paths, y="y")
        with pytest.raises(ValueError, match="there are no paths"):
            Parts.from_parquet([])
        pd.DataFrame({"a": ["x", "y"]}).to_parquet(tmp_path / "text.parquet")
        with pytest.raises(ValueError, match=r"column 'a' of .* holds .*, not numbers"):
            Parts.from_parquet(tmp_path / "text.parquet")
        (tmp_path / "cut.parquet").write_bytes(paths[0].read_bytes()[:-100])
        with pytest.raises(ValueError, match="no whole Parquet file"):
            Parts.from_parquet(tmp_path / "cut.parquet")

    def test_blocks(self):
        X, y = bundled(load_iris)
        with pytest.raises(TypeError, match=r"not generator: give what makes it, as lambda: bl"):
            Parts.from_blocks(block for block in [X])
        with pytest.raises(
            TypeError, match=r"needs a function .* not list: wrap it as lambda: \.\."
        ):
            Parts.from_blocks([X])
        with pytest.raises(TypeError, match="from_blocks returned NoneType: let it return an iter"):
            Parts.from_blocks(lambda: None)
        with pytest.raises(ValueError, match="block 1 lacks y"):
            Parts.from_blocks(lambda: [(X, y), X])
        with pytest.raises(ValueError, match="block 0 has 150 rows, but y"):
            Parts.from_blocks(lambda: [(X, y[:3])])
        with pytest.raises(ValueError, match="block 1 has 3 columns"):
            Parts.from_blocks(lambda: [X, X[:, :3]])

    @pytest.mark.parametrize("later", [[], [np.ones((150, 4), np.float32)], [np.ones((3, 4))]])
    def test_blocks_that_change(self, later):
        X, y = bundled(load_iris)
        given = iter([[X]])
        parts = Parts.from_blocks(lambda: next(given, later))
        with pytest.raises(ValueError, match=r"block 0 was .* the same blocks each time"):
            LogisticRegression().fit(parts, y)

    def test_an_error_of_the_function_comes_through(self):
        X, y = bundled(load_iris)
        calls = iter([0])

        def blocks():
            if next(calls, None) is None:
                raise RuntimeError("no connection")
            yield X

        with pytest.raises(RuntimeError, match="no connection"):
            LogisticRegression().fit(Parts.from_blocks(blocks), y)

    def test_no_thread_is_left_behind(self):
        before = threading.active_count()
        self.test_an_error_of_the_function_comes_through()
        assert threading.active_count() == before


@pytest.mark.parametrize("heavy", [3, 500])
def test_means_where_one_row_outweighs_all_others(heavy):
    rng = np.random.default_rng(heavy)
    X, weight = 68 * rng.random((569, 3)), 10 ** rng.uniform(-15, -12, 569)
    X[heavy], weight[heavy] = 0.0, 1.0
    matrix = data_of(Parts([X[:200], X[200:]]), 1)
    share = (weight / weight.sum()).astype(np.longdouble)
    np.testing.assert_allclose(matrix.moments(weight)[0], share @ X, rtol=1e-12)
