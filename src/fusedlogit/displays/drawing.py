"""What all displays share: matplotlib when it is asked for, axes, colours, names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#BBBBBB"


def pyplot(who: str) -> Any:
    """``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        Saying who needs it and how to install it.
    """
    try:
        from matplotlib import pyplot as module
    except ImportError as error:
        raise ImportError(f"{who} needs matplotlib: pip install matplotlib") from error
    return module


def axes_of(ax: Any, who: str, size: tuple[float, float]) -> Any:
    """The axes given, or those of a new figure of that size in inches."""
    if ax is not None:
        return ax
    return pyplot(who).subplots(figsize=size, layout="constrained")[1]


def plain(name: Any) -> str:
    """A name as matplotlib shows it, which reads text between dollars as formulae."""
    return str(name).replace("$", r"\$")


def last_step(estimator: Any) -> Any:
    """The fitted model itself, where a pipeline ends with it."""
    model = estimator[-1] if hasattr(estimator, "steps") else estimator
    check_is_fitted(model)
    return model


def names_of(estimator: Any, feature_names: ArrayLike | None, n_features: int) -> list[str]:
    """Names of features: those given, those the model knows, or their numbers.

    Raises
    ------
    ValueError
        If so many are not given.
    """
    if feature_names is None:
        return _known_names(estimator, n_features)
    names = [str(name) for name in np.asarray(feature_names).ravel()]
    if len(names) != n_features:
        raise ValueError(f"feature_names holds {len(names)} names; the model has {n_features}")
    return names


def _known_names(estimator: Any, n_features: int) -> list[str]:
    known: NDArray[Any] | None = getattr(last_step(estimator), "feature_names_in_", None)
    if known is None and hasattr(estimator, "steps"):
        try:
            known = estimator[:-1].get_feature_names_out()
        except (AttributeError, ValueError):  # a step cannot tell
            known = None
    if known is None:
        known = np.char.add("x", np.arange(n_features).astype(str))
    return [str(name) for name in known]
