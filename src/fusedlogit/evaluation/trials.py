"""Fits that are tried, and what came of them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sklearn.exceptions import ConvergenceWarning

Model = TypeVar("Model")


@dataclass(frozen=True)
class Trial:
    """What came of one C.

    Attributes
    ----------
    C : float
    n_iter : int
        Iterations of all folds' fits.
    converged : bool
        Whether all of them did.
    accuracy, log_loss : float
        On the rows held out, of all folds together.
    seconds : float
        Of fits and judgement.
    """

    C: float
    n_iter: int
    converged: bool
    accuracy: float
    log_loss: float
    seconds: float


def fit_quietly(model: Model, *data: Any) -> Model:
    """Fit a model to X, y and maybe weights; `converged_` tells of convergence, not an alarm."""
    with unalarmed():
        model.fit(*data)  # type: ignore[attr-defined]
    return model


@contextmanager
def unalarmed() -> Iterator[None]:
    """Let fits that do not converge end without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
