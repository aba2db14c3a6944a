"""Dask data frames."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

import fusedlogit
from fusedlogit.dask import LogisticRegression

pd = pytest.importorskip("pandas")
dd = pytest.importorskip("dask.dataframe")


@pytest.fixture
def frames(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    frame["whole"] = np.arange(len(frame)) % 300  # one of integers
    return frame, pd.Series(np.array(["benign", "malign"])[y]), np.linspace(0.1, 1, len(y))


def test_as_in_memory(frames):
    X, y, weight = frames
    ddX, ddy, ddw = (dd.from_pandas(rows, npartitions=3) for rows in (X, y, pd.Series(weight)))
    ours = LogisticRegression(scaling="standard", tol=1e-10).fit(ddX, ddy, ddw)
    memory = fusedlogit.LogisticRegression(scaling="standard", tol=1e-10).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=0, atol=1e-8)
    assert ours.converged_
    assert ours.feature_names_in_.tolist() == list(X.columns)
    assert ours.classes_.tolist() == ["benign", "malign"]
    assert (ours.predict(ddX).compute() == memory.predict(X)).all()
    np.testing.assert_allclose(
        ours.predict_proba(ddX).compute(), memory.predict_proba(X), atol=1e-8
    )
    assert ours.score(ddX, ddy) == memory.score(X, y)


def test_a_filtered_frame(frames):
    X, y, _ = frames
    whole = dd.from_pandas(X.assign(y=y), npartitions=4)
    some = whole[whole["whole"] < 200]
    ours = LogisticRegression(scaling="standard", tol=1e-10).fit(some.drop(columns="y"), some["y"])
    kept = X["whole"] < 200
    memory = fusedlogit.LogisticRegression(scaling="standard", tol=1e-10).fit(X[kept], y[kept])
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=0, atol=1e-8)


def test_integers_alone(frames):
    X, y, _ = frames
    X = X[["x0", "x1"]].astype(int)
    X.loc[3, "x0"] = -100_000
    ours = LogisticRegression(C=1e-3).fit(dd.from_pandas(X, npartitions=3), y)
    memory = fusedlogit.LogisticRegression(C=1e-3).fit(X, y)
    np.testing.assert_allclose(ours.coef_, memory.coef_, rtol=1e-4)
    assert ours.feature_names_in_.tolist() == ["x0", "x1"]


def test_other_columns(frames):
    X, y, _ = frames
    ddX = dd.from_pandas(X, npartitions=2)
    model = LogisticRegression(C=1e-6, scaling="standard").fit(ddX, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(ddX.rename(columns={"x0": "other"}))


def test_text(frames):
    X, y, _ = frames
    with pytest.raises(ValueError, match=r"partition [01]: X must hold numbers, not text"):
        LogisticRegression().fit(dd.from_pandas(X.assign(text="a"), npartitions=2), y)


def test_other_partitions(frames):
    X, y, _ = frames
    ddX, ddy = dd.from_pandas(X, npartitions=3), dd.from_pandas(y, npartitions=2)
    with pytest.raises(ValueError, match="y is in 2 parts and X in 3"):
        LogisticRegression().fit(ddX, ddy)
    with pytest.raises(ValueError, match=r"partition .: y has shape .*; X has .* rows there"):
        LogisticRegression().fit(ddX, dd.concat([ddy, ddy.partitions[:1]]))


def test_labels_that_pandas_lacks(frames):
    X, y, _ = frames
    y = y.astype("string")
    y.iloc[3] = pd.NA
    for labels in (y, dd.from_pandas(y, npartitions=3)):
        with pytest.raises(ValueError, match="partition 0: y lacks a label in row 3"):
            LogisticRegression().fit(dd.from_pandas(X, npartitions=3), labels)
