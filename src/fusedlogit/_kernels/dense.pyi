from typing import Any

import numpy as np
from numpy.typing import NDArray

Stored = NDArray[Any]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.int8]

TARGET_TYPES: tuple[str, ...]

def vector_level() -> str: ...
def workspace_size(n_features: int, n_coefs: int, n_threads: int) -> int: ...
def workspace_guards(n_features: int, n_coefs: int, n_threads: int) -> tuple[list[int], int]: ...
def decision_values(
    X: Stored,
    coef: Doubles,
    intercept: Doubles,
    decision: Doubles,
    n_threads: int,
    workspace: Bytes,
    center: Doubles | None = None,
    unit: Doubles | None = None,
    offset: Doubles | None = None,
) -> None: ...
def loss(
    X: Stored,
    y: NDArray[np.uint8],
    y_type: int,
    sample_weight: Doubles | None,
    coef: Doubles,
    intercept: Doubles,
    loss_sum: Doubles,
    n_threads: int,
    workspace: Bytes,
    center: Doubles | None = None,
    unit: Doubles | None = None,
    offset: Doubles | None = None,
    fold: NDArray[np.uint8] | None = None,
    held_out: NDArray[np.int32] | None = None,
) -> None: ...
def loss_and_gradient(
    X: Stored,
    y: NDArray[np.uint8],
    y_type: int,
    sample_weight: Doubles | None,
    coef: Doubles,
    intercept: Doubles,
    loss_sum: Doubles,
    gradient: Doubles,
    intercept_gradient: Doubles,
    decision: Doubles | None,
    n_threads: int,
    workspace: Bytes,
    center: Doubles | None = None,
    unit: Doubles | None = None,
    offset: Doubles | None = None,
    fold: NDArray[np.uint8] | None = None,
    held_out: NDArray[np.int32] | None = None,
) -> None: ...
def softmax_loss_and_gradient(
    X: Stored,
    y: NDArray[np.uint8],
    y_type: int,
    sample_weight: Doubles | None,
    coef: Doubles,
    intercept: Doubles,
    loss_sum: Doubles,
    gradient: Doubles,
    intercept_gradient: Doubles,
    decision: Doubles | None,
    n_threads: int,
    workspace: Bytes,
    center: Doubles | None = None,
    unit: Doubles | None = None,
) -> None: ...
def hessian_product(
    X: Stored,
    curvature: Doubles,
    vector: Doubles,
    vector_intercept: Doubles,
    product: Doubles,
    intercept_product: Doubles,
    n_threads: int,
    workspace: Bytes,
    center: Doubles | None = None,
    unit: Doubles | None = None,
) -> None: ...
