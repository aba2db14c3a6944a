"""The weighted Gram product at its seams. (In general, test_passes.py.)"""

import numpy as np
import pytest

from fusedlogit import reference

from .checks import check_sandwich
from .problems import DTYPES, Problem


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_samples", [127, 128, 129, 255, 256, 257])
def test_seams_between_panels_and_tiles(kernels, n_samples, dtype):
    for d in (30, 31, 32, 62, 63, 64, 127, 142, 143, 144):
        check_sandwich(kernels, Problem(n_samples, d, dtype, weights="fractions"))


@pytest.mark.parametrize("n_samples", [7, 8, 9, 40])
def test_so_wide_that_a_panel_holds_few_rows(kernels, n_samples):
    check_sandwich(kernels, Problem(n_samples, 700, weights="fractions", n_threads=2))


def test_more_rows_than_one_step_between_looks_for_signals(kernels):
    repeats, d = 60_000, 100
    problem = Problem(8, d, weights="fractions")
    X = np.tile(problem.X, (repeats // 8, 1))
    product = kernels.sandwich(X, np.tile(problem.weight, repeats // 8), 2)
    expected = reference.sandwich(problem.X, problem.weight) * (repeats // 8)
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_negative_row_weights(kernels):
    problem = Problem(200, 20, n_threads=2)
    row_weight = np.where(problem.y > 0, 1.0, -1.0)
    product = kernels.sandwich(problem.X, row_weight, 2)
    np.testing.assert_allclose(product, reference.sandwich(problem.X, row_weight), atol=1e-10)


def test_the_last_row_and_column_belong_to_the_intercept(kernels):
    problem = Problem(50, 3, weights="fractions")
    product = kernels.sandwich(problem.X, problem.weight)
    np.testing.assert_allclose(product[3, :3], problem.weight @ problem.X, rtol=1e-12)
    np.testing.assert_allclose(product[3, 3], problem.weight.sum(), rtol=1e-12)


@pytest.mark.parametrize("n_weighty", [0, 1, 255, 256, 257, 300])
def test_rows_without_a_weight_take_no_place_in_a_panel(kernels, n_weighty):
    problem = Problem(600, 20, weights="fractions", n_threads=2)
    row_weight = np.zeros(600)
    some = np.random.default_rng(0).choice(600, n_weighty, replace=False)
    row_weight[some] = problem.weight[some]
    product = kernels.sandwich(problem.X, row_weight, 2)
    np.testing.assert_allclose(product, reference.sandwich(problem.X, row_weight), atol=1e-10)
