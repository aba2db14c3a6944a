"""Streams whose later rows are not as the first were: rare columns, late ones, heavy rows."""

import contextlib
import copy
import pickle
import signal
import time

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csr_array
from scipy.stats import chisquare
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from fusedlogit import SGD, LogisticRegression, PassOverflowError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MAKE = [np.asarray, csr_array]


def labels(rng, margin):
    return (margin + rng.logistic(size=len(margin)) > 0).astype(int)


def learnt(model, X, y, size=1000, weight=None, make=np.asarray):
    """After calls of so many rows."""
    for begin in range(0, len(y), size):
        rows = slice(begin, begin + size)
        own = None if weight is None else weight[rows]
        model.partial_fit(make(X[rows]), y[rows], classes=[0, 1], sample_weight=own)
    return model


def cost(model, X, y, weight=None):
    return log_loss(y, model.predict_proba(X), sample_weight=weight)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("C", [1.0, 100.0, np.inf])
def test_a_column_that_is_constant_at_first(C, scaling, size):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2)) * [1.0, size]
    X[:1000, 1] = 0
    y = labels(rng, X[:, 0] + X[:, 1] / size)
    model = learnt(LogisticRegression(C=C, scaling=scaling), X, y, size=500)
    assert max(model.history_) < 1
    least = cost(LogisticRegression(C=C, scaling=scaling).fit(X, y), X, y)
    assert cost(model, X, y) < 1.02 * least


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_rows_that_are_all_zero_at_first(C):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 1))
    X[:100] = 0
    y = labels(rng, X[:, 0])
    model = learnt(LogisticRegression(C=C), X, y, size=100)
    assert cost(model, X, y) < 1.02 * cost(LogisticRegression(C=C).fit(X, y), X, y)


@pytest.mark.parametrize("alike", [0.0, 0.99, 0.9999])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("C", [1.0, 100.0])
def test_rare_columns_beside_columns_that_are_nearly_alike(C, scaling, alike):
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 60_000, 10))
    rare = rng.random((60_000, 10)) < 2e-4
    X = np.hstack([one, alike * one + np.sqrt(1 - alike**2) * other, rare])
    y = labels(rng, one[:, 0])
    model = learnt(LogisticRegression(C=C, scaling=scaling), X, y)
    assert max(model.history_) < 0.8
    least = cost(LogisticRegression(C=C, scaling=scaling, tol=1e-4).fit(X, y), X, y)
    assert cost(model, X, y) < 1.02 * least


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize(("shift", "times"), [(2.0, 5), (3.5, 20), (5.5, 100)])
def test_a_rare_class_that_weighs_more(make, shift, times):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 10))
    y = labels(rng, X[:, 0] - shift)
    weight = np.where(y, times, 1)
    model = learnt(LogisticRegression(class_weight={0: 1, 1: times}), X, y, make=make)
    least = cost(LogisticRegression().fit(X, y, weight), X, y, weight)
    assert cost(model, X, y, weight) < 1.15 * least


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 3.0])
def test_weights_of_many_sizes(make, spread):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 10))
    y, weight = labels(rng, X[:, 0]), np.exp(spread * rng.normal(size=len(X)))
    model = learnt(LogisticRegression(), X, y, weight=weight, make=make)
    least = cost(LogisticRegression().fit(X, y, weight), X, y, weight)
    bound = 1 + 20 * 11 * (weight @ weight) / weight.sum() ** 2  # some times that of the law
    assert cost(model, X, y, weight) < max(1.005, bound) * least


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_rows_of_no_weight_are_as_if_left_out(make, share):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 5))
    y, kept = labels(rng, X[:, 0]), rng.random(10_000) < share
    X[~kept] *= 1e-3
    one, other = LogisticRegression(), LogisticRegression()
    for rows in np.split(np.arange(10_000), 5):
        own = rows[kept[rows]]
        one.partial_fit(make(X[rows]), y[rows], classes=[0, 1], sample_weight=kept[rows] * 1.0)
        other.partial_fit(make(X[own]), y[own], classes=[0, 1])
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-10)
    np.testing.assert_allclose(one.history_, other.history_, rtol=1e-10)
    assert one.n_passes_ == 5


@pytest.mark.parametrize("make", MAKE)
def test_nan_is_refused_in_a_row_of_no_weight_too(make):
    X, y = np.ones((6, 2)), np.array([0, 1, 0, 1, 0, 1])
    X[4, 1] = np.nan
    with pytest.raises(ValueError, match="nan in row 4, column 1"):
        LogisticRegression().partial_fit(
            make(X), y, classes=[0, 1], sample_weight=[1, 1, 1, 1, 0, 1]
        )


@pytest.mark.parametrize("make", MAKE)
def test_weights_are_as_large_in_each_call(make):
    """Later rows of ten times the weight count ten times as much."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 3))
    early = np.arange(40_000) < 20_000
    y = labels(rng, np.where(early, X[:, 0], -X[:, 0]))
    weight = np.where(early, 1.0, 10.0)
    model = learnt(LogisticRegression(), X, y, weight=weight, make=make)
    whole = LogisticRegression().fit(X, y, weight)
    assert cost(model, X, y, weight) < 1.05 * cost(whole, X, y, weight)


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("unit", [1e-300, 1e-8, 1e290])
def test_the_unit_of_weights_does_not_matter(make, unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 4))
    y, weight = labels(rng, X[:, 0]), rng.exponential(size=4000)
    one = learnt(LogisticRegression(), X, y, size=500, weight=weight, make=make)
    other = learnt(LogisticRegression(C=1 / unit), X, y, 500, weight * unit, make)
    np.testing.assert_allclose(other.coef_, one.coef_, rtol=1e-6)


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("unit", [1e-320, 1e-301, 1e296, 1e308])
def test_weights_that_cannot_be_summed_up(make, unit):
    X, y = np.eye(2), [0, 1]
    with pytest.raises(ValueError, match=r"sample_weight is up to .* divide it by that"):
        LogisticRegression().partial_fit(make(X), y, classes=[0, 1], sample_weight=[unit, unit])


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"C": -1.0}, "C"), ({"C": "a"}, "C"), ({"C": 0}, "C"), ({"l1_ratio": 2}, "l1_ratio"),
     ({"scaling": 0}, "scaling"), ({"scaling": "foo"}, "scaling")],
)  # fmt: skip
def test_parameters_that_are_set_later_are_checked(parameters, named):
    X, y = np.eye(2), [0, 1]
    model = LogisticRegression().partial_fit(X, y, classes=[0, 1])
    before = model.coef_.copy()
    with pytest.raises(ValueError, match=f"The '{named}' parameter"):
        model.set_params(**parameters).partial_fit(X, y)
    np.testing.assert_array_equal(model.coef_, before)
    model.set_params(C=2.0, l1_ratio=0.0, scaling=None).partial_fit(X, y)
    assert len(model.history_) == 2


@pytest.mark.parametrize("classes", [[0], []])
def test_fewer_than_two_classes_cannot_be_announced(classes):
    with pytest.raises(ValueError, match=r"^classes=\[0?\] names no two classes: announce all"):
        LogisticRegression().partial_fit(np.eye(2), [0, 0], classes=classes)


@pytest.mark.parametrize("weight", [None, 2.5])
@pytest.mark.parametrize(("n_calls", "size"), [(2, 10_000), (5, 3_000), (30, 1_000)])
def test_rows_are_drawn_from_anywhere_in_a_call(n_calls, size, weight):
    kept = []
    for seed in range(4):
        model, number = (
            LogisticRegression(random_state=seed),
            np.arange(n_calls * size, dtype=float),
        )
        y = np.random.default_rng(seed).integers(0, 2, len(number))
        for rows in np.split(np.arange(len(number)), n_calls):
            own = None if weight is None else np.full(size, weight)
            model.partial_fit(number[rows, None], y[rows], classes=[0, 1], sample_weight=own)
        kept.append(model._stream._keep_drawn(2048)[0][:, 0])
        assert len(np.unique(kept[-1])) == len(kept[-1]) == 2048
    kept = np.concatenate(kept)
    for place, most in ((kept % size, size), (kept, len(number))):
        counts = np.histogram(place, bins=10, range=(0, most))[0]
        assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("n_equal", [1, 3, 50])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("far", [0.0, 1e6])
def test_first_rows_that_are_all_equal(n_equal, n_classes, far):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3_000, 20)) + far, rng.integers(0, n_classes, 3_000)
    X[:n_equal] = X[0]
    model = LogisticRegression(C=np.inf)
    for rows in np.split(np.arange(len(y)), [n_equal, *range(n_equal + 10, len(y), 10)]):
        model.partial_fit(X[rows], y[rows], classes=range(n_classes))
    assert max(model.history_) < 20
    assert np.mean(model.history_[-50:]) < 1.2 * np.log(n_classes)


@pytest.mark.parametrize("size", [1e150, 1e155, 1e200, 1e308])
def test_a_row_too_large_for_later_metrics_is_refused_when_it_comes(size):
    rng = np.random.default_rng(0)
    model, refused = LogisticRegression(), 0
    for number in range(100):
        X = rng.normal(size=(40, 4))
        X[3] = size if number == 5 else X[3]
        y = (X[:, 0] > 0).astype(int)
        try:
            model.partial_fit(X, y, classes=[0, 1])
        except PassOverflowError:
            assert number == 5
            refused += 1
    assert refused == (size > 1e150)
    assert len(model.history_) == 100 - refused


def test_features_whose_squares_overflow():
    X, y = np.eye(4), np.array([0, 1, 0, 1])
    with pytest.raises(PassOverflowError, match="too large together"):
        LogisticRegression(solver="sgd", scaling=1e-160).fit(X, y)
    with pytest.raises(PassOverflowError, match="too large together"):
        LogisticRegression().partial_fit(1e300 * X, y, classes=[0, 1])
    with pytest.raises(PassOverflowError, match="too large together"):
        LogisticRegression(scaling=1e-160).partial_fit(1e200 * X, y, classes=[0, 1])


class TestEarlyStopping:
    """Rows that judge, and weights."""

    def test_rows_of_no_weight_do_not_judge(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(200, 3))
        y, weight, n_learnt = labels(rng, 3 * X[:, 0]), np.zeros(200), 0
        for seed in range(20):
            weight[:] = 0
            for k in (0, 1):
                weight[rng.choice(np.flatnonzero(y == k), 10, replace=False)] = 1
            model = LogisticRegression(solver=SGD(early_stopping=True), random_state=seed)
            model.fit(X, y, weight)
            assert np.isfinite(model.history_).all()
            n_learnt += model.coef_.any()
        assert n_learnt > 10

    def test_too_few_rows_with_a_weight(self):
        X, y = np.arange(40.0)[:, None], np.arange(40) % 2
        weight = (np.arange(40) < 8).astype(float)
        model = LogisticRegression(solver=SGD(early_stopping=True))
        with pytest.raises(ValueError, match="0 of the 4 rows of class 0 with a weight"):
            model.fit(X, y, weight)

    def test_the_checkpoint_goes_when_they_stop_the_fit(self, tmp_path):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(400, 3))
        y = labels(rng, X[:, 0])
        model = LogisticRegression(
            solver=SGD(early_stopping=True), checkpoint=tmp_path / "fit.npz", random_state=0
        )
        first = model.fit(X, y).coef_
        assert not model.converged_
        assert not (tmp_path / "fit.npz").exists()
        np.testing.assert_array_equal(model.fit(X, y).coef_, first)
        with pytest.warns(ConvergenceWarning):
            model.set_params(max_iter=1).fit(X, y)
        assert (tmp_path / "fit.npz").exists()


@pytest.mark.parametrize("make", MAKE)
def test_copies_of_a_stream_keep_losses_of_their_own(make):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = labels(rng, X[:, 0])
    model = LogisticRegression().partial_fit(make(X[:20]), y[:20], classes=[0, 1])
    other, before = copy.copy(model), model.history_
    for one in (model, other):
        one.partial_fit(make(X[20:40]), y[20:40])
    other.partial_fit(make(X[40:]), y[40:])
    assert model.history_[:1] == other.history_[:1] == before
    assert (len(model.history_), len(other.history_)) == (model.n_iter_, other.n_iter_) == (2, 3)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(make(np.full((1, 3), np.nan)), [1])
    again = pickle.loads(pickle.dumps(model)).partial_fit(make(X[40:]), y[40:])
    assert again.history_[:2] == model.history_
    assert len(model.history_) == 2


def rare_words(n_samples=3_000):
    """So few entries that a stream changes its columns where they lie."""
    X = sparse.random(n_samples, 3_000, density=1e-3, format="csr", rng=np.random.default_rng(0))
    return X, np.arange(n_samples) % 2


def test_copies_of_a_sparse_stream_go_on_apart():
    """The clock of one and the columns of the other made coefficients of millions."""
    X, y = rare_words()
    model = LogisticRegression().partial_fit(X[:1000], y[:1000], classes=[0, 1])
    other, alone = copy.copy(model), pickle.loads(pickle.dumps(model))
    other.partial_fit(X[1000:2000], y[1000:2000])
    for one in (model, alone):
        one.partial_fit(X[2000:], y[2000:])
    np.testing.assert_array_equal(model.coef_, alone.coef_)
    assert not np.array_equal(other.coef_, alone.coef_)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_an_interrupted_sparse_stream_stays_sound():
    """Wherever Ctrl-C comes, clock and columns fit each other: coefficients grew to 1e19."""
    X, y = rare_words()
    model = LogisticRegression(C=1e-3, solver=SGD(batch_size=1))
    model.partial_fit(X[:1000], y[:1000], classes=[0, 1])
    begin = time.perf_counter()
    model.partial_fit(X, y)
    whole = time.perf_counter() - begin
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for share in np.tile(np.linspace(0.2, 1, 100), 3):
            with contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, share * whole)
                model.partial_fit(X, y)
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.abs(model.coef_).max() < 10
