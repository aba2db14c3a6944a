"""Penalties beyond what numbers hold."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from fusedlogit import LogisticRegression, LogisticRegressionCV, logistic_path


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("C", [1e-299, 1e-300, 1e-301, 1e-310, 5e-324])
def test_penalties_beyond_all_numbers(C, l1_ratio, n_classes):
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % n_classes
    model = LogisticRegression(C=C, l1_ratio=l1_ratio).fit(X, y)
    assert model.converged_
    assert np.abs(model.coef_).max() < 1e-295
    np.testing.assert_allclose(model.predict_proba(X), 1 / n_classes, rtol=1e-6)
    for rows in X, sparse.csr_array(X):
        stream = clone(model).partial_fit(rows, y, classes=np.arange(n_classes))
        assert np.abs(stream.coef_).max() < 1e-290
    grid = LogisticRegressionCV(Cs=[C, 2 * C], l1_ratios=[l1_ratio], cv=3, tol=1e-4).fit(X, y)
    assert np.abs(grid.coef_).max() < 1e-295
    assert np.abs(logistic_path(X, y, Cs=[C], l1_ratio=l1_ratio).coefs).max() < 1e-295
