"""The rows of a call that weigh anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..data.checks import blame
from ..data.dense import DenseMatrix
from ..data.protocol import Walked
from ..data.sparse import SparseMatrix
from ..data.target import Target

#: Of the largest weight of a call.
LEAST, MOST = 1e-300, 1e295


def weighing(data: Walked, target: Target, unit: float) -> tuple[Walked, Target]:
    """Without rows of no weight, as if they had been left out; of parts all stay.

    Parameters
    ----------
    data : Walked
    target : Target
        Of which weights are in some unit. They are not, afterwards.
    unit : float

    Raises
    ------
    ValueError
        If a row is left out that holds NaN or infinity, which is refused in any row; if weights are
        too large or too small to be summed up over a stream.
    """
    weight = target.sample_weight
    if weight is None:
        return data, target
    if not LEAST <= unit <= MOST:
        raise ValueError(
            f"sample_weight is up to {unit:.3g}, which cannot be summed up over a stream: "
            "divide it by that, and multiply C by it"
        )
    target, rows = replace(target, sample_weight=weight * unit), np.flatnonzero(weight)
    if len(rows) == len(weight) or not isinstance(data, DenseMatrix | SparseMatrix):
        return data, target
    culprit = data.first_nonfinite()
    if culprit is not None:
        blame(culprit)
    return data.sample(rows), target.sample(rows)
