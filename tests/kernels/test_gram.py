"""The Gram product of rows at its seams. (In general, test_passes.py.)"""

import numpy as np
import pytest

from fusedlogit import functions, reference

from .checks import check_gram
from .problems import DTYPES, Problem


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_samples", [255, 256, 257, 513])
def test_seams_between_blocks_and_tiles(kernels, n_samples, dtype, n_threads):
    for d in (255, 256, 257):  # GRAM_COLUMNS, GRAM_ROWS
        problem = Problem(n_samples, d, "uint8", weights="fractions", n_threads=n_threads)
        check_gram(kernels, problem, dtype)


@pytest.mark.parametrize("layout", ["copy", "fortran", "fortran_rows_of_taller", "rows_reversed"])
@pytest.mark.parametrize("stored", DTYPES)
def test_every_storage_type_and_order_in_a_frame(kernels, stored, layout):
    rng = np.random.default_rng(0)
    frame = rng.standard_normal(40), np.exp2(rng.integers(-3, 3, 40))
    for dtype in ("float32", "float64"):
        problem = Problem(30, 40, stored, layout, weights="fractions", n_threads=2)
        check_gram(kernels, problem, dtype)
        check_gram(kernels, problem, dtype, frame)


def test_a_mean_that_is_large_costs_no_digits_in_float32(kernels):
    spread = np.random.default_rng(0).integers(-4, 4, (20, 30))
    mean, ones = np.full(30, 1e6), np.ones(30)
    X = (1e6 + spread).astype(np.float32)
    product = kernels.gram(X, np.ones(20), mean, ones, dtype=np.float32)
    np.testing.assert_array_equal(product, np.tril(spread @ spread.T))


def test_the_function_returns_both_triangles():
    problem = Problem(300, 7, "uint8")
    arguments = problem.X, np.ones(300), np.full(7, 100.0), np.full(7, 1 / 255)
    product = functions.gram(*arguments)
    np.testing.assert_array_equal(product, product.T)
    np.testing.assert_allclose(product, reference.gram(*arguments), rtol=1e-12, atol=1e-12)
