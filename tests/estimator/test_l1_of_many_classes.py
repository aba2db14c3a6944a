"""Penalties with an L1 norm of many classes and coefficients: the Hessian of the active ones."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_digits

from fusedlogit import LogisticRegression
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.data.target import Target
from fusedlogit.fitting import problem_of
from fusedlogit.problems.links import SOFTMAX
from fusedlogit.problems.multinomial import MOST_PROXIMAL
from fusedlogit.solvers import by_columns
from fusedlogit.solvers.multinomial import active as module
from fusedlogit.solvers.multinomial import coupled
from fusedlogit.solvers.multinomial.active import active_hessian, active_set
from fusedlogit.solvers.multinomial.coupled import CoupledModel
from fusedlogit.solvers.multinomial.proximal import MOST_TOGETHER
from fusedlogit.solvers.quadratic import MOST_EXACT, Quadratic
from fusedlogit.solvers.scheduler import run

from .truth import center_and_scale


@pytest.fixture(scope="module")
def enlarged():
    """Ten digits of 16 x 16 pixels, some noise on each: many coefficients."""
    X, y = load_digits(return_X_y=True)
    X = np.kron(X.reshape(-1, 8, 8), np.ones((1, 2, 2))).reshape(len(y), -1)
    X = (X + np.random.default_rng(0).integers(0, 3, X.shape)).astype(np.uint8)
    assert 10 * (X.shape[1] + 1) > MOST_PROXIMAL
    return X, y


def violation(model, X, y, weight):
    """The largest entry of the subgradient of least length, in shares of the penalty."""
    weight = np.ones(len(y)) if weight is None else weight
    center, scale = center_and_scale(model, X, weight)
    Z, coef = (X - center) / scale, model.coef_ * scale
    z = Z @ coef.T + model.intercept_ + model.coef_ @ center
    residual = np.exp(log_softmax(z, axis=1)) - (y[:, None] == model.classes_)
    residual *= weight[:, None] / weight.sum()
    penalty = 1 / (model.C * weight.sum())
    l1, l2 = model.l1_ratio * penalty, (1 - model.l1_ratio) * penalty
    gradient = residual.T @ Z + l2 * coef
    entries = np.where(
        coef != 0, np.abs(gradient + l1 * np.sign(coef)), np.maximum(np.abs(gradient) - l1, 0)
    )
    own = np.abs(residual.sum(axis=0)).max() if model.fit_intercept else 0.0
    return max(entries.max(), own) / penalty


CASES = {
    "plain": {"C": 0.02},
    "elastic": {"C": 0.2, "l1_ratio": 0.7},
    "no intercept": {"C": 0.04, "fit_intercept": False},
    "weighted": {"C": 0.1, "scaling": "standard", "weighted": True},
}
FLOATS = [
    (np.float16, "plain"), (np.float16, "weighted"), (np.float32, "elastic"),
    (np.float32, "no intercept"), (np.float64, "no intercept"), (np.float64, "weighted"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("store", "case"), [*((store, case) for store in (np.uint8, "csr") for case in CASES), *FLOATS]
)
def test_conditions_of_the_minimum(enlarged, store, case):
    X, y = (part[::2] for part in enlarged)
    parameters = {"l1_ratio": 1.0, "tol": 1e-9} | CASES[case]
    weight = np.arange(len(y)) % 3 * 0.5 if parameters.pop("weighted", False) else None
    if weight is not None:
        X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
    X = X[:, X.std(axis=0) > 0]
    stored = sparse.csr_array(X) if store == "csr" else X.astype(store)
    model = LogisticRegression(**parameters).fit(stored, y, weight)
    assert model.converged_
    assert violation(model, X.astype(np.float64), y, weight) < 2e-3
    assert 0 < np.count_nonzero(model.coef_) < model.coef_.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("far", [30, 1000])
def test_columns_far_from_zero(enlarged, dtype, fit_intercept, far):
    """Without an intercept nothing makes up for what columns have in common."""
    X, y = (part[::2] for part in enlarged)
    X = X[:, ::2].astype(dtype) + dtype(far)
    assert 10 * (X.shape[1] + 1) > MOST_PROXIMAL
    parameters = {"C": 0.2, "l1_ratio": 1.0, "fit_intercept": fit_intercept, "tol": 1e-7}
    model = LogisticRegression(**parameters).fit(X, y)
    assert model.converged_
    assert model.n_iter_[0] < 300
    assert violation(model, X.astype(np.float64), y, None) < 0.05


def test_few_passes_lead_to_the_minimum(enlarged):
    """The metric of each class alone takes some hundreds of steps."""
    X, y = enlarged
    model = LogisticRegression(C=0.05, l1_ratio=1.0, tol=1e-8).fit(X, y)
    assert model.converged_
    assert model.n_iter_[0] < 80


def hessian_by_hand(Z, p, weight, active):
    """Of mean losses, in coefficients and then the intercepts, by its definition."""
    n_classes = p.shape[1]
    classes = np.append(active[0], np.arange(n_classes))
    ones = np.ones((len(Z), n_classes))
    columns = np.hstack([Z[:, active[1]], ones])
    same = classes[:, None] == classes
    mixed = np.einsum("i,ij,ik->jk", weight, columns * p[:, classes], columns * p[:, classes])
    own = np.einsum("i,ij,ik->jk", weight, columns * p[:, classes], columns)
    return (np.where(same, own, 0) - mixed) / weight.sum()


def problem_at(enlarged, n_coefs):
    """Three classes, a point of some coefficients, features, probabilities there, and weights."""
    X, y = enlarged
    X, y = X[y < 3, 60:200].astype(np.float64), y[y < 3].astype(np.uint8)
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.1, 3, len(y))
    one = problem_of(
        DenseMatrix(X, 2), Target(y, weight, SOFTMAX), 3, "standard", (0.0, 1e-3), True
    )
    active = some_coefs(one, n_coefs)
    table = np.zeros((3, one.data.n_features + 1))
    table[active], table[:, -1] = 0.3 * rng.normal(size=n_coefs), rng.normal(size=3)
    point = table.ravel()
    coef, intercept = one.to_data(point)
    p = np.exp(log_softmax(X @ coef.T + intercept, axis=1))
    center, scale = one.one.scaling.center, one.one.scaling.scale
    return one, point, active, (X - center) / scale, p, weight


def some_coefs(one, n_coefs):
    rng = np.random.default_rng(2)
    n_features = one.data.n_features
    chosen = np.sort(rng.choice(one.n_classes * n_features, n_coefs, replace=False))
    return np.divmod(chosen, n_features)


@pytest.mark.parametrize("precise", [True, False])
@pytest.mark.parametrize("numbers", [module.NUMBERS, 1000])
def test_the_hessian_is_that_of_its_definition(enlarged, monkeypatch, precise, numbers):
    one, point, active, Z, p, weight = problem_at(enlarged, 40)
    monkeypatch.setattr(module, "NUMBERS", numbers)  # blocks of many rows, and of a few
    rng = np.random.default_rng(0)
    ((found, mean),) = run([active_hessian(one, point, active, rng, precise)])
    expected = hessian_by_hand(Z - mean, p, weight, active)
    assert np.abs(found - expected).max() < (1e-12 if precise else 1e-5) * np.abs(expected).max()


def test_rows_drawn_stand_for_all(enlarged, monkeypatch):
    one, point, active, Z, p, weight = problem_at(enlarged, 20)
    monkeypatch.setattr(module, "LEAST_ROWS", 64)
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        ((hessian, mean),) = run([active_hessian(one, point, active, rng, True)])
        found.append(hessian)
    assert one.data.n_samples > module.ROWS_PER_COEF * 20  # fewer are drawn
    expected = hessian_by_hand(Z - mean, p, weight, active)
    error = np.mean(found, axis=0) - expected
    deviation = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(error) <= 6 * deviation + 1e-12).all()
    assert deviation.max() > 0


@pytest.mark.parametrize("slope", [0.96, 0.98])
def test_coefficients_count_that_are_not_zero_or_may_soon_not_be(slope):
    coef, gradient = np.zeros((2, 3)), np.zeros((2, 3))
    coef[0, 1], gradient[1, 2] = -0.5, -slope
    classes, features = active_set(coef, gradient, 1.0)
    expected = [(0, 1), (1, 2)] if slope > module.NEARLY else [(0, 1)]
    assert list(zip(classes.tolist(), features.tolist(), strict=True)) == expected


@pytest.mark.parametrize("roughly", [True, False])
def test_a_quadratic_is_minimised_again_from_elsewhere(roughly):
    """The factor of the last time serves again where the same coefficients are not zero."""
    rng = np.random.default_rng(3)
    A = rng.normal(size=(200, 60))
    hessian, linear = A.T @ A / 200, rng.normal(size=60)
    kept = Quadratic(hessian)
    for scale in (0.0, 1.0, 0.1, 0.0):
        begin = scale * rng.normal(size=60)
        points = []
        for quadratic in (kept, Quadratic(hessian)):
            coef, slope = begin.copy(), hessian @ begin + linear
            quadratic.minimise(0.3, coef, slope, roughly=roughly)
            np.testing.assert_allclose(slope, hessian @ coef + linear, atol=1e-12)
            points.append(coef)
        np.testing.assert_array_equal(*points)
        if not roughly:
            rest = np.where(coef == 0, np.abs(slope) - 0.3, np.abs(slope + 0.3 * np.sign(coef)))
            assert rest.max() < 1e-10


@pytest.mark.parametrize("n_coefs", [MOST_EXACT - 1, MOST_EXACT, MOST_EXACT + 1])
def test_very_many_coefficients_are_minimised_roughly(n_coefs):
    """At least nine tenths of the fall, whatever their number."""
    rng = np.random.default_rng(4)
    hessian = np.diag(rng.uniform(1, 2, n_coefs))
    hessian[0, 1:] = hessian[1:, 0] = 1e-3
    coef, slope = np.zeros(n_coefs), rng.normal(size=n_coefs)
    linear = slope.copy()
    Quadratic(hessian).minimise(0.5, coef, slope)
    cost = coef @ hessian @ coef / 2 + linear @ coef + 0.5 * np.abs(coef).sum()
    least = -(np.maximum(np.abs(linear) - 0.5, 0) ** 2 / 2 / hessian.diagonal()).sum()
    assert cost < 0.9 * least


def test_rows_that_are_certainly_another_class_leave_a_proof():
    # Probabilities of the other classes may add up to more than one by rounding.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6))
    y = (X @ rng.standard_normal((6, 5)) + rng.gumbel(size=(200, 5))).argmax(axis=1)
    far = rng.standard_normal((2000, 6)) * rng.uniform(3, 60, (2000, 1))
    weight = np.repeat([1.0, 0.0], [len(X), len(far)])
    model = LogisticRegression(C=100, l1_ratio=0.9, max_iter=200)
    model.fit(np.vstack([X, far]), np.append(y, rng.integers(0, 5, len(far))), weight)
    assert model.converged_
    np.testing.assert_allclose(model.coef_, model.fit(X, y).coef_, atol=1e-4)


def words(n_rows=1500, n_features=1200, n_classes=6):
    """Sparse rows of classes of which the last are rare, and columns of few rows."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((n_rows, n_features), density=0.01, format="csr", rng=rng)
    X.data[:] = 1.0
    z = X @ rng.normal(size=(n_features, n_classes)) - 1.5 * np.arange(n_classes)
    return X, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


@pytest.mark.parametrize(("C", "form"), [(1.0, "toarray"), (1.0, "tocsr"), (10.0, "tocsr")])
def test_rows_that_are_certainly_wrong_do_not_end_a_fit(C, form):
    """With a Hessian of each class, and along the columns without any."""
    X, y = words()
    model = LogisticRegression(C=C, l1_ratio=1.0, tol=1e-6, n_jobs=2).fit(getattr(X, form)(), y)
    assert model.converged_
    assert violation(model, X.toarray(), y, None) < 0.05


@pytest.fixture(
    scope="module", params=[{}, {"fit_intercept": False}, {"scaling": "standard"}], ids=str
)
def by_hessians(request):
    """Sparse rows, classes, parameters, and the fit of the same rows as a dense table."""
    X, y = words(600, 400, 4)
    y, kept = y % 3, np.flatnonzero((X != 0).sum(axis=0) > 1)
    X, told = X[:, kept], {"C": 3.0, "l1_ratio": 0.8, "tol": 1e-11} | request.param
    return X, y, told, LogisticRegression(**told).fit(X.toarray(), y)


@pytest.mark.parametrize("most", [50, 10_000])
def test_many_sparse_columns_come_to_what_their_hessians_do(monkeypatch, by_hessians, most):
    monkeypatch.setattr("fusedlogit.solvers.multinomial.proximal.DENSE_FEATURES", most)
    X, y, told, dense = by_hessians
    model = LogisticRegression(**told).fit(X, y)
    assert model.converged_
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-3)


def test_columns_that_nearly_repeat_each_other():
    """More steps than all classes take together: a Hessian of the active coefficients ends it."""
    X, y = words(500, 150, 3)
    rng = np.random.default_rng(1)
    near = X.copy()
    near.data *= 1 + 1e-3 * rng.normal(size=near.nnz)
    X = sparse.hstack([X, near], format="csr")
    model = LogisticRegression(C=5.0, l1_ratio=1.0).fit(X, y)
    assert model.converged_
    assert model.n_iter_[0] > MOST_TOGETHER
    assert violation(model, X.toarray(), y, None) < 1e-2


@pytest.fixture
def classes_together():
    """Of few sparse rows: the problem, a point, features and probabilities there, and weights."""
    X, y = words(300, 40, 3)
    weight = np.random.default_rng(3).uniform(0.1, 3, len(y))
    data, target = SparseMatrix.of(X, 2), Target(y.astype(np.uint8), weight, SOFTMAX)
    one = problem_of(data, target, 3, "standard", (0.01, 1e-3), True)
    point = np.random.default_rng(4).normal(size=3 * 41)
    p = softmax(one.along(point).T, axis=1)
    return one, point, (X.toarray() - one.one.scaling.center) / one.one.scaling.scale, p, weight


def test_all_classes_together_have_the_hessian_of_its_definition(classes_together, monkeypatch):
    one, point, Z, p, weight = classes_together
    monkeypatch.setattr(by_columns, "LEAST_CURVATURE", 0.0)
    model = CoupledModel(one, one.data.by_columns(), point)
    every = np.divmod(np.arange(3 * 40), 40)
    hessian = hessian_by_hand(Z, p, weight, every)
    step = np.random.default_rng(5).normal(size=(3, 41))
    change = np.append(step[:, :-1], step[:, -1])
    expected = change @ hessian @ change + one.penalty * (step[:, :-1] ** 2).sum()
    assert model.square(step) == pytest.approx(expected, rel=1e-10)


def test_a_step_of_all_classes_together_ends_at_the_minimum(classes_together, monkeypatch):
    one, point, *_ = classes_together
    monkeypatch.setattr(coupled, "ROUNDS", 1000)
    monkeypatch.setattr(coupled, "LITTLE", 1e-12)
    model, l1 = CoupledModel(one, one.data.by_columns(), point), 0.02
    table, gradient = point.reshape(3, -1), np.random.default_rng(6).normal(size=(3, 41)) / 10
    gradient[:, -1] -= gradient[:, -1].mean()  # what all intercepts share has no curvature
    gradient[:, :-1] -= gradient[:, :-1].mean(axis=0)
    step = model.step(table, gradient, l1, roughly=False)

    def cost(step):
        norm = np.abs((table + step)[:, :-1]).sum()
        return (gradient * step).sum() + model.square(step) / 2 + l1 * norm

    rng = np.random.default_rng(7)
    near = [cost(step + 10 ** rng.uniform(-5, 0) * rng.normal(size=step.shape)) for _ in range(99)]
    alone = [cost(step + move * np.eye(3 * 41)[j].reshape(3, -1))
             for j in range(3 * 41) for move in (-1e-3, 1e-3)]  # fmt: skip
    assert min(near + alone) > cost(step) - 1e-10


@pytest.mark.parametrize("n_classes", [3, 4])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_what_all_classes_share_of_a_feature_is_where_penalties_are_least(n_classes, penalty):
    X, y = words(50, 200, n_classes)
    target = Target(y.astype(np.uint8), None, SOFTMAX)
    told = SparseMatrix.of(X, 1), target, n_classes, None, (50 * penalty, 50 * 0.2), True
    one = problem_of(*told)
    rng = np.random.default_rng(8)
    point = rng.normal(size=(n_classes, 201)) * rng.integers(0, 2, (n_classes, 201))
    step = rng.normal(size=(n_classes, 201)) * rng.integers(0, 2, (n_classes, 201))
    found = point + one.to_least_norm(point.ravel(), step.ravel()).reshape(n_classes, -1)
    there = point + step
    np.testing.assert_array_equal(found[:, -1], there[:, -1])
    shared = (there - found)[:, :-1]
    np.testing.assert_allclose(shared - shared[0], 0, atol=1e-14)

    def cost(coef):
        return one.one.l1_penalty * np.abs(coef).sum(0) + one.penalty / 2 * (coef**2).sum(0)

    for move in np.linspace(-4, 4, 161):
        assert (cost(found[:, :-1]) <= cost(there[:, :-1] - move) + 1e-12).all()


@pytest.mark.parametrize("shift", [9e2, 1.1e3, 1e4, 1e5])
@pytest.mark.parametrize(("C", "l1_ratio"), [(1.0, 1.0), (1e3, 1.0), (1e3, 0.5)])
def test_intercepts_far_from_zero(C, l1_ratio, shift):
    """Their intercepts are so large that their rounding would hide the minimum."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 10))
    y = np.argmax(X @ rng.standard_normal((10, 4)) + rng.gumbel(size=(1000, 4)), axis=1)
    near = LogisticRegression(C=C, l1_ratio=l1_ratio).fit(X, y)
    far = LogisticRegression(C=C, l1_ratio=l1_ratio).fit(X + shift, y)
    assert far.converged_
    assert far.history_[-1] == pytest.approx(near.history_[-1], rel=2 * near.tol)
