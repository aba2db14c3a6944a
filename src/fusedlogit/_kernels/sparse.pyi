from typing import Any

import numpy as np
from numpy.typing import NDArray

Pointers = NDArray[np.int64]
Indices = NDArray[Any]
Values = NDArray[Any] | None
Doubles = NDArray[np.float64]

MOST_COEFS: int
MOST_ASCENTS: int
N_SUMS: int
SOUND: int
UNORDERED: int
OUTSIDE: int

def structure(
    indptr: Pointers, indices: Indices, n_features: int, places: NDArray[np.intp]
) -> tuple[int, int, int]: ...
def width_of(n_coefs: int) -> int: ...
def interleave(vectors: Doubles, wide: Doubles, n_threads: int) -> None: ...
def gather(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    coef: Doubles,
    intercept: Doubles,
    offset: Doubles | None,
    wide: Doubles,
    table: Doubles,
    first: int,
    n_threads: int,
) -> None: ...
def scatter(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    factor: Doubles,
    first: int,
    squared: bool,
    sums: Doubles,
    total: Doubles,
    n_threads: int,
) -> None: ...
def link(
    y: NDArray[np.uint8],
    y_type: int,
    sample_weight: Doubles | None,
    softmax: bool,
    table: Doubles,
    decision: Doubles | None,
    losses: Doubles,
    slopes: Doubles,
    block: Doubles,
    fold: NDArray[np.uint8] | None,
    held_out: NDArray[np.int32] | None,
) -> None: ...
def block_size(n_coefs: int) -> int: ...
def moments(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    sample_weight: Doubles | None,
    unit: Doubles | None,
    whole: float,
    n_seen: float,
    mean: Doubles,
    variance: Doubles,
    sums: Doubles,
) -> None: ...
def products(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    row_weight: Doubles,
    sums: Doubles,
    product: Doubles,
) -> None: ...
def keep_columns(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    number: NDArray[np.int32],
    kept_indptr: Pointers,
    kept_indices: NDArray[np.int32],
    kept_values: NDArray[np.uint8],
    n_threads: int,
) -> None: ...
def column_numbers(n_coefs: int) -> int: ...
def descend(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    y: NDArray[np.uint8],
    y_type: int,
    sample_weight: Doubles | None,
    first_rows: NDArray[np.intp],
    steps: Doubles,
    batch_rows: int,
    softmax: bool,
    row_share: float,
    l2: float,
    l1: float,
    penalty_share: float,
    intercept_gain: float,
    fit_intercept: bool,
    curvature: float,
    columns: Doubles,
    intercept: Doubles,
    sums: Doubles,
    told: Doubles,
    block: Doubles,
) -> float: ...
def reached(
    columns: Doubles, told: Doubles, l2: float, l1: float, averaged: bool, coef: Doubles
) -> None: ...
def ascend(
    indptr: Pointers,
    indices: Indices,
    values: Values,
    row: int,
    step: int,
    y: Doubles,
    told: Doubles,
    rows: Doubles,
    coef: Doubles,
) -> None: ...
