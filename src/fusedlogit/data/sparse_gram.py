"""Products of pairs of sparse rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Doubles = NDArray[np.float64]

#: Stored elements, as a share of all, from which on a product of rows is one of dense matrices.
NEARLY_DENSE = 0.1


def centred_gram(rows: Any, mean: Doubles, scale: Doubles, root: Doubles) -> Doubles:
    """A A^T with A = diag(root) (rows - mean) scale, of a CSR in float64, which changes."""
    rows.data *= scale[rows.indices]
    used, rows.indices = np.unique(rows.indices, return_inverse=True)
    rows = csr_array((rows.data, rows.indices, rows.indptr), (rows.shape[0], len(used)))
    origin = mean * scale
    if rows.nnz > NEARLY_DENSE * rows.shape[0] * len(used):
        dense = rows.toarray()
        product: Doubles = dense @ dense.T
    else:
        product = (rows @ rows.T).toarray()
    along = rows @ origin[used]
    product -= along
    product -= along[:, None]
    product += origin @ origin
    product *= root
    product *= root[:, None]
    return product
