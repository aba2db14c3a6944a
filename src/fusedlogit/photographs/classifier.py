"""Trained image classifiers: from pixels to features, probabilities, answers and evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evaluation.calibration import Calibration
from ..evaluation.softmax import SoftmaxHead, ranked
from ..functions import decision_values
from .features import PatchFeatures, evidence_map
from .images import CHANNELS

Doubles = NDArray[np.float64]

UNCALIBRATED = Calibration()


@dataclass(frozen=True)
class Evidence:
    """What the pixels of one image speak for: one label, or another.

    Attributes
    ----------
    log_odds : ndarray of float64, shape (size, size)
        Of the second label against the first, before calibration. Adds up to what the difference
        of their decision values has more than that of the average training image.
    labels : tuple of two str
        The label that negative numbers speak for, and that of positive ones.
    """

    log_odds: Doubles
    labels: tuple[str, str]


class _Photographs:
    """What classifiers of two kinds and of many share: what the neuron is given."""

    size: int
    features: PatchFeatures | None
    mean: Doubles

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

    def _divided(self, pixels: NDArray[np.uint8], coef: Doubles) -> Doubles:
        """Divide ``coef @ (values - mean)`` over the pixels of one image, shape (size, size)."""
        if self.features is None:
            contributions = coef * (pixels - self.mean)
            by_pixel = contributions.reshape(self.size, self.size, CHANNELS)
            return np.asarray(by_pixel.sum(axis=2), dtype=np.float64)
        photograph = pixels.reshape(self.size, self.size, CHANNELS)
        return evidence_map(self.features, photograph, coef, self.mean)


@dataclass(frozen=True)
class ImageClassifier(_Photographs):
    """All that is needed to tell which of two kinds a photograph shows.

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
    coef: Doubles
    mean: Doubles
    intercept: float
    threshold: float
    features: PatchFeatures | None = None
    calibration: Calibration = UNCALIBRATED

    def probability(self, values: NDArray[np.generic]) -> Doubles:
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

    def evidence(self, pixels: NDArray[np.uint8]) -> Doubles:
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
        return self._divided(pixels, self.coef)

    def evidence_for(self, pixels: NDArray[np.uint8]) -> Evidence:
        """Return what each pixel of one image speaks for, whatever the answer."""
        return Evidence(self.evidence(pixels), self.labels)

    def answers(self, probability: Doubles) -> NDArray[np.str_]:
        """Return the label that goes with each probability of the second label, shape (n,)."""
        return np.array(self.labels)[(probability > self.threshold).astype(np.intp)]

    def confidence(self, probability: Doubles) -> Doubles:
        """Return the probability of the label answered, shape (n,)."""
        return np.where(probability > self.threshold, probability, 1.0 - probability)

    def ranked(self, probability: Doubles, count: int) -> tuple[NDArray[np.str_], Doubles]:
        """Return the answers with their probabilities, and behind them the others.

        Parameters
        ----------
        probability : ndarray of float64, shape (n,)
        count : int
            Labels for each image, at most.

        Returns
        -------
        two ndarrays of shape (n, min(count, 2))
        """
        second = (probability > self.threshold).astype(np.intp)
        confidence = self.confidence(probability)
        labels = np.array(self.labels)[np.column_stack([second, 1 - second])]
        return labels[:, :count], np.column_stack([confidence, 1 - confidence])[:, :count]


@dataclass(frozen=True)
class ManyKindsClassifier(_Photographs):
    """All that is needed to tell which of more than two kinds a photograph shows.

    Attributes
    ----------
    labels : tuple of str
        The answers.
    size : int
        Width and height, in pixels, that images are resized to.
    head : SoftmaxHead
        From features, or raw pixel values, 0 to 255, to the probabilities of the labels.
    mean : ndarray of float64, shape (n_features,)
        Features, or pixels, of the average training image.
    features : PatchFeatures or None
        Fitted; None if the neurons are given raw pixels.
    """

    labels: tuple[str, ...]
    size: int
    head: SoftmaxHead
    mean: Doubles
    features: PatchFeatures | None = None

    def probability(self, values: NDArray[np.generic]) -> Doubles:
        """Return the probabilities of the labels.

        Parameters
        ----------
        values : ndarray, shape (n, n_features)
            See `values`.

        Returns
        -------
        ndarray of float64, shape (n, n_labels)
        """
        if len(values) == 0:
            return np.empty((0, len(self.labels)))
        return self.head.probability(values)

    def evidence(self, pixels: NDArray[np.uint8], answer: int, other: int) -> Doubles:
        """Return what each pixel of one image speaks for one label against another.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (size * size * 3,)
        answer, other : int
            Numbers of the labels.

        Returns
        -------
        ndarray of float64, shape (size, size)
            See `Evidence`.
        """
        return self._divided(pixels, self.head.coef[answer] - self.head.coef[other])

    def evidence_for(self, pixels: NDArray[np.uint8]) -> Evidence:
        """Return what each pixel of one image speaks for: the likeliest label or the next."""
        probability = self.probability(self.values(pixels[None]))
        answer, other = ranked(probability, 2)[0]
        labels = self.labels[other], self.labels[answer]
        return Evidence(self.evidence(pixels, answer, other), labels)

    def ranked(self, probability: Doubles, count: int) -> tuple[NDArray[np.str_], Doubles]:
        """Return the likeliest labels with their probabilities, likeliest first.

        Parameters
        ----------
        probability : ndarray of float64, shape (n, n_labels)
        count : int
            Labels for each image, at most.

        Returns
        -------
        two ndarrays of shape (n, min(count, n_labels))
        """
        order = ranked(probability, count)
        return np.array(self.labels)[order], np.take_along_axis(probability, order, axis=1)
