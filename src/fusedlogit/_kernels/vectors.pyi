import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

def products(table: Doubles, vector: Doubles, sums: Doubles) -> None: ...
def combine(table: Doubles, factor: Doubles, vector: Doubles, n_threads: int) -> None: ...
