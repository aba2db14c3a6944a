"""X and y as estimators are given them: scikit-learn's checks, and the data that passes read."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_n_features, validate_data

from .data.arguments import data_of
from .data.checks import NUMBER_TYPES, numbers_alone, refuse_masked, refuse_unknown_text
from .data.dense import DenseMatrix
from .data.distributed import Blocks
from .data.parts import Parts
from .data.protocol import Data
from .data.structure import rows_of

Method = TypeVar("Method", bound=Callable[..., Any])

#: What needs no conversion.
PLAIN = (np.ndarray, csr_array, csr_matrix)


def training_data(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    n_jobs: int | None,
    *,
    reset: bool = True,
    dense: type[DenseMatrix] = DenseMatrix,
) -> tuple[Data, NDArray[Any]]:
    """What `fit` is given; if `reset`, the estimator learns the number and names of X's columns.

    A dense X becomes data of the type `dense`.

    Raises
    ------
    TypeError, ValueError
        If X or y cannot be used.
    """
    if isinstance(X, Blocks):
        _check_columns(estimator, X, reset=reset)
        return data_of(X, n_jobs), y
    _refuse_unusable(y)
    if isinstance(X, Parts):
        hint = "; parts that hold it have it as X.y"
        target: NDArray[Any] = column_or_1d(present(estimator, y, hint), warn=True)
        check_consistent_length(X, target)
        _check_columns(estimator, X, reset=reset)
        return data_of(X, n_jobs), target
    if not reset and _known(estimator, X, y):
        return data_of(rows_of(X), n_jobs, dense), y
    with numbers_alone(X):
        array, target = validate_data(
            estimator, rows_of(X), y, reset=reset, accept_sparse="csr", dtype=list(NUMBER_TYPES),
            ensure_all_finite=False,
        )  # fmt: skip
    return data_of(array, n_jobs, dense), target


def _refuse_unusable(y: Any) -> None:
    """Refuse labels that are masked or missing, as far as a type of its own says so, or unknown."""
    refuse_masked(y, "y")
    refuse_unknown_text(y)
    if hasattr(y, "isna") and np.any(y.isna()):
        raise ValueError("y has missing labels (NaN or NA): leave out such rows")


def validate_parameters(estimator: BaseEstimator) -> None:
    """As scikit-learn does, but once: that takes longer than ten rows do.

    Raises
    ------
    InvalidParameterError
        If a parameter is none that it may be.
    """
    told = [getattr(estimator, name) for name in estimator._parameter_constraints]
    known = getattr(estimator, "_validated", ())
    if [*map(id, told)] != [*map(id, known)]:
        estimator._validate_params()
        estimator._validated = told


def new_data(estimator: BaseEstimator, X: Any, n_jobs: int | None) -> Data:
    """What a fitted estimator is to predict of.

    Raises
    ------
    TypeError, ValueError
        If X cannot be used, or has other columns than `fit` was given.
    """
    if isinstance(X, Parts | Blocks):
        _check_columns(estimator, X, reset=False)
        return data_of(X, n_jobs)
    with numbers_alone(X):
        array = validate_data(
            estimator, rows_of(X), reset=False, accept_sparse="csr", dtype=list(NUMBER_TYPES),
            ensure_all_finite=False,
        )  # fmt: skip
    return data_of(array, n_jobs)


def unchanged_by_errors(method: Method) -> Method:
    """A method after whose errors the estimator is as it was before."""

    @wraps(method)
    def wrapper(estimator: Any, *args: Any, **arguments: Any) -> Any:
        before = dict(vars(estimator))
        try:
            return method(estimator, *args, **arguments)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return cast(Method, wrapper)


def _known(estimator: Any, X: Any, y: Any) -> bool:
    """Whether X is plain rows as the estimator knows them, and y numbers of classes.

    To find that out takes a hundredth of the time of scikit-learn's checks, which would find
    nothing else: with rows that come by few, they would take most of all.
    """
    if type(X) not in PLAIN or X.ndim != 2 or X.dtype not in NUMBER_TYPES:
        return False
    if type(y) is not np.ndarray or y.ndim != 1 or y.dtype.kind not in "biu":
        return False
    same = X.shape == (len(y), getattr(estimator, "n_features_in_", 0)) and len(y) > 0
    return same and not hasattr(estimator, "feature_names_in_")


def present(estimator: BaseEstimator, y: Any, hint: str = "") -> Any:
    """A y that was given.

    Raises
    ------
    ValueError
        If it was not.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None{hint}"
        )
    return y


def _check_columns(estimator: Any, X: Parts | Blocks, *, reset: bool) -> None:
    """Number and names of the columns: learnt if `reset`, else held to those that `fit` was given.

    Raises
    ------
    ValueError
        If they are others.
    """
    _check_n_features(estimator, X, reset=reset)
    names = None if X.columns is None else np.asarray(X.columns, dtype=object)
    if not reset:
        known = getattr(estimator, "feature_names_in_", None)
        if names is not None and known is not None and not np.array_equal(names, known):
            place = np.flatnonzero(names != known)[0]
            raise ValueError(
                "The feature names should match those that were passed during fit: column "
                f"{place} is {names[place]!r}, it was {known[place]!r}"
            )
    elif names is not None:
        estimator.feature_names_in_ = names
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
