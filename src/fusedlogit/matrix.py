"""The data matrix: the few verbs behind which solvers need not know how X is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from ._kernels import dense, loops
from .scratch import scratch
from .threads import threads_for, threads_now

Doubles = NDArray[np.float64]
Observer = Callable[[int, float, float], bool]

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

#: dtypes that kernels know under another name of the same size.
KERNEL_VIEWS = {np.dtype(np.float16): np.int16, np.dtype(np.bool_): np.uint8}


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
        If it holds text, complex numbers or dates.
    """
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
        If it holds text, complex numbers or dates.
    """
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
    if X.dtype.kind not in "iu" or X.dtype in STORAGE_TYPES:
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
        return X
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
    return y.view(np.uint8), TARGET_TYPES.index(y.dtype.name)


def raise_if_outside(y: NDArray[Any]) -> None:
    """Refuse a y of which a value does not lie in [0, 1], naming the first."""
    outside = np.flatnonzero(~((y >= 0) & (y <= 1)))
    if outside.size:
        raise ValueError(
            f"y contains {y[outside[0]]} in row {outside[0]}; it must lie in [0, 1]: "
            "0 and 1 for the classes, between for soft labels"
        )


def stored_matrix(X: NDArray[Any]) -> NDArray[Any]:
    """X as kernels are given it."""
    return X.view(KERNEL_VIEWS.get(X.dtype, X.dtype))


def first_nonfinite(X: NDArray[Any], n_threads: int | None = None) -> tuple[int, int]:
    """Row and column of the first NaN or infinity in X, by rows; -1 and -1 if there is none."""
    places = np.empty((threads_now(threads_for(n_threads, *X.shape)), 2), dtype=np.intp)
    return dense.first_nonfinite(stored_matrix(X), places)


class PassOverflowError(ValueError):
    """X and the coefficients are finite, but too large together."""


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
    if X is not None and row >= 0:
        raise ValueError(
            f"Input X contains NaN or infinity: {X[row, column]} in row {row}, column {column}. "
            "Remove or impute such rows first."
        )
    raise PassOverflowError(
        "the decision values X w + b overflow, or the gradient does; "
        "use scaling='standard' or smaller numbers in X"
    )


class DenseMatrix:
    """A dense X with the threads of its passes.

    Every verb but `decision_values` works on one coefficient vector and returns sums over rows,
    not means. `n_passes` counts how often X was read. Verbs that are told to be `precise` multiply
    in float64 whatever X is stored as.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        As `check_storage` returns it. Never copied, converted or written to.
    n_threads : int or None
        None for all usable cores.
    source : ndarray, optional
        What X was taken from: errors name rows and columns of it.
    center, unit : ndarray of shape (n_features,), optional
        All verbs are then about the features (x - center) unit, in float64; unit holds powers of
        two. `moments` alone is about x.
    """

    def __init__(
        self,
        X: NDArray[Any],
        n_threads: int | None = None,
        source: NDArray[Any] | None = None,
        center: Doubles | None = None,
        unit: Doubles | None = None,
    ) -> None:
        self.X = X
        self.source = X if source is None else source
        self.center, self.unit = center, unit
        self._known_finite = not np.issubdtype(X.dtype, np.floating)
        self._stored = stored_matrix(X)
        self.n_samples, self.n_features = X.shape
        self._n_threads = threads_for(n_threads, *X.shape)
        self.n_passes = 0.0
        self._workspace_size = dense.workspace_size(self.n_features, 1, self._n_threads)

    @property
    def n_threads(self) -> int:
        """Threads of the next pass: after a fork, perhaps one."""
        return threads_now(self._n_threads)

    def features(self, center: Doubles, unit: Doubles) -> DenseMatrix:
        """The same X, its features centred and in units."""
        matrix = DenseMatrix(self.X, self._n_threads, self.source, center, unit)
        matrix.n_passes = self.n_passes
        return matrix

    def count(self, part: DenseMatrix) -> None:
        """Add the passes over a part of X, and its making, as fractions of a pass."""
        share = part.X.size / self.X.size
        self.n_passes += (part.n_passes + 1) * share

    @property
    def computes_in_float64(self) -> bool:
        """Whether all passes multiply in float64, and not in float32."""
        return self.X.dtype == np.float64 or self.unit is not None

    def _frame(self, precise: bool) -> tuple[Doubles | None, Doubles | None]:
        """Center and unit as a kernel is to be given them."""
        if precise and not self.computes_in_float64:
            return np.zeros(self.n_features), np.ones(self.n_features)
        return self.center, self.unit

    def _run(self, kernel: Callable[..., Any], *arguments: Any, precise: bool = False) -> Any:
        """Call a kernel on X, with threads and scratch memory."""
        with scratch(self._workspace_size) as workspace:
            return kernel(
                self._stored, *arguments, self.n_threads, workspace, *self._frame(precise)
            )

    def _check(self, *sums: ArrayLike, y: NDArray[Any] | None = None) -> None:
        """Raise where a sum is not finite; look for the culprit unless it can but be the size."""
        raise_if_nonfinite(None if self._known_finite else self.source, *sums, y=y)
        self._known_finite = True

    def decision_values(self, coef: Doubles, intercept: float, *, precise: bool = False) -> Doubles:
        """X coef + intercept, of shape (n_samples,)."""
        decision: Doubles = np.empty(self.n_samples)
        self._run(
            dense.decision_values, coef[None], np.array([intercept]), decision[None],
            precise=precise,
        )  # fmt: skip
        self.n_passes += 1
        self._check(decision)
        return decision

    def loss(
        self, y: NDArray[Any], sample_weight: Doubles | None, coef: Doubles, intercept: float
    ) -> float:
        """Sum of the weighted log losses."""
        total = np.empty(1)
        self._run(
            dense.loss, *stored_target(y), sample_weight, coef[None], np.array([intercept]), total
        )
        self.n_passes += 1
        self._check(total, y=y)
        return float(total[0])

    def loss_and_gradient(
        self,
        y: NDArray[Any],
        sample_weight: Doubles | None,
        coef: Doubles,
        intercept: float,
        decision: Doubles | None = None,
        *,
        precise: bool = False,
    ) -> tuple[float, Doubles, float]:
        """Sum of the weighted log losses, its gradient, and its derivative in the intercept.

        The decision values of the pass are written to `decision` (n_samples,), if given.
        """
        total, intercept_gradient = np.empty(1), np.empty(1)
        gradient = np.empty((1, self.n_features))
        self._run(
            dense.loss_and_gradient, *stored_target(y), sample_weight, coef[None],
            np.array([intercept]), total, gradient, intercept_gradient,
            None if decision is None else decision[None], precise=precise,
        )  # fmt: skip
        self.n_passes += 1
        self._check(total, gradient, y=y)
        return float(total[0]), gradient[0], float(intercept_gradient[0])

    def row_sum(self, factor: Doubles, *, precise: bool = False) -> tuple[Doubles, float]:
        """[X, 1]^T factor, of n_features and the intercept."""
        return self.hessian_product(factor, np.zeros(self.n_features), 1.0, precise=precise)

    def sample(self, rows: NDArray[np.intp]) -> DenseMatrix:
        """Some of the rows, copied, as a matrix of their own."""
        return DenseMatrix(self.X[rows], self._n_threads, self.source, self.center, self.unit)

    def columns(self, features: NDArray[np.intp]) -> DenseMatrix:
        """Some of the columns, copied, as a matrix of their own."""
        center = None if self.center is None else self.center[features]
        unit = None if self.unit is None else self.unit[features]
        columns = np.ascontiguousarray(self.X[:, features])
        return DenseMatrix(columns, self._n_threads, self.source, center, unit)

    def tile(self, features: slice, dtype: type) -> NDArray[Any]:
        """Some of the columns, converted."""
        if self.center is None or self.unit is None:
            return self.X[:, features].astype(dtype)
        tile = (self.X[:, features] - self.center[features]) * self.unit[features]
        return tile.astype(dtype, copy=False)

    def hessian_product(
        self,
        curvature: Doubles,
        vector: Doubles,
        vector_intercept: float,
        *,
        precise: bool = False,
    ) -> tuple[Doubles, float]:
        """[X, 1]^T diag(curvature) [X, 1] times a vector."""
        product, intercept_product = np.empty((1, self.n_features)), np.empty(1)
        self._run(
            dense.hessian_product, curvature[None], vector[None], np.array([vector_intercept]),
            product, intercept_product, precise=precise,
        )  # fmt: skip
        self.n_passes += 1
        self._check(product)
        return product[0], float(intercept_product[0])

    def sandwich(
        self, row_weight: Doubles, about: Doubles | None = None, *, precise: bool = False
    ) -> Doubles:
        """[X, 1]^T diag(row_weight) [X, 1], of shape (n_features + 1, n_features + 1).

        If `about` (n_features,) is given, of features less that: their products keep the digits
        that tell rows apart.
        """
        product = np.empty((self.n_features + 1, self.n_features + 1))
        center, unit = self.center, self.unit
        if about is not None:
            center = about if center is None or unit is None else center + about / unit
            unit = np.ones(self.n_features) if unit is None else unit
        n_threads = self.n_threads
        with scratch(dense.sandwich_workspace_size(self.n_features, n_threads)) as workspace:
            dense.sandwich(
                self._stored, row_weight, product, n_threads, workspace, center, unit,
                precise or self.computes_in_float64,
            )  # fmt: skip
        self.n_passes += 1
        self._check(product)
        return product

    def moments(
        self, sample_weight: Doubles | None, unit: Doubles | None = None
    ) -> tuple[Doubles, Doubles]:
        """Weighted mean of each column, and variance of the column times `unit` (n_features,).

        Units are powers of two, which bring squares of very large or small numbers into range.
        """
        n_threads = self.n_threads
        sums = np.zeros((4, n_threads, self.n_features))
        weight = np.zeros(n_threads)
        dense.moments(self._stored, sample_weight, unit, sums, weight)
        self.n_passes += 1
        self._check(sums[0, 0], sums[1, 0])
        return sums[0, 0], sums[1, 0] / weight[0]

    def gradient_descent(
        self,
        y: NDArray[Any],
        sample_weight: Doubles | None,
        *,
        total_weight: float,
        center: Doubles,
        scale: Doubles,
        penalty: float,
        fit_intercept: bool,
        learning_rate: float,
        max_iter: int,
        tol: float,
        coef: Doubles,
        intercept: Doubles,
        observer: Observer | None,
    ) -> tuple[Doubles, str, float]:
        """Batch gradient descent in compiled code, on features (X - center) / scale.

        `coef` (n_features,) and `intercept` (1,) are updated in place.

        Returns
        -------
        history : ndarray of shape (n_iter,)
        outcome : str
        gradient_norm : float
        """
        history = np.empty(max_iter)
        n_iter, outcome, gradient_norm = self._run(
            loops.gradient_descent, *stored_target(y), sample_weight, total_weight, center, scale,
            penalty, fit_intercept, learning_rate, max_iter, tol, coef, intercept,
            np.empty(self.n_features), history, observer, np.empty((2, self.n_features)),
        )  # fmt: skip
        self.n_passes += n_iter
        if n_iter:
            self._check(history[0])
        return history[:n_iter], outcome, gradient_norm if n_iter else np.inf
