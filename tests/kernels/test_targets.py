"""y of any type is read where it lies, and refused by value where it leaves [0, 1]."""

import tracemalloc

import numpy as np
import pytest

from fusedlogit import functions
from fusedlogit.data.checks import TARGET_TYPES

from .problems import Problem

INTEGERS = [name for name in TARGET_TYPES if "int" in name]

# Rows of half a register, of one, of several, long ones, columns, and those that threads share.
PROBLEMS = {
    "shortest rows": Problem(700, 5, "float32"),
    "short rows": Problem(700, 9, "float32"),
    "short rows of bytes": Problem(700, 40, "uint8"),
    "short rows of float64": Problem(300, 21, "float64"),
    "rows": Problem(300, 200, "float32"),
    "columns": Problem(700, 30, "float32", layout="fortran"),
    "few rows": Problem(3, 20_000, "float64"),
}

# Other ways than a contiguous array of one of the types.
LAYOUTS = {
    "list": lambda y: y.tolist(),
    "bool": lambda y: y.astype(bool),
    "int16": lambda y: y.astype(np.int16),
    "float16": lambda y: y.astype(np.float16),
    "longdouble": lambda y: y.astype(np.longdouble),
    "every other": lambda y: np.repeat(y, 2)[::2],
    "backwards": lambda y: y[::-1].copy()[::-1],
    "other byte order": lambda y: y.astype(y.dtype.newbyteorder()),
    "not aligned": lambda y: np.frombuffer(b"?" + y.tobytes(), y.dtype, offset=1),
}


def results(problem, y):
    cost, gradient, intercept_gradient = functions.loss_and_gradient(
        problem.X, y, problem.coef[0], 0.1, n_threads=2
    )
    loss = functions.loss(problem.X, y, problem.coef[0], 0.1, n_threads=2)
    return np.hstack([cost, gradient, intercept_gradient, loss])


@pytest.fixture(params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param]


@pytest.mark.parametrize("name", TARGET_TYPES)
def test_every_type_gives_the_same_bits(problem, name):
    expected = results(problem, problem.y)
    np.testing.assert_array_equal(results(problem, problem.y.astype(name)), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_bits(problem, layout):
    y = LAYOUTS[layout](problem.y)
    np.testing.assert_array_equal(results(problem, y), results(problem, problem.y))


def test_soft_targets_of_float32(problem):
    y = np.random.default_rng(0).random(problem.n_samples, dtype=np.float32)
    np.testing.assert_array_equal(results(problem, y), results(problem, y.astype(np.float64)))


@pytest.mark.parametrize("function", ["loss", "loss_and_gradient"])
@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *((name, bad) for name in ("float64", "float32") for bad in (np.nan, np.inf, -0.5, 1.5)),
        *((name, bad) for name in INTEGERS for bad in (2, 127)),
        *((name, -1) for name in INTEGERS if name != "uint8"),
        ("uint8", 255),
        ("int64", 1 << 40),
        ("int64", -(1 << 63)),
    ],
)
def test_a_value_outside_0_to_1_is_named_by_its_row(problem, function, name, bad):
    y = problem.y.astype(name)
    y[1:3] = bad
    weight = np.where(np.arange(len(y)) == 1, 0.0, 1.0)  # also where it would not count
    for sample_weight in (None, weight):
        with pytest.raises(ValueError, match=rf"y contains {y[1]} in row 1; it must lie in \[0, 1"):
            getattr(functions, function)(
                problem.X, y, problem.coef[0], 0.1, sample_weight=sample_weight
            )


@pytest.mark.parametrize("name", TARGET_TYPES)
def test_y_is_not_copied(name):
    n_samples = 1 << 20
    X, y = np.zeros((n_samples, 2), np.float32), np.zeros(n_samples, name)
    tracemalloc.start()
    functions.loss_and_gradient(X, y, np.ones(2), 0.0, n_threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n_samples // 4
