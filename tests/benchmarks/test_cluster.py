"""Fits on a local Dask cluster of four processes of one thread, beside dask-ml's and in memory."""

from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest

from fusedlogit import LogisticRegression

if find_spec("distributed") is None:
    pytest.skip("Dask is not there", allow_module_level=True)

import dask
import dask.array as da
from distributed import Client, LocalCluster, wait

from fusedlogit import dask as on_dask

N_PARTS = 4
PENALTY = 1e-4  # of the mean loss


@pytest.fixture(scope="module")
def on_workers(full_size):
    """Tall data that is made where it lies, and its classes."""
    n_rows = 300_000 if full_size else 4_000
    with (
        LocalCluster(N_PARTS, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster),
    ):
        rng = da.random.default_rng(0)
        X = rng.normal(size=(n_rows, 200), chunks=(n_rows // N_PARTS, 200))
        score = X @ rng.normal(size=200, chunks=200) / 5 + rng.logistic(
            size=n_rows, chunks=n_rows // N_PARTS
        )
        given = dask.persist(X, (score > 0).astype(np.int64))
        wait(given)
        yield given


@pytest.fixture(scope="module")
def rows(on_workers):
    """The same in memory."""
    return dask.compute(*on_workers)


def dask_ml(C, tol):
    """Its way that got to 1e-6 soonest, of all that it has."""
    linear_model = pytest.importorskip("dask_ml.linear_model", reason="compared if it is there")
    return linear_model.LogisticRegression(solver="lbfgs", C=C, tol=tol, fit_intercept=False)


MODELS = {
    "in memory": partial(LogisticRegression, fit_intercept=False),
    "on Dask": partial(on_dask.LogisticRegression, fit_intercept=False),
    "dask-ml": dask_ml,
}


def cost(model, X, y):
    """J, by one routine for all."""
    coef = np.ravel(model.coef_)
    z = X @ coef
    return np.logaddexp(0, np.where(y > 0, -z, z)).mean() + PENALTY / 2 * coef @ coef


@pytest.mark.parametrize("model", MODELS)
def test_fit(benchmark, rows, on_workers, model, full_size):
    X, y = rows
    make = partial(MODELS[model], C=1 / (PENALTY * len(X)), tol=1e-6)
    make()  # or skip
    given = rows if model == "in memory" else on_workers
    benchmark.group = "fit of 300,000 x 200 float64 to 1e-6"
    rounds = 5 if full_size else 1
    found = benchmark.pedantic(lambda: make().fit(*given), rounds=rounds, warmup_rounds=rounds // 5)
    least = cost(
        LogisticRegression(C=1 / (PENALTY * len(X)), tol=1e-12, fit_intercept=False).fit(X, y), X, y
    )
    above = cost(found, X, y) / least - 1
    benchmark.extra_info.update(model=model, above=above)
    assert -1e-12 < above < 1e-6
