"""Arguments of the public functions, checked: each error names one and the fix."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array

from .checks import (
    NUMBER_TYPES,
    check_storage,
    check_target,
    narrowed,
    numbers_alone,
    readable,
    real_numbers,
    refuse_what_is_no_number,
)
from .dense import DenseMatrix
from .distributed import Blocks, DistributedMatrix
from .partitioned import DenseParts, SparseParts
from .parts import Parts
from .protocol import Data
from .sparse import SparseMatrix
from .structure import rows_of
from .target import Link, Target

Doubles = NDArray[np.float64]


def vector_of(values: ArrayLike, name: str, length: int) -> Doubles:
    """A finite float64 vector of a given length."""
    vector = np.ascontiguousarray(real_numbers(values, name), dtype=np.float64)
    if vector.shape != (length,):
        raise ValueError(f"{name} has shape {vector.shape}; expected ({length},)")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} contains NaN or infinity; remove or replace it")
    return vector


def number_of(value: float, name: str, low: float = -np.inf, *, above: bool = False) -> float:
    """A finite number of at least (or above) low."""
    if not isinstance(value, (float, Real)):  # the first is quick to tell
        refuse_what_is_no_number(np.asarray(value), name)
        if np.ndim(value) or value is None:
            raise TypeError(f"{name}={value!r} must be a number")
    number = float(value)
    if not np.isfinite(number) or number < low or (above and number == low):
        bound = "" if low == -np.inf else f" {'above' if above else 'of at least'} {low:g}"
        raise ValueError(f"{name}={value!r} must be a finite number{bound}")
    return number


def count_of(value: int, name: str, least: int, otherwise: str = "") -> int:
    """A whole number of at least `least`."""
    if not isinstance(value, (int, Integral)) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}{otherwise}")
    return int(value)


def data_of(X: Any, n_threads: int | None, dense: type[DenseMatrix] = DenseMatrix) -> Data:
    """A table of numbers as data: the one place that asks how X is stored.

    Dense (as data of the type `dense`), or by rows in order (`structure.rows_of`), and of one of
    NUMBER_TYPES; or in parts, here or on workers.
    """
    if isinstance(X, Blocks):
        return DistributedMatrix(X, n_threads)
    if isinstance(X, Parts):
        if X.n_entries is None:
            return DenseParts(X, n_threads)
        return SparseParts(X, n_threads)
    if issparse(X):
        return SparseMatrix.of(X, n_threads)
    return dense(readable(narrowed(X)), n_threads)


def matrix_of(X: Any, n_threads: int | None) -> DenseMatrix | SparseMatrix:
    """An argument X, checked, with its threads."""
    if n_threads is not None:
        count_of(n_threads, "n_threads", 1, ", or None for all usable cores")
    if not issparse(X):
        return DenseMatrix(check_storage(X), n_threads)
    with numbers_alone(X):
        rows = check_array(
            rows_of(X), accept_sparse="csr", dtype=list(NUMBER_TYPES), ensure_all_finite=False,
            input_name="X",
        )  # fmt: skip
    return SparseMatrix.of(rows, n_threads)


def weight_of(sample_weight: ArrayLike | None, n_samples: int) -> Doubles | None:
    if sample_weight is None:
        return None
    weight = vector_of(sample_weight, "sample_weight", n_samples)
    largest = weight.max()
    if weight.min() < 0 or largest == 0:
        raise ValueError("sample_weight must not be negative, and must not be zero throughout")
    shares: Doubles = weight / largest  # the results are means, which know no unit of weight
    return shares


def target_of(y: ArrayLike, sample_weight: ArrayLike | None, n_samples: int, link: Link) -> Target:
    """What decision values are held to."""
    weight = weight_of(sample_weight, n_samples)
    return Target(check_target(y, n_samples), weight, link)
