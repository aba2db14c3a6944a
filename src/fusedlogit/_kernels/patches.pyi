import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

ACTIVATIONS: dict[str, int]

def gather(
    even_map: Floats,
    odd_map: Floats,
    size: int,
    stride: int,
    first_row: int,
    centred: bool,
    floor: float,
    even: Floats,
    odd: Floats,
) -> None: ...
def pool(
    even: Floats,
    odd: Floats,
    offset: Floats,
    threshold: float,
    activation: int,
    cell: NDArray[np.intp],
    pooled: Floats,
) -> None: ...
