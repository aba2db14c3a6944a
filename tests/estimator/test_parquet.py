"""Parquet files as parts: read as the numbers that they hold, or refused by row and column."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from fusedlogit import LogisticRegression, Parts

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def write(tmp_path):
    def write(name, **columns):
        path = tmp_path / f"{name}.parquet"
        parquet.write_table(pa.table(columns), path)
        return path

    return write


def numbers(n_samples=100):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 200, (n_samples, 2)).astype(np.uint8)
    return X, (X[:, 0] + rng.normal(size=n_samples) * 50 > 100).astype(int)


@pytest.mark.parametrize("swapped", [False, True])
def test_the_type_is_that_of_all_files(write, swapped):
    X, y = numbers()
    other = X - 100.25
    paths = [write("a", a=X[:, 0], b=X[:, 1], y=y), write("b", a=other[:, 0], b=other[:, 1], y=y)]
    tables = [X, other]
    if swapped:
        paths, tables = paths[::-1], tables[::-1]
    parts = Parts.from_parquet(paths, y="y")
    assert parts.dtype == np.float64
    model = LogisticRegression().fit(parts, parts.y)
    expected = LogisticRegression().fit(np.vstack(tables).astype(float), np.tile(y, 2))
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-8)


def test_text_in_a_later_file(write):
    X, y = numbers()
    paths = [write("a", a=X[:, 0], y=y), write("b", a=[str(value) for value in X[:, 0]], y=y)]
    with pytest.raises(ValueError, match=r"column 'a' of .*b.parquet holds string, not numbers"):
        Parts.from_parquet(paths, y="y")


def test_labels_that_are_text_in_a_later_file_alone(write):
    X, y = numbers()
    paths = [write("a", a=X[:, 0], y=y), write("b", a=X[:, 0], y=[f"{one}" for one in y])]
    with pytest.raises(ValueError, match=r"column 'y' of .*b.parquet holds object, and int64 in"):
        Parts.from_parquet(paths, y="y")
    assert len(Parts.from_parquet([paths[0], paths[0]], y="y").y) == 200


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "bool_", "float32", "int64"])
def test_a_value_that_is_missing(write, kind):
    X, y = numbers()
    values = [None if i == 7 else bool(x > 100) if kind == "bool_" else int(x) // 2
              for i, x in enumerate(X[:, 0])]  # fmt: skip
    path = write("X", a=pa.array(values, getattr(pa, kind)()), y=y)
    parts = Parts.from_parquet(path, y="y")
    with pytest.raises(ValueError, match="row group 0 lacks a value in row 7, column 'a'"):
        LogisticRegression().fit(parts, parts.y)


@pytest.mark.parametrize(
    ("values", "dtype", "wrong"),
    [
        ([1.0, 2.0, 300.0], "uint8", "300.0 in row 2"),
        ([1, -1, 3], "uint8", "-1 in row 1"),
        ([0.5, 1.0, 2.0], "int8", "0.5 in row 0"),
        ([1.0, np.nan, 2.0], "uint16", "nan in row 1"),
        ([0, 1, 2], "bool", "2 in row 2"),
    ],
)
def test_values_that_a_type_does_not_hold(write, values, dtype, wrong):
    parts = Parts.from_parquet(write("X", a=np.array(values)), dtype=dtype)
    with pytest.raises(ValueError, match=f"holds {wrong}, column 'a', which is no {dtype}"):
        LogisticRegression().fit(parts, [0, 1, 1])


def test_a_type_that_holds_them(write):
    X, y = numbers()
    for dtype in ("uint8", "uint16", "float16", "float32"):
        parts = Parts.from_parquet(write("X", a=X[:, 0].astype(np.int64), y=y), y="y", dtype=dtype)
        np.testing.assert_array_equal(parts.parts[0].read()[:, 0], X[:, 0])


def test_what_names_no_table(write, tmp_path):
    X, y = numbers()
    path = write("X", a=X[:, 0], y=y)
    table = pa.Table.from_arrays([pa.array(X[:, 0]), pa.array(X[:, 1])], names=["a", "a"])
    parquet.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match="has two columns 'a'"):
        Parts.from_parquet(tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match="there are no paths"):
        Parts.from_parquet([], columns=["a"], y="y")
    with pytest.raises(TypeError, match="dtype='junk' names no type: give one of float64"):
        Parts.from_parquet(path, y="y", dtype="junk")
    for make in (Parts.from_parquet, lambda path: Parts([path])):
        with pytest.raises(OSError, match=f"is a folder: .*{tmp_path.name}"):
            make(tmp_path)


def test_columns_that_are_asked_for(write):
    X, y = numbers()
    path = write("X", a=X[:, 0], b=X[:, 1], y=y)
    assert Parts.from_parquet(path, np.array(["b"]), y="y").columns == ["b"]
    with pytest.raises(TypeError, match=r"columns='ab' is no sequence of names: give \['ab'\]"):
        Parts.from_parquet(path, "ab", y="y")
    with pytest.raises(ValueError, match="columns holds 'y', which is y and no feature"):
        Parts.from_parquet(path, ["a", "y"], y="y")
    with pytest.raises(ValueError, match="columns holds 'b', which is sample_weight and no"):
        Parts.from_parquet(path, ["a", "b"], y="y", sample_weight="b")
    with pytest.raises(ValueError, match="columns holds 'a' 2 times: give it once"):
        Parts.from_parquet(path, ["a", "b", "a"], y="y")


@pytest.mark.parametrize("name", [None, "id"])
def test_an_index_that_pandas_stored_is_no_feature(tmp_path, name):
    pandas = pytest.importorskip("pandas")
    X, y = numbers()
    frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y})
    numbered, path = tmp_path / "numbered.parquet", tmp_path / "X.parquet"
    frame.to_parquet(numbered)
    frame.set_index(pandas.Index(X[:, 1], name=name)).to_parquet(path)
    for paths in (path, numbered, [path, numbered]):
        assert Parts.from_parquet(paths, y="y").columns == ["a", "b"]
    index = name or "__index_level_0__"
    assert Parts.from_parquet(path, ["a", index]).columns == ["a", index]
    np.testing.assert_array_equal(Parts.from_parquet(path, y=index).y, X[:, 1])


def test_columns_in_another_order_than_those_of_the_fit(write):
    X, y = load_breast_cancer(return_X_y=True)
    first = Parts.from_parquet(write("ab", a=X[:, 0], b=X[:, 1], y=y), y="y")
    other = Parts.from_parquet(write("ba", b=X[:, 1], a=X[:, 0], y=y), y="y")
    model = LogisticRegression().fit(first, first.y)
    for use in (model.predict, model.predict_proba, lambda X: model.score(X, y)):
        with pytest.raises(ValueError, match=r"names should match .*: column 0 is 'b', it was 'a'"):
            use(other)
    stream = LogisticRegression().partial_fit(first, y, classes=[0, 1])
    with pytest.raises(ValueError, match="names should match"):
        stream.partial_fit(other, y)
    assert model.score(first, y) > 0.8
