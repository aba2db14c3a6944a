"""Stochastic descent over sparse rows: solver="sgd", and partial_fit."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from fusedlogit import SGD, LogisticRegression, Parts

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # of fits that are let go on for a few passes
)


def words(n_samples, n_columns=300, n_classes=2, seed=0, length=12):
    """Rows of a few columns, common and rare, and classes by a logistic law."""
    rng = np.random.default_rng(seed)
    often = 1 / np.arange(1, n_columns + 1)
    drawn = rng.choice(n_columns, (n_samples, length), p=often / often.sum())
    X = sparse.csr_array(
        (np.ones(drawn.size), drawn.ravel(), np.arange(0, drawn.size + 1, length)),
        shape=(n_samples, n_columns),
    )
    X.sum_duplicates()
    X.data[:] = 1
    z = X @ rng.normal(size=(n_columns, n_classes))
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def above(model, X, y, **told):
    """By which share the cost of a model is above its minimum."""
    best = LogisticRegression(**told, tol=1e-8).fit(X, y)
    return model.history_[-1] / best.history_[-1] - 1


class TestSolver:
    """All rows, again and again."""

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
    def test_comes_near_the_minimum(self, n_classes, l1_ratio):
        X, y = words(10_000, n_classes=n_classes)
        told = {"C": 0.3, "l1_ratio": l1_ratio}
        model = LogisticRegression(**told, solver="sgd", tol=1e-3, max_iter=40).fit(X, y)
        assert 0 <= above(model, X, y, **told) <= 5e-3
        assert model.history_ == sorted(model.history_, reverse=True)

    def test_says_so_where_it_is_near(self):
        X, y = words(10_000)
        model = LogisticRegression(C=0.1, solver="sgd", tol=1e-2).fit(X, y)
        assert model.converged_
        assert 0 <= above(model, X, y, C=0.1) <= 1e-2

    @pytest.mark.parametrize(
        "options",
        [
            SGD(schedule="constant"),
            SGD(schedule="invscaling", power=0.6),
            SGD(average=False),
            SGD(batch_size=1),
            SGD(batch_size=64, step=0.1),
        ],
        ids=str,
    )
    def test_options(self, options):
        X, y = words(5_000)
        model = LogisticRegression(C=0.1, solver=options, max_iter=20, tol=1e-6).fit(X, y)
        assert above(model, X, y, C=0.1) < 0.02

    def test_l1_zeros(self):
        X, y = words(5_000)
        told = {"C": 0.02, "l1_ratio": 1.0}
        model = LogisticRegression(**told, solver=SGD(average=False), max_iter=30).fit(X, y)
        assert above(model, X, y, **told) < 0.01
        assert (model.coef_ == 0).mean() > 0.3

    @pytest.mark.parametrize("scaling", ["standard", 16.0])
    def test_scaling(self, scaling):
        X, y = load_digits(return_X_y=True)
        told = {"C": 0.01, "scaling": scaling}
        model = LogisticRegression(**told, solver="sgd", tol=1e-3).fit(sparse.csr_array(X), y)
        assert above(model, X, y, **told) < 0.05

    def test_units_of_columns_do_not_matter(self):
        X, y = words(3_000)
        unit = sparse.diags_array(10.0 ** np.random.default_rng(1).integers(-6, 7, X.shape[1]))
        models = [
            LogisticRegression(solver="sgd", scaling="standard", max_iter=10, tol=1e-6).fit(rows, y)
            for rows in (X, sparse.csr_array(X @ unit))
        ]
        np.testing.assert_allclose(models[0].history_, models[1].history_, rtol=1e-2)

    def test_weights_are_repetitions(self):
        X, y = words(3_000)
        weight = np.random.default_rng(1).integers(0, 4, len(y))
        model = LogisticRegression(C=0.1, solver="sgd", tol=1e-3).fit(X, y, weight)
        rows = np.arange(len(y)).repeat(weight)
        assert above(model, X[rows], y[rows], C=0.1) < 0.01

    def test_class_weight(self):
        X, y = words(3_000)
        told = {"C": 0.1, "class_weight": {0: 1, 1: 9}}
        model = LogisticRegression(**told, solver="sgd", tol=1e-3).fit(X, y)
        assert 0 <= above(model, X, y, **told) < 0.01

    @pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int8, bool])
    @pytest.mark.parametrize("indices", [np.int32, np.int64])
    def test_types(self, dtype, indices):
        X, y = words(500)
        narrow = X.astype(dtype if dtype != np.float16 else np.float32)
        narrow.data = narrow.data.astype(dtype)
        narrow.indices = narrow.indices.astype(indices)
        narrow.indptr = narrow.indptr.astype(indices)
        models = [
            LogisticRegression(solver="sgd", max_iter=3, tol=1e-6).fit(rows, y)
            for rows in (X, narrow)
        ]
        np.testing.assert_allclose(models[0].coef_, models[1].coef_, rtol=1e-9, atol=1e-12)

    def test_disordered_rows(self):
        X, y = words(500)
        back = sparse.coo_array(X)
        order = np.random.default_rng(0).permutation(X.nnz)
        row, column = (np.r_[part[order], part] for part in back.coords)
        twice = sparse.coo_array((np.full(2 * X.nnz, 0.5), (row, column)), shape=X.shape)
        models = [
            LogisticRegression(solver="sgd", max_iter=3, tol=1e-6).fit(rows, y)
            for rows in (X, twice)
        ]
        np.testing.assert_allclose(models[0].coef_, models[1].coef_, rtol=1e-9, atol=1e-12)

    def test_reproducible(self):
        X, y = words(1_000)
        fits = [
            LogisticRegression(solver="sgd", random_state=seed, max_iter=5, tol=1e-6).fit(X, y)
            for seed in (0, 0, 1)
        ]
        assert (fits[0].coef_ == fits[1].coef_).all()
        assert (fits[0].coef_ != fits[2].coef_).any()

    def test_parts(self):
        X, y = words(10_000)
        parts = Parts([X[:4_000], X[4_000:]])
        model = LogisticRegression(C=0.1, solver="sgd", tol=1e-2).fit(parts, y)
        assert model.converged_
        assert above(model, X, y, C=0.1) <= 1e-2

    @pytest.mark.parametrize("step", [1e6, 1e50, 1e-50])
    def test_a_step_much_too_long_or_short_does_no_harm(self, step):
        X, y = words(1_000)
        model = LogisticRegression(solver=SGD(step=step), max_iter=3).fit(X, y)
        assert model.history_[-1] <= np.log(2)
        assert np.isfinite(model.coef_).all()

    def test_refused(self):
        X, y = words(100)
        with pytest.raises(ValueError, match=r"SGD\(momentum=0.5\).*use momentum=0"):
            LogisticRegression(solver=SGD(momentum=0.5)).fit(X, y)
        with pytest.raises(ValueError, match="needs fit_intercept=True, or scaling by a number"):
            LogisticRegression(solver="sgd", scaling="standard", fit_intercept=False).fit(X, y)


def streamed(model, X, y, chunk, classes=(0, 1), **told):
    """A model after all rows, so many a call."""
    for begin in range(0, len(y), chunk):
        rows = slice(begin, begin + chunk)
        model.partial_fit(X[rows], y[rows], classes=classes, **told)
    return model


class TestPartialFit:
    """Each row once, in turn."""

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("chunk", [50, 1_000])
    def test_as_near_as_rows_allow(self, n_classes, chunk):
        X, y = words(40_000, n_classes=n_classes)
        X, y, unseen = X[:30_000], y[:30_000], (X[30_000:], y[30_000:])
        model = streamed(LogisticRegression(), X, y, chunk, np.arange(n_classes))
        best = LogisticRegression().fit(X, y)
        lost = log_loss(unseen[1], best.predict_proba(unseen[0]))
        assert log_loss(unseen[1], model.predict_proba(unseen[0])) < 1.05 * lost
        assert len(model.history_) == 30_000 // chunk
        assert model.history_[-1] < model.history_[0]

    def test_penalties_are_those_of_all_rows(self):
        X, y = words(20_000)
        told = {"C": 1e-3, "l1_ratio": 0.3}
        model = streamed(LogisticRegression(**told), X, y, 100)
        best = LogisticRegression(**told).fit(X, y)
        weak = LogisticRegression(C=1.0).fit(X, y)
        from_best, from_weak = (np.abs(model.coef_ - other.coef_).sum() for other in (best, weak))
        assert from_best < 0.2 * from_weak

    def test_history_is_the_loss_before_learning(self):
        X, y = words(400)
        model = LogisticRegression(solver=SGD(batch_size=64, average=False))
        model.partial_fit(X[:300], y[:300], classes=[0, 1])
        told = log_loss(y[300:360], model.predict_proba(X[300:360]))
        model.partial_fit(X[300:360], y[300:360])  # one batch
        assert model.history_[-1] == pytest.approx(told, rel=1e-9)

    def test_reading_coefficients_changes_nothing(self):
        X, y = words(3_000)
        read, unread = LogisticRegression(C=0.01), LogisticRegression(C=0.01)
        for begin in range(0, 3_000, 300):
            rows = slice(begin, begin + 300)
            for model in (read, unread):
                model.partial_fit(X[rows], y[rows], classes=[0, 1])
            before = read.coef_.copy()
        assert (read.coef_ == before).all()
        assert (read.coef_ == unread.coef_).all()
        assert read.intercept_ == unread.intercept_

    @pytest.mark.parametrize("chunk", [30, 2_000])
    def test_goes_on_after_a_pickle(self, chunk):
        X, y = words(6_000)
        model = streamed(LogisticRegression(), X[:2_000], y[:2_000], chunk)
        other = pickle.loads(pickle.dumps(model))
        for stream in (model, other):
            streamed(stream, X[2_000:], y[2_000:], chunk)
        assert (model.coef_ == other.coef_).all()
        assert (model.intercept_ == other.intercept_).all()

    def test_goes_on_from_a_fit(self):
        X, y = words(20_000)
        model = LogisticRegression(C=0.1).fit(X[:10_000], y[:10_000])
        before = log_loss(y, model.predict_proba(X))
        model.partial_fit(X[10_000:], y[10_000:])
        assert log_loss(y, model.predict_proba(X)) < 1.03 * before
        model.fit(X, y)
        assert model.converged_
        model.partial_fit(X[:100], y[:100])
        assert len(model.history_) == 1

    def test_standard_scaling_grows_with_the_rows(self):
        X, y = words(10_000)
        unit = sparse.diags_array(10.0 ** np.random.default_rng(1).integers(-6, 7, X.shape[1]))
        scaled = sparse.csr_array(X @ unit)
        model, plain = (
            streamed(LogisticRegression(scaling="standard"), rows, y, 500) for rows in (scaled, X)
        )
        np.testing.assert_allclose(model.predict_proba(scaled), plain.predict_proba(X), atol=1e-6)
        best = LogisticRegression(scaling="standard").fit(X, y)
        lost = log_loss(y, best.predict_proba(X))
        assert log_loss(y, plain.predict_proba(X)) < 1.1 * lost

    def test_a_number_scales(self):
        X, y = words(3_000)
        model = streamed(LogisticRegression(scaling=4.0), X * 4, y, 100)
        plain = streamed(LogisticRegression(), X, y, 100)
        np.testing.assert_allclose(model.coef_ * 4, plain.coef_, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float32, np.uint8, bool])
    def test_narrow_rows(self, dtype):
        X, y = words(3_000)
        narrow, wide = (
            streamed(LogisticRegression(), rows, y, 100) for rows in (X.astype(dtype), X)
        )
        np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=1e-9, atol=1e-12)

    def test_weights(self):
        X, y = words(10_000)
        kept = np.random.default_rng(0).random(10_000) < 0.5
        model = LogisticRegression(C=0.1, solver=SGD(batch_size=8))
        model.partial_fit(X, y, classes=[0, 1], sample_weight=kept)
        best = LogisticRegression(C=0.1).fit(X[kept], y[kept])
        lost = log_loss(y, best.predict_proba(X))
        assert log_loss(y, model.predict_proba(X)) < 1.1 * lost

    def test_parts(self):
        X, y = words(3_000)
        rows = SGD(batch_size=50)
        model = LogisticRegression(solver=rows).partial_fit(X, y, classes=[0, 1])
        parts = Parts([X[:1_000], X[1_000:]])
        apart = LogisticRegression(solver=rows).partial_fit(parts, y, classes=[0, 1])
        np.testing.assert_allclose(model.coef_, apart.coef_, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("chunk", [3, 500])
    def test_an_error_changes_nothing(self, chunk):
        X, y = words(500)
        model = streamed(LogisticRegression(), X, y, 250)
        before, X, y = pickle.dumps(model), X[:chunk], y[:chunk]
        spoilt = X.copy()
        spoilt.data[-1] = np.inf
        column = spoilt.indices[-1]
        with pytest.raises(ValueError, match=f"inf in row {chunk - 1}, column {column}"):
            model.partial_fit(spoilt, y)
        spoilt.data[-1] = 1e300
        with pytest.raises(ValueError, match="too large"):
            model.partial_fit(spoilt, y)
        with pytest.raises(ValueError, match="class 2, which is none of the announced"):
            model.partial_fit(X, y + 2)
        with pytest.raises(ValueError, match="features, but LogisticRegression is expecting 300"):
            model.partial_fit(X[:, :3], y)
        with pytest.raises(TypeError, match="began with rows of the other kind"):
            model.partial_fit(X.toarray(), y)
        assert pickle.dumps(model) == before

    def test_a_copy_goes_its_own_way(self):
        X, y = words(1_000)
        model = streamed(LogisticRegression(), X[:500], y[:500], 100)
        other = deepcopy(model)
        coef = model.coef_.copy()
        streamed(other, X[500:], y[500:], 100)
        assert (model.coef_ == coef).all()
        assert (other.coef_ != coef).any()

    def test_classes_may_come_later(self):
        X, y = words(900, n_classes=3)
        order = np.argsort(y, kind="stable")
        model = streamed(LogisticRegression(), X[order], y[order], 50, [0, 1, 2])
        assert model.predict_proba(X).shape == (900, 3)

    def test_refused(self):
        X, y = words(100)
        with pytest.raises(ValueError, match=r"SGD\(momentum=0.5\).*use momentum=0"):
            LogisticRegression(solver=SGD(momentum=0.5)).partial_fit(X, y, classes=[0, 1])
        bound = LogisticRegression(scaling="standard", fit_intercept=False)
        with pytest.raises(ValueError, match="needs fit_intercept=True, or scaling by a number"):
            bound.partial_fit(X, y, classes=[0, 1])
        with pytest.raises(AttributeError, match="no attribute 'coef_'"):
            LogisticRegression().coef_  # noqa: B018

    @pytest.mark.parametrize("average", [True, False])
    @pytest.mark.parametrize("C", [1e-3, 1e-6, 1e-8])
    @pytest.mark.parametrize("rows_a_call", [1, 20, 400])
    def test_strong_penalties_are_as_of_dense_rows(self, rows_a_call, C, average):
        # The penalty is much the largest part of the cost while few rows are known.
        X, y = words(400, n_columns=40)
        solver = SGD(average=average)
        models = LogisticRegression(C=C, solver=solver), LogisticRegression(C=C, solver=solver)
        for begin in range(0, 400, rows_a_call):
            rows = slice(begin, begin + rows_a_call)
            models[0].partial_fit(X[rows], y[rows], classes=[0, 1])
            models[1].partial_fit(X[rows].toarray(), y[rows], classes=[0, 1])
        of_sparse, of_dense = (np.abs(model.coef_).max() for model in models)
        assert 0.1 * of_dense <= of_sparse <= 10 * of_dense

    def test_rows_without_any_entry_are_learnt(self):
        model = LogisticRegression().partial_fit(sparse.csr_array((1, 30)), [1], classes=[0, 1])
        assert not model.coef_.any()
        assert model.intercept_[0] > 0

    @pytest.mark.filterwarnings("error")
    def test_float32_rows_give_no_warning(self):
        X, y = words(50)
        LogisticRegression().partial_fit(X.astype(np.float32), y, classes=[0, 1])

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_absurd_steps_lead_nowhere_but_not_beyond_numbers(self, n_classes):
        X, y = words(60, n_classes=n_classes)
        model = LogisticRegression(C=np.inf, solver=SGD(batch_size=1, step=1e250))
        for _ in range(3):
            model.partial_fit(1e99 * X, y, classes=np.arange(n_classes))
        assert np.isfinite(model.history_).all()
        assert np.isfinite(model.coef_).all()
