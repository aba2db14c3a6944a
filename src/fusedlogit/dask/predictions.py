"""Predictions of blocks, when Dask asks for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from ..data.in_parts import naming
from ..estimator import LogisticRegression
from .collections import is_frame, require_table, with_all_columns

#: Attributes that predictions need.
FITTED = ("coef_", "intercept_", "classes_", "n_features_in_", "feature_names_in_")


def fitted(model: Any) -> dict[str, Any]:
    """Attributes of a fitted model that predictions need.

    Raises
    ------
    sklearn.exceptions.NotFittedError
    """
    check_is_fitted(model)
    return {name: getattr(model, name) for name in FITTED if hasattr(model, name)}


def bare(model: Any) -> LogisticRegression:
    """A model that predicts the same with a task's threads, and knows nothing else: to be sent."""
    sent = LogisticRegression(
        threshold=model.threshold, n_jobs=1 if model.n_jobs is None else model.n_jobs
    )
    for name, value in fitted(model).items():
        setattr(sent, name, value)
    return sent


def predicted(model: LogisticRegression, X: Any, method: str) -> Any:
    """What a method says of each block, as a Dask array.

    Raises
    ------
    TypeError
        If X is no table.
    ValueError
        If X has other columns than the model; when it is computed, if a block cannot be used.
    """
    require_table(X)
    empty = _of_no_rows(model, method)
    if is_frame(X):
        _check_feature_names(model, X._meta, reset=False)
        return X.map_partitions(_of_block, model, method, empty, meta=empty, enforce_metadata=False)
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"X has shape {X.shape}, but the model expects {model.n_features_in_} features"
        )
    told = {"chunks": (X.chunks[0], empty.shape[1:])} if empty.ndim == 2 else {"drop_axis": 1}
    return with_all_columns(X).map_blocks(_of_block, model, method, empty, meta=empty, **told)


def _of_no_rows(model: LogisticRegression, method: str) -> NDArray[Any]:
    """What a method says of an empty X."""
    n_classes = len(model.classes_)
    if method == "predict":
        return np.empty(0, model.classes_.dtype)
    if method == "decision_function":
        return np.empty((0, n_classes) if n_classes > 2 else 0)
    return np.empty((0, n_classes))


def _of_block(
    X: Any, model: LogisticRegression, method: str, empty: NDArray[Any], block_id: Any = None
) -> NDArray[Any]:
    if X.shape[0] == 0:
        return empty
    with naming("partition" if block_id is None else f"block {block_id[0]}"):
        result: NDArray[Any] = getattr(model, method)(X)
    return result
