"""The link functions against exact decimal arithmetic, and at the ends of their range."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from fusedlogit import reference

from .contract import LINK_ULP

#: Up to here t = exp(-|z|) is a normal number.
NORMAL_RANGE = {np.float64: 700.0, np.float32: 87.0}
NAMES = ("sigmoid", "log_loss", "residual", "curvature")


def exact_link(z, y):
    """The four functions at one z, for y = 0 or 1, to some forty digits."""
    size = abs(Decimal(z))
    t = (-size).exp()
    log1p = (1 + t).ln() if t > Decimal("1e-15") else t - t**2 / 2 + t**3 / 3
    positive, negative = (1 / (1 + t), t / (1 + t)) if z >= 0 else (t / (1 + t), 1 / (1 + t))
    wrong_side = (z > 0) != (y == 1)
    return {
        "sigmoid": positive,
        "log_loss": (size if wrong_side else 0) + log1p,
        "residual": positive if y == 0 else -negative,
        "curvature": t / (1 + t) ** 2,
    }


def points(dtype):
    """Decision values: everywhere, dense near 0, and where the polynomials meet."""
    end = NORMAL_RANGE[dtype]
    rng = np.random.default_rng(0)
    reduction = (np.arange(-60, 60) + 0.5) * math.log(2)
    meeting = math.log(math.sqrt(2) + 1) * np.array([-1, 1])
    near = np.concatenate([reduction, meeting])[:, None] * (1 + np.array([-1e-7, 0, 1e-7]))
    tiny = 10.0 ** np.arange(-320 if dtype == np.float64 else -44, 0, 8)
    z = np.concatenate(
        [
            rng.uniform(-end, end, 700),
            rng.uniform(-3, 3, 700),
            near.ravel(),
            tiny,
            -tiny,
            [0.0, -0.0, end, -end],
        ]
    )
    return z.astype(dtype)


@pytest.fixture(scope="module", params=[np.float64, np.float32], ids=["float64", "float32"])
def oracle(request):
    """Decision values z, labels y, and what the functions are there."""
    z = points(request.param)
    y = (np.arange(len(z)) % 2).astype(z.dtype)
    with localcontext(prec=45):
        return z, y, [exact_link(*pair) for pair in zip(z.tolist(), y.tolist(), strict=True)]


def ulp_errors(values, exact):
    spacing = np.spacing(np.abs(np.array([float(e) for e in exact], dtype=values.dtype)))
    with localcontext(prec=45):
        return [
            abs(Decimal(v) - e) / Decimal(s)
            for v, e, s in zip(values.tolist(), exact, spacing.tolist(), strict=True)
        ]


def arguments(name, z, y):
    return (z, y) if name in {"log_loss", "residual"} else (z,)


@pytest.mark.parametrize("name", NAMES)
def test_within_a_few_units_in_the_last_place(kernels, oracle, name):
    z, y, exact = oracle
    values = kernels.apply_link(name, *arguments(name, z, y))
    assert max(ulp_errors(values, [e[name] for e in exact])) <= LINK_ULP


@pytest.mark.parametrize("oracle", [np.float64], ids=["float64"], indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_reference_within_a_few_units_in_the_last_place(oracle, name):
    z, y, exact = oracle
    values = getattr(reference, name)(*arguments(name, z, y))
    assert max(ulp_errors(values, [e[name] for e in exact])) <= LINK_ULP


@pytest.mark.parametrize("name", ["log_loss", "residual"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_soft_labels(kernels, dtype, name):
    z, y = (a.ravel().astype(dtype) for a in np.meshgrid(np.linspace(-80, 80, 641), [0.25, 0.625]))
    expected = getattr(reference, name)(z, y)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(kernels.apply_link(name, z, y), expected, 8 * eps, atol=2 * eps)


def extremes(dtype):
    huge = np.array([50, 87.3, 87.4, 88.8, 103.9, 700, 708.3, 708.5, 745.2, 1e3, 1e4])
    finite_limit = np.finfo(dtype).max
    z = np.concatenate([huge, [finite_limit / 2, np.finfo(dtype).smallest_subnormal, 0]])
    return np.concatenate([z, -z]).astype(dtype)


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_extremes_stay_in_range_with_the_right_sign(kernels, dtype, label):
    z = extremes(dtype)
    y = np.full_like(z, label)
    sigmoid, loss, residual, curvature = (
        kernels.apply_link(name, *arguments(name, z, y)) for name in NAMES
    )
    assert np.all((sigmoid >= 0) & (sigmoid <= 1))
    assert np.all((curvature >= 0) & (curvature <= 0.25))
    assert np.all(loss >= 0)
    assert np.all(np.isfinite(loss))
    assert np.all((residual <= 0) if label else (residual >= 0))
    assert np.all(np.abs(residual) <= 1)


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_extremes_equal_the_reference(kernels, dtype, name, label):
    z = extremes(dtype)
    y = np.full_like(z, label)
    info = np.finfo(dtype)
    values = kernels.apply_link(name, *arguments(name, z, y))
    expected = getattr(reference, name)(*arguments(name, z, y))
    # What would be subnormal may be flushed to zero.
    np.testing.assert_allclose(values, expected, 8 * info.eps, atol=float(info.smallest_normal))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nan_stays_nan(kernels, dtype, name):
    z = np.array([1, np.nan, -1, 0, 2, 3, np.nan], dtype=dtype)
    values = kernels.apply_link(name, *arguments(name, z, np.zeros_like(z)))
    np.testing.assert_array_equal(np.isnan(values), np.isnan(z))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_of_infinity(kernels, dtype):
    z = np.array([np.inf, -np.inf], dtype=dtype)
    np.testing.assert_array_equal(kernels.apply_link("sigmoid", z), [1, 0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_never_decreases(kernels, dtype):
    z = np.linspace(-750, 750, 200_001).astype(dtype)
    assert np.all(np.diff(kernels.apply_link("sigmoid", z)) >= 0)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("name", NAMES)
def test_any_length_gives_the_same_numbers(kernels, name, length):
    z = np.linspace(-5, 5, 40)
    y = np.tile([0.0, 1.0], 20)
    whole = kernels.apply_link(name, *arguments(name, z, y))
    part = kernels.apply_link(name, *arguments(name, z[:length].copy(), y[:length].copy()))
    np.testing.assert_allclose(part, whole[:length], rtol=1e-15)
