"""Dask arrays and data frames as blocks on workers, with labels and weights beside them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import add, getitem
from typing import Any

import numpy as np
from dask.delayed import Delayed
from distributed import Client
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.validation import _get_feature_names

from ..data.checks import (
    NUMBER_TYPES,
    STORAGE_TYPES,
    kind_of_labels,
    narrowed,
    numbers_alone,
    readable,
    refuse_masked,
    refuse_unknown_text,
    require_one_kind,
)
from ..data.distributed import Block, Blocks, Described
from ..data.in_parts import naming
from ..data.per_row import Kept, Made, PerRow
from ..data.sparse import SparseMatrix
from ..data.structure import rows_of
from .workers import DaskWorkers, client_or_default


def is_collection(X: Any) -> bool:
    """Whether X is one of Dask's."""
    return hasattr(X, "__dask_graph__")


def is_frame(X: Any) -> bool:
    """Whether a collection is a data frame."""
    return hasattr(X, "partitions") and hasattr(X, "columns")


def _is_delayed(given: Any) -> bool:
    """Whether this is one object to come, whose attributes are any that one asks for."""
    return isinstance(given, Delayed)


def require_table(X: Any) -> None:
    """Refuse what is neither a Dask array of rows nor a data frame.

    Raises
    ------
    TypeError
    """
    if _is_delayed(X) or getattr(X, "ndim", None) != 2:
        raise TypeError(f"X must be a Dask array of two dimensions or a Dask data frame; got {X!r}")


def with_all_columns(X: Any) -> Any:
    """A Dask array of which each block has all columns."""
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


class Table:
    """A Dask array or data frame whose blocks of rows are on workers.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame
        Of which each block has all columns, or is given them.
    client : distributed.Client or None

    Raises
    ------
    TypeError
        If X is neither.
    RuntimeError
        If there is no client.
    ValueError
        If X has no rows, holds what is no number, or a block has other columns or another type
        than the first: naming it.
    """

    def __init__(self, X: Any, client: Client | None) -> None:
        require_table(X)
        frame = is_frame(X)
        kind = "partition" if frame else "block"
        parts = _parts(X if frame else with_all_columns(X))
        self.names = [f"{kind} {k}" for k in range(len(parts))]
        self.workers = DaskWorkers(client_or_default(client), self.names)
        made = Made(_block_of, (Kept(parts), Kept(self.names)))
        (given, described), handles = self.workers.run(*made.needs(), _joined_lists, keep=True)
        self.described: Sequence[Described] = described
        self.present = [k for k, block in enumerate(described) if block.n_samples]
        if not self.present:
            raise ValueError("X has no rows")
        alike(described, given)
        kept = Made(getitem, (Kept([handles[k] for k in self.present]), 1))
        blocks = Blocks(self.workers, kept, [described[k] for k in self.present])
        if not blocks.sparse and len({block.dtype for block in blocks.described}) > 1:
            common = blocks.dtype  # int32 at most, of the types that integers are stored as
            blocks = blocks.mapped(_converted, common if common in STORAGE_TYPES else np.float32)
        blocks.columns = _get_feature_names(X._meta) if frame else None
        self.blocks = blocks

    def labels(self, y: Any) -> PerRow:
        """y by block.

        Raises
        ------
        ValueError
            If it does not fit X, or a label is missing: naming block and row; or if one block has
            text and another numbers.
        """
        return self._told(y, "y", _labels)

    def weights(self, sample_weight: Any) -> PerRow | None:
        """Sample weights by block, in float64.

        Raises
        ------
        ValueError
            If they do not fit X, or one is negative or not finite: naming block and row.
        """
        if sample_weight is None:
            return None
        return self._told(sample_weight, "sample_weight", _weights)

    def _told(self, values: Any, what: str, check: Any) -> PerRow:
        lengths = [block.n_samples for block in self.described]
        parts = Kept(self._parts_of(values, what, lengths))
        made = Made(_checked, (check, what, parts, Kept(lengths), Kept(self.names)))
        kinds, handles = self.workers.run(*made.needs(), add, keep=True)
        require_one_kind(*([of[k] for k in self.present] for of in (self.names, kinds)))
        kept = Made(getitem, (Kept([handles[k] for k in self.present]), 1))
        return self.blocks.per_row(kept, (len(self.blocks),))

    def _parts_of(self, values: Any, what: str, lengths: list[int]) -> list[Any]:
        """One thing for each block of X."""
        n_rows = sum(lengths)
        if _is_delayed(values):
            raise TypeError(f"{what} is a Delayed: give a Dask array, or compute it first")
        if not is_collection(values):
            if what == "sample_weight" and np.ndim(values) == 0:
                values = np.full(n_rows, values)
            refuse_masked(values, what)
            array = np.asarray(values)
            if array.ndim != 1 and array.shape != (n_rows, 1):
                raise ValueError(f"{what} has shape {array.shape}; X has {n_rows} rows")
            array = column_or_1d(array, warn=True)
            _require_rows(what, len(array), n_rows)
            ends = np.cumsum(lengths)
            return [array[end - length : end] for end, length in zip(ends, lengths, strict=True)]
        if getattr(values, "ndim", 1) != 1 and values.shape[1:] != (1,):
            raise ValueError(f"{what} has {prod(values.shape[1:])} columns; give one")
        known = hasattr(values, "chunks") and not np.isnan(values.chunks[0]).any()
        if not known:
            parts = _parts(values)
            if len(parts) != len(lengths):
                raise ValueError(
                    f"{what} is in {len(parts)} parts and X in {len(lengths)}; give both the same"
                )
            return parts
        _require_rows(what, values.shape[0], n_rows)
        some = iter(_parts(values.rechunk({0: tuple(length for length in lengths if length)})))
        return [next(some) if length else np.empty(0) for length in lengths]


def _parts(collection: Any) -> list[Any]:
    """Of an array or a data frame, the one of each block of rows, as what is yet to be made."""
    return list(np.ravel(np.asarray(collection.to_delayed(), dtype=object)))


def _require_rows(what: str, found: int, n_rows: int) -> None:
    if found != n_rows:
        raise ValueError(f"inconsistent numbers of samples: X has {n_rows} rows, {what} {found}")


def alike(described: Sequence[Described], given: Sequence[np.dtype[Any]]) -> None:
    """Refuse blocks of other columns or another type than the first with rows."""
    pairs = [pair for pair in zip(described, given, strict=True) if pair[0].n_samples]
    first, dtype = pairs[0]
    for block, own in pairs:
        if block.n_features != first.n_features:
            raise ValueError(
                f"{block.name} has {block.n_features} columns, {first.name} {first.n_features}"
            )
        if own != dtype:
            raise ValueError(f"{block.name} holds {own}, {first.name} {dtype}")
        if (block.n_entries is None) != (first.n_entries is None):
            raise ValueError(f"of {block.name} and {first.name} one is sparse, the other dense")


def _block_of(X: Any, name: str) -> tuple[tuple[list[Any], list[Described]], Block]:
    """A block as it is stored, of which passes are to be made; its first type, what it is like."""
    with naming(name), numbers_alone(X):
        rows = check_array(
            rows_of(X), accept_sparse="csr", dtype=list(NUMBER_TYPES), ensure_all_finite=False,
            ensure_min_samples=0, input_name="X",
        )  # fmt: skip
    given = rows.dtype
    if issparse(rows):
        rows = rows.astype(np.float32) if given == np.float16 else rows  # SciPy knows no float16
        block = Block(SparseMatrix.of(rows, 1), name)
    else:
        block = Block(readable(narrowed(rows)), name)
    return ([given], [block.described]), block


def _converted(block: Block, dtype: Any) -> Block:
    assert isinstance(block.X, np.ndarray)
    return Block(block.X.astype(dtype, copy=False), block.name)


def _joined_lists(one: Any, other: Any) -> Any:
    return tuple(map(add, one, other))


def _checked(
    check: Any, what: str, values: Any, n_rows: int, name: str
) -> tuple[list[str], NDArray[Any]]:
    """What is told of the rows of a block, found to fit it, after what kind it is of."""
    with naming(name):
        refuse_masked(values, what)
        array = np.asarray(values)
        array = array.ravel() if array.ndim == 2 and array.shape[1] == 1 else array
        if array.shape != (n_rows,):
            raise ValueError(f"{what} has shape {array.shape}; X has {n_rows} rows there")
        return [kind_of_labels(array)], check(array)


def _labels(y: NDArray[Any]) -> NDArray[Any]:
    refuse_unknown_text(y)
    if y.dtype == object:  # one by one: whether pandas' NA is unlike itself, it does not say
        missing = np.array([n is None or is_pandas_na(n) or n != n for n in y], dtype=bool)
    else:
        with np.errstate(invalid="ignore"):
            missing = np.asarray(y != y, dtype=bool)
    places = np.flatnonzero(missing)
    if places.size:
        raise ValueError(f"y lacks a label in row {places[0]}: it is {y[places[0]]}")
    return y


def _weights(weight: NDArray[Any]) -> NDArray[np.float64]:
    if weight.dtype.kind in "cSUTmM":
        raise TypeError(f"sample_weight holds {weight.dtype}, not numbers")
    numbers = np.ascontiguousarray(weight, dtype=np.float64)
    places = np.flatnonzero(~((numbers >= 0) & np.isfinite(numbers)))
    if places.size:
        raise ValueError(
            f"sample_weight is {numbers[places[0]]} in row {places[0]}; weights must be finite and "
            "not negative"
        )
    return numbers
