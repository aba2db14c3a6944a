"""A trained image classifier, and the .npz file that keeps it."""

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calibration import UNCALIBRATED, Calibration
from .errors import ModelFileError, printable
from .features import PatchFeatures, evidence_map, from_arrays, to_arrays
from .functions import decision_values
from .images import CHANNELS
from .outputs import write_whole

FORMAT = "fusedlogit image classifier"
FORMAT_VERSION = 2

# What the arrays of a PatchFeatures are called in the file.
_PREFIX = "features."


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
            Images as `fusedlogit.decoding.decode_images` makes them.

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

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    content = BytesIO()
    fields: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "labels": classifier.labels,
        "size": classifier.size,
        "coef": classifier.coef,
        "mean": classifier.mean,
        "intercept": classifier.intercept,
        "threshold": classifier.threshold,
        "calibration": [classifier.calibration.slope, classifier.calibration.offset],
    }
    if classifier.features is not None:
        arrays = to_arrays(classifier.features)
        fields |= {_PREFIX + name: array for name, array in arrays.items()}
    np.savez(content, **fields)
    write_whole(Path(path), content.getvalue())


def load_model(path: str | os.PathLike[str]) -> ImageClassifier:
    """Read a classifier that `save_model` wrote.

    Raises
    ------
    ModelFileError
        If the file does not exist, is no model, is damaged, or is of another format version.
    """
    name = printable(path)
    fields = _read_fields(Path(path))
    if "format" not in fields or str(fields["format"]) != FORMAT:
        raise ModelFileError(
            f"{name} is not a fusedlogit model: give a file written by 'fusedlogit train --out'"
        )
    version = fields.get("format_version")
    if version is None or version.tolist() != FORMAT_VERSION:
        raise ModelFileError(
            f"{name} has model format version {version}, this fusedlogit reads {FORMAT_VERSION}: "
            "train it again, or use the fusedlogit that wrote it"
        )
    try:
        classifier = _classifier(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{name} is damaged ({error}): train the model again") from error
    return classifier


def _read_fields(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ModelFileError(f"{printable(path)} does not exist: check the model's path") from error
    # numpy.load raises nearly every type of error on a file that is not its own.
    except Exception as error:
        raise ModelFileError(
            f"{printable(path)} is not a fusedlogit model ({type(error).__name__}): "
            "give a file written by 'fusedlogit train --out'"
        ) from error


def _classifier(fields: dict[str, NDArray[np.generic]]) -> ImageClassifier:
    coef, mean = (np.ascontiguousarray(fields[name], np.float64) for name in ("coef", "mean"))
    first, second = (str(label) for label in fields["labels"])
    slope, offset = (float(value) for value in fields["calibration"])
    size = int(fields["size"])
    arrays = {
        name.removeprefix(_PREFIX): array
        for name, array in fields.items()
        if name.startswith(_PREFIX)
    }
    features = from_arrays(arrays) if arrays else None
    classifier = ImageClassifier(
        labels=(first, second),
        size=size,
        coef=coef,
        mean=mean,
        intercept=float(fields["intercept"]),
        threshold=float(fields["threshold"]),
        features=features,
        calibration=Calibration(slope, offset),
    )
    n_pixels = size**2 * CHANNELS
    n_features = n_pixels if features is None else features.n_features_out_
    if not coef.shape == mean.shape == (n_features,):
        raise ValueError(f"coef of shape {coef.shape} for {n_features} features")
    if features is not None and features.n_features_in_ != n_pixels:
        raise ValueError(f"features of {features.n_features_in_} values for size {size}")
    if not np.isfinite([*coef, *mean, classifier.intercept, slope, offset]).all():
        raise ValueError("coef, mean, intercept or calibration is not finite")
    return classifier
