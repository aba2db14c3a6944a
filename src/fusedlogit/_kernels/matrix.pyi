from typing import Any

import numpy as np
from numpy.typing import NDArray

Stored = NDArray[Any]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.int8]

def moments(
    X: Stored,
    sample_weight: Doubles | None,
    unit: Doubles | None,
    sums: Doubles,
    weight: Doubles,
) -> None: ...
def sandwich_workspace_size(n_features: int, n_threads: int) -> int: ...
def sandwich(
    X: Stored,
    row_weight: Doubles,
    product: Doubles,
    n_threads: int,
    workspace: Bytes,
    center: Doubles | None = None,
    unit: Doubles | None = None,
    in_float64: bool = False,
) -> None: ...
def gram_tile_size(n_samples: int, n_features: int) -> int: ...
def gram(
    X: Stored,
    mean: Doubles,
    scale: Doubles,
    root: Doubles,
    product: NDArray[Any],
    tile: NDArray[Any],
    n_threads: int,
    gemm: object,
    syrk: object,
    center: Doubles | None = None,
    unit: Doubles | None = None,
) -> None: ...
def first_nonfinite(X: Stored, places: NDArray[np.intp]) -> tuple[int, int]: ...
