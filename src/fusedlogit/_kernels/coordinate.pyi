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
