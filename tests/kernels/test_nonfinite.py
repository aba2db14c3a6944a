"""The first NaN or infinity of X, wherever it stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit import functions, reference

from .problems import DTYPES, LAYOUTS, Problem, problems, steady

FLOATS = [dtype for dtype in DTYPES if np.dtype(dtype).kind == "f"]

# Neither rows nor columns that are adjacent.
STEPS = {
    "every other of both": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "every third column backwards": lambda X: np.repeat(X[:, ::-1], 3, axis=1)[:, ::-3],
    "every other row in Fortran order": lambda X: np.asfortranarray(np.repeat(X, 2, axis=0))[::2],
    "one row again and again": lambda X: np.broadcast_to(X[:1], X.shape),
}


@steady
@given(
    problem=problems,
    dtype=st.sampled_from(FLOATS),
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=4),
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_any_shape_layout_and_threads(kernels, problem, dtype, places, bad):
    X = np.array(Problem(problem.n_samples, problem.n_features, dtype).X)
    for row, column in places if X.size else []:
        X[row % len(X), column % X.shape[1]] = bad
    X = LAYOUTS[problem.layout](X)
    assert kernels.first_nonfinite(X, problem.n_threads) == reference.first_nonfinite(X)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_any_strides(kernels, dtype, steps):
    X = np.array(Problem(70, 9, dtype).X)
    assert kernels.first_nonfinite(STEPS[steps](X), 2) == (-1, -1)
    X[0, 7] = X[41, 3] = X[41, 8] = X[60, 0] = np.nan
    moved = STEPS[steps](X)
    assert kernels.first_nonfinite(moved, 2) == reference.first_nonfinite(moved) != (-1, -1)


@pytest.mark.parametrize("layout", ["copy", "columns_of_wider", "fortran"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n_samples", "d"), [(1030, 7), (2, 200), (2100, 17)])
def test_each_place(kernels, n_samples, d, dtype, layout):
    values = Problem(n_samples, d, dtype).X
    X = LAYOUTS[layout](np.array(values))
    for place in range(0, n_samples * d, 1 if n_samples < 9 else 61):
        at = divmod(place, d)
        X[at] = np.inf
        assert kernels.first_nonfinite(X, 3) == at
        X[at] = values[at]


def test_the_largest_numbers_are_finite(kernels):
    for dtype in FLOATS:
        X = np.full((300, 40), np.finfo(dtype).max, dtype)
        X[::2] *= -1
        assert kernels.first_nonfinite(X) == (-1, -1)


@pytest.mark.parametrize("dtype", sorted(set(DTYPES) - set(FLOATS)))
def test_integers_are_finite(kernels, dtype):
    X = np.full((300, 40), 255).astype(dtype)
    assert kernels.first_nonfinite(X, 2) == (-1, -1)


@pytest.mark.parametrize("order", ["C", "F"])
def test_more_rows_than_one_step_between_looks_for_signals(order):
    X = np.zeros((300_000, 150), order=order)  # 360 MB
    X[299_000, 149] = X[299_500, 0] = np.nan
    assert functions.first_nonfinite(X, n_threads=2) == (299_000, 149)


def test_the_error_names_the_place_in_what_was_given():
    X = np.zeros((5_000, 60), np.float32, order="F")[::2]
    X[1_777, 59] = X[1_778, 0] = np.nan
    with pytest.raises(ValueError, match="nan in row 1777, column 59"):
        functions.moments(X)
