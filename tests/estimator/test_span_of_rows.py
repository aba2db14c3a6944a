"""Many features of few rows: the minimum is found among what the rows span, and proved over all."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression as Judge
from sklearn.model_selection import StratifiedKFold

from fusedlogit import LogisticRegression, LogisticRegressionCV, logistic_path
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.scaling import Scaling
from fusedlogit.data.span import RowSpan
from fusedlogit.solvers import spanned

KINDS = ["float64", "float32", "float16", "uint8", "csr", "fortran"]


def genes(n_samples=60, n_features=400, n_classes=2, kind="float64"):
    """Features that few factors tie."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((n_samples, 10))
    X = factors @ rng.standard_normal((10, n_features)) + rng.standard_normal(
        (n_samples, n_features)
    )
    y = np.argmax(factors[:, :n_classes] + rng.gumbel(size=(n_samples, n_classes)), axis=1)
    if kind == "uint8":
        return np.clip(40 * X + 128, 0, 255).astype(np.uint8), y
    if kind == "csr":
        return sparse.csr_array(np.where(X > 2, X, 0)), y
    return np.asfortranarray(X) if kind == "fortran" else X.astype(kind), y


def cost(model, X, y, C, weight=None, scale=1.0):
    """The mean cost J at a model's coefficients, plainly."""
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
    weight = np.ones(len(y)) if weight is None else weight
    z = X @ model.coef_.T + model.intercept_
    z = np.column_stack([np.zeros(len(y)), z]) if z.shape[1] == 1 else z
    loss = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]
    ridge = float(((model.coef_ * scale) ** 2).sum()) / (2 * C * weight.sum())
    return float(np.average(loss, weights=weight)) + ridge


@pytest.fixture
def spans_found(monkeypatch):
    """The matrices whose rows' span was taken."""
    found = []

    def of(data, scaling):
        found.append(data)
        return taken(data, scaling)

    taken = RowSpan.of
    monkeypatch.setattr(RowSpan, "of", staticmethod(of))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [1e-4, 1.0, 1e4])
def test_the_minimum_is_that_over_features(spans_found, kind, n_classes, C):
    X, y = genes(kind=kind, n_classes=n_classes)
    scale = 128.0 if kind == "uint8" else 1.0
    model = LogisticRegression(C=C, tol=1e-8, scaling=scale).fit(X, y)
    dense = X.toarray() if kind == "csr" else np.asarray(X, dtype=np.float64)
    judge = Judge(C=C, solver="newton-cg", tol=1e-10, max_iter=10_000).fit(dense / scale, y)
    judge.coef_ = judge.coef_ / scale
    assert len(spans_found) == 1
    assert model.converged_
    assert cost(model, X, y, C, scale=scale) <= cost(judge, X, y, C, scale=scale) * (1 + 2e-8)
    assert len(model.history_) == model.n_iter_[0] + 1
    assert model.history_[-1] == pytest.approx(cost(model, X, y, C, scale=scale), rel=1e-6)


@pytest.mark.parametrize(
    "parameters",
    [
        {"fit_intercept": False},
        {"scaling": "standard"},
        {"scaling": "standard", "fit_intercept": False},
        {"class_weight": "balanced"},
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_parameters_and_weights(spans_found, parameters, n_classes):
    """The same as in Gram products, which a callback asks for."""
    X, y = genes(n_classes=n_classes)
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    model = LogisticRegression(tol=1e-10, **parameters).fit(X, y, weight)
    assert len(spans_found) == 1
    other = LogisticRegression(tol=1e-10, callback=lambda *told: False, **parameters)
    other.fit(X, y, weight)
    assert len(spans_found) == 1
    assert model.converged_
    assert other.converged_
    assert model.history_[-1] == pytest.approx(other.history_[-1], rel=2e-10)
    np.testing.assert_allclose(model.coef_, other.coef_, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "expected"),
    [(40, 79, 0), (40, 80, 1), (40, 81, 1), (50, 100, 1), (51, 110, 0)],
)
def test_few_rows_of_twice_as_many_features_are_spanned(
    monkeypatch, spans_found, n_samples, n_features, expected
):
    monkeypatch.setattr(spanned, "MOST_ROWS", 50)
    monkeypatch.setattr("fusedlogit.solvers.newton.SMALL_FEATURES", 60)
    assert LogisticRegression().fit(*genes(n_samples, n_features)).converged_
    assert len(spans_found) == expected


@pytest.mark.parametrize("kind", ["float64", "float32", "csr"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_awkward_rows(kind, n_classes):
    """Rows that repeat each other or are zero, and columns that do not vary: no factor is lost."""
    X, y = genes(n_classes=n_classes, kind=kind)
    X = (X.toarray() if kind == "csr" else X.copy()).astype(X.dtype)
    X[10:20] = X[:10]
    X[20:25], X[:, 5], X[:, 6] = 0, 0, 7
    X = sparse.csr_array(X) if kind == "csr" else X
    assert LogisticRegression(C=10.0).fit(X, y).converged_


@pytest.mark.parametrize("unit", [1e-30, 1e-8, 1e8, 1e30])
def test_columns_of_any_size(unit):
    X, y = genes()
    X[:, ::2] *= unit
    model = LogisticRegression(C=1.0).fit(X, y)
    judge = LogisticRegression(C=1.0, callback=lambda *told: False, max_iter=3000).fit(X, y)
    assert model.history_[-1] <= judge.history_[-1] * (1 + 1e-6)


def test_no_span_of_rows_without_a_length():
    for X in (np.zeros((4, 9)), np.full((4, 9), 1e300)):
        matrix = DenseMatrix(X, 1)
        assert RowSpan.of(matrix, Scaling.by(1e-300, 9) if X.any() else Scaling.by(1.0, 9)) is None


def test_coefficients_have_the_length_and_decisions_of_coordinates():
    X, _ = genes()
    scaling = Scaling(X[0] / 2, X.std(axis=0))
    span = RowSpan.of(DenseMatrix(X, 1), scaling)
    coef = np.random.default_rng(0).standard_normal((3, len(X)))
    features = span.features(coef)
    scaled = (X - scaling.center) / scaling.scale
    assert (features**2).sum() == pytest.approx((coef**2).sum(), rel=1e-6)
    np.testing.assert_allclose(scaled @ features.T, span.lower @ coef.T, atol=1e-6)
    np.testing.assert_allclose(span.coordinates(features @ scaled.T), coef, atol=1e-4)


def test_folds_and_penalties_share_one_span(spans_found):
    X, y = genes(n_classes=3)
    cv = StratifiedKFold(4)
    search = LogisticRegressionCV(Cs=[1e-3, 1e-1, 10.0], cv=cv, refit=False, tol=1e-9).fit(X, y)
    n_spans = len(spans_found)
    assert search.folds_converged_.all()
    for j, C in enumerate(search.Cs_):
        for k, (train, _) in enumerate(cv.split(X, y)):
            model = LogisticRegression(C=C, tol=1e-9).fit(X[train], y[train])
            found = search.coefs_paths_[k, 0, j]
            model_of_fold = LogisticRegression()
            model_of_fold.coef_, model_of_fold.intercept_ = found[:, :-1], found[:, -1]
            assert cost(model_of_fold, X[train], y[train], C) == pytest.approx(
                cost(model, X[train], y[train], C), rel=2e-9
            )
    assert n_spans == 2  # that of the first fit, and that which is lent


def test_a_path_is_that_of_separate_fits():
    X, y = genes()
    path = logistic_path(X, y, Cs=[1e-3, 1e-1, 10.0], tol=1e-9)
    for C, coef in zip(path.Cs, path.coefs, strict=True):
        model = LogisticRegression(C=C, tol=1e-9).fit(X, y)
        np.testing.assert_allclose(np.ravel(coef), model.coef_[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_row_that_is_large_hides_no_other(weight):
    X, y = genes(40, 600)
    X[3] *= 1e7
    weights = np.ones(40)
    weights[3] = weight
    model = LogisticRegression().fit(X, y, weights)
    assert model.converged_
    assert weight or model.n_passes_ < 12


@pytest.mark.parametrize("seed", range(12))
def test_no_iteration_costs_less_than_the_minimum(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((6, 300)) + rng.choice([0.0, 2e5])
    X[3], X[4] = X[2], 0
    y = np.array([0, 1, 0, 1, 0, 1])
    X = (X % 6e4).astype(rng.choice(["float16", "float32"]))
    model = LogisticRegression(C=10.0 ** rng.uniform(0, 6)).fit(X, y)
    assert np.diff(model.history_).max(initial=0.0) <= 1e-12 * model.history_[0]
    assert len(model.history_) == model.n_iter_[0] + 1


@pytest.mark.parametrize("size", [1e8, 1e20, 1e140, 1e152, 1e300])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_start_that_costs_more_than_zero_is_left(n_classes, size):
    X, y = genes(40, 600, n_classes)
    model = LogisticRegression(warm_start=True, max_iter=300).fit(X, y)
    cost = model.history_[-1]
    model.coef_ = size * np.random.default_rng(0).standard_normal(model.coef_.shape)
    model.fit(X, y)
    assert model.converged_
    assert model.history_[-1] == pytest.approx(cost, rel=2e-6)
