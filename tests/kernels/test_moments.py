"""Means and variances of columns where digits may get lost. (In general, test_passes.py.)"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit import functions, reference

from .checks import check_moments
from .problems import DTYPES, LAYOUTS, Problem, problems, steady

#: types with sizes of numbers that they hold, subnormal ones too
EXTREMES = [
    *(("float64", size) for size in (1.5e308, 1e300, 1e-300, 1e-310)),
    *(("float32", size) for size in (3e38, 1e37, 1e-37, 1e-38, 1e-42)),
]


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_samples", [5, 1000, 20_000])
def test_a_large_mean_costs_no_digits_of_the_variance(kernels, n_samples, n_threads):
    rng = np.random.default_rng(0)
    spread = rng.standard_normal((n_samples, 3))
    X = 1e8 + spread
    _, deviation, weight = kernels.moments(X, None, n_threads)
    # The squares themselves would need 16 digits before the first of the variance.
    np.testing.assert_allclose(deviation / weight, np.var(X - 1e8, axis=0), rtol=1e-7)


@pytest.mark.parametrize("unit", [None, np.full(3, 0.25)], ids=["no unit", "unit"])
@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_column_does_not_vary(kernels, dtype, n_threads, layout, unit):
    X = LAYOUTS[layout](np.full((10_000, 3), 0.1 if np.dtype(dtype).kind == "f" else 1, dtype))
    for weight in (None, Problem(10_000, 1, weights="fractions").weight):
        mean, deviation, _ = kernels.moments(X, weight, n_threads, unit)
        np.testing.assert_array_equal(mean, X[0].astype(np.float64))
        np.testing.assert_array_equal(deviation, 0)


@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_seams_between_blocks_and_chains(kernels, dtype, layout):
    for n_samples in (1, 31, 32, 33, 64, 65, 2047, 2048, 2049, 2081):  # CHAINS, PANEL_ROWS
        for weights in ("none", "fractions"):
            check_moments(kernels, Problem(n_samples, 7, dtype, layout, weights=weights))


@steady
@given(problem=problems, powers=st.lists(st.integers(-400, 400), min_size=1, max_size=9))
def test_units_change_nothing_but_units(kernels, problem, powers):
    unit = np.exp2(np.resize(powers, problem.n_features))
    arguments = problem.X, problem.weight, problem.n_threads
    mean, deviation, weight = kernels.moments(*arguments)
    in_units, of_units, same = kernels.moments(*arguments, unit)
    np.testing.assert_array_equal(in_units, mean)
    np.testing.assert_array_equal(of_units, deviation * unit**2)
    assert same == weight


@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("n_samples", [3, 5_000])
@pytest.mark.parametrize(("dtype", "size"), EXTREMES)
def test_numbers_whose_squares_leave_the_range(kernels, dtype, size, n_samples, layout):
    problem = Problem(n_samples, 3, weights="fractions", n_threads=2)
    X = LAYOUTS[layout]((np.clip(problem.X, -1, 1) * size).astype(dtype))
    unit = np.full(3, np.exp2(min(1023, -np.frexp(size)[1])))
    scaled = X.astype(np.float64) * unit
    mean, deviation, weight = kernels.moments(X, problem.weight, 2, unit)
    expected_mean, expected = reference.moments(scaled, problem.weight)
    np.testing.assert_allclose(mean * unit, expected_mean, rtol=0, atol=1e-13)
    np.testing.assert_allclose(deviation / weight, expected, rtol=1e-12)


@pytest.mark.parametrize("layout", ["copy", "fortran"])
def test_a_mean_whose_square_overflows_is_no_distance(kernels, layout):
    X = LAYOUTS[layout](np.full((100, 2), 1e200))
    mean, deviation, _ = kernels.moments(X, None)
    np.testing.assert_array_equal(mean, 1e200)
    np.testing.assert_array_equal(deviation, 0)


def test_the_functions_take_units():
    X = Problem(50, 3).X * 1e-200
    unit = np.exp2([600, 650, 700])
    actual = functions.moments(X, n_threads=1, unit=unit)
    for one, other in zip(actual, reference.moments(X, unit=unit), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-213)
    assert (actual[1] > 0).all()


@pytest.mark.parametrize("unit", [[1, 2, 3], [1, 0, 1], [1, -2, 1], [1, 1, np.inf], [1, 1]])
def test_units_that_are_no_powers_of_two_are_refused(unit):
    with pytest.raises(ValueError, match=r"^unit (must hold powers of two|contains|has shape)"):
        functions.moments(np.ones((4, 3)), unit=unit)


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


@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("heavy", [0, 7, 400, 5_999])
def test_a_row_that_outweighs_all_others(kernels, layout, heavy, n_threads):
    """The mean is as exact as that row is, wherever it lies and however large the others are."""
    rng = np.random.default_rng(heavy)
    X = np.abs(rng.normal(size=(6_000, 3))) * 68
    X[heavy] = [0.0, 1e-3, 5.0]
    weight = 10 ** rng.uniform(-25, -15, 6_000)
    weight[heavy] = 1.0
    mean, squares, total = kernels.moments(LAYOUTS[layout](X), weight, n_threads)
    exact, share = X.astype(np.longdouble), weight.astype(np.longdouble) / weight.sum()
    expected = share @ exact
    spread = share @ np.abs(exact - X[heavy])
    limit = np.finfo(float).eps * (4 * X[heavy] + len(X) * spread)
    assert (np.abs(mean - expected) <= limit).all()
    np.testing.assert_allclose(squares / total, share @ (exact - expected) ** 2, rtol=1e-12)
