"""Many classes and weak or no penalties: what one matrix of the features proves is true."""

from functools import cache

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import logsumexp

from fusedlogit import LogisticRegression, Parts
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.data.target import Target
from fusedlogit.problems import multinomial
from fusedlogit.problems.links import SOFTMAX
from fusedlogit.problems.multinomial import Multinomial
from fusedlogit.problems.objective import Objective
from fusedlogit.solvers.multinomial.floor import floor_bound
from fusedlogit.solvers.path import evaluate_start
from fusedlogit.solvers.scheduler import run


def drawn(rng, n_samples=300, n_features=4, n_classes=5, certainty=1.0):
    """Rows, and classes of a softmax."""
    X = rng.normal(size=(n_samples, n_features))
    z = certainty * X @ rng.normal(size=(n_features, n_classes))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X, y


def cost_of(X, y, coef, intercept, weight, penalty):
    z = X @ coef.T + intercept
    loss = logsumexp(z, axis=1) - z[np.arange(len(y)), y]
    return np.average(loss, weights=weight) + penalty / 2 * np.sum(coef**2)


@cache
def with_minimum(seed, weighted, fit_intercept, penalty):
    """Rows, classes, weights, a fit that is at the minimum, and the cost there."""
    rng = np.random.default_rng(seed)
    X, y = drawn(rng, certainty=rng.choice([0.3, 1.0, 3.0]))
    weight = rng.exponential(size=len(y)) if weighted else None
    C = np.inf if penalty == 0 else 1 / (penalty * (len(y) if weight is None else weight.sum()))
    best = LogisticRegression(C=C, fit_intercept=fit_intercept, tol=1e-13, max_iter=500)
    best.fit(X, y, weight)
    least = cost_of(X, y, best.coef_, best.intercept_, weight, penalty)
    return X, y, weight, best, least


@pytest.mark.parametrize("make", [DenseMatrix, lambda X, n: SparseMatrix.of(csr_array(X), n)])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("penalty", [0.0, 1e-6, 1e-2])
def test_never_less_than_the_distance(make, fit_intercept, weighted, penalty):
    n_finite = 0
    for seed in range(8):
        X, y, weight, best, least = with_minimum(seed, weighted, fit_intercept, penalty)
        rng = np.random.default_rng([seed, 1])
        target = Target(y.astype(np.uint8), weight, SOFTMAX)
        one = Objective.of(make(X, 1), target, None, penalty, 0.0, fit_intercept)
        problem = Multinomial(one.sharpened(), 5)
        for length in (0.0, 1e-8, 1e-4, 1e-2, 0.1, 1.0):
            table = np.column_stack([best.coef_, best.intercept_])
            table += length * rng.normal(size=table.shape)
            if not fit_intercept:
                table[:, -1] = 0
            (here,) = run([evaluate_start(problem, table.ravel())])
            (bound,) = run([floor_bound(problem, here, np.inf)])
            assert bound >= (here.value - least) * (1 - 1e-9) - 1e-15
            n_finite += np.isfinite(bound)
    assert n_finite >= 12  # it says something near the minimum


def test_what_is_not_enough_takes_no_second_pass():
    X, y = drawn(np.random.default_rng(0))
    data = DenseMatrix(X, 1)
    one = Objective.of(data, Target(y.astype(np.uint8), None, SOFTMAX), None, 0.0, 0.0, True)
    problem = Multinomial(one.sharpened(), 5)
    (here,) = run([evaluate_start(problem, np.zeros(25))])
    before = data.n_passes
    (bound,) = run([floor_bound(problem, here, 1e-12)])
    assert bound == np.inf
    assert data.n_passes - before <= 2  # probabilities, and the matrix


@pytest.mark.parametrize("kind", ["dense", "float32", "sparse", "parts", "weighted"])
@pytest.mark.parametrize("C", [1e6, np.inf])
def test_fits_without_a_penalty_are_proved(kind, C):
    X, y = drawn(np.random.default_rng(1), 6000, 120, 10, certainty=0.1)
    assert multinomial.MOST_COEFS < 10 * 121
    weight = np.random.default_rng(2).integers(1, 4, len(y)) if kind == "weighted" else None
    stored = {
        "float32": lambda: X.astype(np.float32),
        "sparse": lambda: csr_array(X),
        "parts": lambda: Parts([X[:2000], X[2000:]]),
    }.get(kind, lambda: X)()
    model = LogisticRegression(C=C, tol=1e-8).fit(stored, y, weight)
    assert model.converged_
    numbers = X.astype(np.float32).astype(float) if kind == "float32" else X
    start = LogisticRegression(C=C, tol=1e-12, max_iter=1000, warm_start=True)
    start.coef_, start.intercept_, start.classes_ = model.coef_, model.intercept_, model.classes_
    best = start.fit(numbers, y, weight)
    total = len(y) if weight is None else weight.sum()
    found, least = (
        cost_of(numbers, y, one.coef_, one.intercept_, weight, 1 / (C * total))
        for one in (model, best)
    )
    assert found - least <= 1e-8 * least


@cache
def at_the_minimum(seed):
    """Rows, classes, C, and a fit by the Hessian of all coefficients."""
    rng = np.random.default_rng(seed)
    X, y = drawn(rng, certainty=rng.choice([0.3, 1.0, 3.0]))
    C = rng.choice([1.0, 1e4, np.inf])
    return X, y, C, LogisticRegression(C=C, tol=1e-13, max_iter=500).fit(X, y)


@pytest.mark.parametrize("tol", [0.1, 1e-3, 1e-6, 1e-10])
def test_loose_and_tight_tolerances(monkeypatch, tol):
    """The same problems with and without the Hessian of all coefficients agree."""
    for seed in range(10):
        X, y, C, least = at_the_minimum(seed)
        with monkeypatch.context() as context:
            context.setattr(multinomial, "MOST_COEFS", 0)
            model = LogisticRegression(C=C, tol=tol, max_iter=500).fit(X, y)
        found, best = (
            cost_of(X, y, one.coef_, one.intercept_, None, 1 / (C * len(y)))
            for one in (model, least)
        )
        assert model.converged_
        assert found - best <= tol * found + 1e-15


@pytest.mark.parametrize("make", [np.asarray, csr_array])
@pytest.mark.parametrize("n_features", [3 * 1023, 3 * 1024, 3 * 1024 + 1, 5000])
def test_many_classes_of_more_features_than_a_power_of_two_tells(n_features, make):
    rng = np.random.default_rng(0)
    X, y = rng.random((300, n_features)), rng.integers(0, 3, 300)
    assert LogisticRegression(tol=1e-6).fit(make(X), y).converged_


@pytest.fixture(scope="module")
def full_columns():
    X, y = drawn(np.random.default_rng(0), 3000, 350, 3, certainty=0.1)
    return X, y, LogisticRegression(C=np.inf).fit(X, y)


@pytest.mark.parametrize("store", [np.asarray, csr_array])
@pytest.mark.parametrize("n_empty", [1, 40])
def test_columns_of_nothing_hide_no_minimum(full_columns, store, n_empty):
    X, y, whole = full_columns
    X = np.hstack([X, np.zeros((len(X), n_empty))])
    model = LogisticRegression(C=np.inf).fit(store(X), y)
    assert whole.converged_
    assert model.converged_
    assert model.n_iter_[0] <= 2 * whole.n_iter_[0]
    assert not model.coef_[:, 350:].any()
    np.testing.assert_allclose(model.coef_[:, :350], whole.coef_, atol=1e-3)
