"""What fitted linear classifiers tell of new data."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils.validation import check_is_fitted

from . import functions
from .problems.links import SOFTMAX
from .validation import new_data

Doubles = NDArray[np.float64]

#: Size of an intercept beside which float32 knows decision values to 1e-6 no more.
FAR_INTERCEPT = 16.0

#: Root of the sum of the squared terms of a decision value beyond which float32 may be off by 1e-4.
FAR_TERMS = 256.0

#: Coefficients up to which, and down to whose inverse, products stay in float32's range.
LARGEST = 1e15

#: Arguments of scikit-learn's logistic regression that there are none of here, and why.
FOREIGN_ARGUMENTS = {
    "penalty": "l1_ratio says 0 for 'l2', 1 for 'l1', a number between for 'elasticnet'; C=np.inf "
    "says None",
    "dual": "no solver needs to be told which problem to solve; leave it out",
    "intercept_scaling": "the intercept is not penalised; leave it out",
    "multi_class": "more than two classes are told apart by the softmax; leave it out, or wrap the "
    "estimator in sklearn.multiclass.OneVsRestClassifier",
}


class LinearClassifier(ClassifierMixin, SparseCoefMixin, BaseEstimator):  # type: ignore[misc]
    """Predictions by ``X @ coef_.T + intercept_``.

    `sparsify` makes `coef_` a sparse matrix, `densify` an array again.

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _coefficients(self, n_features: int) -> tuple[Doubles, Doubles]:
        """Those at hand and their intercepts, after `sparsify` too, as kernels take them.

        Raises
        ------
        ValueError
            If they are not finite, not of so many features, or not of the classes: anybody may set
            them, and kernels do not look.
        """
        given: Any = self.coef_
        coef = np.ascontiguousarray(given.toarray() if issparse(given) else given, np.float64)
        intercept = np.ascontiguousarray(self.intercept_, np.float64)
        n_classes = len(getattr(self, "classes_", intercept))
        shape = 1 if n_classes == 2 else n_classes, n_features
        if (coef.shape, intercept.shape) != (shape, shape[:1]):
            raise ValueError(
                f"coef_ has shape {coef.shape} and intercept_ {intercept.shape}; {n_features} "
                f"features and {n_classes} classes call for {shape} and {shape[:1]}"
            )
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            raise ValueError("coef_ or intercept_ holds NaN or infinity: set numbers, or fit again")
        return coef, intercept

    def __new__(cls, *args: Any, **arguments: Any) -> Self:
        """Refuse scikit-learn's arguments that there are none of here, saying what does their job.

        Raises
        ------
        TypeError
        """
        for name in FOREIGN_ARGUMENTS.keys() & arguments.keys():
            raise TypeError(f"{cls.__name__} has no {name}: {FOREIGN_ARGUMENTS[name]}")
        new: Self = super().__new__(cls)
        return new

    def _given(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """What `fit` is given, as the data is made of it."""
        return X, y, sample_weight

    def _decision(self, X: ArrayLike) -> Doubles:
        """Decision values by class, of shape (1 or n_classes, n_samples)."""
        check_is_fitted(self)
        data = new_data(self, X, self.n_jobs)
        coef, intercept = self._coefficients(data.n_features)
        return data.decision_values(coef, intercept, precise=beyond_float32(data, coef, intercept))

    def decision_function(self, X: ArrayLike) -> Doubles:
        """Decision values z = w . x + b.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)

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
        X : array or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        codes = self._codes(self._decision(X))
        predicted: NDArray[Any] = self.classes_[codes]
        return predicted

    def _codes(self, decision: Doubles) -> NDArray[Any]:
        """The numbers of the classes that decision values (1 or n_classes, n_samples) predict."""
        if len(decision) > 1:
            likeliest: NDArray[Any] = SOFTMAX.likeliest(decision)
            return likeliest
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must lie between 0 and 1; got {self.threshold!r}")
        above: NDArray[np.bool_] = decision[0] > np.log(self.threshold / (1 - self.threshold))
        return above.astype(np.intp)

    def predict_proba(self, X: ArrayLike) -> Doubles:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)

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
        X : array or sparse matrix of shape (n_samples, n_features)

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


def beyond_float32(data: Any, coef: Doubles, intercept: Doubles) -> bool:
    """Whether decision values would lose what matters in float32: columns far from zero, or far
    from one, have been fitted, or those that nearly cancel each other.
    """
    if data.computes_in_float64:
        return False
    if data.waits_for_rows:  # float64 takes no longer there
        return True
    size = np.abs(coef[coef != 0])
    extreme = size.size and (size.max() > LARGEST or size.min() < 1 / LARGEST)
    if extreme or np.abs(intercept).max() > FAR_INTERCEPT:
        return True
    seen = data.first_look()
    terms = (seen.mean**2 + seen.spread**2) @ (coef**2).T
    return bool(terms.max() > FAR_TERMS**2)
