"""Clusters of two workers of one thread each, and data that is fitted on them and in memory."""

from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("distributed") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from distributed import Client, LocalCluster


def cluster(**options):
    return LocalCluster(threads_per_worker=1, dashboard_address=":0", **options)


@pytest.fixture(scope="package")
def client():
    """Workers that are threads of this process."""
    with cluster(n_workers=2, processes=False) as workers, Client(workers) as client:
        yield client


@pytest.fixture(scope="module")
def processes():
    """Workers that are processes, not the current client's."""
    with (
        cluster(n_workers=2) as workers,
        Client(workers, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def shuffled():
    """Data in an order of which every block has all classes."""

    def load(function):
        X, y = function(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(y))
        return X[order], y[order]

    return load
