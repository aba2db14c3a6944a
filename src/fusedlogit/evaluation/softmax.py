"""Many classes by a linear model: coefficients, intercepts, calibrated probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..classifier import beyond_float32
from ..data.arguments import matrix_of
from ..estimator import LogisticRegression
from .calibration import Temperature

Doubles = NDArray[np.float64]

UNCALIBRATED = Temperature()


@dataclass(frozen=True)
class SoftmaxHead:
    """What makes probabilities of classes out of features.

    Attributes
    ----------
    coef : ndarray of float64, shape (n_classes, n_features)
    intercept : ndarray of float64, shape (n_classes,)
    calibration : Temperature
        From decision values to probabilities.
    """

    coef: Doubles
    intercept: Doubles
    calibration: Temperature = UNCALIBRATED

    @classmethod
    def of(cls, model: LogisticRegression, calibration: Temperature = UNCALIBRATED) -> SoftmaxHead:
        """Return that of a fitted model; two classes share its one decision value half and half."""
        coef, intercept = model.coef_, model.intercept_
        if len(coef) == 1:
            coef = np.concatenate([-coef, coef]) / 2
            intercept = np.concatenate([-intercept, intercept]) / 2
        return cls(coef, intercept, calibration)

    def decision(self, X: ArrayLike, n_threads: int | None = None) -> Doubles:
        """Return the decision values of samples (n, n_features), shape (n, n_classes)."""
        matrix = matrix_of(X, n_threads)
        precise = beyond_float32(matrix, self.coef, self.intercept)
        decision: Doubles = matrix.decision_values(self.coef, self.intercept, precise=precise).T
        return decision

    def probability(self, X: ArrayLike, n_threads: int | None = None) -> Doubles:
        """Return the probabilities of the classes, shape (n, n_classes)."""
        return self.calibration.probability(self.decision(X, n_threads))


def ranked(probability: Doubles, count: int) -> NDArray[np.intp]:
    """Return the likeliest classes of each sample, at most so many, likeliest first.

    Parameters
    ----------
    probability : ndarray, shape (n, n_classes)
    count : int

    Returns
    -------
    ndarray of int, shape (n, min(count, n_classes))
    """
    return np.argsort(-probability, axis=1, kind="stable")[:, :count]
