import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

def coordinate_descent(
    hessian: Doubles,
    l1_penalty: float,
    tol: float,
    max_sweeps: int,
    coef: Doubles,
    slope: Doubles,
) -> int: ...
def column_descent(
    indptr: NDArray[np.int64],
    rows: NDArray[np.int32],
    values: NDArray[np.float32] | Doubles,
    total: float,
    unit: Doubles,
    about: Doubles,
    sums: Doubles,
    curvature: Doubles,
    slope: Doubles,
    begin: Doubles,
    l2_penalty: float,
    l1_penalty: float,
    tol: float,
    max_sweeps: int,
    coef: Doubles,
    row: Doubles,
    sums_moved: Doubles,
) -> tuple[int, float, float]: ...
