"""Labels and what makes their probabilities, as arrays of a model file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.array_file import field, require
from .calibration import Temperature
from .softmax import SoftmaxHead

_LARGEST_SLOPE = 1e100


def head_to_arrays(labels: tuple[str, ...], head: SoftmaxHead) -> dict[str, Any]:
    """Return what `head_of_arrays` reads, by name."""
    return {
        "labels": labels,
        "coef": head.coef,
        "intercept": head.intercept,
        "calibration": np.float64(head.calibration.slope),
    }


def head_of_arrays(
    arrays: Mapping[str, NDArray[Any]], n_features: int | None = None
) -> tuple[tuple[str, ...], SoftmaxHead]:
    """Return labels and head, each array of the right type and shape.

    Raises
    ------
    ValueError
        If an array is missing, or of another type or shape.
    """
    labels = tuple(str(label) for label in field(arrays, "labels", "U", (None,)))
    coef = field(arrays, "coef", "f", (len(labels), n_features))
    intercept = field(arrays, "intercept", "f", (len(labels),))
    head = SoftmaxHead(
        np.ascontiguousarray(coef, np.float64),
        np.ascontiguousarray(intercept, np.float64),
        Temperature(float(field(arrays, "calibration", "f", ()))),
    )
    return labels, head


def check_head(labels: tuple[str, ...], head: SoftmaxHead) -> None:
    """Raise a ValueError unless the numbers are finite and the labels differ."""
    require(len(labels) > 1 and len(set(labels)) == len(labels) and all(labels), "labels")
    require(head.coef.shape[1] > 0 and bool(np.isfinite(head.coef).all()), "coef")
    require(bool(np.isfinite(head.intercept).all()), "intercept")
    require(0 <= head.calibration.slope <= _LARGEST_SLOPE, "calibration")
