"""SGD(early_stopping=True): rows that are left out judge the passes."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from fusedlogit import SGD, LogisticRegression, Parts

STOPPING = SGD(early_stopping=True, validation_fraction=0.2, n_iter_no_change=3)


def noisy(n_samples=2_000, n_features=200, n_classes=2, seed=0):
    """Rows of so many columns that a fit to the end learns the noise in y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    z = X[:, :3] @ np.random.default_rng(1).normal(size=(3, n_classes))
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def as_parts(X):
    return Parts([X[:1_200], X[1_200:]])


KINDS = {"dense": np.asarray, "sparse": sparse.csr_array, "parts": as_parts}


@pytest.fixture(scope="module", params=[2, 3])
def overfitted(request):
    """Rows, rows that are unseen, and the minimum over the first."""
    X, y = noisy(n_features=500, n_classes=request.param)
    unseen = noisy(5_000, 500, request.param, seed=2)
    return X, y, unseen, LogisticRegression(C=1e3).fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
def test_better_on_unseen_rows_than_the_minimum(kind, overfitted):
    X, y, unseen, best = overfitted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(C=1e3, solver=STOPPING).fit(KINDS[kind](X), y)
    lost, lost_there = (
        log_loss(unseen[1], other.predict_proba(unseen[0])) for other in (model, best)
    )
    assert lost < lost_there
    assert not model.converged_
    assert model.n_iter_[0] < 100


def test_history_is_the_loss_of_the_rows_left_out():
    X, y = noisy()
    costs = []
    model = LogisticRegression(solver=STOPPING, callback=lambda *told: costs.append(told[3]))
    model.fit(X, y)
    history = np.array(model.history_)
    assert history[0] == pytest.approx(np.log(2))
    assert len(history) == model.n_iter_[0] + 1
    assert model.n_iter_[0] - history.argmin() == STOPPING.n_iter_no_change
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < history.min()


def test_the_best_point_is_returned():
    X, y = noisy()
    model = LogisticRegression(C=np.inf, solver=STOPPING).fit(X, y)
    best = int(np.argmin(model.history_))
    with pytest.warns(ConvergenceWarning):
        shorter = clone(model).set_params(max_iter=best).fit(X, y)
    assert (shorter.coef_ == model.coef_).all()
    assert shorter.history_ == model.history_[: best + 1]


def test_a_tolerance_stops_sooner():
    X, y = noisy(4_000, 20)
    X = sparse.csr_array(X + 3)
    fits = [LogisticRegression(solver=STOPPING, tol=tol).fit(X, y) for tol in (1e-12, 0.2)]
    assert fits[1].n_iter_[0] < fits[0].n_iter_[0]


def test_rows_left_out_are_of_each_class_and_do_not_teach():
    X, y = noisy(1_000, 5)
    y = (np.arange(1_000) % 10 == 0).astype(int)  # a class of 100
    marks = np.column_stack([np.eye(1_000), np.where(y, 3, -1) + X[:, 0]])  # each row its own
    model = LogisticRegression(solver=STOPPING).fit(sparse.csr_array(marks), y)
    untaught = model.coef_[0, :-1] == 0
    assert untaught[y == 1].sum() == 20
    assert untaught[y == 0].sum() == 180


def test_reproducible():
    X, y = noisy()
    fits = [LogisticRegression(solver=STOPPING, random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    assert (fits[0].coef_ == fits[1].coef_).all()
    assert fits[0].history_ != fits[2].history_


def test_weights():
    X, y = noisy(4_000, 20)
    kept = np.random.default_rng(0).random(4_000) < 0.5
    spoilt = np.where(kept, y, 1 - y)
    model = LogisticRegression(solver=STOPPING).fit(X, spoilt, kept)
    heavier = LogisticRegression(solver=STOPPING, C=0.25).fit(X, spoilt, 4.0 * kept)
    best = LogisticRegression().fit(X[kept], y[kept])
    assert min(model.history_) < 1.1 * best.history_[-1]
    np.testing.assert_allclose(heavier.history_, model.history_, rtol=1e-9)


def test_refused():
    X, y = noisy(100, 5)
    few = np.zeros(100, dtype=int)
    few[:2] = 1
    with pytest.raises(ValueError, match=r"validation_fraction=0.2 leaves out 0 .* class 1"):
        LogisticRegression(solver=STOPPING).fit(X, few)
    with pytest.raises(ValueError, match=r"early_stopping=True.* is for fit"):
        LogisticRegression(solver=STOPPING).partial_fit(X, y, classes=[0, 1])


@pytest.mark.parametrize("wrong", [{"validation_fraction": 1.0}, {"n_iter_no_change": 0}], ids=str)
def test_options_that_cannot_be(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"SGD.*{name}"):
        SGD(**wrong)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_steps_that_gain_no_more_end_it_without_a_warning(seed):
    X, y = noisy(n_features=10, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solver = SGD(early_stopping=True, n_iter_no_change=20)
        LogisticRegression(solver=solver, random_state=seed).fit(X, y)


def test_too_few_iterations_are_said_without_a_bound_of_the_cost():
    """There was one, of inf."""
    model = LogisticRegression(solver=STOPPING, max_iter=1)
    with pytest.warns(ConvergenceWarning, match=r"in 1 iterations. The loss .*raise max_iter\.$"):
        model.fit(*noisy())
