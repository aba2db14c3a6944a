"""Workers that are lost, tasks that raise, and blocks that cannot be used."""

import asyncio
import subprocess
import sys

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer

from fusedlogit.dask import LogisticRegression, LogisticRegressionCV


@pytest.fixture
def blocks(client, shuffled):
    X, y = shuffled(load_breast_cancer)
    return X, y, lambda X: da.from_array(X, chunks=(200, X.shape[1]))


def test_a_block_that_cannot_be_made(blocks):
    X, y, chunked = blocks

    def load(block, block_id=None):
        if block_id[0] == 1:
            raise OSError("the disk is gone")
        return block

    with pytest.raises(OSError, match="the disk is gone") as caught:
        LogisticRegression().fit(chunked(X).map_blocks(load, dtype=X.dtype), y)
    assert any("block 1" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_a_block(blocks, value):
    X, y, chunked = blocks
    X[215, 7] = value
    place = r"block 1: Input X contains NaN or infinity: (nan|inf) in row 15, column 7"
    for parameters in ({}, {"scaling": "standard"}):
        with pytest.raises(ValueError, match=place):
            LogisticRegression(**parameters).fit(chunked(X), y)
    model = LogisticRegression(scaling="standard").fit(chunked(X[:200]), y[:200])
    with pytest.raises(ValueError, match=place):
        model.predict(chunked(X)).compute()
    with pytest.raises(ValueError, match=place):
        model.score(chunked(X), y)


def test_nan_in_a_sparse_block(blocks):
    X, y, _ = blocks
    X[215, 7] = np.nan
    parts = [csr_array(X[:200]), csr_array(X[200:])]
    given = da.concatenate(
        [da.from_delayed(dask.delayed(part), part.shape, dtype=float) for part in parts]
    )
    with pytest.raises(ValueError, match=r"block 1: .* nan in row 15, column 7"):
        LogisticRegression().fit(given, y)


def told_wrongly(parts):
    """Blocks that are not what Dask was told."""
    return da.concatenate(
        [da.from_delayed(dask.delayed(part), (len(part), 30), dtype=float) for part in parts]
    )


def test_blocks_unlike_the_first(blocks):
    X, y, _ = blocks
    for other, message in (
        (X[300:, :29], "block 1 has 29 columns, block 0 30"),
        (X[300:].astype(np.float32), "block 1 holds float32, block 0 float64"),
    ):
        with pytest.raises(ValueError, match=message):
            LogisticRegression().fit(told_wrongly([X[:300], other]), y)
    mixed = da.concatenate(
        [
            da.from_delayed(dask.delayed(part), part.shape, dtype=float)
            for part in (X[:300], csr_array(X[300:]))
        ]
    )
    with pytest.raises(ValueError, match="of block 1 and block 0 one is sparse"):
        LogisticRegression().fit(mixed, y)


@pytest.mark.parametrize("kind", [float, object])
def test_missing_labels(blocks, kind):
    X, y, chunked = blocks
    y = y.astype(kind)
    y[450] = np.nan if kind is float else None
    with pytest.raises(ValueError, match="block 2: y lacks a label in row 50"):
        LogisticRegression().fit(chunked(X), y)


def test_labels_of_two_kinds(blocks):
    """Together they would be text, of which "1" and "1.0" are two classes."""
    X, y, chunked = blocks
    told = [y[:200], y[200:400].astype(float), y[400:]]

    def labels():
        return da.concatenate(
            [da.from_delayed(dask.delayed(own), own.shape, dtype=float) for own in told]
        )

    assert LogisticRegression(C=1e-4).fit(chunked(X), labels()).classes_.tolist() == [0, 1]
    for text in (str, object):
        told[2] = y[400:].astype(str).astype(text)
        with pytest.raises(ValueError, match="block 2 has text for y, block 0 has numbers"):
            LogisticRegression().fit(chunked(X), labels())


def test_rows_that_do_not_fit(blocks):
    X, y, chunked = blocks
    for labels in (y[:-1], da.from_array(y[:-1], chunks=100)):
        with pytest.raises(ValueError, match="X has 569 rows, y 568"):
            LogisticRegression().fit(chunked(X), labels)
    weight = np.ones(len(y))
    weight[201] = -1
    with pytest.raises(ValueError, match=r"block 1: sample_weight is -1\.0 in row 1"):
        LogisticRegression().fit(chunked(X), y, weight)
    with pytest.raises(ValueError, match="X has no rows"):
        LogisticRegression().fit(chunked(X[:0]), y[:0])
    with pytest.raises(ValueError, match="one class only"):
        LogisticRegression().fit(chunked(X), np.zeros(len(y)))
    with pytest.raises(ValueError, match="Unknown label type"):
        LogisticRegression().fit(chunked(X), X[:, 0])
    with pytest.raises(TypeError, match="two dimensions"):
        LogisticRegression().fit(da.ones(3), [0, 1, 1])


def test_what_is_given_of_rows_is_named(blocks):
    X, y, chunked = blocks
    delayed = dask.delayed(y)
    with pytest.raises(TypeError, match="y is a Delayed: give a Dask array"):
        LogisticRegression().fit(chunked(X), delayed)
    with pytest.raises(ValueError, match=r"requires y to be passed, .* None$"):
        LogisticRegression().fit(chunked(X), None)
    with pytest.raises(ValueError, match=r"sample_weight has shape \(569, 2\); X has 569 rows"):
        LogisticRegression().fit(chunked(X), y, np.ones((len(y), 2)))
    two = np.ones((len(y), 2))
    for columns in (1, 2):
        both = da.from_array(two, chunks=(200, columns))
        with pytest.raises(ValueError, match="y has 2 columns; give one"):
            LogisticRegression().fit(chunked(X), both)
        with pytest.raises(ValueError, match="sample_weight has 2 columns; give one"):
            LogisticRegression().fit(chunked(X), y, both)
    with pytest.raises(TypeError, match="sample_weight holds complex128, not numbers"):
        LogisticRegression().fit(chunked(X), y, da.ones(len(y), chunks=200) + 1j)
    model = LogisticRegression(C=1e-4).fit(chunked(X), y, sample_weight=2.0)
    for use in (LogisticRegression().fit, lambda X, y: model.predict(X)):
        with pytest.raises(TypeError, match="X must be a Dask array of two dimensions"):
            use(dask.delayed(X), y)


def test_a_score_of_other_labels_or_without_weight(blocks):
    X, y, chunked = blocks
    model = LogisticRegression(C=1e-4).fit(chunked(X), y)
    with pytest.raises(ValueError, match="the classes of the model are int64"):
        model.score(chunked(X), y.astype(str))
    with pytest.raises(ValueError, match="sample_weight must not be zero throughout"):
        model.score(chunked(X), y, np.zeros(len(y)))


def test_a_client_that_is_none(blocks):
    X, y, chunked = blocks
    model = LogisticRegression()
    model.client = "tcp://127.0.0.1:8786"
    with pytest.raises(TypeError, match="set it to a dask"):
        model.fit(chunked(X), y)


def test_an_asynchronous_client(client, blocks):
    X, y, chunked = blocks

    async def fitted():
        options = {"asynchronous": True, "set_as_default": False}
        async with Client(client.scheduler.address, **options) as model.client:
            with pytest.raises(
                RuntimeError, match=r"is asynchronous, .* without asynchronous=True"
            ):
                model.fit(chunked(X), y)
            return await asyncio.to_thread(model.fit, chunked(X), y)

    model = LogisticRegression(C=1e-4)
    assert asyncio.run(fitted()).score(X, y) > 0.9


def test_prediction_of_other_columns(blocks):
    X, y, chunked = blocks
    model = LogisticRegression(C=1e-4).fit(chunked(X), y)
    with pytest.raises(ValueError, match="expects 30 features"):
        model.predict(chunked(X[:, :4]))


def test_what_is_not_offered(blocks):
    X, y, chunked = blocks
    for labels in (y, np.arange(len(y)) % 3):
        with pytest.raises(TypeError, match="solver='sgd' does not go over Dask blocks: use sol"):
            LogisticRegression(solver="sgd").fit(chunked(X), labels)
    with pytest.raises(TypeError, match=r"partial_fit does not go over Dask blocks"):
        LogisticRegression().partial_fit(chunked(X), y, classes=[0, 1])
    with pytest.raises(ValueError, match="cv='loo' needs all rows in one process"):
        LogisticRegressionCV(cv="loo").fit(chunked(X), y)
    with pytest.raises(TypeError, match="reads X itself"):
        LogisticRegressionCV(scoring=lambda model, X, y: 0.0).fit(chunked(X), y)


def test_without_dask_and_without_a_client():
    code = """
import sys, fusedlogit
fusedlogit.LogisticRegression, fusedlogit.LogisticRegressionCV, fusedlogit.Parts
assert not {"dask", "distributed"} & set(sys.modules)
sys.modules["distributed"] = None
try:
    import fusedlogit.dask
except ModuleNotFoundError as error:
    print(error)
del sys.modules["distributed"]
import dask.array as da
from fusedlogit.dask import LogisticRegression
try:
    LogisticRegression().fit(da.ones((3, 2)), [0, 1, 1])
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "fusedlogit[dask]"' in done.stdout
    assert "no Dask client: start one with dask.distributed.Client()" in done.stdout


def test_masked_labels_and_weights(blocks):
    """What a mask hides is no label, in memory or on workers."""
    X, y, chunked = blocks
    mask = np.arange(len(y)) == 450
    for hidden in (np.ma.masked_array(y, mask), np.ma.masked_array(np.ones(len(y)), mask)):
        what = "y" if hidden.dtype == y.dtype else "sample_weight"
        for given, named in ((hidden, ""), (da.from_array(hidden, chunks=200), "block 2: ")):
            told = {"y": y, what: given}
            with pytest.raises(ValueError, match=f"{named}{what} has masked values"):
                LogisticRegression().fit(chunked(X), **told)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 2 has it")
def test_text_of_a_type_that_scikit_learn_does_not_know(blocks):
    X, y, chunked = blocks
    labels = y.astype(str).astype(np.dtypes.StringDType())
    for given in (labels, da.from_array(labels, chunks=200)):
        with pytest.raises(TypeError, match=r"StringDType.*; give y\.astype\(object\)"):
            LogisticRegression().fit(chunked(X), given)
