"""Categories beside amounts and times as they are measured: columns of very different sizes."""

import numpy as np
import pytest
from scipy import sparse

from .test_hard_data import distance, fit


@pytest.mark.parametrize("n_levels", [2_040, 2_100, 5_000])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
def test_categories_beside_amounts_and_times(n_levels, n_classes, C):
    # The cost stands still while the gradient in the amounts still shrinks: it is what proves.
    rng, n_samples = np.random.default_rng(0), 4_000
    level = rng.integers(0, n_levels, n_samples)
    entries = np.ones(n_samples), (np.arange(n_samples), level)
    numbers = np.column_stack(
        [rng.lognormal(10, 2, n_samples), rng.uniform(1.6e9, 1.7e9, n_samples)]
    )
    X = sparse.hstack([sparse.csr_array(entries, shape=(n_samples, n_levels)), numbers], "csr")
    late = (numbers[:, 1] - 1.65e9) / 3e7
    score = late + rng.normal(size=n_levels)[level] + rng.logistic(size=n_samples)
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    fit(X, y, C=C)


@pytest.mark.parametrize(("n_classes", "C"), [(2, 1.0), (2, 1e5), (3, 1.0), (3, 30.0)])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_categories_beside_a_time_in_few_rows(n_classes, C, form):
    # A product of rows knows of the times alone.
    rng, n_samples = np.random.default_rng(1), 300
    X = np.zeros((n_samples, n_samples + 1))
    X[np.arange(n_samples), rng.integers(0, n_samples, n_samples)] = 1
    X[:, -1] = 1.7e9 + rng.integers(0, 10**7, n_samples)
    y = rng.integers(0, n_classes, n_samples)
    model = fit(form(X), y, C=C, max_iter=3_000)
    if n_classes == 2:
        assert distance(model, X, y) <= 1e-8
