from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stored = NDArray[Any]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.int8]

def gradient_descent(
    X: Stored,
    y: NDArray[np.uint8],
    y_type: int,
    sample_weight: Doubles | None,
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
    gradient: Doubles,
    history: Doubles,
    observer: Callable[[int, float, float], bool] | None,
    pass_sums: Doubles,
    n_threads: int,
    workspace: Bytes,
    pass_center: Doubles | None = None,
    pass_unit: Doubles | None = None,
) -> tuple[int, str, float]: ...
