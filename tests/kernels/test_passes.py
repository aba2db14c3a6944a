"""Each pass over X against its NumPy twin."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit import reference

from .checks import (
    CHECKS,
    check_decision_values,
    check_hessian_product,
    check_loss,
    check_loss_and_gradient,
    expected_sums,
)  # fmt: skip
from .contract import SUM_RTOL, VALUE_RTOL, assert_within
from .problems import DTYPES, LAYOUTS, Problem, problems, steady

SUMS_OF_LINES = check_decision_values, check_loss, check_loss_and_gradient, check_hessian_product


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@steady
@given(problem=problems)
def test_any_shape_layout_type_weights_and_threads(kernels, check, problem):
    check(kernels, problem)


@pytest.mark.parametrize("check", SUMS_OF_LINES, ids=lambda check: check.__name__)
@steady
@given(problem=problems, d=st.integers(1, 128))
def test_short_rows_of_bytes(kernels, check, problem, d):
    check(kernels, replace(problem, dtype="uint8", n_features=d))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("n_samples", [63, 64, 65, 127, 257, 511, 512, 513, 1025])
def test_seams_between_blocks_and_registers(kernels, n_samples, layout, dtype):
    for d in (1, 4, 8, 15, 16, 17, 31, 33, 50, 64, 65, 81, 97, 127, 128, 129, 130):
        weights = "fractions" if d % 2 else "none"
        check_loss_and_gradient(kernels, Problem(n_samples, d, dtype, layout, weights=weights))


@pytest.mark.parametrize("check", SUMS_OF_LINES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("n_threads", [2, 5])
@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fewer_rows_than_keep_the_threads_busy(kernels, dtype, layout, n_threads, check):
    for n_samples in (0, 1, 5, 19):
        check(kernels, Problem(
            n_samples, 5_123, dtype, layout, weights="fractions", n_coefs=2, n_threads=n_threads,
        ))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_samples", [4, 5, 30])
def test_rows_so_wide_that_a_block_is_one_group(kernels, n_samples, dtype):
    check_loss_and_gradient(kernels, Problem(n_samples, 20_011, dtype, n_coefs=2))


@pytest.mark.parametrize(("dtype", "d"), [
    ("float64", 70_001), ("float64", 410_003), ("float64", 1_100_003),
    ("float32", 70_001), ("float32", 410_003), ("uint8", 410_003), ("uint8", 1_100_003),
])  # fmt: skip
def test_rows_so_wide_that_threads_share_them(kernels, dtype, d):
    check_loss_and_gradient(kernels, Problem(9, d, dtype, n_threads=2))


@pytest.mark.parametrize(
    ("n_samples", "d", "dtype", "n_threads"),
    [*((65, 5_301, dtype, n_threads) for dtype in DTYPES for n_threads in (1, 2, 5)),
     *((*shape, dtype, n_threads) for shape in ((600, 5_301), (2_100, 2_053)) for dtype in DTYPES
       for n_threads in ((1, 2, 5) if dtype in ("float64", "uint8") else (2,)))],
)  # fmt: skip
def test_fortran_order_so_wide_that_threads_share_the_rows(kernels, n_samples, d, dtype, n_threads):
    problem = Problem(n_samples, d, dtype, "fortran", n_coefs=2, n_threads=n_threads)
    check_loss_and_gradient(kernels, problem)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_more_rows_than_one_step_between_looks_for_signals(kernels, stride, n_threads):
    # X[i, j] = base[i + stride j]: rows of 360 MB in 0.2 MB of memory, which are walked in C order
    # where the stride is 1, and in Fortran order otherwise.
    n_samples, d = 9_001, 5_000
    problem = Problem(n_samples, d, weights="fractions")
    base = Problem(1, n_samples + stride * (d - 1)).X[0]
    X = np.lib.stride_tricks.as_strided(base, (n_samples, d), (8, 8 * stride))
    loss, gradient, intercept_gradient, _ = kernels.loss_and_gradient(
        X, problem.y, problem.weight, problem.coef, problem.intercept, n_threads
    )
    spread_coef = np.zeros(stride * (d - 1) + 1)
    spread_coef[::stride] = problem.coef[0]
    z = np.correlate(base, spread_coef, mode="valid") + problem.intercept[0]
    residual = problem.weight * reference.residual(z, problem.y)
    expected = np.correlate(base, residual, mode="valid")[::stride]
    np.testing.assert_allclose(loss[0], problem.weight @ reference.log_loss(z, problem.y), 1e-12)
    np.testing.assert_allclose(intercept_gradient[0], residual.sum(), 1e-10)
    assert_within(gradient[0], expected, problem.sum_rtol, np.abs(expected).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient_of_many_rows_within_the_contract_of_its_largest_entry(kernels, dtype):
    problem = Problem(20_000, 48, dtype, n_threads=2)
    _, gradient, _, _ = kernels.loss_and_gradient(*problem.arguments)
    expected = expected_sums(problem)[1]
    assert_within(gradient, expected, problem.sum_rtol, np.abs(expected).max())


@pytest.mark.parametrize("d", [3, 50, 150])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_long_sums_do_not_lose_the_digits_of_float32(kernels, dtype, d):
    n_samples = 400_000
    X = np.broadcast_to(np.full(d, 253, dtype=dtype), (n_samples, d))
    _, gradient, _, _ = kernels.loss_and_gradient(
        X, np.zeros(n_samples), None, np.zeros((1, d)), np.array([0.3])
    )
    expected = n_samples * 253 * reference.sigmoid(0.3)
    np.testing.assert_allclose(gradient, expected, rtol=SUM_RTOL["float32"])


@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_long_rows_do_not_lose_the_digits_of_float32(kernels, dtype, layout):
    d = 224 * 224 * 3  # a white photograph
    X = LAYOUTS[layout](np.full((4, d), 253, dtype=dtype))
    decision = kernels.decision_values(X, np.full((1, d), 0.3 / 253 / d), np.zeros(1))
    np.testing.assert_allclose(decision, 0.3, rtol=VALUE_RTOL["float32"])


@pytest.mark.parametrize("d", [50, 784])
def test_pixels_that_are_mostly_black(kernels, d):
    problem = Problem(2_000, d, "uint8", coef_size=3.0)
    X = np.where(Problem(2_000, d, seed=1).X > 1, problem.X, 0).astype(np.uint8)
    X[:, 5] = 0
    X[1_234, 5] = 1
    loss, gradient, _, decision = kernels.loss_and_gradient(X, *problem.arguments[1:])
    z = reference.decision_values(X, problem.coef[0], problem.intercept[0])
    expected_loss, expected, _ = reference.loss_and_gradient(
        X, problem.y, problem.coef[0], problem.intercept[0]
    )
    assert_within(decision[0], z, problem.value_rtol, np.abs(z).max())
    assert_within(loss / len(X), [expected_loss], problem.value_rtol, expected_loss)
    assert_within(gradient[0] / len(X), expected, problem.sum_rtol, np.abs(expected).max())


@pytest.mark.parametrize("decades", [1, 2, 3, 6, 12])
@pytest.mark.parametrize("d", [50, 1_100])
def test_coefficients_of_many_sizes_and_bytes(kernels, d, decades):
    problem = Problem(300, d, "uint8", weights="fractions", n_coefs=2)
    problem.coef[0] *= 10.0 ** -np.linspace(0, decades, d)
    check_loss_and_gradient(kernels, problem)


@pytest.mark.parametrize("decades", [3, 6, 12, 25])
def test_factors_of_many_sizes_where_the_largest_meets_black(kernels, decades):
    problem = Problem(300, 50, "uint8", weights="fractions")
    problem.weight[:] = 10.0 ** -np.linspace(0, decades, 300)
    for j in range(50):
        problem.X[: 6 * j, j] = 0
    check_loss_and_gradient(kernels, problem)


@pytest.mark.parametrize("d", [20, 50, 300])
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_decision_values_are_optional(kernels, dtype, d):
    problem = Problem(300, d, dtype, n_coefs=2, n_threads=2)
    with_them = kernels.loss_and_gradient(*problem.arguments, decisions=True)
    without = kernels.loss_and_gradient(*problem.arguments, decisions=False)
    for one, other in zip(with_them[:3], without[:3], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_an_intercept_beyond_float32_is_no_infinity(kernels, dtype):
    X = Problem(70, 50, dtype).X
    decision = kernels.decision_values(X, np.zeros((1, 50)), np.array([-2e307]), 1)
    np.testing.assert_array_equal(decision, np.full((1, 70), -2e307))


def test_weight_two_is_the_row_twice(kernels):
    problem = Problem(101, 9, weights="repetitions")
    rows = np.repeat(np.arange(101), problem.weight.astype(int))
    weighted = kernels.loss_and_gradient(*problem.arguments)
    repeated = kernels.loss_and_gradient(
        problem.X[rows], problem.y[rows], None, problem.coef, problem.intercept
    )
    for one, other in zip(weighted[:3], repeated[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 300, 512])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_value_that_is_not_finite_shows_in_the_loss(kernels, dtype, row, bad):
    # Validation of X rests on this.
    problem = Problem(513, 17, dtype, n_threads=2)
    problem.X[row, 16] = bad
    assert not np.isfinite(kernels.loss(*problem.arguments))
    assert not np.isfinite(kernels.loss_and_gradient(*problem.arguments)[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("d", [20, 50, 1_100])
def test_a_coefficient_or_weight_that_is_not_finite_shows_with_bytes(kernels, d, bad):
    arguments = Problem(300, d, "uint8", weights="fractions").arguments
    X, y, weight, coef, intercept, _ = arguments
    weight[200] = bad
    loss, gradient, intercept_gradient, _ = kernels.loss_and_gradient(*arguments)
    assert not np.isfinite(loss)
    assert not np.any(np.isfinite(gradient[:, X[200] > 0]))
    assert not np.isfinite(intercept_gradient)
    coef[0, 7] = bad
    assert not np.isfinite(kernels.loss(X, y, None, coef, intercept))
