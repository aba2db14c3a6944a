"""One grid of extremes, through every kernel."""

import numpy as np
import pytest

from .checks import (
    CHECKS,
    check_decision_values,
    check_gradient_descent,
    check_loss,
)
from .problems import Problem

# Sizes of X and of coefficients: fields of Problem.
EXTREMES = {
    "decisions to 1e4": {"coef_size": 1e4},
    "decisions to 700": {"coef_size": 250.0},
    "X all zero": {"x_size": 0.0},
    "coefficients all zero": {"coef_size": 0.0},
    "coefficients subnormal": {"coef_size": 1e-310},
    "large X, small coefficients": {"x_size": 1e14, "coef_size": 1e-14},
    "small X, large coefficients": {"x_size": 1e-14, "coef_size": 1e14},
    "one weight of all": {"weights": "one"},
    "no weight at all": {"weights": "all zero"},
    "tiny weights": {"weights": "tiny"},
    "huge weights": {"weights": "huge"},
    "weights of many sizes": {"weights": "many sizes"},
}

EXTREMES_OF_FLOAT64 = {
    "X subnormal": {"x_size": 1e-310},
    "huge X, tiny coefficients": {"x_size": 1e150, "coef_size": 1e-150},
    "tiny X, huge coefficients": {"x_size": 1e-150, "coef_size": 1e150},
}

GRID = [
    *((dtype, name) for dtype in ("float64", "float32") for name in EXTREMES),
    *(("float64", name) for name in EXTREMES_OF_FLOAT64),
    *(("uint8", name) for name, fields in EXTREMES.items() if "x_size" not in fields),
]


@pytest.fixture(scope="module", params=[21, 50, 100], ids="{} features".format)
def n_features(request):
    """Rows that fill two registers, four (for bytes, one of their own), and more."""
    return request.param


@pytest.fixture(scope="module", params=GRID, ids=" ".join)
def problem(request, n_features):
    dtype, name = request.param
    fields = (EXTREMES | EXTREMES_OF_FLOAT64)[name]
    return Problem(600, n_features, dtype, **{"weights": "fractions"} | fields, n_coefs=2)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_extremes(kernels, check, problem):
    check(kernels, problem)


def test_extremes_of_gradient_descent(problem):
    if problem.weights != "all zero":  # which the estimator and the functions refuse
        check_gradient_descent(problem)


@pytest.mark.parametrize("check", [check_decision_values, check_loss])
def test_subnormal_float32_is_not_taken_for_zero(kernels, check):
    problem = Problem(64, 16, "float32", x_size=1e-42, coef_size=1e35)
    assert np.any(problem.X)
    check(kernels, problem)
