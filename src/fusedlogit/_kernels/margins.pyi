import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

def along(
    z: Doubles,
    change: Doubles | None,
    share: float,
    y: Bytes,
    y_type: int,
    sample_weight: Doubles | None,
    sums: Doubles,
) -> None: ...
def dual(
    z: Doubles,
    share: float,
    y: Bytes,
    y_type: int,
    sample_weight: Doubles | None,
    sums: Doubles,
) -> None: ...
def extremes(
    z: Doubles,
    other: Doubles | None,
    y: Bytes,
    y_type: int,
    sample_weight: Doubles | None,
    sums: Doubles,
) -> None: ...
