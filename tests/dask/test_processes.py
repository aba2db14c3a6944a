"""Workers that are processes: what is sent to them, what stays there, and what is lost with one."""

import os
import signal

import dask.array as da
import numpy as np
import pytest
from distributed import wait
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_iris

import fusedlogit
from fusedlogit.dask import LogisticRegression


def fitted(client, X, y, **parameters):
    model = LogisticRegression(tol=1e-10, **parameters)
    model.client = client
    return model.fit(X, y)


def assert_same(model, X, y, **parameters):
    memory = fusedlogit.LogisticRegression(tol=1e-10, **parameters).fit(X, y)
    assert model.converged_
    np.testing.assert_allclose(model.coef_, memory.coef_, rtol=0, atol=1e-8)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_as_in_memory(processes, shuffled, load):
    X, y = shuffled(load)
    blocks = da.from_array(X, chunks=(len(X) // 2 - 3, X.shape[1]))
    assert_same(fitted(processes, blocks, y), X, y)


def test_sparse_blocks(processes, shuffled):
    X, y = shuffled(load_breast_cancer)
    X[np.less(X, X.mean(axis=0))] = 0
    blocks = da.from_array(X, chunks=(300, 30)).map_blocks(csr_array, dtype=float)
    parameters = {"scaling": "standard", "C": 0.1}
    assert_same(fitted(processes, blocks, y, **parameters), csr_array(X), y, **parameters)


def test_blocks_stay_where_they_are(processes):
    X = da.random.default_rng(0).normal(size=(8000, 300), chunks=(2000, 300))
    X = processes.persist(X)
    wait(X)
    before = processes.who_has(X)
    fitted(processes, X, (X[:, 0] > 0).astype(int))
    assert processes.who_has(X) == before


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_a_worker_is_killed(processes, shuffled, load):
    """Its blocks and margins are made again, and the fit ends where it would have ended."""
    X, y = shuffled(load)
    killed = []

    def kill(iteration, *_):
        if iteration == 2:
            killed.append(next(iter(processes.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    blocks = da.from_array(X, chunks=(len(X) // 3, X.shape[1]))
    model = fitted(processes, blocks, y, scaling="standard", callback=kill)
    assert killed
    assert killed[0] not in processes.run(os.getpid).values()
    assert_same(model, X, y, scaling="standard")
