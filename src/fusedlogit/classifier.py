"""What fitted linear classifiers tell of new data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from . import functions
from .data.checks import NUMBER_TYPES, narrowed, numbers_alone, readable
from .data.dense import DenseMatrix
from .problems.links import SOFTMAX

Doubles = NDArray[np.float64]

#: Size of an intercept beside which float32 knows decision values to 1e-6 no more.
FAR_INTERCEPT = 16.0

#: Coefficients up to which, and down to whose inverse, products stay in float32's range.
LARGEST = 1e15


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predictions by ``X @ coef_.T + intercept_``.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features), or (n_classes, n_features) for more than two classes
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    """

    coef_: Doubles
    intercept_: Doubles
    classes_: NDArray[Any]
    threshold: float
    n_jobs: int | None

    def _decision(self, X: ArrayLike) -> Doubles:
        """Decision values by class, of shape (1 or n_classes, n_samples)."""
        check_is_fitted(self)
        with numbers_alone(X):
            data = validate_data(
                self, X, reset=False, dtype=list(NUMBER_TYPES), ensure_all_finite=False
            )
        matrix = DenseMatrix(readable(narrowed(data)), self.n_jobs)
        coef = np.ascontiguousarray(self.coef_, dtype=np.float64)
        intercept = np.ascontiguousarray(self.intercept_, dtype=np.float64)
        return matrix.decision_values(coef, intercept, precise=beyond_float32(coef, intercept))

    def decision_function(self, X: ArrayLike) -> Doubles:
        """Decision values z = w . x + b.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, of shape (n_samples,)
            Or (n_samples, n_classes) for more than two classes.
        """
        decision = self._decision(X)
        return decision[0] if len(decision) == 1 else decision.T

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Class of each sample: the likeliest.

        Of two classes, the second one where its probability is above `threshold`.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        decision = self._decision(X)
        if len(decision) == 1:
            limit = np.log(self.threshold / (1 - self.threshold))
            codes = (decision[0] > limit).astype(np.intp)
        else:
            codes = decision.argmax(axis=0)
        predicted: NDArray[Any] = self.classes_[codes]
        return predicted

    def predict_proba(self, X: ArrayLike) -> Doubles:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, of shape (n_samples, n_classes)
        """
        decision = self._decision(X)
        if len(decision) == 1:
            (z,) = decision
            return np.column_stack([functions.sigmoid(-z), functions.sigmoid(z)])
        probabilities: Doubles = SOFTMAX.probabilities(decision).T
        return probabilities

    def predict_log_proba(self, X: ArrayLike) -> Doubles:
        """Logarithms of the probabilities, exact for rare classes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, of shape (n_samples, n_classes)
        """
        decision = self._decision(X)
        if len(decision) == 1:
            (z,) = decision
            return -np.column_stack([functions.log_loss(z, 0.0), functions.log_loss(z, 1.0)])
        logarithms: Doubles = SOFTMAX.log_probabilities(decision).T
        return logarithms


def beyond_float32(coef: Doubles, intercept: Doubles) -> bool:
    """Whether decision values would lose what matters in float32: columns far from zero, or far
    from one, have been fitted.
    """
    size = np.abs(coef[coef != 0])
    extreme = size.size and (size.max() > LARGEST or size.min() < 1 / LARGEST)
    return bool(np.abs(intercept).max() > FAR_INTERCEPT or extreme)
