"""Stochastic descent: solver="sgd" over all rows, and partial_fit over rows as they come."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from fusedlogit import SGD, LogisticRegression, Parts

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # of fits that are let go on for a few passes
)


def rows_of_a_law(n_samples, n_features=20, n_classes=2, seed=0):
    """Features of unequal spread that depend on each other, and classes by a logistic law."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n_features, n_features)) * np.logspace(0, -2, n_features)[:, None]
    X = rng.normal(size=(n_samples, n_features)) @ mixed + 3
    coef = np.linalg.solve(mixed, rng.normal(size=(n_features, n_classes)))
    z = (X - 3) @ coef
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def cost(model, X, y, C):
    penalty = (model.coef_**2).sum() / 2 / C / len(y)
    return log_loss(y, model.predict_proba(X)) + penalty


class TestSolver:
    """All rows, again and again."""

    @pytest.mark.parametrize("n_classes", [2, 4])
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_comes_near_the_minimum(self, n_classes, order):
        X, y = rows_of_a_law(20_000, n_classes=n_classes)
        X = np.asarray(X, order=order)
        best = LogisticRegression(C=1.0).fit(X, y)
        model = LogisticRegression(C=1.0, solver="sgd", tol=1e-3).fit(X, y)
        assert model.converged_
        assert 0 <= model.history_[-1] / best.history_[-1] - 1 <= 1e-3
        assert cost(model, X, y, 1.0) == pytest.approx(model.history_[-1], rel=1e-9)

    @pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_digits])
    @pytest.mark.parametrize("scaling", [None, "standard"])
    def test_says_honestly_how_near_it_is(self, load, scaling):
        X, y = load(return_X_y=True)
        best = LogisticRegression(C=0.1, scaling=scaling, tol=1e-10).fit(X, y).history_[-1]
        for tol in (1e-2, 1e-4):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model = LogisticRegression(
                    C=0.1, scaling=scaling, solver="sgd", tol=tol, max_iter=60
                ).fit(X, y)
            above = (model.history_[-1] - best) / model.history_[-1]
            assert above <= tol if model.converged_ else caught[0].category is ConvergenceWarning
            assert model.history_ == sorted(model.history_, reverse=True)

    @pytest.mark.parametrize(
        "options",
        [
            SGD(schedule="constant"),
            SGD(schedule="invscaling", power=0.6),
            SGD(momentum=0.5),
            SGD(average=False),
            SGD(batch_size=1),
            SGD(batch_size=64, step=0.05),
        ],
        ids=str,
    )
    def test_options(self, options):
        X, y = rows_of_a_law(5_000)
        best = LogisticRegression().fit(X, y).history_[-1]
        model = LogisticRegression(solver=options, max_iter=20, tol=1e-6).fit(X, y)
        assert model.history_[-1] / best - 1 < 0.1
        assert clone(model).solver == options

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    @pytest.mark.parametrize("average", [True, False])
    def test_steps_that_shorten_by_what_they_gain_come_nearest(self, average):
        X, y = rows_of_a_law(5_000)
        best = LogisticRegression(tol=1e-12).fit(X, y).history_[-1]
        above = {}
        for schedule in ("adaptive", "invscaling", "constant"):
            solver = SGD(schedule=schedule, average=average)
            model = LogisticRegression(solver=solver, max_iter=30, tol=1e-12).fit(X, y)
            above[schedule] = model.history_[-1] - best
        assert above["adaptive"] < above["invscaling"] < above["constant"]
        assert above["adaptive"] < above["constant"] / (3 if average else 100)

    @pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
    def test_l1_zeros(self, l1_ratio):
        X, y = load_breast_cancer(return_X_y=True)
        told = {"C": 0.05, "l1_ratio": l1_ratio, "scaling": "standard"}
        best = LogisticRegression(**told).fit(X, y)
        model = LogisticRegression(**told, solver=SGD(average=False), max_iter=50).fit(X, y)
        assert best.history_[-1] <= model.history_[-1] <= 1.1 * best.history_[-1]
        assert (model.coef_ == 0).any()

    def test_weights_are_repetitions(self):
        X, y = rows_of_a_law(2_000)
        weight = np.random.default_rng(1).integers(0, 4, len(y))
        told = {"solver": "sgd", "tol": 1e-3}
        weighted = LogisticRegression(**told).fit(X, y, weight)
        repeated = LogisticRegression(tol=1e-10).fit(X.repeat(weight, 0), y.repeat(weight))
        assert weighted.converged_
        assert weighted.history_[-1] / repeated.history_[-1] - 1 <= 1e-3

    def test_parts(self):
        X, y = rows_of_a_law(10_000)
        best = LogisticRegression().fit(X, y).history_[-1]
        model = LogisticRegression(solver="sgd", tol=1e-3).fit(Parts(np.array_split(X, 4)), y)
        assert model.history_[-1] / best - 1 <= 1e-3

    def test_reproducible(self):
        X, y = load_digits(return_X_y=True)
        fits = [
            LogisticRegression(solver="sgd", random_state=seed, max_iter=5, tol=1e-2).fit(X, y)
            for seed in (0, 0, 1)
        ]
        assert (fits[0].coef_ == fits[1].coef_).all()
        assert (fits[0].coef_ != fits[2].coef_).any()

    @pytest.mark.parametrize("scale", [1e-6, 1e6])
    def test_units_of_columns_do_not_matter(self, scale):
        X, y = rows_of_a_law(3_000)
        model = LogisticRegression(solver="sgd", scaling="standard", tol=1e-3).fit(X * scale, y)
        assert model.converged_

    def test_a_step_much_too_long_does_no_harm(self):
        X, y = rows_of_a_law(1_000)
        model = LogisticRegression(solver=SGD(step=1e6), max_iter=3).fit(X, y)
        assert model.history_[-1] <= np.log(2)
        assert np.isfinite(model.coef_).all()

    def test_callback_stops_it(self):
        X, y = rows_of_a_law(1_000)
        model = LogisticRegression(solver="sgd", callback=lambda i, *_: i == 2).fit(X, y)
        assert model.n_iter_ == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"batch_size": 0},
            {"batch_size": 65},
            {"batch_size": 2.5},
            {"step": 0.0},
            {"step": np.nan},
            {"schedule": "optimal"},
            {"power": -1.0},
            {"momentum": 1.0},
            {"step": "x"},
            {"power": "a"},
            {"batch_size": True},
            {"early_stopping": "no"},
            {"average": None},
        ],
        ids=str,
    )
    def test_options_that_cannot_be(self, wrong):
        (name,) = wrong
        with pytest.raises(ValueError, match=f"SGD.*{name}"):
            SGD(**wrong)


class TestPartialFit:
    """Each row once, in turn."""

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("chunk", [50, 1_000])
    def test_as_near_as_rows_allow(self, n_classes, chunk):
        X, y = rows_of_a_law(40_000, n_classes=n_classes)
        X, y, unseen = X[:30_000], y[:30_000], (X[30_000:], y[30_000:])
        model = LogisticRegression()
        for begin in range(0, len(y), chunk):
            rows = slice(begin, begin + chunk)
            model.partial_fit(X[rows], y[rows], classes=np.arange(n_classes))
        best = LogisticRegression().fit(X, y)
        lost = log_loss(unseen[1], best.predict_proba(unseen[0]))
        assert log_loss(unseen[1], model.predict_proba(unseen[0])) < 1.05 * lost
        assert len(model.history_) == 30_000 // chunk
        assert model.history_[-1] < model.history_[0]

    def test_history_is_the_loss_before_learning(self):
        X, y = rows_of_a_law(400)
        model = LogisticRegression(solver=SGD(batch_size=64, average=False))
        model.partial_fit(X[:300], y[:300], classes=[0, 1])
        told = log_loss(y[300:360], model.predict_proba(X[300:360]))
        model.partial_fit(X[300:360], y[300:360])  # one batch
        assert model.history_[-1] == pytest.approx(told, rel=1e-9)

    def test_goes_on_after_a_pickle(self):
        X, y = rows_of_a_law(3_000)
        model = LogisticRegression().partial_fit(X[:1_000], y[:1_000], classes=[0, 1])
        other = pickle.loads(pickle.dumps(model))
        for stream in (model, other):
            stream.partial_fit(X[1_000:], y[1_000:])
        assert (model.coef_ == other.coef_).all()

    def test_goes_on_from_a_fit(self):
        X, y = rows_of_a_law(20_000)
        model = LogisticRegression().fit(X[:10_000], y[:10_000])
        before = cost(model, X, y, np.inf)
        model.partial_fit(X[10_000:], y[10_000:])
        assert cost(model, X, y, np.inf) < 1.005 * before
        model.fit(X, y)
        assert model.converged_
        model.partial_fit(X[:100], y[:100])
        assert len(model.history_) == 1

    def test_classes_may_come_later(self):
        X, y = load_iris(return_X_y=True)  # sorted by class
        model = LogisticRegression()
        for begin in range(0, 150, 25):
            rows = slice(begin, begin + 25)
            model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
        assert model.predict_proba(X).shape == (150, 3)

    def test_standard_scaling_grows_with_the_rows(self):
        X, y = rows_of_a_law(20_000)
        scale = np.logspace(-6, 6, X.shape[1])
        model, plain = (LogisticRegression(scaling="standard") for _ in range(2))
        for begin in range(0, 20_000, 1_000):
            rows = slice(begin, begin + 1_000)
            model.partial_fit(X[rows] * scale, y[rows], classes=[0, 1])
            plain.partial_fit(X[rows], y[rows], classes=[0, 1])
        np.testing.assert_allclose(
            model.predict_proba(X * scale), plain.predict_proba(X), atol=1e-6
        )

    @pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
    def test_narrow_rows(self, dtype):
        X, y = load_digits(return_X_y=True)
        told = {"scaling": 16.0, "C": 0.1}
        narrow, wide = (
            LogisticRegression(**told).partial_fit(X.astype(stored), y, classes=np.arange(10))
            for stored in (dtype, np.float64)
        )
        np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=1e-9, atol=1e-12)

    def test_weights(self):
        X, y = rows_of_a_law(5_000)
        kept = np.random.default_rng(0).random(5_000) < 0.5
        model = LogisticRegression(solver=SGD(batch_size=8))
        model.partial_fit(X, y, classes=[0, 1], sample_weight=kept)
        best = LogisticRegression().fit(X[kept], y[kept])
        assert cost(model, X[kept], y[kept], 1.0) < 1.1 * best.history_[-1]

    def test_an_error_changes_nothing(self):
        X, y = rows_of_a_law(500)
        model = LogisticRegression().partial_fit(X, y, classes=[0, 1])
        before = pickle.dumps(model)
        spoilt = X.copy()
        spoilt[400, 3] = np.inf
        with pytest.raises(ValueError, match="inf in row 400, column 3"):
            model.partial_fit(spoilt, y)
        with pytest.raises(ValueError, match="class 2, which is none of the announced"):
            model.partial_fit(X, y + 1)
        with pytest.raises(ValueError, match="3 features, but LogisticRegression is expecting 20"):
            model.partial_fit(X[:, :3], y)
        assert pickle.dumps(model) == before

    def test_a_sample_of_rows_is_kept(self):
        X, y = rows_of_a_law(30_000)
        model = LogisticRegression().partial_fit(X, y, classes=[0, 1])
        assert len(pickle.dumps(model)) < 1.3 * 2_048 * 20 * 8
        for begin in range(0, 30_000, 100):
            rows = slice(begin, begin + 100)
            model.partial_fit(X[rows], y[rows])
        assert len(pickle.dumps(model)) < 2.3 * 2_048 * 20 * 8

    def test_goes_on_after_a_first_call_that_failed(self):
        X, y = rows_of_a_law(100)
        model = LogisticRegression()
        with pytest.raises(ValueError, match="inf in row 0"):
            model.partial_fit(np.full_like(X, np.inf), y, classes=[0, 1])
        model.partial_fit(X, y, classes=[0, 1])
        assert model.coef_.shape == (1, 20)

    def test_refused(self):
        X, y = rows_of_a_law(50)
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            LogisticRegression().partial_fit(X, y)
        with pytest.raises(ValueError, match="give partial_fit a dict"):
            LogisticRegression(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
        with pytest.raises(ValueError, match="not the same as on last call"):
            LogisticRegression().partial_fit(X, y, classes=[0, 1]).partial_fit(X, y, classes=[0, 2])
        for form in (np.asarray, csr_array):
            centred = LogisticRegression(scaling="standard", fit_intercept=False)
            with pytest.raises(ValueError, match="needs fit_intercept=True"):
                centred.partial_fit(form(X), y, classes=[0, 1])

    def test_no_penalty_and_no_intercept(self):
        X, y = rows_of_a_law(5_000)
        model = LogisticRegression(C=np.inf, fit_intercept=False)
        model.partial_fit(X - 3, y, classes=[0, 1])
        assert (model.intercept_ == 0).all()
        assert (
            np.abs(expit((X - 3) @ model.coef_[0]) - model.predict_proba(X - 3)[:, 1]).max() < 1e-6
        )


@pytest.mark.parametrize("make", [np.asarray, csr_array])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [1.0, 1e-3])
@pytest.mark.parametrize("n_rows", [1, 30, 300])
def test_a_few_rows_after_a_fit_count_as_a_few(make, scaling, n_classes, C, n_rows):
    """A fit of many rows is not forgotten, nor penalised as if it had been of these."""
    X, y = rows_of_a_law(9_000, n_classes=n_classes)
    X, rest, of_rest = make(X[:6_000]), make(X[6_000:]), y[6_000:]
    model = LogisticRegression(C=C, scaling=scaling).fit(X, y[:6_000])
    before, coef = log_loss(of_rest, model.predict_proba(rest)), model.coef_
    model.partial_fit(X[:n_rows], y[:n_rows])
    assert log_loss(of_rest, model.predict_proba(rest)) < 1.02 * before
    assert not (model.coef_ == coef).all()
    model.partial_fit(X, y[:6_000]).partial_fit(rest, of_rest)
    assert log_loss(of_rest, model.predict_proba(rest)) < 1.02 * before


@pytest.mark.parametrize("l1_ratio", [0.01, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_steps_under_an_l1_norm_know_the_scales_of_columns(l1_ratio, n_classes):
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.uniform(-2, 2, 20)
    X, score = rng.normal(size=(8_000, 20)) * scale, rng.logistic(size=8_000)
    score += X @ (rng.normal(size=20) / scale)
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    least = log_loss(y, LogisticRegression(C=1e4, l1_ratio=l1_ratio).fit(X, y).predict_proba(X))
    stream = LogisticRegression(C=1e4, l1_ratio=l1_ratio)
    for rows in np.split(np.arange(8_000), 80):
        stream.partial_fit(X[rows], y[rows], classes=range(n_classes))
    assert log_loss(y, stream.predict_proba(X)) < 1.03 * least


@pytest.mark.parametrize("make", [np.asarray, csr_array])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("seed", range(3))
def test_as_many_rows_as_a_fit_had_leave_it_as_good(make, scaling, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20_000, 20)) * np.exp(rng.normal(size=20))
    y = (X @ rng.normal(size=20) + rng.logistic(size=len(X)) > 0).astype(int)
    begin, *calls = np.split(np.arange(10_000), [5_000, *range(5_500, 10_000, 500)])
    X, new, of_new = make(X[:10_000]), make(X[10_000:]), y[10_000:]
    model = LogisticRegression(scaling=scaling).fit(X[begin], y[begin])
    before = log_loss(of_new, model.predict_proba(new))
    for rows in calls:
        model.partial_fit(X[rows], y[rows])
        assert log_loss(of_new, model.predict_proba(new)) < 1.03 * before


@pytest.mark.parametrize("make", [np.asarray, csr_array])
@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
def test_rows_go_on_without_an_intercept(make, begin):
    """After a fit or calls with one: as near the minimum as a stream that never had any."""
    X, y = rows_of_a_law(4_000)
    model = LogisticRegression()
    if begin == "fit":
        model.fit(make(X[:1000]), y[:1000])
    else:
        model.partial_fit(make(X[:1000]), y[:1000], classes=[0, 1])
    assert model.intercept_.any()
    model.set_params(fit_intercept=False)
    for rows in np.split(np.arange(1000, 4000), 6):
        model.partial_fit(make(X[rows]), y[rows])
        assert not model.intercept_.any()
    alone = LogisticRegression(fit_intercept=False)
    for rows in np.split(np.arange(4000), 8):
        alone.partial_fit(make(X[rows]), y[rows], classes=[0, 1])
    loss, other = (log_loss(y, each.predict_proba(make(X))) for each in (model, alone))
    assert loss < 1.1 * other


@pytest.mark.parametrize("bad", ["nan", "weights", "label"])
def test_a_first_call_that_fails_leaves_nothing(bad):
    X, y = load_iris(return_X_y=True)
    model, weight = LogisticRegression(), np.ones(len(y))
    spoilt = X.copy()
    if bad == "nan":
        spoilt[3, 1] = np.nan
    elif bad == "weights":
        weight[0] = -1
    with pytest.raises(ValueError, match=r"NaN|egative|announced"):
        model.partial_fit(spoilt, y, [0, 1] if bad == "label" else [0, 1, 2], weight)
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "n_features_in_")
    model.partial_fit(X[:, :2], y, classes=[0, 1, 2, 3])
    assert model.coef_.shape == (4, 2)
