"""A trained image classifier, and the .npz file that keeps it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, OutputError, printable
from ..evaluation.calibration import UNCALIBRATED, Calibration
from ..files.array_file import ArrayFile, field, open_arrays, require
from ..files.inputs import NotRegularFileError
from ..files.outputs import write_whole
from ..functions import decision_values
from .features import PatchFeatures, evidence_map, from_arrays, to_arrays
from .images import CHANNELS, MAX_SIZE

FORMAT = "fusedlogit image classifier"
FORMAT_VERSION = 2

# What the arrays of a PatchFeatures are called in the file.
_PREFIX = "features."

# Bytes of a model file, at most: two numbers for each raw value of the largest images fit.
MAX_BYTES = 2**30

# The largest pixel, and the largest feature, which is a float16.
_LARGEST_PIXEL = 255.0
_LARGEST_FEATURE = float(np.finfo(np.float16).max)

# Decision values are computed in float32; a calibration's offset is a log odds.
_LARGEST_DECISION = float(np.finfo(np.float32).max)
_LARGEST_OFFSET = 1e6
_LARGEST_SLOPE = 1e100


@dataclass(frozen=True)
class ImageClassifier:
    """All that is needed to tell what a photograph shows.

    Attributes
    ----------
    labels : tuple of two str
        The answers; `coef` speaks for the second.
    size : int
        Width and height, in pixels, that images are resized to.
    coef : ndarray of float64, shape (n_features,)
        Weight of each feature, or of each raw pixel value, 0 to 255.
    mean : ndarray of float64, shape (n_features,)
        What the average training image has in their place.
    intercept : float
        The decision value where all features are zero.
    threshold : float
        Probability of the second label above which it is the answer.
    features : PatchFeatures or None
        Fitted; None if the neuron is given raw pixels.
    calibration : Calibration
        From decision values to probabilities.
    """

    labels: tuple[str, str]
    size: int
    coef: NDArray[np.float64]
    mean: NDArray[np.float64]
    intercept: float
    threshold: float
    features: PatchFeatures | None = None
    calibration: Calibration = UNCALIBRATED

    def values(self, pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return what the neuron is given: the features of images, or their pixels.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, size * size * 3)
            Images as `fusedlogit.photographs.decoding.decode_images` makes them.

        Returns
        -------
        ndarray, shape (n, n_features)
        """
        if self.features is None or len(pixels) == 0:
            return pixels
        return self.features.transform(pixels)

    def probability(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the probability of the second label.

        Parameters
        ----------
        values : ndarray, shape (n, n_features)
            See `values`.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        if len(values) == 0:
            return np.empty(0)
        return self.calibration.probability(decision_values(values, self.coef, self.intercept))

    def evidence(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return what each pixel of one image speaks for the second label.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (size * size * 3,)

        Returns
        -------
        ndarray of float64, shape (size, size)
            In log odds, before calibration. Adds up to what the decision value has more than
            that of the average training image.
        """
        if self.features is None:
            contributions = self.coef * (pixels - self.mean)
            by_pixel = contributions.reshape(self.size, self.size, CHANNELS)
            return np.asarray(by_pixel.sum(axis=2), dtype=np.float64)
        photograph = pixels.reshape(self.size, self.size, CHANNELS)
        return evidence_map(self.features, photograph, self.coef, self.mean)

    def answers(self, probability: NDArray[np.float64]) -> NDArray[np.str_]:
        """Return the label that goes with each probability of the second label, shape (n,)."""
        return np.array(self.labels)[(probability > self.threshold).astype(np.intp)]

    def confidence(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of the label answered, shape (n,)."""
        return np.where(probability > self.threshold, probability, 1.0 - probability)


def save_model(path: str | os.PathLike[str], classifier: ImageClassifier) -> None:
    """Write a classifier to a file; the file is whole or untouched, never half-written.

    Parameters
    ----------
    path : path-like
        Where to; what a link points to is written, and the link kept.
    classifier : ImageClassifier
        What to write.

    Raises
    ------
    OutputError
        If the file cannot be written, or `load_model` would refuse the classifier.
    """
    try:
        _check_plausible(classifier)
    except ValueError as error:
        raise OutputError(
            f"{printable(path)} is not written, no model could be used whose {error}: "
            "train with a smaller learning rate or --size"
        ) from error
    content, calibration = BytesIO(), classifier.calibration
    fields: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "labels": classifier.labels,
        "size": classifier.size,
        "coef": np.asarray(classifier.coef, np.float64),
        "mean": np.asarray(classifier.mean, np.float64),
        "intercept": np.float64(classifier.intercept),
        "threshold": np.float64(classifier.threshold),
        "calibration": np.array([calibration.slope, calibration.offset], np.float64),
    }
    if classifier.features is not None:
        arrays = to_arrays(classifier.features)
        fields |= {_PREFIX + name: array for name, array in arrays.items()}
    np.savez(content, **fields)
    write_whole(Path(path), content.getvalue())


def load_model(path: str | os.PathLike[str]) -> ImageClassifier:
    """Read a classifier that `save_model` wrote.

    Nothing is unpacked and nothing executed, and every field is checked for a plausible value.

    Parameters
    ----------
    path : path-like
        A regular file, or a link to one.

    Returns
    -------
    ImageClassifier

    Raises
    ------
    ModelFileError
        If the file does not exist, is no model, is damaged, or is of another format version.
    """
    name = printable(path)
    try:
        with open_arrays(path, MAX_BYTES) as arrays:
            _check_format(name, arrays)
            return _classifier_if_whole(name, arrays)
    except ModelFileError:
        raise
    except FileNotFoundError as error:
        raise ModelFileError(f"{name} does not exist: check the model's path") from error
    except NotRegularFileError as error:
        raise ModelFileError(
            f"{name} {error.strerror}: give a file written by 'fusedlogit train --out'"
        ) from error
    # zipfile raises nearly every type of error on a file that is not its own.
    except Exception as error:
        raise _no_model(name, error) from error


def _no_model(name: str, error: Exception | None = None) -> ModelFileError:
    reason = f" ({_one_line(error)})" if error else ""
    return ModelFileError(
        f"{name} is not a fusedlogit model{reason}: give a file written by 'fusedlogit train --out'"
    )


def _check_format(name: str, arrays: ArrayFile) -> None:
    if "format" not in arrays or str(arrays["format"]) != FORMAT:
        raise _no_model(name)
    version = arrays.get("format_version")
    if version is None or version.tolist() != FORMAT_VERSION:
        raise ModelFileError(
            f"{name} has model format version {_one_line(version)}, this fusedlogit reads "
            f"{FORMAT_VERSION}: train it again, or use the fusedlogit that wrote it"
        )


def _classifier_if_whole(name: str, arrays: ArrayFile) -> ImageClassifier:
    try:
        classifier = _classifier(arrays)
        _check_plausible(classifier)
        if arrays.unread:
            raise ValueError(f"unknown member {arrays.unread[0]}")
    # A damaged member raises nearly every type of error.
    except Exception as error:
        raise ModelFileError(
            f"{name} is damaged ({_one_line(error)}): train the model again"
        ) from error
    return classifier


def _one_line(error: object) -> str:
    """Return what an error says, harmless and short."""
    text = printable(str(error) or type(error).__name__)
    return text if len(text) <= 200 else text[:199] + "\N{HORIZONTAL ELLIPSIS}"


def _classifier(arrays: Mapping[str, NDArray[Any]]) -> ImageClassifier:
    """Return what the arrays say, each of the right type and shape."""
    size = int(field(arrays, "size", "iu", ()))
    require(1 <= size <= MAX_SIZE, "size")
    features = None
    if any(name.startswith(_PREFIX) for name in arrays):
        features = from_arrays(arrays, _PREFIX)
    n_pixels = size**2 * CHANNELS
    if features is not None and features.n_features_in_ != n_pixels:
        raise ValueError(f"features of {features.n_features_in_} values for size {size}")
    shape = (n_pixels if features is None else features.n_features_out_,)
    first, second = (str(label) for label in field(arrays, "labels", "U", (2,)))
    slope, offset = (float(value) for value in field(arrays, "calibration", "f", (2,)))
    coef, mean = (
        np.ascontiguousarray(field(arrays, name, "f", shape), np.float64)
        for name in ("coef", "mean")
    )
    return ImageClassifier(
        labels=(first, second),
        size=size,
        coef=coef,
        mean=mean,
        intercept=float(field(arrays, "intercept", "f", ())),
        threshold=float(field(arrays, "threshold", "f", ())),
        features=features,
        calibration=Calibration(slope, offset),
    )


def _check_plausible(classifier: ImageClassifier) -> None:
    """Raise a ValueError unless every photograph would get a finite answer.

    What the neuron is given is bounded, and so must be what it makes of that.
    """
    raw = classifier.features is None
    least, most = (0.0, _LARGEST_PIXEL) if raw else (-_LARGEST_FEATURE, _LARGEST_FEATURE)
    coef, mean, calibration = classifier.coef, classifier.mean, classifier.calibration
    first, second = classifier.labels
    require(1 <= classifier.size <= MAX_SIZE, "size")
    require(first != second and bool(first and second), "labels")
    require(bool(np.all((mean >= least) & (mean <= most))), "mean")
    require(bool(np.all(np.abs(coef) <= _LARGEST_DECISION)), "coef")
    require(float(np.abs(coef).sum()) * most <= _LARGEST_DECISION, "coef")
    require(abs(classifier.intercept) <= _LARGEST_DECISION, "intercept")
    require(0 < classifier.threshold < 1, "threshold")
    require(0 <= calibration.slope <= _LARGEST_SLOPE, "calibration")
    require(abs(calibration.offset) <= _LARGEST_OFFSET, "calibration")
