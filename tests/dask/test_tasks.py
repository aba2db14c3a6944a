"""Fits inside tasks, which wait for tasks of their own."""

from functools import partial

import dask.array as da
import numpy as np
import pytest
from distributed import worker_client
from sklearn.datasets import load_breast_cancer

import fusedlogit
from fusedlogit.dask import LogisticRegression


def trained(C, X, y):
    """Coefficients and score of a fit on blocks that its task makes."""
    blocks = da.from_array(X, chunks=(200, X.shape[1]))
    model = LogisticRegression(C=C, scaling="standard").fit(blocks, y)
    return model.coef_, model.score(blocks, y)


def trained_apart(C, X, y):
    with worker_client():
        return trained(C, X, y)


@pytest.mark.parametrize("train", [trained, trained_apart])
def test_more_fits_than_threads(client, shuffled, train):
    """Each lets its thread go while it waits, so none waits for the others."""
    X, y = shuffled(load_breast_cancer)
    strengths = [0.01, 0.1, 1.0, 10.0, 100.0]
    futures = client.map(partial(train, X=X, y=y), strengths, pure=False)
    for C, future in zip(strengths, futures, strict=True):
        coef, score = future.result(timeout=120)
        memory = fusedlogit.LogisticRegression(C=C, scaling="standard").fit(X, y)
        np.testing.assert_allclose(coef, memory.coef_, rtol=0, atol=1e-3)
        assert score == pytest.approx(memory.score(X, y))


def test_the_thread_is_taken_back(client, shuffled):
    """A fit that is refused, too, leaves the workers as many threads as they had."""
    X, y = shuffled(load_breast_cancer)

    def refused(k):
        with pytest.raises(ValueError, match="NaN"):
            trained(1.0, np.full_like(X, np.nan), y)
        trained(1.0, X, y)
        return k

    assert client.gather(client.map(refused, range(4), pure=False)) == [0, 1, 2, 3]
    threads = client.run(lambda dask_worker: len(dask_worker.executors["default"]._threads))
    assert set(threads.values()) == {1}
