"""Means and variances of columns where digits may get lost. (In general, test_passes.py.)"""

import numpy as np
import pytest

from .problems import Problem


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_samples", [5, 1000, 20_000])
def test_a_large_mean_costs_no_digits_of_the_variance(kernels, n_samples, n_threads):
    rng = np.random.default_rng(0)
    spread = rng.standard_normal((n_samples, 3))
    X = 1e8 + spread
    _, deviation, weight = kernels.moments(X, None, n_threads)
    # The squares themselves would need 16 digits before the first of the variance.
    np.testing.assert_allclose(deviation / weight, np.var(X - 1e8, axis=0), rtol=1e-7)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_constant_column_does_not_vary(kernels, n_threads):
    X = np.full((10_000, 2), 0.1)
    mean, deviation, weight = kernels.moments(X, None, n_threads)
    np.testing.assert_allclose(mean, 0.1, rtol=1e-12)
    # The estimator takes 1e-12 of the mean for constant.
    np.testing.assert_allclose(np.sqrt(deviation / weight), 0, atol=1e-12 * 0.1)


def test_zero_weight_is_the_row_left_out(kernels):
    problem = Problem(300, 5, weights="some zero", n_threads=2)
    kept = problem.weight > 0
    weighted = kernels.moments(problem.X, problem.weight, 2)
    for one, other in zip(weighted, kernels.moments(problem.X[kept], None, 2), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_zero_weights_at_the_front_and_for_a_whole_part(kernels):
    X = Problem(64, 5).X
    weight = np.where(np.arange(64) < 40, 0.0, 1.0)
    mean, deviation, _ = kernels.moments(X, weight, 4)
    np.testing.assert_allclose(mean, X[40:].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation / 24, X[40:].var(axis=0), rtol=1e-12)
