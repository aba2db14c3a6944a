import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MOST_ROWS: int

def workspace_size(n_features: int, n_coefs: int, n_directions: int) -> int: ...
def direction_numbers(n_features: int) -> int: ...
def descend(
    X: object,
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
    momentum: float,
    directions: Doubles,
    gains: Doubles,
    flat: Doubles,
    inverse: Doubles | None,
    intercept_gain: float,
    fit_intercept: bool,
    coef: Doubles,
    intercept: Doubles,
    velocity: Doubles | None,
    average: Doubles | None,
    n_averaged: float,
    tail: float,
    workspace: NDArray[np.int8],
    center: Doubles | None = None,
    unit: Doubles | None = None,
) -> tuple[float, int]: ...
