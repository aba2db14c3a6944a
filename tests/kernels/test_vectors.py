"""Long vectors against the rows of a table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit._kernels import vectors

from .problems import steady


@steady
@given(st.integers(1, 5000), st.integers(0, 5), st.sampled_from([1, 2, 3]), st.integers(0, 99))
def test_products_and_combinations(size, n_rows, n_threads, seed):
    rng = np.random.default_rng(seed)
    table, vector, factor = rng.normal(size=(n_rows, size)), rng.normal(size=size), np.arange(5.0)
    sums = np.zeros((n_threads, n_rows))
    vectors.products(table, vector, sums)
    np.testing.assert_allclose(sums.sum(axis=0), table @ vector, rtol=1e-11, atol=1e-11)
    expected = vector + factor[:n_rows] @ table
    vectors.combine(table, factor[:n_rows].copy(), vector, n_threads)
    np.testing.assert_allclose(vector, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2048, 2049])
def test_about_a_block(size):
    table, vector = np.ones((2, size)), np.ones(size)
    sums = np.zeros((2, 2))
    vectors.products(table, vector, sums)
    np.testing.assert_array_equal(sums.sum(axis=0), size)
    vectors.combine(table, np.array([1.0, 2.0]), vector, 2)
    np.testing.assert_array_equal(vector, 4)
