"""scikit-learn's classes with our fits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import linear_model
from sklearn.base import _fit_context

from ..estimator import LogisticRegression as OurLogisticRegression
from .arguments import NotOursError, our_arguments, warn_of_penalty

LOG = logging.getLogger("fusedlogit")

#: What our fits tell besides.
OURS_ALONE = ("converged_", "cv_results_", "folds_converged_", "history_", "n_passes_")


class _Ours(OurLogisticRegression):
    """Ours where scikit-learn's is called, which has no `scaling`."""

    _scalable, _n_frames = False, 8


class LogisticRegression(linear_model.LogisticRegression):  # type: ignore[misc]
    """``sklearn.linear_model.LogisticRegression``, fitted by fusedlogit where that can.

    Parameters, attributes and predictions are those of scikit-learn: see `patch_sklearn` for what
    `tol`, `max_iter` and `n_jobs` mean. As there, `coef_` and `intercept_` are float32 if X is,
    and float64 otherwise.

    Attributes
    ----------
    converged_ : bool
        This one and those below only where the fit was ours.
    history_ : list of float
        Cost by iteration.
    n_passes_ : float
        How often X was read.
    """

    coef_: Any
    intercept_: Any

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> LogisticRegression:
        """Fit to data.

        Parameters
        ----------
        X : {array, sparse matrix} of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        LogisticRegression
            self.
        """
        ours = fitted_by_ours(type(self), self._ours, X, y, sample_weight)
        if ours is None:
            forget(self)
            super().fit(X, y, sample_weight)
            return self
        warn_of_penalty(self)
        take_over(self, ours)
        if _is_float32(X):
            self.coef_ = self.coef_.astype(np.float32)
            self.intercept_ = self.intercept_.astype(np.float32)
        return self

    def _ours(self) -> OurLogisticRegression:
        """Ours with the same arguments, at the same start."""
        ours = _Ours(**our_arguments(self))
        if self.warm_start and hasattr(self, "coef_"):
            ours.classes_ = self.classes_
            ours.coef_ = np.asarray(self.coef_, dtype=np.float64)
            ours.intercept_ = np.asarray(self.intercept_, dtype=np.float64)
        return ours


def fitted_by_ours(
    cls: type, make: Callable[[], Any], X: ArrayLike, y: ArrayLike, *args: Any, **params: Any
) -> Any:
    """Ours, fitted; None if it cannot be, with a line in the log that says why."""
    try:
        return make().fit(X, y, *args, **params)
    except (NotOursError, TypeError, ValueError) as reason:
        LOG.info("%s.fit goes on to scikit-learn: %s", cls.__name__, reason)
        return None


def take_over(model: Any, ours: Any) -> None:
    """Set what a fit of ours has found."""
    vars(model).pop("feature_names_in_", None)
    for name, value in vars(ours).items():
        if name.endswith("_"):
            setattr(model, name, value)


def forget(model: Any) -> None:
    """Leave nothing of an earlier fit by ours beside one by scikit-learn."""
    for name in OURS_ALONE:
        vars(model).pop(name, None)


def _is_float32(X: Any) -> bool:
    """Whether an array, or every column of a data frame, is float32."""
    types = [X.dtype] if hasattr(X, "dtype") else getattr(X, "dtypes", ())
    return {str(dtype).lower() for dtype in types} == {"float32"}
