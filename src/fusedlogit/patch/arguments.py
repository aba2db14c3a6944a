"""scikit-learn's arguments as ours."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
from sklearn import get_config

#: Relative costs that `tol` may ask for: below, rounding may leave nothing to be certified.
SHARPEST, BLUNTEST = 1e-12, 1e-4

#: Share of the L1 norm that a `penalty` stands for; that of "elasticnet" is `l1_ratio`.
SHARES = {"l1": 1.0, "l2": 0.0, None: 0.0}

#: scikit-learn's `penalty` where it has been left alone, from its 1.8 on.
UNSAID = "deprecated"

#: Other arguments that have been left alone.
LEFT = "warn"


class NotOursError(Exception):
    """Why a fit is scikit-learn's."""


def our_arguments(theirs: Any) -> dict[str, Any]:
    """The arguments of our `LogisticRegression` that mean what those of scikit-learn's mean.

    Raises
    ------
    NotOursError
        If there are none, or scikit-learn refuses its own.
    """
    l1_ratio, C = _penalty_of(theirs)
    return {
        "C": C,
        "l1_ratio": l1_ratio,
        "warm_start": theirs.warm_start,
        **_common_arguments(theirs, l1_ratio > 0),
    }


def our_cv_arguments(theirs: Any) -> dict[str, Any]:
    """The same for `LogisticRegressionCV`."""
    l1_ratios = _ratios_of(theirs)
    if hasattr(theirs.cv, "__next__"):
        raise NotOursError("cv can be read only once")
    return {
        "Cs": theirs.Cs,
        "cv": theirs.cv,
        "l1_ratios": l1_ratios,
        "refit": theirs.refit,
        "scoring": None if _is(theirs.scoring, LEFT) else theirs.scoring,
        **_common_arguments(theirs, bool((np.asarray(l1_ratios) > 0).any())),
    }


def _common_arguments(theirs: Any, l1: bool) -> dict[str, Any]:
    """What both classes have."""
    multi_class = getattr(theirs, "multi_class", UNSAID)  # until scikit-learn 1.7
    reasons = {
        "solver='liblinear' penalises the intercept": theirs.solver == "liblinear",
        f"solver={theirs.solver!r} knows no L1 norm": l1 and theirs.solver != "saga",
        "dual=True": theirs.dual,
        "max_iter=0": theirs.max_iter == 0,
        f"multi_class={multi_class!r}": multi_class not in (UNSAID, "auto"),
        "callbacks are set": bool(getattr(theirs, "_skl_callbacks", None)),
        "arrays of other libraries are enabled": get_config().get("array_api_dispatch"),
    }
    for reason, holds in reasons.items():
        if holds:
            raise NotOursError(reason)
    names = "class_weight", "fit_intercept", "max_iter", "n_jobs", "random_state", "verbose"
    return {
        "tol": min(max(theirs.tol**2, SHARPEST), BLUNTEST),
        **{name: getattr(theirs, name) for name in names},
    }


def _penalty_of(theirs: Any) -> tuple[float, float]:
    """Share of the L1 norm, and C."""
    if theirs.penalty is None:
        return 0.0, np.inf
    l1_ratio = SHARES.get(theirs.penalty, theirs.l1_ratio)
    if l1_ratio is None:
        raise NotOursError("l1_ratio=None")
    return l1_ratio, theirs.C


def _ratios_of(theirs: Any) -> Any:
    """Shares of the L1 norm of a `LogisticRegressionCV`."""
    said = theirs.l1_ratios is not None and not _is(theirs.l1_ratios, LEFT)
    if theirs.penalty in (UNSAID, "elasticnet"):
        if theirs.penalty == "elasticnet" and not said:
            raise NotOursError("penalty='elasticnet' without l1_ratios")
        return theirs.l1_ratios if said else (0.0,)
    if said:
        raise NotOursError(f"l1_ratios beside penalty={theirs.penalty!r}")
    return (SHARES[theirs.penalty],)


def _is(value: Any, text: str) -> bool:
    """Whether an argument that may be an array is this text."""
    return isinstance(value, str) and value == text


def warn_of_defaults(theirs: Any) -> None:
    """Say what scikit-learn says of arguments of `LogisticRegressionCV` left at their defaults."""
    if theirs.penalty == UNSAID and (theirs.l1_ratios is None or _is(theirs.l1_ratios, LEFT)):
        _warn_of_future(
            "The default value for l1_ratios will change from None to (0.0,) in scikit-learn 1.10"
            if theirs.l1_ratios is not None
            else "'l1_ratios=None' was deprecated in scikit-learn 1.8: use (0.0,)"
        )
    if theirs.penalty != UNSAID and _default_of(theirs, "penalty") == UNSAID:
        _warn_of_future("'penalty' was deprecated in scikit-learn 1.8: use l1_ratios")
    if _is(theirs.scoring, LEFT):
        _warn_of_future(
            "The default value of the parameter 'scoring' will change from None, accuracy, to "
            "'neg_log_loss' in scikit-learn 1.11"
        )
    if _is(getattr(theirs, "use_legacy_attributes", True), LEFT):
        _warn_of_future(
            "The default value of use_legacy_attributes will change from True to False in "
            "scikit-learn 1.10"
        )


def _warn_of_future(text: str) -> None:
    warnings.warn(text, FutureWarning, stacklevel=5)


def _default_of(theirs: Any, name: str) -> Any:
    return inspect.signature(type(theirs)).parameters[name].default


def warn_of_penalty(theirs: Any) -> None:
    """Say what scikit-learn says, where it has a newer way to say `penalty`."""
    penalty, l1_ratio = theirs.penalty, theirs.l1_ratio
    if penalty == UNSAID:
        return
    if _default_of(theirs, "penalty") == UNSAID:
        warnings.warn(
            "'penalty' was deprecated in scikit-learn 1.8: l1_ratio says 0 for 'l2', 1 for 'l1' "
            "and a number between for 'elasticnet', C=np.inf says None",
            FutureWarning,
            stacklevel=4,
        )
        if penalty in ("l1", "l2") and l1_ratio != SHARES[penalty]:
            warnings.warn(
                f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}; {penalty} it is",
                stacklevel=4,
            )
    if penalty != "elasticnet" and l1_ratio is not None and 0 < l1_ratio < 1:
        warnings.warn(
            "l1_ratio parameter is only used when penalty is 'elasticnet'. "
            f"Got (penalty={penalty})",
            stacklevel=4,
        )
    if penalty is None and theirs.C != 1.0:
        warnings.warn(
            "Setting penalty=None will ignore the C and l1_ratio parameters", stacklevel=4
        )
