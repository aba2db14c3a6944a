"""Sums over margins against the link functions of the reference, row by row."""

import numpy as np
import pytest
from scipy.special import entr

from fusedlogit import reference

from .contract import SUM_RTOL, assert_within

RTOL = SUM_RTOL["float64"]
SIZES = [1, 31, 511, 512, 513, 3000]  # CHAINS, BLOCK_ROWS
TARGETS = ["float64", "float32", "int64", "int32", "int8", "uint8", "soft"]


def rows(n, kind="float64", weighted=True, seed=0):
    """Margins, their change, targets, weights of which some are zero, or none."""
    rng = np.random.default_rng(seed)
    z, change = 5 * rng.standard_normal(n), rng.standard_normal(n)
    y = rng.random(n) if kind == "soft" else rng.integers(0, 2, n).astype(kind)
    weight = rng.random(n) * (rng.random(n) > 0.3) if weighted else None
    return z, change, y, weight


def each(weight, n):
    return np.ones(n) if weight is None else weight


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", TARGETS)
def test_along_a_line(kernels, kind, n, n_threads, weighted):
    z, change, y, weight = rows(n, kind, weighted)
    for by, step in ((change, change), (None, np.ones(n))):
        there = z + 0.7 * step
        terms = np.stack([
            reference.log_loss(there, y),
            reference.residual(there, y) * step,
            reference.curvature(there) * step**2,
        ])  # fmt: skip
        terms *= each(weight, n)
        found = kernels.along(z, by, 0.7, y, weight, n_threads)
        assert_within(found, terms.sum(axis=1), RTOL, np.abs(terms).sum(axis=1))


@pytest.mark.parametrize("share", [1.0, 0.4, 0.0])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("n", SIZES)
def test_dual_is_the_entropy(kernels, n, n_threads, share):
    for weighted in (False, True):
        z, _, y, weight = rows(n, "uint8", weighted)
        q = share * np.abs(reference.residual(z, y))
        terms = (entr(q) + entr(1 - q)) * each(weight, n)
        assert_within(kernels.dual(z, share, y, weight, n_threads), terms.sum(), RTOL, terms.sum())


def test_dual_keeps_the_digits_of_rows_that_are_sure(kernels):
    z, y = np.array([600.0, -600.0, 745.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])
    q = np.exp(-600)
    for k, expected in enumerate([q * 601, q * 601, 0.0, np.log(2)]):
        found = kernels.dual(z[k : k + 1], 1.0, y[k : k + 1])
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n", SIZES)
def test_extremes(kernels, n, n_threads):
    for weighted in (False, True):
        z, other, y, weight = rows(n, "int8", weighted)
        counts = each(weight, n) > 0
        wrong = ((y > 0.5) != (z > 0))[counts].sum()
        found = kernels.extremes(z, None, y, weight, n_threads)
        assert found == (np.abs(z[counts]).max(initial=0), wrong)
        found = kernels.extremes(z, other, y, weight, n_threads)
        assert found == (np.abs(z - other)[counts].max(initial=0), wrong)


@pytest.mark.parametrize("n", SIZES)
def test_a_nan_is_the_largest(kernels, n):
    z, _, y, _ = rows(n)
    z[n // 2] = np.nan
    assert np.isnan(kernels.extremes(z, None, y)[0])
