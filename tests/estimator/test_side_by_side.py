"""Many problems in one run of the scheduler: as each alone, bit by bit unless they share passes."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.shared import SharedMatrix
from fusedlogit.data.target import Target
from fusedlogit.errors import PassOverflowError
from fusedlogit.problems.links import LOG_LOSS
from fusedlogit.problems.objective import Objective
from fusedlogit.solvers import SOLVERS, Settings, require
from fusedlogit.solvers.cause import Cause
from fusedlogit.solvers.descent import Descent
from fusedlogit.solvers.gram import SampledGram
from fusedlogit.solvers.hessian import DENSE_FEATURES
from fusedlogit.solvers.newton import LENT_BYTES, WHOLE
from fusedlogit.solvers.requests import evaluate, passes
from fusedlogit.solvers.scheduler import run
from fusedlogit.solvers.spanned import LentSpan

SETTINGS = Settings(max_iter=1000, tol=1e-9, learning_rate=0.05, callback=None)


#: What every evaluation calls of data, and what is no verb.
ALWAYS = {
    "centres_freely",
    "computes_in_float64",
    "count",
    "density",
    "loss_and_gradient",
    "n_bytes",
    "n_features",
    "n_samples",
    "n_threads",
    "raise_if_nonfinite",
}


def cancer(dtype, repeats=1):
    X, y = load_breast_cancer(return_X_y=True)
    X = np.tile((X - X.mean(axis=0)) / X.std(axis=0), (repeats, 1))
    return X.astype(dtype), np.tile(y, repeats).astype(np.float64)


def objective(data, target, penalty=1e-3, l1=0.0):
    return Objective.of(data, target, None, penalty, l1, True)


def solver(problem, name="newton", settings=SETTINGS):
    start = np.zeros(problem.data.n_features + 1)
    return SOLVERS[name].solve(problem, start, settings)


def folds(y, n_folds=5):
    """A target for each fold: rows left out have no weight."""
    splits = StratifiedKFold(n_folds).split(y, y)
    return [
        Target(y, np.isin(np.arange(len(y)), train).astype(np.float64), LOG_LOSS)
        for train, _ in splits
    ]


def assert_same(one, other):
    np.testing.assert_array_equal(one.point, other.point)
    assert one.history == other.history
    assert (one.converged, one.suboptimality) == (other.converged, other.suboptimality)


@pytest.mark.parametrize("repeats", [1, 20])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["newton", "lbfgs"])
def test_five_folds_have_the_bits_of_each_alone(name, dtype, repeats):
    X, y = cancer(dtype, repeats)
    data = DenseMatrix(X, 2)
    targets = folds(y)
    together = run([solver(objective(data, target), name) for target in targets])
    for target, result in zip(targets, together, strict=True):
        (alone,) = run([solver(objective(DenseMatrix(X, 2), target), name)])
        assert result.converged
        assert_same(result, alone)


def assert_as_good(one, other):
    """Vectors that share a pass add up in another order than one alone."""
    assert one.converged == other.converged
    assert one.history[-1] == pytest.approx(other.history[-1], rel=2 * SETTINGS.tol)


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_strengths_of_penalty_share_passes(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, (3000, 40)).astype(dtype)
    y = (X[:, :5].astype(float).sum(axis=1) + rng.normal(size=3000) * 8 > 20).astype(float)
    target, penalties = Target(y, None, LOG_LOSS), [1e-1, 1e-2, 1e-3, 1e-4]
    data = DenseMatrix(X, 2)
    together = run([solver(objective(data, target, penalty), "lbfgs") for penalty in penalties])
    n_passes = 0
    for penalty, result in zip(penalties, together, strict=True):
        own = DenseMatrix(X, 2)
        (alone,) = run([solver(objective(own, target, penalty), "lbfgs")])
        assert_as_good(result, alone)
        n_passes += own.n_passes
    assert data.n_passes < 0.7 * n_passes


def test_solvers_of_all_kinds_side_by_side():
    X, y = cancer("float64")
    target = Target(y, None, LOG_LOSS)
    kinds = [("newton", 0.0), ("proximal", 1e-2), ("gd", 0.0), ("lbfgs", 0.0)]
    data = DenseMatrix(X, 2)
    together = run([solver(objective(data, target, 0.1, l1), name) for name, l1 in kinds])
    for (name, l1), result in zip(kinds, together, strict=True):
        (alone,) = run([solver(objective(DenseMatrix(X, 2), target, 0.1, l1), name)])
        assert_as_good(result, alone)


def test_an_overflow_is_the_affair_of_the_one_whose_it_is():
    X, y = cancer("float64")
    problem = objective(DenseMatrix(X, 1), Target(y, None, LOG_LOSS))
    zero, far = np.zeros(31), np.full(31, 1e308)

    def ask(point):
        try:
            return (yield from evaluate(problem, point)).value
        except PassOverflowError:
            return "overflow"

    found = run([ask(zero), ask(far), ask(zero)])
    assert found[1] == "overflow"
    assert found[0] == found[2] == pytest.approx(np.log(2), rel=1e-15)


def test_evaluations_wait_for_company():
    X, y = cancer("float64")
    data = DenseMatrix(X, 1)
    problem = objective(data, Target(y, None, LOG_LOSS))

    def asks(n_others):
        for _ in range(n_others):
            yield from passes(lambda: None)
        return (yield from evaluate(problem, np.zeros(31))).value

    assert run([asks(0), asks(2), asks(1)]) == [pytest.approx(np.log(2), rel=1e-15)] * 3
    assert data.n_passes == 1


def lent_to_folds(n_samples, n_features=DENSE_FEATURES + 1, penalty=1e-4, scaling=None):
    """Many bytes a row; the fit of all rows, near the minimum, and those of three folds."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (n_samples, n_features), dtype=np.uint8)
    y = (X[:, :40].sum(axis=1) + rng.normal(size=n_samples) * 3 > 60).astype(float)
    data = SharedMatrix(X, 2)
    whole = Objective.of(data, Target(y, None, LOG_LOSS), scaling, penalty, 0, True)
    (near,) = run([solver(whole, settings=replace(SETTINGS, tol=1e-2, certify=False))])
    return whole, near, [replace(whole, target=target) for target in folds(y, 3)]


def lend(*arguments):
    return run([SOLVERS["newton"].lend(*arguments)])[0]


@pytest.mark.parametrize(
    ("n_samples", "most_rows", "most_bytes", "n_rows"),
    [
        (1024, WHOLE, LENT_BYTES, None),  # what all rows span is cheap
        (1025, WHOLE, LENT_BYTES, 205),
        (1025, 205, LENT_BYTES, 205),
        (1025, 204, LENT_BYTES, 204),
        (1025, 63, LENT_BYTES, 64),  # no fewer than each would take
        (1025, WHOLE, 205 * (DENSE_FEATURES + 1), 205),
        (1025, WHOLE, 205 * (DENSE_FEATURES + 1) - 1, 204),
        (1025, WHOLE, 1, 64),
    ],
)
def test_folds_are_lent_a_gram_product_of_more_rows(
    monkeypatch, n_samples, most_rows, most_bytes, n_rows
):
    monkeypatch.setattr("fusedlogit.solvers.newton.WHOLE", most_rows)
    monkeypatch.setattr("fusedlogit.solvers.newton.LENT_BYTES", most_bytes)
    whole, near, fits = lent_to_folds(n_samples)
    lent = lend(whole, near, fits, 0, None)
    assert isinstance(lent, LentSpan if n_rows is None else SampledGram)
    if n_rows is not None:
        assert len(lent.root) == n_rows
        more = lend(whole, near, fits, 0, lent)
        assert len(more.root) == n_rows


@pytest.mark.parametrize(("saved", "n_rows"), [(0, 100), (2, 200), (100, 320)])
def test_more_rows_are_lent_while_they_pay(monkeypatch, saved, n_rows):
    monkeypatch.setattr("fusedlogit.solvers.newton.SAVED_BY_ALL", saved)
    whole, near, fits = lent_to_folds(1600, penalty=1e2)
    assert len(lend(whole, near, fits, 0, None).root) == n_rows


def test_nothing_is_lent_to_fits_of_other_data_or_without_a_penalty():
    whole, near, fits = lent_to_folds(1200)
    other = replace(fits[0], data=DenseMatrix(whole.data.X, 2))
    free = replace(fits[0], penalty=0.0)
    for fit in (other, free):
        assert lend(whole, near, [fits[1], fit], 0, None) is None
    narrow, near, fits = lent_to_folds(1200, 1200)
    assert lend(narrow, near, fits, 0, None) is None


@pytest.mark.parametrize("tol", [1e-3, 1e-9])
@pytest.mark.parametrize("scaling", [None, 3.0])
def test_folds_that_are_lent_a_metric_end_where_they_end_alone(scaling, tol):
    whole, near, fits = lent_to_folds(1600, scaling=scaling)
    settings = replace(SETTINGS, tol=tol)
    lent = lend(whole, near, fits, 0, None)
    own = replace(settings, lent=lent)
    before = whole.data.n_passes
    together = run([SOLVERS["newton"].solve(fit, near.point, own) for fit in fits])
    made = whole.data.n_passes - before
    n_passes = 0
    for fit, result in zip(fits, together, strict=True):
        own_data = DenseMatrix(whole.data.X, 2)
        (alone,) = run([solver(replace(fit, data=own_data), settings=replace(settings, tol=1e-12))])
        n_passes += own_data.n_passes
        assert alone.converged
        assert result.converged
        assert 1 - 1e-11 < result.history[-1] / alone.history[-1] < 1 + tol
        (true,) = run([evaluate(fit.sharpened(), result.point)])
        assert true.value == pytest.approx(result.history[-1], rel=1e-12)
    assert made < n_passes


class Turned:
    """A metric that rounding turns round after some steps."""

    damping, final, vouches, previews, sharp = 1.0, False, False, True, False

    def __init__(self, n_features):
        self.mean, self.n_calls = np.zeros(n_features), 0

    def solve(self, vector):
        self.n_calls += 1
        return vector * (1 if self.n_calls < 4 else -1e-9)

    def bound(self, objective, here):
        yield from ()
        return np.inf


def descent_on(X, y, memory=5):
    problem = objective(DenseMatrix(X, 1), Target(y, None, LOG_LOSS))
    (descent,) = run([Descent.begin(problem, np.zeros(X.shape[1] + 1), SETTINGS, memory)])
    return descent


def test_a_metric_that_rounding_turns_round_ends_by_no_error():
    X, y = cancer("float32")
    descent = descent_on(X, y)
    metric = Turned(X.shape[1])
    run([descent.go(metric)])
    assert metric.n_calls >= 4
    assert not descent.converged


@pytest.mark.parametrize(("n_sharp", "ends"), [(32, False), (33, True)])
def test_only_what_float64_saw_tells_an_end(n_sharp, ends):
    descent = descent_on(*cancer("float64"))
    descent.history, descent._estimates = [descent.here.value] * 50, [1e-3] * 50
    descent._n_sharp = n_sharp
    descent._look_for_an_end()
    assert (descent.cause == Cause.ROUNDING) == ends


@pytest.mark.parametrize(("exact", "dtype"), [(False, np.float32), (True, np.float64)])
def test_a_gram_product_of_all_rows_may_be_asked_for_in_float64(exact, dtype):
    X, y = cancer("float32")
    descent = descent_on(X, y)
    metric = SampledGram(descent.objective, descent.here.margins, exact=exact)
    assert (metric.cholesky.dtype, metric.sharp) == (dtype, exact)


@pytest.mark.parametrize("seed", range(3))
def test_where_curvature_changes_by_orders_gram_products_are_renewed(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, DENSE_FEATURES + 1)).astype(np.float32)
    y = (X[:, 0] + rng.logistic(size=300) > 0).astype(float)
    target = Target(y, 10 ** rng.uniform(-6, 6, 300), LOG_LOSS)
    (result,) = run([solver(objective(DenseMatrix(X, 2), target, 1e-12))])
    assert result.converged
    assert result.n_iter < 100  # 120 and more in metrics that grow old


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_any_other_error_ends_all(error):
    X, y = cancer("float64")
    problem = objective(DenseMatrix(X, 1), Target(y, None, LOG_LOSS))
    closed = []

    def forever():
        try:
            while True:
                yield from evaluate(problem, np.zeros(31))
        finally:
            closed.append(True)

    def fails():
        yield from evaluate(problem, np.zeros(31))
        raise error

    with pytest.raises(error):
        run([forever(), fails(), forever()])
    assert closed == [True, True]


def test_a_nan_in_the_data_ends_all_by_its_name():
    X, y = cancer("float64")
    X[7, 3] = np.nan
    problem = objective(DenseMatrix(X, 1), Target(y, None, LOG_LOSS))
    with pytest.raises(ValueError, match="row 7, column 3"):
        run([solver(problem), solver(problem)])


def test_no_problems_have_no_results():
    assert run([]) == []


class Less:
    """Data of which some verbs are missing."""

    def __init__(self, data, *missing):
        self._data, self._missing = data, missing

    def __getattr__(self, name):
        if name in self._missing:
            raise AttributeError(name)
        return getattr(self._data, name)


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [
        ("newton", "gram", "'gram' of Less: use solver='gd'"),
        ("lbfgs", "moments", "'moments' of Less: use solver='newton' or 'gd'"),
        ("proximal", "columns", "'columns' of Less: no other solver can"),
        ("sgd", "walk", "'walk' of Less: use solver='newton' or 'lbfgs' or 'gd'"),
    ],
)
def test_a_solver_that_needs_more_than_the_data_offers_is_refused(name, missing, message):
    X, y = cancer("float64")
    data = Less(DenseMatrix(X, 1), missing)
    problem = objective(data, Target(y, None, LOG_LOSS), 0.1, 0.01 * (name == "proximal"))
    with pytest.raises(TypeError, match=f"solver='{name}' needs {message}"):
        require(SOLVERS[name], problem)
    require(SOLVERS[name], objective(DenseMatrix(X, 1), problem.target))


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_call_no_more_than_they_declare(name):
    X, y = cancer("float64", repeats=20)
    called = set()

    class Watched(Less):
        def __getattr__(self, verb):
            called.add(verb)
            return getattr(self._data, verb)

    data = DenseMatrix(X, 1)
    problem = objective(data, Target(y, None, LOG_LOSS), 0.1, 0.01 * (name == "proximal"))
    run([solver(replace(problem, data=Watched(data)), name)])
    assert called - ALWAYS <= set(SOLVERS[name].of_data)
