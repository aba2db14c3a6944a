"""Every public function on every input of the zoo; X is neither changed nor copied."""

import tracemalloc

import numpy as np
import pytest

from fusedlogit import functions, reference
from fusedlogit.data.checks import check_storage

from .contract import SUM_RTOL, assert_within, compute_type
from .problems import DTYPES
from .zoo import ZOO, numbers


def target(n_samples):
    return np.arange(n_samples) % 3 / 2


def weights(n_samples):
    return 0.5 + np.arange(n_samples) % 4


def coefficients(n_features):
    return np.linspace(-0.01, 0.02, n_features)


# name -> (functions or reference, X, n_samples, n_features) -> its results
ENTRY_POINTS = {
    "decision_values": lambda module, X, n, d: module.decision_values(X, coefficients(d), 0.5),
    "loss": lambda module, X, n, d: module.loss(X, target(n), coefficients(d), 0.5, weights(n)),
    "loss_and_gradient": lambda module, X, n, d: module.loss_and_gradient(
        X, target(n), coefficients(d), 0.5, weights(n)
    ),
    "hessian_product": lambda module, X, n, d: module.hessian_product(
        X, weights(n), coefficients(d), 0.5
    ),
    "sandwich": lambda module, X, n, d: module.sandwich(X, weights(n)),
    "moments": lambda module, X, n, d: module.moments(X, weights(n)),
    "first_nonfinite": lambda module, X, n, d: np.array(module.first_nonfinite(X)),
    "gradient_descent": lambda module, X, n, d: (
        module.gradient_descent(
            X, target(n), learning_rate=0.1, max_iter=5, scaling=200, sample_weight=weights(n)
        ).history
    ),
}


def parts(result):
    """What a function returns, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


@pytest.fixture(params=ENTRY_POINTS)
def entry_point(request):
    return ENTRY_POINTS[request.param]


@pytest.mark.parametrize("animal", ZOO)
def test_zoo(entry_point, animal, tmp_path):
    X = ZOO[animal](numbers(), tmp_path)
    before = np.array(X, dtype=np.float64)
    actual = entry_point(functions, X, *before.shape)
    expected = entry_point(reference, before, *before.shape)
    rtol = SUM_RTOL[compute_type(check_storage(X).dtype)]
    for one, other in zip(parts(actual), parts(expected), strict=True):
        assert_within(one, other, rtol, np.abs(other).max())
    np.testing.assert_array_equal(np.array(X, dtype=np.float64), before, "X was changed")


@pytest.mark.parametrize("animal", ZOO)
def test_the_reference_takes_the_zoo_too(entry_point, animal, tmp_path):
    X = ZOO[animal](numbers(), tmp_path)
    values = np.array(X, dtype=np.float64)
    actual = entry_point(reference, X, *values.shape)
    expected = entry_point(reference, values, *values.shape)
    for one, other in zip(parts(actual), parts(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


#: ranges of integers, and what they are stored as
NARROWEST = [
    (0, 0, "uint8"),
    (0, 255, "uint8"),
    (0, 256, "uint16"),
    (-1, 127, "int8"),
    (-128, 0, "int8"),
    (-1, 128, "float32"),
    (-129, 0, "float32"),
    (0, 65_535, "uint16"),
    (0, 65_536, "float32"),
    (0, 1 << 24, "float32"),
    (-(1 << 24), 0, "float32"),
    (0, (1 << 24) + 1, "float64"),
    (-(1 << 24) - 1, 0, "float64"),
    (0, (1 << 63) - 1, "float64"),
    (-(1 << 63), 0, "float64"),
    (0, (1 << 64) - 1, "float64"),
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("low", "high", "expected"), NARROWEST)
def test_integers_are_stored_as_the_narrowest_type_that_holds_them(low, high, expected, order):
    for dtype in ("int16", "int32", "uint32", "int64", "uint64", "<i4", ">i8"):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            X = np.array([[low, high, low], [low, low, high]], dtype=dtype, order=order)
            stored = check_storage(X)
            native = X.dtype.isnative
            assert stored.dtype == (expected if native else np.float64)
            assert stored.flags[f"{order}_CONTIGUOUS"]
            np.testing.assert_array_equal(stored, X.astype(np.float64))


def test_integers_in_lists_and_data_frames_too():
    pandas = pytest.importorskip("pandas")
    values = np.arange(300).reshape(100, 3)
    assert check_storage(pandas.DataFrame(values)).dtype == np.uint16
    mixed = pandas.DataFrame({"a": np.arange(3), "b": np.arange(3.0)})
    assert check_storage(mixed).dtype == np.float64


# name -> dtype -> X of shape (80_000, 100)
VIEWS = {
    "whole": lambda dtype: np.zeros((80_000, 100), dtype),
    "every other row": lambda dtype: np.zeros((160_000, 100), dtype)[::2],
    "columns of a wider": lambda dtype: np.zeros((80_000, 120), dtype)[:, 10:110],
    "Fortran order": lambda dtype: np.zeros((80_000, 100), dtype, order="F"),
    "rows of a taller": lambda dtype: np.zeros((99_999, 100), dtype, order="F")[7:80_007],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", VIEWS)
def test_x_is_read_where_it_lies(entry_point, dtype, view):
    X = VIEWS[view](dtype)
    tracemalloc.start()
    try:
        entry_point(functions, X, *X.shape)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The largest vectors of n_samples doubles: y, weights, decision values, a temporary each.
    assert peak < min(X.nbytes, 5 * 8 * len(X))
