"""The ways to ask for memory among which a pass over long rows chooses by time, one by one."""

import numpy as np
import pytest

LEADS = ("near", "near, old rows lagging", "not asked, lagging", "far, lagging", "apart")


@pytest.mark.parametrize("lead", range(len(LEADS)), ids=LEADS)
@pytest.mark.parametrize("n_features", [784, 3_072, 10_000, 12_288])
@pytest.mark.parametrize("storage", ["float64", "float32", "uint8"])
def test_lead(benchmark, probes, full_size, storage, n_features, lead):
    n_bytes = 200_000_000 if full_size else 21 * n_features
    n_samples = n_bytes // n_features // np.dtype(storage).itemsize
    rng = np.random.default_rng(0)
    X = np.resize(rng.integers(0, 4, 1_048_573).astype(storage), (n_samples, n_features))
    coef, factor = rng.integers(0, 4, n_features) * 1.0, np.zeros(n_samples + 4)
    factor[:n_samples] = rng.integers(0, 2, n_samples)
    workspace = np.empty(16 * (n_features + 32), np.int8)
    block_rows = 4 * max(1, 131_072 // X.strides[0] // 4)  # as a pass has them

    def sweep(lead=lead):
        z, gradient = np.empty(n_samples + 4), np.zeros(n_features)
        probes.sweep(X, lead, block_rows, coef, factor, z, gradient, workspace)
        return z[:n_samples], gradient

    benchmark.group = f"sweep of {storage}, {n_features:,} columns"
    z, gradient = benchmark.pedantic(sweep, rounds=15)
    benchmark.extra_info.update(probe="sweep", lead=LEADS[lead], storage=storage)
    if not full_size:  # small whole numbers: nothing is rounded
        np.testing.assert_array_equal(z, X @ coef)
        np.testing.assert_array_equal(gradient, factor[:n_samples] @ X)


@pytest.mark.parametrize("block_rows", [4, 8, 12, 16, 20])
@pytest.mark.parametrize("storage", ["float64", "float32", "uint8"])
def test_leads_add_up_in_the_same_order(probes, storage, block_rows):
    rng = np.random.default_rng(0)
    for n_features in (784, 8_192, 20_480):
        X = rng.integers(0, 255, (21, n_features)).astype(storage)
        coef, factor = rng.standard_normal(n_features), np.append(rng.standard_normal(21), [0] * 4)
        workspace = np.empty(16 * (n_features + 32), np.int8)
        results = []
        for lead in range(len(LEADS)):
            z, gradient = np.empty(25), np.zeros(n_features)
            probes.sweep(X, lead, block_rows, coef, factor, z, gradient, workspace)
            results.append(np.concatenate([z[:21], gradient]))
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])
