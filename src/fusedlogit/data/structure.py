"""What a sparse X may be stored as: found sound before anything is read, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse as scipy_sparse

from .._kernels import sparse as kernels
from ..runtime.threads import threads_for, threads_now
from .checks import narrowed

Sparse = Any  # scipy.sparse.sparray or spmatrix

#: Entries of a column from which on it does not matter how many they are.
MANY_ROWS = (1 << 16) - 1

#: Entries that sums of columns take at once.
AT_ONCE = 1 << 22


def rows_of(X: Any, n_threads: int | None = None) -> Any:
    """X itself; a sparse one by rows (CSR), each with its columns in order and none twice.

    CSR that is so already is not copied. Other formats are converted once, by SciPy; where indices
    are unordered or repeat, one copy has them in order and their values added up. So many threads
    look; None: all usable cores.

    Raises
    ------
    ValueError
        If row pointers fall or overrun, or an index is negative or beyond the last column.
    """
    if not scipy_sparse.issparse(X) or X.ndim != 2:
        return X
    if X.format in ("csr", "csc"):
        ordered = in_order(X, n_threads)
    else:
        if X.format == "bsr":
            X.check_format(full_check=True)
        elif X.format == "coo":
            _check_coordinates(X)
        ordered = False
    if X.dtype == np.float16 and not (X.format == "csr" and ordered):
        X = X.astype(np.float32)  # SciPy computes in no such type
    rows = X.tocsr(copy=False)
    if X.format == "csr" and not ordered:
        rows = _in_order(rows)
    elif not ordered:
        rows.sum_duplicates()
    return rows


def in_order(X: Sparse, n_threads: int | None = None) -> bool:
    """Whether indices are in order and none twice, along rows (CSR) or columns (CSC).

    Raises
    ------
    ValueError
        As by `rows_of`.
    """
    by_rows = X.format == "csr"
    major, minor = X.shape if by_rows else X.shape[::-1]
    names = ("row", "column") if by_rows else ("column", "row")
    indptr, indices = index_arrays(X)
    if len(indptr) != major + 1:
        raise ValueError(
            f"indptr of the sparse X has length {len(indptr)}; {major} {names[0]}s need {major + 1}"
        )
    if len(X.data) != len(indices):
        raise ValueError(
            f"the sparse X has {len(indices)} indices and {len(X.data)} values; they must be as "
            "many"
        )
    places = np.empty((threads_now(threads_for(n_threads, len(indices), 1)), 2), dtype=np.intp)
    fault, line, place = kernels.structure(indptr, indices, minor, places)
    if line >= 0:
        raise ValueError(
            f"indptr of the sparse X is broken at {names[0]} {line}: from {indptr[line]} to "
            f"{indptr[line + 1]}; it must start at 0, never fall, and end within the "
            f"{len(indices)} indices"
        )
    if place >= 0:
        line = int(np.searchsorted(indptr, place, side="right")) - 1
        raise ValueError(
            f"the sparse X has {names[1]} index {indices[place]} in {names[0]} {line}; it must lie "
            f"in [0, {minor - 1}]"
        )
    return bool(fault == kernels.SOUND)


def _check_coordinates(X: Sparse) -> None:
    """Refuse coordinates outside of X."""
    for axis, name in enumerate(("row", "column")):
        indices = X.coords[axis]
        if indices.size and not (indices.min() >= 0 and indices.max() < X.shape[axis]):
            raise ValueError(f"the sparse X has a {name} index outside [0, {X.shape[axis] - 1}]")


def _in_order(X: Sparse) -> Sparse:
    """A copy with indices in order, and what repeats added up as SciPy does."""
    X = X.copy()
    X.has_canonical_format = X.has_sorted_indices = False  # flags may be stale
    X.sum_duplicates()
    return X


def index_arrays(X: Sparse) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Row pointers and indices as kernels take them."""
    indices = np.asarray(X.indices)
    if indices.dtype not in (np.int32, np.int64) or not indices.dtype.isnative:
        indices = indices.astype(np.int64)
    indptr = np.require(X.indptr, np.int64, ["C", "A"])
    return indptr, np.require(indices, requirements=["C", "A"])


def value_array(values: NDArray[Any]) -> NDArray[Any] | None:
    """Values as kernels read them; None where all are one."""
    if values.size == 0 or ((values[:1000] == 1).all() and (values == 1).all()):
        return None
    values = narrowed(values)
    return np.require(values, values.dtype.newbyteorder("="), ["C", "A"])


def sums_by_column(
    indices: NDArray[Any], n_features: int, values: NDArray[Any] | None = None
) -> NDArray[Any]:
    """The sum of the values of each column; of ones, as integers, if there are none."""
    total = np.zeros(n_features, np.intp if values is None else np.float64)
    for begin in range(0, len(indices), AT_ONCE):  # which takes 16 bytes an entry
        some = slice(begin, begin + AT_ONCE)
        total += np.bincount(indices[some], None if values is None else values[some], n_features)
    return total


def by_count(
    indices: NDArray[Any], n_features: int
) -> tuple[NDArray[np.intp], NDArray[np.int32]] | None:
    """Columns with an entry, those with the most first, and indices that count them so.

    None where they lie so already.
    """
    count = sums_by_column(indices, n_features)
    rank = (MANY_ROWS - np.minimum(count, MANY_ROWS)).astype(np.uint16)  # sorted by digits
    order = np.argsort(rank, kind="stable")[: np.count_nonzero(count)]
    if np.array_equal(order, np.arange(n_features)):
        return None
    place = np.zeros(n_features, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return order, place[indices]


def kept_columns(
    indptr: NDArray[np.int64],
    indices: NDArray[Any],
    values: NDArray[Any] | None,
    n_features: int,
    features: NDArray[np.intp],
    n_threads: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[Any] | None]:
    """Row pointers, indices and values of some columns, which ascend."""
    number = np.full(n_features, -1, np.int32)
    number[features] = np.arange(len(features), dtype=np.int32)
    pointers = np.zeros(len(indptr), np.int64)

    def keep(n_kept: int) -> tuple[NDArray[np.int32], NDArray[Any]]:
        kept = np.empty(n_kept, np.int32)
        own = np.empty(0, np.uint8) if values is None else np.empty(n_kept, values.dtype)
        in_bytes = own.view(np.uint8)
        kernels.keep_columns(indptr, indices, values, number, pointers, kept, in_bytes, n_threads)
        return kept, own

    keep(0)  # counts
    np.cumsum(pointers, out=pointers)
    kept, own = keep(int(pointers[-1]))
    return pointers, kept, None if values is None else own
