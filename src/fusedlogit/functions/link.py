"""The link functions, over arrays of decision values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._kernels import link
from ..data.checks import (
    real_numbers,
)

Doubles = NDArray[np.float64]


def _apply(kernel: Callable[..., None], **arguments: ArrayLike) -> NDArray[Any]:
    """Run a link function over arrays of any shape, in float32 if z is float32, else float64."""
    arrays = np.broadcast_arrays(*(real_numbers(a, name) for name, a in arguments.items()))
    dtype = np.float32 if arrays[0].dtype == np.float32 else np.float64
    out = np.empty(arrays[0].size, dtype=dtype)
    kernel(*(np.ascontiguousarray(a, dtype=dtype).ravel() for a in arrays), out)
    return out.reshape(arrays[0].shape)


def sigmoid(z: ArrayLike) -> NDArray[Any]:
    """Activation a = 1 / (1 + exp(-z)) of decision values z, for any finite z.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates.
    """
    return _apply(link.sigmoid, z=z)


def log_loss(z: ArrayLike, y: ArrayLike) -> NDArray[Any]:
    """Log loss -(y log a + (1 - y) log(1 - a)) with a = sigmoid(z), as log(1 + exp(z)) - y z.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates, or shapes do not fit.
    """
    return _apply(link.log_loss, z=z, y=y)


def residual(z: ArrayLike, y: ArrayLike) -> NDArray[Any]:
    """Derivative dL/dz = a - y of the log loss, as (1 - y) sigmoid(z) - y sigmoid(-z).

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates, or shapes do not fit.
    """
    return _apply(link.residual, z=z, y=y)


def curvature(z: ArrayLike) -> NDArray[Any]:
    """Second derivative a (1 - a) of the log loss in z.

    Raises
    ------
    TypeError
        If an argument holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates.
    """
    return _apply(link.curvature, z=z)
