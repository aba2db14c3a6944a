"""scikit-learn's classes with our fits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import linear_model
from sklearn.base import _fit_context

from ..estimator import LogisticRegression as OurLogisticRegression
from .arguments import NotOursError, our_arguments, warn_of_penalty

LOG = logging.getLogger("fusedlogit")

#: What our fits tell besides.
OURS_ALONE = ("converged_", "history_", "n_passes_")


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
        try:
            ours = OurLogisticRegression(**our_arguments(self))
            self._hand_start_to(ours)
            ours.fit(X, y, sample_weight)
        except (NotOursError, TypeError, ValueError) as reason:
            LOG.info("LogisticRegression.fit goes on to scikit-learn: %s", reason)
            for name in OURS_ALONE:
                self.__dict__.pop(name, None)
            super().fit(X, y, sample_weight)
            return self
        warn_of_penalty(self)
        self._take_over(ours, np.float32 if _is_float32(X) else np.float64)
        return self

    def _hand_start_to(self, ours: OurLogisticRegression) -> None:
        if self.warm_start and hasattr(self, "coef_"):
            ours.classes_ = self.classes_
            ours.coef_ = np.asarray(self.coef_, dtype=np.float64)
            ours.intercept_ = np.asarray(self.intercept_, dtype=np.float64)

    def _take_over(self, ours: OurLogisticRegression, dtype: type) -> None:
        self.__dict__.pop("feature_names_in_", None)
        for name, value in vars(ours).items():
            if name.endswith("_"):
                setattr(self, name, value)
        for name in ("coef_", "intercept_"):
            setattr(self, name, getattr(ours, name).astype(dtype))


def _is_float32(X: Any) -> bool:
    """Whether an array, or every column of a data frame, is float32."""
    types = [X.dtype] if hasattr(X, "dtype") else getattr(X, "dtypes", ())
    return {str(dtype).lower() for dtype in types} == {"float32"}
