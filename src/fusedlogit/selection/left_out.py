"""Leave-one-out of a fitted model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from ..classifier import LinearClassifier
from ..data.shared import SharedMatrix
from ..fitting import Labels, weights_of
from ..solvers import Settings
from ..validation import training_data
from .costs import Costs
from .grid import Grid
from .loo import LeaveOneOut, losses_of
from .penalties import Penalty

Doubles = NDArray[np.float64]

#: Parameters of a model that tell which cost it has minimised, and how.
NEEDED = ("C", "l1_ratio", "scaling", "fit_intercept", "class_weight", "solver", "learning_rate")


@dataclass(frozen=True)
class LeftOut:
    """What a model would say of each row if it had not seen it.

    Attributes
    ----------
    decision_function : ndarray of shape (n_samples,), or (n_samples, n_classes)
    log_loss : float
        Its mean, weighted by `sample_weight`.
    accuracy : float
        Likewise the share of rows whose class is predicted.
    """

    decision_function: Doubles
    log_loss: float
    accuracy: float


def _require_minimum(model: Any) -> None:
    """Refuse what has no minimum to move from; warn where it was not reached."""
    missing = [name for name in NEEDED if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"leave_one_out needs a LogisticRegression of fusedlogit, fitted to its minimum; got "
            f"{type(model).__name__}"
            + (": fit one with the C_ and l1_ratio_ it chose" if hasattr(model, "C_") else "")
        )
    if model.solver == "sgd" or not isinstance(model.solver, str) or model._stream is not None:
        raise TypeError(
            "leave_one_out needs a model at its minimum, where neither solver='sgd' nor "
            "partial_fit leads: fit with another solver"
        )
    if not model.converged_:
        warnings.warn(
            "leave_one_out of a model that did not converge tells of no minimum: fit it with more "
            "iterations first",
            ConvergenceWarning,
            stacklevel=3,
        )


def leave_one_out(
    model: LinearClassifier, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> LeftOut:
    """Approximate leave-one-out of a fitted model.

    Parameters
    ----------
    model : LogisticRegression
        Fitted to X, y and sample_weight, and converged.
    X : array of shape (n_samples, n_features)
    y : array of shape (n_samples,)
    sample_weight : array of shape (n_samples,), optional
        As `fit` was given it.

    Returns
    -------
    LeftOut

    Raises
    ------
    TypeError
        If the model is none of `LogisticRegression`, or was fitted by "sgd" or `partial_fit`.
    ValueError
        If y holds other classes than the model's, or rows and features are both too many.
    NotFittedError
        If the model is not fitted.

    Warns
    -----
    ConvergenceWarning
        If the model did not converge.

    Notes
    -----
    A row is moved by one Newton step (Rad and Maleki, 2020, Journal of the Royal Statistical
    Society B 82); rows that this moves far, of few rows or weak penalties, are fitted without.
    With ``scaling="standard"``, means and deviations stay those of all rows.
    """
    check_is_fitted(model)
    _require_minimum(model)
    matrix, values = training_data(model, X, y, model.n_jobs, reset=False, dense=SharedMatrix)
    labels = Labels.of(values, "leave_one_out")
    if not np.array_equal(labels.classes, model.classes_):
        raise ValueError(
            f"y has the classes {labels.classes.tolist()}; the model was fitted to "
            f"{model.classes_.tolist()}"
        )
    settings: Any = model
    weight, unit = weights_of(labels, values, sample_weight, settings.class_weight)
    costs = Costs(
        matrix, labels.target(weight), labels.n_classes, settings.scaling, settings.fit_intercept,
        unit,
    )  # fmt: skip
    fitted = Settings(settings.max_iter, settings.tol, settings.learning_rate, None)
    grid = Grid(costs, [], settings.solver, fitted)
    left_out = grid.left_out(
        grid.known(Penalty(settings.C, settings.l1_ratio), *model._coefficients(matrix.n_features)),
        LeaveOneOut(matrix, labels.n_classes),
    )
    share = np.ones(len(values)) if sample_weight is None else np.asarray(sample_weight, float)
    codes = labels.codes.astype(np.intp)
    loss, predicted = losses_of(left_out, codes), model._codes(left_out)
    return LeftOut(
        left_out[0] if len(left_out) == 1 else left_out.T,
        float(np.average(loss, weights=share)),
        float(np.average(predicted == codes, weights=share)),
    )
