"""Tell what photographs show, block by block, and how long each stage took."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SkippedFile
from .decoding import decode_images
from .images import ImageSource
from .model_file import Classifier

# Images whose pixels and features are in memory together.
_BLOCK = 1024


@dataclass(frozen=True)
class Prediction:
    """Probabilities of the images that could be decoded.

    Attributes
    ----------
    kept : ndarray of int64, shape (n_kept,)
        Positions of these images in the list of names asked for.
    probability : ndarray of float64, shape (n_kept,) or (n_kept, n_labels)
        Of the second label; or of each, where there are more than two.
    skipped : tuple of SkippedFile
        The other images.
    seconds : dict of str to float
        Time of "decoding", "features" and "prediction".
    """

    kept: NDArray[np.int64]
    probability: NDArray[np.float64]
    skipped: tuple[SkippedFile, ...]
    seconds: dict[str, float]


def predict_images(
    classifier: Classifier,
    source: ImageSource,
    names: Sequence[str],
    *,
    n_threads: int | None = None,
) -> Prediction:
    """Decode images and answer each; memory does not grow with their number.

    Parameters
    ----------
    classifier : ImageClassifier or ManyKindsClassifier
        See `fusedlogit.photographs.model_file.load_model`.
    source : ImageSource
        Where the images lie.
    names : sequence of str
        The images.
    n_threads : int, optional
        Number of threads; all cores by default.

    Returns
    -------
    Prediction

    Raises
    ------
    DecompressionBombError
        If an image claims more pixels than Pillow's limit.
    """
    if classifier.features is not None:
        classifier.features.set_params(n_jobs=n_threads)
    kept: list[NDArray[np.int64]] = []
    probability: list[NDArray[np.float64]] = []
    skipped: list[SkippedFile] = []
    seconds = dict.fromkeys(("decoding", "features", "prediction"), 0.0)
    for first in range(0, len(names), _BLOCK):
        times = [time.perf_counter()]
        block = names[first : first + _BLOCK]
        decoded = decode_images(source, block, classifier.size, n_threads=n_threads)
        times.append(time.perf_counter())
        values = classifier.values(decoded.pixels)
        times.append(time.perf_counter())
        probability.append(classifier.probability(values))
        times.append(time.perf_counter())
        kept.append(decoded.kept + first)
        skipped += decoded.skipped
        for stage, taken in zip(seconds, np.diff(times), strict=True):
            seconds[stage] += float(taken)
    return Prediction(np.concatenate(kept), np.concatenate(probability), tuple(skipped), seconds)
