"""The .npz file that keeps a trained image classifier."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.calibration import Calibration, Temperature
from ..evaluation.softmax import SoftmaxHead
from ..files.array_file import field, require
from ..files.model_format import Arrays, ModelFormat
from .classifier import ImageClassifier, ManyKindsClassifier
from .features import PatchFeatures, from_arrays, to_arrays
from .images import CHANNELS, MAX_SIZE

# Classifiers of two kinds are of version 2, as ever; those of more are of version 3.
TWO_KINDS_VERSION = 2
MANY_KINDS_VERSION = 3

# Bytes of a model file, at most: two numbers for each raw value of the largest images fit.
MAX_BYTES = 2**30

FORMAT = ModelFormat(
    "model",
    "fusedlogit train --out",
    "fusedlogit image classifier",
    (TWO_KINDS_VERSION, MANY_KINDS_VERSION),
    MAX_BYTES,
    "train with a smaller learning rate or --size",
)

# What the arrays of a PatchFeatures are called in the file.
_PREFIX = "features."

# The largest pixel, and the largest feature, which is a float16.
_LARGEST_PIXEL = 255.0
_LARGEST_FEATURE = float(np.finfo(np.float16).max)

# Decision values are computed in float32; a calibration's offset is a log odds.
_LARGEST_DECISION = float(np.finfo(np.float32).max)
_LARGEST_OFFSET = 1e6
_LARGEST_SLOPE = 1e100

Classifier = ImageClassifier | ManyKindsClassifier


def save_model(path: str | os.PathLike[str], classifier: Classifier) -> None:
    """Write a classifier to a file; the file is whole or untouched, never half-written.

    Parameters
    ----------
    path : path-like
        Where to; what a link points to is written, and the link kept.
    classifier : ImageClassifier or ManyKindsClassifier
        What to write.

    Raises
    ------
    OutputError
        If the file cannot be written, or `load_model` would refuse the classifier.
    """
    FORMAT.save(path, classifier, _to_arrays, _check_plausible)


def load_model(path: str | os.PathLike[str]) -> Classifier:
    """Read a classifier that `save_model` wrote.

    Nothing is unpacked and nothing executed, and every field is checked for a plausible value.

    Parameters
    ----------
    path : path-like
        A regular file, or a link to one.

    Returns
    -------
    ImageClassifier, or ManyKindsClassifier for more than two kinds

    Raises
    ------
    ModelFileError
        If the file does not exist, is no model, is damaged, or is of another format version.
    """
    return FORMAT.load(path, _of_arrays, _check_plausible)


def _to_arrays(classifier: Classifier) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "labels": classifier.labels,
        "size": classifier.size,
        "mean": np.asarray(classifier.mean, np.float64),
    }
    if isinstance(classifier, ImageClassifier):
        fields |= _of_two(classifier)
    else:
        fields |= _of_many(classifier)
    if classifier.features is not None:
        arrays = to_arrays(classifier.features)
        fields |= {_PREFIX + name: array for name, array in arrays.items()}
    return fields


def _of_two(classifier: ImageClassifier) -> dict[str, Any]:
    calibration = classifier.calibration
    return {
        "format_version": TWO_KINDS_VERSION,
        "coef": np.asarray(classifier.coef, np.float64),
        "intercept": np.float64(classifier.intercept),
        "threshold": np.float64(classifier.threshold),
        "calibration": np.array([calibration.slope, calibration.offset], np.float64),
    }


def _of_many(classifier: ManyKindsClassifier) -> dict[str, Any]:
    head = classifier.head
    return {
        "format_version": MANY_KINDS_VERSION,
        "coef": np.asarray(head.coef, np.float64),
        "intercept": np.asarray(head.intercept, np.float64),
        "calibration": np.float64(head.calibration.slope),
    }


def _of_arrays(arrays: Arrays) -> Classifier:
    of_two = arrays["format_version"] == TWO_KINDS_VERSION
    return _two_kinds(arrays) if of_two else _many_kinds(arrays)


def _size_and_features(arrays: Arrays) -> tuple[int, PatchFeatures | None, int]:
    """Return the size of images, the features, and how many numbers the neuron is given."""
    size = int(field(arrays, "size", "iu", ()))
    require(1 <= size <= MAX_SIZE, "size")
    n_pixels = size**2 * CHANNELS
    if not any(name.startswith(_PREFIX) for name in arrays):
        return size, None, n_pixels
    features = from_arrays(arrays, _PREFIX)
    if features.n_features_in_ != n_pixels:
        raise ValueError(f"features of {features.n_features_in_} values for size {size}")
    return size, features, features.n_features_out_


def _doubles(arrays: Arrays, name: str, *shape: int) -> NDArray[np.float64]:
    return np.ascontiguousarray(field(arrays, name, "f", shape), np.float64)


def _two_kinds(arrays: Arrays) -> ImageClassifier:
    """Return what the arrays say, each of the right type and shape."""
    size, features, n_values = _size_and_features(arrays)
    first, second = (str(label) for label in field(arrays, "labels", "U", (2,)))
    slope, offset = (float(value) for value in field(arrays, "calibration", "f", (2,)))
    return ImageClassifier(
        labels=(first, second),
        size=size,
        coef=_doubles(arrays, "coef", n_values),
        mean=_doubles(arrays, "mean", n_values),
        intercept=float(field(arrays, "intercept", "f", ())),
        threshold=float(field(arrays, "threshold", "f", ())),
        features=features,
        calibration=Calibration(slope, offset),
    )


def _many_kinds(arrays: Arrays) -> ManyKindsClassifier:
    """Return what the arrays say, each of the right type and shape."""
    size, features, n_values = _size_and_features(arrays)
    labels = tuple(str(label) for label in field(arrays, "labels", "U", (None,)))
    head = SoftmaxHead(
        coef=_doubles(arrays, "coef", len(labels), n_values),
        intercept=_doubles(arrays, "intercept", len(labels)),
        calibration=Temperature(float(field(arrays, "calibration", "f", ()))),
    )
    return ManyKindsClassifier(labels, size, head, _doubles(arrays, "mean", n_values), features)


def _check_plausible(classifier: Classifier) -> None:
    """Raise a ValueError unless every photograph would get a finite answer.

    What the neuron is given is bounded, and so must be what it makes of that.
    """
    raw = classifier.features is None
    least, most = (0.0, _LARGEST_PIXEL) if raw else (-_LARGEST_FEATURE, _LARGEST_FEATURE)
    labels, mean = classifier.labels, classifier.mean
    require(1 <= classifier.size <= MAX_SIZE, "size")
    require(len(set(labels)) == len(labels) and all(labels), "labels")
    require(bool(np.all((mean >= least) & (mean <= most))), "mean")
    if isinstance(classifier, ImageClassifier):
        calibration, intercept = classifier.calibration, np.array(classifier.intercept)
        _check_coef(classifier.coef, most)
        require(0 < classifier.threshold < 1, "threshold")
        require(abs(calibration.offset) <= _LARGEST_OFFSET, "calibration")
        slope = calibration.slope
    else:
        require(len(labels) > 2, "labels")
        _check_coef(classifier.head.coef, most)
        intercept, slope = classifier.head.intercept, classifier.head.calibration.slope
    require(bool(np.all(np.abs(intercept) <= _LARGEST_DECISION)), "intercept")
    require(0 <= slope <= _LARGEST_SLOPE, "calibration")


def _check_coef(coef: NDArray[np.float64], most: float) -> None:
    """Check that no decision value can be beyond float32."""
    require(bool(np.all(np.abs(coef) <= _LARGEST_DECISION)), "coef")
    require(bool(np.all(np.abs(coef).sum(axis=-1) * most <= _LARGEST_DECISION)), "coef")
