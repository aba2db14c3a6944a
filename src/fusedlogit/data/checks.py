"""What X and y may be stored as, and what is refused: the checks before any pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from .._kernels import dense, matrix
from ..errors import PassOverflowError
from ..runtime.threads import threads_for, threads_now

#: dtypes that kernels read as they lie; any other but integers is converted to the first.
STORAGE_TYPES = (
    np.float64, np.float32, np.float16, np.uint8, np.int8, np.uint16, np.bool_,
)  # fmt: skip

#: dtypes of X that are checked as they are: `narrowed` converts those that are not stored.
NUMBER_TYPES = (*STORAGE_TYPES, np.int16, np.int32, np.uint32, np.int64, np.uint64)

#: what integers are stored as, where it holds them
INTEGER_STORAGE = (np.uint8, np.int8, np.uint16)

#: float32 holds every integer up to here
MOST_IN_FLOAT32 = 1 << 24

#: dtypes that y is read in as it lies, and any other is converted to.
TARGET_TYPES: tuple[str, ...] = dense.TARGET_TYPES
_NUMBERS_OF_TYPES = {np.dtype(name): number for number, name in enumerate(TARGET_TYPES)}


def check_storage(X: ArrayLike) -> NDArray[Any]:
    """X as a two-dimensional array that the kernels can read, copied only if it must be.

    Raises
    ------
    TypeError
        If X is sparse, or holds objects that are no numbers.
    ValueError
        If X is not two-dimensional, has no rows or no columns, or is not numeric.
    """
    if isinstance(X, np.ndarray) and is_stored(X):
        return readable(X)  # at a glance: check_array takes as long as a pass over small data
    with numbers_alone(X):
        array: NDArray[Any] = check_array(
            X, dtype=list(NUMBER_TYPES), accept_sparse=False, ensure_all_finite=False,
            input_name="X",
        )  # fmt: skip
    return readable(narrowed(array))


@contextmanager
def numbers_alone(X: ArrayLike) -> Iterator[None]:
    """Refuse an X of text or complex numbers; name X, too, where it cannot be converted within."""
    refuse_fields(X, "X")
    refuse_what_is_no_number(X, "X")
    try:
        yield
    except (TypeError, ValueError) as error:
        if "could not convert" in str(error) or "float() argument" in str(error):
            message = f"X must hold numbers; NumPy says: {error}; encode it as numbers first"
            raise type(error)(message) from None
        raise


def refuse_what_is_no_number(values: ArrayLike, name: str) -> None:
    """Refuse an array, list or data frame of what NumPy would silently take for real numbers.

    Raises
    ------
    ValueError
        If it holds text, complex numbers or dates, or has masked values.
    """
    refuse_masked(values, name)
    array: Any = np.asarray(values) if isinstance(values, list | tuple) else values
    types = [array.dtype] if hasattr(array, "dtype") else getattr(array, "dtypes", [])
    kinds = {getattr(dtype, "kind", "") for dtype in types}
    if "c" in kinds:
        raise ValueError(f"Complex data not supported in {name}; take its real part first")
    if kinds & {"m", "M"}:
        raise ValueError(f"{name} holds dates or times; subtract one and divide by a unit first")
    if kinds & {"O", "S", "U", "T"}:
        text = first_text(np.asarray(array))
        if text is not None:
            raise ValueError(
                f"{name} must hold numbers, not text such as {text!r}; encode it as numbers first "
                "(astype(float), if it only looks like text)"
            )


def refuse_fields(values: object, name: str) -> None:
    """Refuse a structured array, which has fields in the place of columns.

    Raises
    ------
    ValueError
    """
    if getattr(getattr(values, "dtype", None), "names", None):
        raise ValueError(
            f"{name} is a structured array: make it a table of numbers by "
            "numpy.lib.recfunctions.structured_to_unstructured"
        )


def refuse_masked(values: object, name: str) -> None:
    """Refuse a masked array of which something is masked: NumPy would take what the mask hides.

    Raises
    ------
    ValueError
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked values: fill them in, or leave out such rows")


def first_text(values: NDArray[Any]) -> str | bytes | None:
    """The first text in an array; None if there is none."""
    texts = values.ravel() if values.dtype.kind == "O" else values.ravel()[:1]
    return next((value for value in texts.tolist() if isinstance(value, str | bytes)), None)


def real_numbers(values: ArrayLike, name: str) -> NDArray[Any]:
    """An array of integers, floats or bool.

    Raises
    ------
    TypeError
        If it holds objects that are no numbers.
    ValueError
        If it holds text, complex numbers or dates, or has masked values.
    """
    refuse_masked(values, name)
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    refuse_what_is_no_number(array, name)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must hold numbers; NumPy says: {error}") from None


def narrowed(X: NDArray[Any]) -> NDArray[Any]:
    """Integers of a type that is not stored in the narrowest one that holds them; other X itself.

    That is one of INTEGER_STORAGE, else float32, else float64, which rounds beyond 2**53. One copy.
    """
    if X.dtype.kind not in "iu" or X.dtype in STORAGE_TYPES or X.size == 0:
        return X
    low, high = int(X.min()), int(X.max())
    for dtype in INTEGER_STORAGE:
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return X.astype(dtype)
    exact = max(-low, high) <= MOST_IN_FLOAT32
    return X.astype(np.float32 if exact else np.float64)


def is_stored(X: NDArray[Any]) -> bool:
    """Whether X is a table of one of STORAGE_TYPES, and no subclass that means more by it."""
    plain = type(X) in (np.ndarray, np.memmap)
    return plain and X.ndim == 2 and X.size > 0 and X.dtype in STORAGE_TYPES


def readable(X: NDArray[Any]) -> NDArray[Any]:
    """X itself if elements are adjacent along its rows or columns, aligned, in native order.

    Otherwise a copy.
    """
    multiples = all(stride % X.itemsize == 0 for stride in X.strides)
    adjacent = X.itemsize in X.strides or 1 in X.shape
    if multiples and adjacent and X.flags.aligned and X.dtype.isnative:
        # A native order that is told, as h5py does, is none that kernels know by name.
        return X if X.dtype.byteorder in "=|" else X.view(X.dtype.newbyteorder("="))
    return np.require(X, dtype=X.dtype.newbyteorder("="), requirements=["C", "A"])


def check_target(y: ArrayLike, n_samples: int) -> NDArray[Any]:
    """y as a vector that the kernels can read, copied only if it must be.

    Its values are left to the pass, whose loss is not finite where one is not in [0, 1].

    Raises
    ------
    TypeError
        If y holds objects that are no numbers.
    ValueError
        If y does not have the shape (n_samples,), or holds text, complex numbers or dates.
    """
    target = real_numbers(y, "y")
    if target.dtype == np.bool_:
        target = target.view(np.uint8)
    elif target.dtype.name not in TARGET_TYPES:
        target = target.astype(np.float64)
    target = np.require(target, dtype=target.dtype.newbyteorder("="), requirements=["C", "A"])
    if target.shape != (n_samples,):
        raise ValueError(f"y has shape {target.shape}; expected ({n_samples},)")
    return target


def stored_target(y: NDArray[Any]) -> tuple[NDArray[np.uint8], int]:
    """y as kernels are given it: its bytes and its place in TARGET_TYPES."""
    return y.view(np.uint8), _NUMBERS_OF_TYPES[y.dtype]


def raise_if_outside(y: NDArray[Any]) -> None:
    """Refuse a y of which a value does not lie in [0, 1], naming the first."""
    outside = np.flatnonzero(~((y >= 0) & (y <= 1)))
    if outside.size:
        raise ValueError(
            f"y contains {y[outside[0]]} in row {outside[0]}; it must lie in [0, 1]: "
            "0 and 1 for the classes, between for soft labels"
        )


def first_nonfinite(X: NDArray[Any], n_threads: int | None = None) -> tuple[int, int]:
    """Row and column of the first NaN or infinity in X, by rows; -1 and -1 if there is none."""
    places = np.empty((threads_now(threads_for(n_threads, *X.shape)), 2), dtype=np.intp)
    return matrix.first_nonfinite(X, places)


def raise_if_nonfinite(
    X: NDArray[Any] | None, *sums: ArrayLike, y: NDArray[Any] | None = None
) -> None:
    """Find the culprit when a sum of a pass came out as NaN or infinity; None is no suspect.

    Raises
    ------
    ValueError
        Naming the first value of y outside [0, 1], or the row and column of the first NaN or
        infinity in X.
    PassOverflowError
        If there is none.
    """
    if all(np.isfinite(value).all() for value in sums):
        return
    if y is not None:
        raise_if_outside(y)
    row, column = (-1, -1) if X is None else first_nonfinite(X)
    blame(None if X is None or row < 0 else (X[row, column], row, column))


def blame(culprit: tuple[Any, int, int] | None) -> NoReturn:
    """Raise for a sum that is not finite: of a value of X, its row and column, or of none."""
    if culprit is not None:
        value, row, column = culprit
        raise ValueError(
            f"Input X contains NaN or infinity: {value} in row {row}, column {column}. "
            "Remove or impute such rows first."
        )
    raise PassOverflowError(
        "the decision values X w + b overflow, or the gradient does: X and the coefficients are "
        "too large together: divide either by a large number"
    )


def refuse_unknown_text(y: object) -> None:
    """Refuse labels as NumPy's text of any length: scikit-learn's checks and scorers fail on it.

    Raises
    ------
    TypeError
    """
    if isinstance(y, np.ndarray) and y.dtype.kind == "T":
        raise TypeError(
            "y holds NumPy's StringDType, which scikit-learn does not know; give y.astype(object)"
        )


def kind_of_labels(y: NDArray[Any]) -> str:
    """Whether labels are text or numbers."""
    text = y.dtype.kind in "SUT" or any(isinstance(label, str) for label in y[:1])
    return "text" if text else "numbers"


def require_one_kind(names: Sequence[str], kinds: Sequence[str]) -> None:
    """Refuse parts whose labels are of another kind than those of the first: naming it.

    Raises
    ------
    ValueError
    """
    for name, kind in zip(names, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(f"{name} has {kind} for y, {names[0]} has {kinds[0]}")
