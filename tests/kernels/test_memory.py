"""Nothing is read beyond the inputs. (That nothing is written beyond outputs, raw.py checks.)"""

import os

import numpy as np
import pytest

from .problems import DTYPES, Problem

if not hasattr(os, "fork"):
    pytest.skip("needs fork", allow_module_level=True)

from .guarded_page import at_page_end, exit_status

WIDTHS = [*range(1, 36), 63, 64, 65, 127, 128, 129]


def guarded(problem):
    """Every input of a pass at the end of readable memory."""
    arrays = problem.X, problem.y, problem.row_weight, problem.coef, problem.intercept
    return tuple(at_page_end(array) for array in arrays)


def every_kernel(kernels, X, y, weight, coef, intercept):
    curvature = at_page_end(np.tile(weight, (len(coef), 1)))
    kernels.decision_values(X, coef, intercept)
    kernels.loss(X, y, weight, coef, intercept)
    kernels.loss_and_gradient(X, y, weight, coef, intercept)
    kernels.hessian_product(X, curvature, coef, intercept)
    kernels.sandwich(X, weight)
    kernels.gram(X, weight, coef[0], coef[0])
    kernels.moments(X, weight)
    kernels.first_nonfinite(X)
    kernels.along(y, y, 0.5, y, weight)
    kernels.dual(y, 1.0, y, weight)
    kernels.extremes(y, y, y, weight)


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_guard_kills_whoever_reads_one_byte_beyond(beyond):
    array = at_page_end(np.zeros(10, dtype=np.uint8))
    longer = np.lib.stride_tricks.as_strided(array, (10 + beyond,))
    assert (exit_status(longer.copy) < 0) == bool(beyond)


@pytest.mark.parametrize("n_samples", [1, 4, 7, 130])
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_kernel_reads_beyond_its_inputs(kernels, dtype, n_samples):
    def work():
        for d in WIDTHS:
            every_kernel(kernels, *guarded(Problem(n_samples, d, dtype, n_coefs=2)))

    assert exit_status(work) == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_kernel_reads_beyond_the_last_of_strided_rows(kernels, dtype):
    def work():
        for d in WIDTHS:
            problem = Problem(6, d, dtype)
            _, *others = guarded(problem)
            wide = at_page_end(np.tile(problem.X, 2))
            every_kernel(kernels, wide[:, d:], *others)

    assert exit_status(work) == 0


@pytest.mark.parametrize("d", [3, 9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_kernel_reads_beyond_columns_in_fortran_order(kernels, dtype, d):
    def work():
        for n_samples in WIDTHS:
            problem = Problem(n_samples, d, dtype)
            _, *others = guarded(problem)
            tall = at_page_end(np.tile(problem.X, (2, 1)).T).T
            every_kernel(kernels, at_page_end(problem.X.T).T, *others)
            every_kernel(kernels, tall[n_samples:], *others)

    assert exit_status(work) == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["sigmoid", "log_loss", "residual", "curvature"])
def test_no_link_function_reads_beyond_its_inputs(kernels, name, dtype):
    def work():
        for length in range(1, 70):
            z, y = (at_page_end(np.zeros(length, dtype=dtype)) for _ in range(2))
            kernels.apply_link(name, *((z, y) if name in {"log_loss", "residual"} else (z,)))

    assert exit_status(work) == 0
