"""scikit-learn's LogisticRegressionCV with our fits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import linear_model
from sklearn.base import _fit_context
from sklearn.utils import check_array

from ..cross_validation import LogisticRegressionCV as OurLogisticRegressionCV
from ..selection.scoring import share_parameters
from .arguments import SHARES, our_cv_arguments, warn_of_defaults
from .classes import LogisticRegression, fitted_by_ours, forget, take_over


class LogisticRegressionCV(linear_model.LogisticRegressionCV):  # type: ignore[misc]
    """``sklearn.linear_model.LogisticRegressionCV``, fitted by fusedlogit where that can.

    Parameters, attributes and predictions are those of scikit-learn: see `patch_sklearn` for what
    `tol`, `max_iter` and `n_jobs` mean.

    Attributes
    ----------
    converged_, cv_results_, folds_converged_, history_, n_passes_
        As those of `fusedlogit.LogisticRegressionCV`; only where the fits were ours.
    """

    C_: Any
    coefs_paths_: Any
    l1_ratio_: Any
    n_iter_: Any
    scores_: Any

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> LogisticRegressionCV:
        """Fit every fold with every penalty, and all rows with the best.

        Parameters
        ----------
        X : {array, sparse matrix} of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : array of shape (n_samples,), optional
        **params
            Passed to the splitter and the scorer, with metadata routing.

        Returns
        -------
        LogisticRegressionCV
            self.
        """
        ours = fitted_by_ours(type(self), self._ours, X, y, sample_weight, **params)
        if ours is None:
            forget(self)
            super().fit(X, y, sample_weight, **params)
            return self
        warn_of_defaults(self)
        take_over(self, ours)
        self._rename_ratios()
        if getattr(self, "use_legacy_attributes", True):
            self._take_legacy_shapes()
        return self

    def _ours(self) -> OurLogisticRegressionCV:
        arguments = our_cv_arguments(self)
        if callable(self.scoring) and not hasattr(self.scoring, "_score_func"):
            arguments["scoring"] = partial(_score_theirs, self, self.scoring)
        return OurLogisticRegressionCV(**arguments)

    @property
    def _without_ratios(self) -> bool:
        """Whether l1_ratios have been left alone."""
        return self.l1_ratios is None or isinstance(self.l1_ratios, str)

    def _rename_ratios(self) -> None:
        """l1_ratios that nobody asked for are [None] to scikit-learn."""
        if self._without_ratios:
            self.l1_ratios_ = np.array([None])
            self.l1_ratio_ = SHARES.get(self.penalty, 0.0)

    def _take_legacy_shapes(self) -> None:
        """Scores and paths by class, and the penalty once for each."""
        classes = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        without = self._without_ratios

        def last_ratio(values: Any) -> Any:
            """(folds, l1_ratios, Cs, ...) as (folds, Cs, l1_ratios, ...)."""
            values = np.swapaxes(values, 1, 2)
            return values[:, :, 0] if without else values

        scores, paths = last_ratio(self.scores_), last_ratio(self.coefs_paths_)
        self.scores_ = {label: scores.copy() for label in classes}
        self.coefs_paths_ = {label: paths[..., k, :] for k, label in enumerate(classes)}
        self.n_iter_ = last_ratio(self.n_iter_)[None]
        self.C_ = np.full(len(classes), self.C_)
        ratio = None if without and self.refit else self.l1_ratio_
        self.l1_ratio_ = np.array([ratio] * len(classes))


def _score_theirs(
    theirs: Any, scorer: Callable[..., float], fold: Any, X: Any, y: Any, **params: Any
) -> float:
    """What a scorer says that reads X and the model itself, given both as scikit-learn has them."""
    model = LogisticRegression(C=fold.C, l1_ratio=fold.l1_ratio)
    share_parameters(model, theirs, leaving={"penalty", "verbose"})
    for name in ("classes_", "coef_", "intercept_", "n_features_in_", "n_iter_"):
        setattr(model, name, getattr(fold, name))
    X = check_array(X, accept_sparse="csr", dtype=np.float64, order="C")
    return scorer(model, X, y, **params)
