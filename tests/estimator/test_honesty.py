"""`converged_` never lies: awkward problems, judged in long double and without the package.

A short run belongs to every test; `pytest tests/estimator/test_honesty.py --problems 5000` (and
`--first-problem` for others) is a long one.
"""

import warnings

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


def distance(model, problem):
    """(J - J*) / J, where J* is the lowest cost that was found."""
    judge = Exact if len(model.classes_) == 2 else ExactClasses
    exact = judge(model, problem.X, problem.y, problem.weight)
    cost = exact.cost_of_model(model)
    return float((cost - exact.least(model)) / cost) if cost > 0 else 0.0


def test_converged_is_true(problem_number):
    problem = awkward(problem_number)
    model = fit(problem)
    if model.converged_:
        assert distance(model, problem) <= problem.parameters["tol"] * (1 + 1e-6)


def test_converged_is_true_of_many_classes(problem_number):
    problem = awkward(problem_number, many_classes=True)
    model = fit(problem)
    if model.converged_:
        assert distance(model, problem) <= problem.parameters["tol"] * (1 + 1e-6)


def test_a_step_whose_square_is_zero():
    problem = awkward(859, many_classes=True)
    assert distance(fit(problem), problem) <= problem.parameters["tol"]


@pytest.mark.parametrize("many_classes", [False, True])
def test_converged_is_true_of_sparse_rows(problem_number, many_classes):
    problem = awkward(problem_number, many_classes, sparse=True)
    model = fit(problem, rows_of)
    if model.converged_:
        assert distance(model, problem) <= problem.parameters["tol"] * (1 + 1e-6)


def converged(problems, form=np.asarray):
    """Which of the problems converge; without a penalty, separable classes have no minimum."""
    return [fit(p, form).converged_ for p in problems if np.isfinite(p.parameters["C"])]


@pytest.fixture
def numbers(request):
    """Those of a hundred problems at least: a share of few says little."""
    first = request.config.getoption("first_problem")
    return range(first, first + max(100, request.config.getoption("problems")))


def test_nearly_all_converge(numbers):
    assert np.mean(converged(map(awkward, numbers))) >= 0.97


def test_nearly_all_converge_of_sparse_rows(numbers):
    problems = [awkward(number, sparse=True) for number in numbers]
    assert np.mean(converged(problems, rows_of)) >= 0.97


def test_nearly_all_of_many_classes_converge(numbers):
    problems = [awkward(number, many_classes=True) for number in numbers]
    of_newton = [p for p in problems if p.parameters["solver"] == "auto"]
    assert np.mean(converged(of_newton)) >= 0.97
