"""Coordinate descent by itself: sweeps over a Gram matrix that fits in cache."""

import numpy as np
import pytest

from fusedlogit import functions


@pytest.mark.parametrize("n_features", [64, 512])
def test_coordinate_descent(benchmark, n_features):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4 * n_features, n_features))
    hessian, gradient = X.T @ X / len(X), rng.standard_normal(n_features)
    coef, n_sweeps = benchmark.pedantic(
        functions.coordinate_descent,
        (hessian, gradient, 0.5, np.zeros(n_features)),
        {"tol": 0.0, "max_sweeps": 64},
        rounds=15,
    )
    assert n_sweeps <= 64
    assert 0 < np.count_nonzero(coef) < n_features
