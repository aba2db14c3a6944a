"""How a fit ends, and what it tells on the way and at the end."""

import re

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fusedlogit import LogisticRegression, reference
from fusedlogit._kernels import dense, matrix
from fusedlogit.data import dense as verbs

from .truth import cost_and_gradient_norm, suboptimality

SOLVERS = {
    "newton": {"solver": "newton"},
    "lbfgs": {"solver": "lbfgs"},
    "gd": {"solver": "gd", "learning_rate": 0.5},
}


@pytest.fixture(params=SOLVERS)
def model(request):
    return LogisticRegression(scaling="standard", **SOLVERS[request.param])


@pytest.fixture(params=[None, 4.0, "standard"])
def scaling(request):
    return request.param


@pytest.mark.parametrize("C", [1e-3, 1.0, np.inf])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("tol", [1e-2, 1e-6])
def test_converged_means_a_cost_within_tol_of_the_minimum(
    model, flowers, scaling, C, fit_intercept, tol
):
    model.set_params(scaling=scaling, C=C, fit_intercept=fit_intercept, tol=tol)
    if model.solver == "gd":
        if (scaling != "standard" and C > 1e-3) or (tol == 1e-6 and np.isinf(C)):
            pytest.skip("a fixed learning rate takes hundreds of thousands of steps")
        model.set_params(max_iter=100_000, learning_rate=0.5 if np.isinf(C) else 0.05)
    model.fit(*flowers)
    assert model.converged_
    assert -1e-12 <= suboptimality(model, *flowers) <= tol


def test_a_weighted_fit_converges_to_its_own_optimum(model, flowers):
    weight = np.random.default_rng(0).uniform(0, 5, 100)
    model.set_params(tol=1e-9, max_iter=10_000).fit(*flowers, weight)
    assert model.converged_
    assert suboptimality(model, *flowers, weight) <= 1e-9


def test_not_converged_is_said_with_how_far_it_is_and_what_to_do(model, flowers):
    model.set_params(tol=1e-9, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="did not converge in 3 iterations") as warned:
        model.fit(*flowers)
    message = str(warned[0].message)
    told = float(re.search(r"within ([\d.e+-]+) of the minimum", message)[1])
    assert not model.converged_
    assert model.n_iter_ == 3
    assert "tol is 1e-09" in message
    assert "Raise max_iter" in message
    assert 1e-9 < suboptimality(model, *flowers) <= told * (1 + 1e-3)


def test_the_warning_points_at_the_caller(model, flowers):
    with pytest.warns(ConvergenceWarning) as warned:
        model.set_params(tol=0.0, max_iter=1).fit(*flowers)
    assert warned[0].filename == __file__


@pytest.mark.parametrize(("rate", "advice"), [(1e-3, "Raise max_iter or"), (9.0, "cost: lower")])
def test_a_learning_rate_that_raises_the_cost_is_to_be_lowered(flowers, rate, advice):
    model = LogisticRegression(solver="gd", learning_rate=rate, max_iter=20)
    with pytest.warns(ConvergenceWarning, match=f"{advice} learning_rate"):
        model.fit(*flowers)


def test_a_solver_that_is_advised_takes_the_penalty(flowers):
    model = LogisticRegression(solver="sgd", l1_ratio=0.5, max_iter=200)
    with pytest.warns(ConvergenceWarning, match="or use solver='auto'"):
        model.fit(*flowers)
    assert model.set_params(solver="auto").fit(*flowers).converged_


def test_rows_told_apart_in_part_call_for_a_penalty():
    """Some of each class lie at the threshold: the cost has a bound, and no minimum."""
    X = np.array([[-2.0], [-1.0], [0.0], [0.0], [1.0], [2.0]])
    with pytest.warns(ConvergenceWarning, match="raise tol, or use a penalty"):
        LogisticRegression(C=np.inf).fit(X, [0, 0, 0, 1, 1, 1])


def test_divergence_says_so(cancer):
    X, y = cancer
    model = LogisticRegression(solver="gd", learning_rate=1e300, max_iter=1000)
    with pytest.warns(ConvergenceWarning, match="lower learning_rate, or scale the features"):
        model.fit(1e10 * X, y)
    assert not model.converged_
    assert model.n_iter_ < 1000


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_history_only_falls(real_problem, solver):
    model = LogisticRegression(solver=solver, scaling="standard").fit(*real_problem)
    assert len(model.history_) == model.n_iter_[0] + 1 > 2
    assert np.all(np.diff(model.history_) < 0)


def test_history_starts_at_the_start_and_ends_at_the_end(flowers):
    model = LogisticRegression(scaling="standard").fit(*flowers)
    cost, _ = cost_and_gradient_norm(model, *flowers)
    assert model.history_[0] == pytest.approx(np.log(2), rel=1e-12)
    assert model.history_[-1] == pytest.approx(cost, rel=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_history_of_gradient_descent_is_the_references(digits):
    X, y = digits
    model = LogisticRegression(
        solver="gd", C=2.0, scaling=16, learning_rate=0.1, max_iter=200, tol=0.0
    ).fit(X, y)
    expected = reference.gradient_descent(
        X, y == 8, learning_rate=0.1, max_iter=200, scaling=16, penalty=1 / (2.0 * len(y))
    )
    np.testing.assert_allclose(model.history_, expected.history, rtol=1e-5)
    np.testing.assert_allclose(model.coef_[0] * 16, expected.coef, rtol=0, atol=1e-4)


@pytest.fixture
def reads(monkeypatch):
    """The names of the kernels that read X, as they are called."""
    names = []

    class Counting:
        def __init__(self, kernels):
            self.kernels = kernels

        def __getattr__(self, name):
            kernel = getattr(self.kernels, name)
            if name.endswith("_size"):
                return kernel
            return lambda *given, **rows: (names.append(name), kernel(*given, **rows))[1]

    monkeypatch.setattr(verbs, "dense", Counting(dense))
    monkeypatch.setattr(verbs, "matrix", Counting(matrix))
    return names


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_n_passes_counts_every_read_of_x(flowers, solver, scaling, reads):
    model = LogisticRegression(solver=solver, scaling=scaling).fit(*flowers)
    assert model.n_passes_ == len(reads) > model.n_iter_[0]
    if solver == "lbfgs":
        assert "moments" in reads
        return
    assert "sandwich" in reads
    assert ("moments" in reads) == (scaling == "standard")


def test_n_passes_of_gradient_descent_are_its_iterations(flowers, scaling):
    model = LogisticRegression(solver="gd", scaling=scaling, max_iter=12, tol=1e2).fit(*flowers)
    assert model.n_iter_ == 1
    # One more pass, in float64, certifies: classes as large leave nothing to the intercept.
    assert model.n_passes_ == 2 + (scaling == "standard")


def test_callback_sees_the_cost_and_gradient_of_its_coefficients(model, flowers, scaling):
    seen = []
    model.set_params(
        scaling=scaling, learning_rate=0.05, max_iter=3, tol=1e-12,
        callback=lambda *arguments, **rows: seen.append(arguments),
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning):
        model.fit(*flowers)
    assert [arguments[0] for arguments in seen] == [1, 2, 3]
    for _, coef, intercept, loss, gradient_norm in seen:
        expected = cost_and_gradient_norm(model, *flowers, coef=coef, intercept=intercept)
        np.testing.assert_allclose([loss, gradient_norm], expected, rtol=1e-8)


def test_callback_stops_the_fit(model, flowers):
    model.set_params(callback=lambda iteration, *_: iteration == 2, tol=1e-12)
    with pytest.warns(ConvergenceWarning, match="in 2 iterations"):
        model.fit(*flowers)
    assert model.n_iter_ == 2
    assert not model.converged_


def test_an_error_in_the_callback_comes_through(model, flowers):
    def callback(*_):
        raise LookupError("from the callback")

    with pytest.raises(LookupError, match="from the callback"):
        model.set_params(callback=callback).fit(*flowers)


def test_verbose_prints_every_so_many_iterations(model, flowers, capsys):
    with pytest.warns(ConvergenceWarning):
        model.set_params(verbose=2, max_iter=4, tol=1e-15).fit(*flowers)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["iteration 2", "iteration 4"]
    assert all(re.search(r"cost \d\.\d{8}, gradient norm \d", line) for line in lines)


def test_warm_start_from_the_optimum_ends_at_once(model, flowers):
    model.set_params(warm_start=True, tol=1e-4, max_iter=10_000).fit(*flowers)
    coef = model.coef_
    model.fit(*flowers)
    assert model.n_iter_ <= 1
    # The scaling, the gradient twice, a gap, a Hessian and a step; or a metric and a certificate.
    assert model.n_passes_ <= 6
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_goes_on_where_it_stopped(flowers, scaling):
    parameters = {"solver": "gd", "scaling": scaling, "learning_rate": 0.05, "tol": 0.0}
    whole = LogisticRegression(max_iter=20, **parameters).fit(*flowers)
    half = LogisticRegression(max_iter=10, warm_start=True, **parameters).fit(*flowers)
    first = half.history_
    half.fit(*flowers)
    np.testing.assert_allclose(first + half.history_, whole.history_, rtol=1e-12)
    np.testing.assert_allclose(half.coef_, whole.coef_, rtol=1e-10)


def test_warm_start_of_other_features_starts_anew(flowers):
    X, y = flowers
    model = LogisticRegression(warm_start=True).fit(X, y)
    cold = LogisticRegression().fit(X[:, :2], y)
    np.testing.assert_array_equal(model.fit(X[:, :2], y).coef_, cold.coef_)


def test_without_warm_start_a_second_fit_is_the_first(model, flowers):
    first = model.fit(*flowers).coef_
    np.testing.assert_array_equal(model.fit(*flowers).coef_, first)


def test_separable_data_without_penalty_has_no_minimum(model):
    X = np.r_[np.linspace(-2, -1, 20), np.linspace(1, 2, 20)][:, None]
    y = np.repeat([0, 1], 20)
    advice = "Raise max_iter" if model.solver == "gd" else "use a penalty"
    with pytest.warns(ConvergenceWarning, match=advice):
        model.set_params(C=np.inf, scaling=None, max_iter=200, tol=1e-2).fit(X, y)
    assert not model.converged_
    assert np.all(np.isfinite(model.coef_))
    assert model.score(X, y) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_separable_data_without_penalty_to_the_bitter_end(model):
    X = np.r_[np.linspace(-2, -1, 20), np.linspace(1, 2, 20)][:, None]
    y = np.repeat([0, 1], 20)
    model.set_params(C=np.inf, scaling=None, max_iter=2_000, tol=1e-12).fit(X, y)
    assert np.all(np.isfinite(model.predict_log_proba(X)))
    assert model.score(X, y) == 1


def test_the_same_threads_give_the_same_bits():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 50)).astype(np.float32)
    y = X[:, 0] + rng.standard_normal(20_000) > 0
    first, second = (LogisticRegression(n_jobs=2, tol=1e-3).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.coef_, second.coef_)
    assert first.history_ == second.history_
