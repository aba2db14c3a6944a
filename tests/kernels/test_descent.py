"""Gradient descent over the kernels against the loop in NumPy, iteration by iteration."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fusedlogit import reference

from .checks import assert_same_descent, check_gradient_descent, gradient_descent
from .problems import DTYPES, Problem, problems, steady

SETTINGS = {"learning_rate": 0.3, "max_iter": 25}


@settings(steady, max_examples=50)
@given(problem=problems, penalty=st.sampled_from([0.0, 0.5]))
def test_history_coefficients_and_gradient(problem, penalty):
    assume(problem.row_weight.sum() > 0 and problem.n_features > 0)
    check_gradient_descent(problem, penalty)


@pytest.mark.parametrize("dtype", DTYPES)
def test_center_and_scale_are_those_of_scaled_copies(dtype):
    problem = Problem(400, 12, dtype, weights="fractions")
    mean, variance = reference.moments(problem.X, problem.weight)
    scale = np.sqrt(variance)
    actual = gradient_descent(
        problem.X, problem.y, problem.weight, center=mean, scale=scale, **SETTINGS
    )
    expected = reference.gradient_descent(
        (problem.X - mean) / scale, problem.y, sample_weight=problem.weight, **SETTINGS
    )
    assert_same_descent(actual, expected, dtype)


def test_start_is_where_it_is_told():
    problem = Problem(100, 6)
    whole = gradient_descent(problem.X, problem.y, max_iter=20)
    half = gradient_descent(problem.X, problem.y, max_iter=10)
    rest = gradient_descent(problem.X, problem.y, max_iter=10, coef=half[3], intercept=half[4])
    np.testing.assert_array_equal(np.concatenate([half[0], rest[0]]), whole[0])
    np.testing.assert_array_equal(rest[3], whole[3])


def test_without_intercept_it_stays_at_its_start():
    problem = Problem(100, 6)
    _, _, norm, coef, intercept = gradient_descent(
        problem.X, problem.y, fit_intercept=False, intercept=0.25, max_iter=2
    )
    first = reference.loss_and_gradient(problem.X, problem.y, np.zeros(6), 0.25)[1]
    second = reference.loss_and_gradient(problem.X, problem.y, -0.1 * first, 0.25)[1]
    assert intercept == 0.25
    np.testing.assert_allclose(coef, -0.1 * (first + second), rtol=1e-12)
    np.testing.assert_allclose(norm, np.abs(second).max(), rtol=1e-12)


def test_no_features_is_a_column_of_zeros():
    y = Problem(90, 0, targets="soft").y
    without = gradient_descent(np.empty((90, 0)), y, **SETTINGS)
    zeros = gradient_descent(np.zeros((90, 1)), y, **SETTINGS)
    np.testing.assert_allclose(without[0], zeros[0], rtol=1e-14)
    np.testing.assert_allclose(without[4], zeros[4], rtol=1e-14)
    assert zeros[4] != 0


def test_no_iterations_change_nothing():
    problem = Problem(10, 3)
    history, outcome, _, coef, _ = gradient_descent(
        problem.X, problem.y, max_iter=0, coef=np.arange(3.0)
    )
    assert (len(history), outcome) == (0, "iterating")
    np.testing.assert_array_equal(coef, [0, 1, 2])


def test_stops_at_the_tolerance_and_not_before():
    problem = Problem(200, 4, targets="soft")
    history, outcome, norm, coef, intercept = gradient_descent(
        problem.X, problem.y, learning_rate=1.0, max_iter=10_000, tol=1e-6
    )
    _, gradient, intercept_gradient = reference.loss_and_gradient(
        problem.X, problem.y, coef, intercept
    )
    assert outcome == "converged"
    assert norm <= 1e-6
    np.testing.assert_allclose(norm, max(abs(gradient).max(), abs(intercept_gradient)), rtol=1e-6)
    _, unfinished, previous_norm, *_ = gradient_descent(
        problem.X, problem.y, learning_rate=1.0, max_iter=len(history) - 1, tol=1e-6
    )
    assert unfinished == "iterating"
    assert previous_norm > 1e-6


def test_divergence_is_noticed_and_stops():
    problem = Problem(50, 4)
    history, outcome, *_ = gradient_descent(
        1e200 * problem.X, problem.y, learning_rate=1e200, max_iter=1000
    )
    assert outcome == "diverged"
    assert len(history) < 1000
    assert not np.isfinite(history[-1])
    assert np.isfinite(history[:-1]).all()


def test_observer_sees_every_iteration():
    problem = Problem(60, 5)
    seen = []
    history, outcome, norm, *_ = gradient_descent(
        problem.X, problem.y, max_iter=7, observer=lambda *each: seen.append(each)
    )
    _, costs, norms = zip(*seen, strict=True)
    assert outcome == "iterating"
    assert len(costs) == 7
    np.testing.assert_array_equal(costs, history)
    assert norms[-1] == norm


def test_observer_stops_it_before_the_update():
    problem = Problem(60, 5)
    costs = []

    def observer(point, cost, norm):
        costs.append(cost)
        return len(costs) == 3

    history, outcome, _, coef, _ = gradient_descent(problem.X, problem.y, observer=observer)
    two_updates = gradient_descent(problem.X, problem.y, max_iter=2)
    assert (len(history), outcome) == (3, "stopped")
    np.testing.assert_array_equal(coef, two_updates[3])


def test_an_error_in_the_observer_comes_through():
    problem = Problem(60, 5)

    def observer(point, cost, norm):
        raise LookupError(len(point))

    with pytest.raises(LookupError, match="6"):
        gradient_descent(problem.X, problem.y, observer=observer)
