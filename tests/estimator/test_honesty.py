"""`converged_` never lies: awkward problems, judged in long double and without the package.

A short run belongs to every test; `pytest tests/estimator/test_honesty.py --problems 5000` (and
`--first-problem` for others) is a long one.
"""

import warnings
from functools import lru_cache

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fusedlogit import LogisticRegression

from .awkward import awkward, rows_of
from .exact import Exact
from .exact_classes import ExactClasses


def fit(problem, form=np.asarray):
    """The fitted model; any warning but the one that it did not converge is an error."""
    model = LogisticRegression(max_iter=1000, **problem.parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(form(problem.X), problem.y, problem.weight)


@lru_cache(maxsize=400)  # as many as a short run has
def fitted(number, many_classes=False, sparse=False):
    """The awkward problem of a number, and its model."""
    problem = awkward(number, many_classes, sparse)
    return problem, fit(problem, rows_of if sparse else np.asarray)


def distance(model, problem):
    """(J - J*) / J, where J* is the lowest cost that was found."""
    judge = Exact if len(model.classes_) == 2 else ExactClasses
    exact = judge(model, problem.X, problem.y, problem.weight)
    cost = exact.cost_of_model(model)
    return float((cost - exact.least(model)) / cost) if cost > 0 else 0.0


def test_converged_is_true(problem_number):
    problem, model = fitted(problem_number)
    if model.converged_:
        assert distance(model, problem) <= problem.parameters["tol"] * (1 + 1e-6)


def test_converged_is_true_of_many_classes(problem_number):
    problem, model = fitted(problem_number, many_classes=True)
    if model.converged_:
        assert distance(model, problem) <= problem.parameters["tol"] * (1 + 1e-6)


def test_a_step_whose_square_is_zero():
    problem = awkward(859, many_classes=True)
    assert distance(fit(problem), problem) <= problem.parameters["tol"]


@pytest.mark.parametrize("many_classes", [False, True])
def test_converged_is_true_of_sparse_rows(problem_number, many_classes):
    problem, model = fitted(problem_number, many_classes, sparse=True)
    if model.converged_:
        assert distance(model, problem) <= problem.parameters["tol"] * (1 + 1e-6)


def converged(numbers, solvers=("auto", "lbfgs"), **kind):
    """Which of the problems converge; without a penalty, separable classes have no minimum."""
    chosen = [
        number
        for number in numbers
        if np.isfinite((told := awkward(number, **kind).parameters)["C"])
        and told["solver"] in solvers
    ]
    return [fitted(number, **kind)[1].converged_ for number in chosen]


@pytest.fixture
def numbers(request):
    """Those of a hundred problems at least: a share of few says little."""
    first = request.config.getoption("first_problem")
    return range(first, first + max(100, request.config.getoption("problems")))


def test_nearly_all_converge(numbers):
    assert np.mean(converged(numbers)) >= 0.97


def test_nearly_all_converge_of_sparse_rows(numbers):
    assert np.mean(converged(numbers, sparse=True)) >= 0.97


def test_nearly_all_of_many_classes_converge(numbers):
    assert np.mean(converged(numbers, ["auto"], many_classes=True)) >= 0.97
