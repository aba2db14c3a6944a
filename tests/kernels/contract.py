"""The numerical contract, stated once: how far a kernel may be from its NumPy twin.

An error is measured against the size of what was added up: for a sum of terms, the sum of their
absolute values. That is the scale of rounding, also where the terms cancel.
"""

import numpy as np

#: Link functions, for |z| <= 700 (float64) and |z| <= 87 (float32), in units in the last place.
LINK_ULP = 4

#: Decision values and losses, by compute type.
VALUE_RTOL = {"float64": 1e-12, "float32": 1e-5}

#: Gradients, Hessian products, Gram products, by compute type.
SUM_RTOL = {"float64": 1e-10, "float32": 1e-5}

#: What is lost of a factor of rows (weight times residual or curvature), by compute type: float32
#: holds no smaller ones.
FACTOR_FLOOR = {"float64": 1e-300, "float32": 1e-30}

#: Costs along a gradient descent, by compute type, relative to themselves.
HISTORY_RTOL = {"float64": 1e-10, "float32": 1e-5}


def compute_type(dtype):
    """The precision in which a kernel reads X of this dtype."""
    return "float64" if np.dtype(dtype) == np.float64 else "float32"


def assert_within(actual, expected, rtol, size, floor=0.0):
    """Fail unless |actual - expected| <= rtol * size + floor, by element; NaN always fails."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    error, bound = np.abs(actual - expected), rtol * np.asarray(size) + floor
    worst = np.flatnonzero(~(error <= bound))
    assert not worst.size, (
        f"{worst.size} of {actual.size} elements are off, first {actual.flat[worst[0]]!r} for "
        f"{expected.flat[worst[0]]!r}, the largest error {np.nanmax(error):.3g}"
    )
