"""A trained image classifier, and the .npz file that keeps it."""

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ModelFileError, printable
from .functions import decision_values, sigmoid
from .images import CHANNELS
from .outputs import write_whole

FORMAT = "fusedlogit image classifier"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ImageClassifier:
    """All that is needed to tell what a photograph shows.

    Attributes
    ----------
    labels : tuple of two str
        The answers; `coef` speaks for the second.
    size : int
        Width and height, in pixels, that images are resized to.
    scaling : float
        What pixels were divided by in training. For the record: `coef` already allows for it.
    coef : ndarray of float64, shape (size * size * 3,)
        Weight of each raw pixel value, 0 to 255.
    intercept : float
        The log odds of the second label for an all-black image.
    threshold : float
        Probability of the second label above which it is the answer.
    """

    labels: tuple[str, str]
    size: int
    scaling: float
    coef: NDArray[np.float64]
    intercept: float
    threshold: float

    def probability(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probability of the second label.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (n, size * size * 3)
            Images as `fusedlogit.decoding.decode_images` makes them.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        if len(pixels) == 0:
            return np.empty(0)
        decision = decision_values(pixels, self.coef, self.intercept)
        return np.asarray(sigmoid(decision), dtype=np.float64)

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
    np.savez(
        content,
        format=np.array(FORMAT),
        format_version=np.array(FORMAT_VERSION),
        labels=np.array(classifier.labels),
        size=np.array(classifier.size),
        scaling=np.array(classifier.scaling),
        coef=classifier.coef,
        intercept=np.array(classifier.intercept),
        threshold=np.array(classifier.threshold),
    )
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
    coef = np.ascontiguousarray(fields["coef"], dtype=np.float64)
    first, second = (str(label) for label in fields["labels"])
    classifier = ImageClassifier(
        labels=(first, second),
        size=int(fields["size"]),
        scaling=float(fields["scaling"]),
        coef=coef,
        intercept=float(fields["intercept"]),
        threshold=float(fields["threshold"]),
    )
    if coef.shape != (classifier.size**2 * CHANNELS,):
        raise ValueError(f"coef of shape {coef.shape} for size {classifier.size}")
    if not (np.isfinite(coef).all() and np.isfinite(classifier.intercept)):
        raise ValueError("coef or intercept is not finite")
    return classifier
