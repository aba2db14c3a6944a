"""The opponents compute the same numbers."""

from pathlib import Path

import numpy as np
import pytest

from fusedlogit import reference

from . import numpy_twins
from .data import make_data


@pytest.fixture(scope="module")
def data():
    return make_data("tall", "float64", full_size=False, photographs=Path())


def flat(result):
    """All numbers of an array or of a tuple of them."""
    parts = result if isinstance(result, tuple) else (result,)
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("decision_values", ("X", "coef", "intercept")),
        ("loss_and_gradient", ("X", "y", "coef", "intercept")),
        ("hessian_product", ("X", "curvature", "coef", "intercept")),
        ("sandwich", ("X", "curvature")),
        ("moments", ("X",)),
        ("first_nonfinite", ("X",)),
    ],
)
def test_agrees_with_the_reference(data, function, arguments):
    values = [getattr(data, name) for name in arguments]
    actual = getattr(numpy_twins, function)(*values)
    expected = getattr(reference, function)(*values)
    np.testing.assert_allclose(flat(actual), flat(expected), rtol=1e-10)


def test_gradient_descent_agrees_with_the_reference(data):
    settings = {"learning_rate": 0.1, "max_iter": 5, "scaling": 2.0}
    actual = numpy_twins.gradient_descent(data.X, data.y, **settings)
    expected = reference.gradient_descent(data.X, data.y, **settings)
    np.testing.assert_allclose(actual.history, expected.history, rtol=1e-12)
    np.testing.assert_allclose(actual.coef, expected.coef, rtol=1e-10)
