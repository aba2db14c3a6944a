"""`solver="gd"` descends by the article's formulas, also where columns call for a frame."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from fusedlogit import LogisticRegression, LogisticRegressionCV

N_SAMPLES = 60

COLUMNS = {
    "constant": np.full(N_SAMPLES, 200.0),
    "nearly constant": 200.0 + (np.arange(N_SAMPLES) % 2),
    "years": 2000.0 + (np.arange(N_SAMPLES) % 2) / 2,
    "near zero": np.linspace(0.0, 100.0, N_SAMPLES),
}


def costs_as_written(X, y, C, learning_rate, n_iter, scaling):
    """J before each update: one row of W for each class, or one for two classes."""
    X = np.asarray(X, dtype=np.float64)
    X = (X - X.mean(axis=0)) / X.std(axis=0) if scaling == "standard" else X / scaling
    Y = np.eye(3)[y] if y.max() == 2 else None
    w, b, costs = np.zeros((1 if Y is None else 3, X.shape[1])), 0.0, []
    for _ in range(n_iter):
        z = X @ w.T + b
        if Y is None:
            loss = np.logaddexp(0, z[:, 0]) - y * z[:, 0]
            residual = 1 / (1 + np.exp(-z)) - y[:, None]
        else:
            total = np.logaddexp.reduce(z, axis=1)
            loss, residual = total - (Y * z).sum(axis=1), np.exp(z - total[:, None]) - Y
        costs.append(loss.mean() + (w**2).sum() / (2 * C * len(y)))
        w = w - learning_rate * (residual.T @ X / len(y) + w / (C * len(y)))
        b = b - learning_rate * residual.mean(axis=0)
    return costs


def data_of(column, dtype):
    X = np.random.default_rng(0).integers(0, 256, (N_SAMPLES, 4)).astype(np.float64)
    X[:, 1] = COLUMNS[column]
    return X.astype(dtype)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", "csr"])
def test_costs_are_those_of_the_formulas(column, n_classes, dtype):
    X = data_of(column, "float64" if dtype == "csr" else dtype)
    y = np.random.default_rng(1).integers(0, n_classes, N_SAMPLES)
    given = sparse.csr_array(X) if dtype == "csr" else X
    model = LogisticRegression(C=0.1, scaling=255.0, solver="gd", learning_rate=0.1, max_iter=30)
    costs = costs_as_written(X, y, 0.1, 0.1, 30, 255.0)
    np.testing.assert_allclose(model.fit(given, y).history_[:30], costs, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("column", ["years", "near zero"])
def test_standard_scaling(column):
    X, y = data_of(column, "float64"), np.arange(N_SAMPLES) % 2
    model = LogisticRegression(
        C=np.inf, scaling="standard", solver="gd", learning_rate=0.5, max_iter=30
    ).fit(X, y)
    costs = costs_as_written(X, y, np.inf, 0.5, 30, "standard")
    np.testing.assert_allclose(model.history_[:30], costs, rtol=1e-9)


def test_a_step_that_is_too_long_is_told():
    """A column far from zero allows for short steps alone: a frame would have hidden that."""
    X, y = data_of("years", "float32") / 255, np.arange(N_SAMPLES) % 2
    model = LogisticRegression(solver="gd", learning_rate=1.0, max_iter=50)
    with pytest.warns(ConvergenceWarning, match="learning_rate"):
        model.fit(X, y)
    assert not model.converged_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_folds_descend_likewise():
    """From where the fit of all rows has come to."""
    X, y = data_of("years", "float64"), np.arange(N_SAMPLES) % 2
    folds = [(np.arange(N_SAMPLES), np.arange(10))]
    settings = {"Cs": [1.0], "scaling": 255.0, "solver": "gd", "max_iter": 40, "refit": False}
    search = LogisticRegressionCV(cv=folds, **settings).fit(X, y)
    model = LogisticRegression(
        scaling=255.0, solver="gd", learning_rate=0.005, max_iter=80, tol=search.tol
    ).fit(X, y)
    np.testing.assert_allclose(search.coefs_paths_[0, 0, 0, 0, :-1], model.coef_[0], rtol=1e-4)
