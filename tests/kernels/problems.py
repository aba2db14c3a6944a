"""Problems for the kernels: recipes small enough to print, from which the arrays follow."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from fusedlogit.data.checks import STORAGE_TYPES

from .contract import SUM_RTOL, VALUE_RTOL, compute_type

DTYPES = tuple(np.dtype(storage).name for storage in STORAGE_TYPES)

steady = settings(derandomize=True, max_examples=100)


def largest_of(dtype):
    """The size of the numbers that problems store as this dtype."""
    return float(np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else 1.0


def random_values(rng, shape, dtype):
    """Normal numbers, or integers over the whole range of the dtype."""
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def spoilt(shape, dtype):
    """An array of values that ruin every sum they get into."""
    return np.full(shape, np.nan if dtype.kind == "f" else largest_of(dtype), dtype=dtype)


def every_other_row(values):
    wide = spoilt((2 * len(values), values.shape[1]), values.dtype)
    wide[::2] = values
    return wide[::2]


def columns_of_wider(values):
    n_samples, d = values.shape
    wide = spoilt((n_samples, d + 7), values.dtype)
    wide[:, 3 : 3 + d] = values
    return wide[:, 3 : 3 + d]


def rows_reversed(values):
    return values[::-1].copy()[::-1]


def odd_start(values):
    flat = spoilt(values.size + 1, values.dtype)
    flat[1:] = values.ravel()
    return flat[1:].reshape(values.shape)


def read_only(values):
    values.flags.writeable = False
    return values


def fortran(values):
    return np.asfortranarray(values)


def fortran_rows_of_taller(values):
    return columns_of_wider(values.T).T


def fortran_columns_reversed(values):
    return rows_reversed(values.T).T


LAYOUTS = {
    layout.__name__: layout
    for layout in (
        np.copy,
        every_other_row,
        columns_of_wider,
        rows_reversed,
        odd_start,
        read_only,
        fortran,
        fortran_rows_of_taller,
        fortran_columns_reversed,
    )
}

WEIGHTS = {
    "none": lambda rng, n: None,
    "all zero": lambda rng, n: np.zeros(n),
    "some zero": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "fractions": lambda rng, n: rng.random(n),
    "repetitions": lambda rng, n: rng.integers(1, 5, n).astype(float),
    "one": lambda rng, n: (np.arange(n) == n // 2).astype(float),
    "tiny": lambda rng, n: 1e-20 * rng.random(n),
    "huge": lambda rng, n: 1e30 * rng.random(n),
    "many sizes": lambda rng, n: 10.0 ** rng.uniform(-12, 0, n),
}

TARGETS = {
    "classes": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "soft": lambda rng, n: rng.random(n),
}


@dataclass(frozen=True)
class Problem:
    """Data, coefficient vectors and a thread count; the same fields make the same arrays."""

    n_samples: int
    n_features: int
    dtype: str = "float64"
    layout: str = "copy"
    weights: str = "none"
    targets: str = "classes"
    n_coefs: int = 1
    n_threads: int = 1
    seed: int = 0
    x_size: float = 1.0
    coef_size: float = 1.0

    def _rng(self, purpose):
        return np.random.default_rng([self.seed, purpose])

    @cached_property
    def X(self):  # noqa: N802
        shape = self.n_samples, self.n_features
        values = random_values(self._rng(0), shape, self.dtype)
        if self.x_size != 1:
            values = (values * self.x_size).astype(self.dtype)
        return LAYOUTS[self.layout](values)

    @cached_property
    def y(self):
        return TARGETS[self.targets](self._rng(1), self.n_samples)

    @cached_property
    def weight(self):
        return WEIGHTS[self.weights](self._rng(2), self.n_samples)

    @cached_property
    def coef(self):
        spread = 2 * self.coef_size / largest_of(self.dtype) / np.sqrt(max(1, self.n_features))
        return self._rng(3).normal(0, spread, (self.n_coefs, self.n_features))

    @cached_property
    def intercept(self):
        return self._rng(4).standard_normal(self.n_coefs)

    @property
    def value_rtol(self):
        return VALUE_RTOL[compute_type(self.dtype)]

    @property
    def sum_rtol(self):
        return SUM_RTOL[compute_type(self.dtype)]

    @cached_property
    def row_weight(self):
        return np.ones(self.n_samples) if self.weight is None else self.weight

    @cached_property
    def magnitude(self):
        """|X| in float64."""
        return np.abs(self.X.astype(np.float64))

    @property
    def arguments(self):
        """What loss and loss_and_gradient take."""
        return self.X, self.y, self.weight, self.coef, self.intercept, self.n_threads


# The edges of groups, blocks, flushes and panels of rows; of registers and tiles of columns.
ROWS = st.sampled_from([0, 1, 2, 3, 4, 5, 127, 128, 129, 255, 256, 257, 511, 512, 513, 2049])
COLUMNS = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65])

problems = st.builds(
    Problem,
    n_samples=ROWS | st.integers(0, 700),
    n_features=COLUMNS | st.integers(0, 140),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(sorted(LAYOUTS)),
    weights=st.sampled_from(sorted(WEIGHTS)),
    targets=st.sampled_from(sorted(TARGETS)),
    n_coefs=st.integers(1, 4),
    n_threads=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
