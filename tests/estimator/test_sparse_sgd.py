"""Stochastic descent over sparse rows: solver="sgd"."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

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
        assert 0 <= above(model, X, y, **told) <= 3e-3
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

    def test_a_step_much_too_long_does_no_harm(self):
        X, y = words(1_000)
        model = LogisticRegression(solver=SGD(step=1e6), max_iter=3).fit(X, y)
        assert model.history_[-1] <= np.log(2)
        assert np.isfinite(model.coef_).all()

    def test_refused(self):
        X, y = words(100)
        with pytest.raises(ValueError, match=r"SGD\(momentum=0.5\).*use momentum=0"):
            LogisticRegression(solver=SGD(momentum=0.5)).fit(X, y)
        with pytest.raises(ValueError, match="needs fit_intercept=True, or scaling by a number"):
            LogisticRegression(solver="sgd", scaling="standard", fit_intercept=False).fit(X, y)
