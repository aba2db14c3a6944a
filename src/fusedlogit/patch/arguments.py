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


class NotOursError(Exception):
    """Why a fit is scikit-learn's."""


def our_arguments(theirs: Any) -> dict[str, Any]:
    """The arguments of our estimator that mean what those of scikit-learn's mean.

    Raises
    ------
    NotOursError
        If there are none, or scikit-learn refuses its own.
    """
    l1_ratio, C = _penalty_of(theirs)
    multi_class = getattr(theirs, "multi_class", UNSAID)  # until scikit-learn 1.7
    reasons = {
        "solver='liblinear' penalises the intercept": theirs.solver == "liblinear",
        f"solver={theirs.solver!r} knows no L1 norm": l1_ratio > 0 and theirs.solver != "saga",
        "dual=True": theirs.dual,
        "max_iter=0": theirs.max_iter == 0,
        f"multi_class={multi_class!r}": multi_class not in (UNSAID, "auto"),
        "callbacks are set": bool(getattr(theirs, "_skl_callbacks", None)),
        "arrays of other libraries are enabled": get_config().get("array_api_dispatch"),
    }
    for reason, holds in reasons.items():
        if holds:
            raise NotOursError(reason)
    return {
        "C": C,
        "l1_ratio": l1_ratio,
        "tol": min(max(theirs.tol**2, SHARPEST), BLUNTEST),
        **{
            name: getattr(theirs, name)
            for name in (
                "class_weight", "fit_intercept", "max_iter", "n_jobs", "random_state", "verbose",
                "warm_start",
            )
        },
    }  # fmt: skip


def _penalty_of(theirs: Any) -> tuple[float, float]:
    """Share of the L1 norm, and C."""
    if theirs.penalty is None:
        return 0.0, np.inf
    l1_ratio = SHARES.get(theirs.penalty, theirs.l1_ratio)
    if l1_ratio is None:
        raise NotOursError("l1_ratio=None")
    return l1_ratio, theirs.C


def warn_of_penalty(theirs: Any) -> None:
    """Say what scikit-learn says, where it has a newer way to say `penalty`."""
    penalty, l1_ratio = theirs.penalty, theirs.l1_ratio
    if penalty == UNSAID:
        return
    if inspect.signature(type(theirs)).parameters["penalty"].default == UNSAID:
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
