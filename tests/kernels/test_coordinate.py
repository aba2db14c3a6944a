"""Coordinate descent on a quadratic with an L1 penalty, against its twin and its conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from fusedlogit import functions, reference


def quadratic(n_features, seed=0, n_rows=None):
    """A Hessian that is singular where there are fewer rows than features, and a gradient."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_rows or 2 * n_features, n_features))
    return rows.T @ rows / len(rows), rng.standard_normal(n_features)


@pytest.mark.parametrize("max_sweeps", [0, 1, 5, 40])
@pytest.mark.parametrize("l1_penalty", [0.0, 0.3, 10.0])
@pytest.mark.parametrize("n_features", [1, 7, 64])
def test_sweeps_are_the_references(kernels, n_features, l1_penalty, max_sweeps):
    hessian, gradient = quadratic(n_features)
    start = np.where(np.arange(n_features) % 3, 0.0, 0.5)
    limits = {"tol": 1e-10, "max_sweeps": max_sweeps}
    coef, slope, n_sweeps = kernels.coordinate_descent(
        hessian, gradient, l1_penalty, start, **limits
    )
    expected, n_expected = reference.coordinate_descent(
        hessian, gradient, l1_penalty, start, **limits
    )
    assert n_sweeps == n_expected
    np.testing.assert_allclose(coef, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(coef == 0, expected == 0)
    np.testing.assert_allclose(slope, gradient + hessian @ (coef - start), rtol=0, atol=1e-12)


@settings(max_examples=50)
@given(
    n_features=st.integers(1, 12),
    n_rows=st.integers(1, 12),
    l1_penalty=st.floats(0.01, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_conditions_of_the_minimum(n_features, n_rows, l1_penalty, seed):
    hessian, gradient = quadratic(n_features, seed, n_rows)
    hessian += 0.1 * np.eye(n_features)
    coef, _ = functions.coordinate_descent(
        hessian, gradient, l1_penalty, np.zeros(n_features), tol=0.0, max_sweeps=20_000
    )
    slope = gradient + hessian @ coef
    nonzero = coef != 0
    np.testing.assert_allclose(slope[nonzero], -l1_penalty * np.sign(coef[nonzero]), atol=1e-6)
    assert np.all(np.abs(slope[~nonzero]) <= l1_penalty + 1e-6)


@pytest.mark.parametrize(("share", "expected"), [(0.99, 0.25), (1.0, 0.0), (1.01, 0.0)])
def test_a_feature_without_curvature_is_zero_where_the_norm_outweighs_its_slope(
    kernels, share, expected
):
    hessian, gradient = quadratic(5)
    hessian[2] = hessian[:, 2] = 0
    told = share * abs(gradient[2]), np.full(5, 0.25)
    coef, _, _ = kernels.coordinate_descent(hessian, gradient, *told, tol=1e-20, max_sweeps=1000)
    twin, _ = reference.coordinate_descent(hessian, gradient, *told, tol=1e-20, max_sweeps=1000)
    assert coef[2] == twin[2] == expected


def test_a_feature_without_curvature_stays(kernels):
    hessian, gradient = quadratic(5)
    hessian[2] = hessian[:, 2] = 0
    coef, _, _ = kernels.coordinate_descent(
        hessian, gradient, 0.0, np.full(5, 0.25), tol=1e-20, max_sweeps=1000
    )
    assert coef[2] == 0.25
    rest = np.delete(np.arange(5), 2)
    start = np.full(4, 0.25)
    expected = start - np.linalg.solve(hessian[np.ix_(rest, rest)], gradient[rest])
    np.testing.assert_allclose(coef[rest], expected, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hessian", np.eye(3), "hessian has shape"),
        ("gradient", [0, np.nan, 0, 0], "gradient contains NaN"),
        ("coef", [np.inf, 0, 0, 0], "coef contains NaN or infinity"),
        ("l1_penalty", -1.0, "l1_penalty=-1.0 must be"),
        ("tol", -1.0, "tol=-1.0 must be"),
    ],
)
def test_what_makes_no_sense_is_refused(name, value, message):
    given = {
        "hessian": np.eye(4), "gradient": np.ones(4), "l1_penalty": 0.1, "coef": np.zeros(4),
        "tol": 0.0, "max_sweeps": 3,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        functions.coordinate_descent(**given | {name: value})


def columns(n_rows, n_features, dtype, seed=0):
    """Sparse columns, one of them empty, and all else that tells their quadratic."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 9, (n_rows, n_features)) / 4 * (rng.random((n_rows, n_features)) < 0.3)
    dense[:, n_features // 2] = 0
    weight = rng.uniform(0, 2, n_rows) * (rng.random(n_rows) < 0.9)
    unit, about = rng.uniform(0.5, 2, n_features), rng.uniform(0, 1, n_features)
    return sparse.csc_array(dense.astype(dtype)), weight, unit, about, rng.normal(size=n_features)


@pytest.mark.parametrize("sweeps", [(0,), (1,), (3, 2), (40,)])
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.3), (0.5, 0.0), (0.2, 5.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [1, 7, 64])
def test_sweeps_by_columns_are_those_of_the_reference(kernels, n_features, dtype, l2, l1, sweeps):
    X, weight, unit, about, slope = columns(50, n_features, dtype)
    start = np.where(np.arange(n_features) % 3, 0.0, 0.5)
    coef, n_sweeps, fall, n_read = kernels.column_descent(
        X, weight, unit, about, slope, start, l2, l1, sweeps
    )
    features = (X.toarray().astype(np.float64) - about) * unit
    hessian = (features.T * weight) @ features + l2 * np.eye(n_features)
    expected, n_expected, gradient = start, [], slope
    for n in sweeps:
        expected, n_own = reference.coordinate_descent(
            hessian, gradient, l1, expected, tol=1e-10, max_sweeps=n
        )
        gradient = slope + hessian @ (expected - start)
        n_expected.append(n_own)
    assert list(n_sweeps) == n_expected
    np.testing.assert_allclose(coef, expected, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(coef == 0, expected == 0)
    step = expected - start
    fallen = -(slope + hessian @ step / 2) @ step - l1 * np.abs(expected).sum()
    assert fall == pytest.approx(fallen + l1 * np.abs(start).sum(), rel=1e-9, abs=1e-11)
    assert n_read <= sum(n_sweeps) * X.nnz
    assert n_read >= X.nnz * sum(n > 0 for n in n_sweeps)
