"""A metric for sparse data of many columns: exact among the commonest, diagonal elsewhere.

Where columns are words or categories, a few hundred hold half of all entries, and nearly all that
ties columns to each other. The Hessian among them is exact here; of all others it is the diagonal,
about the columns' means. It costs the squares of the entries that the commonest columns have in
each row.
"""

from __future__ import annotations

import numpy as np

from ..problems.objective import Evaluation, Objective
from .hessian import CenteredHessian
from .metric import TINY
from .requests import Steps, passes, sandwich
from .settings import Doubles

#: Columns with an exact Hessian, at most.
COMMON = 1000


class CommonHessian:
    """The Hessian, exact among the columns with the largest diagonal.

    Parameters
    ----------
    objective : Objective
    mean : ndarray of shape (n_features,)
        Of the scaled features, weighted by curvature; zero if no intercept is fitted.
    diagonal : ndarray of shape (n_features,)
    common : Common
        Among which it is exact.
    block : CenteredHessian
        Of these.
    """

    damping = 1.0
    final = False
    previews = False
    sharp = True

    def __init__(
        self,
        objective: Objective,
        mean: Doubles,
        diagonal: Doubles,
        common: Common,
        block: CenteredHessian,
    ) -> None:
        self.vouches = objective.penalty > 0
        self.fit_intercept = objective.fit_intercept
        self.mean, self.diagonal = mean, diagonal
        self.common, self.total, self.block = common, block.total, block.factored
        self.block.truncate()

    def solve(self, vector: Doubles) -> Doubles:
        result, features = np.zeros_like(vector), self.common.features
        step = result[..., :-1]  # in place, for there may be a million columns
        np.multiply(self.mean, vector[..., -1:], out=step)
        np.subtract(vector[..., :-1], step, out=step)
        among_common = self.block.solve(step[..., features])
        step /= self.diagonal
        step[..., features] = among_common
        if self.fit_intercept:
            result[..., -1] = vector[..., -1] / self.total - step @ self.mean
        return result

    def bound(self, objective: Objective, here: Evaluation) -> Steps[float]:
        """None: what ties the other columns to each other is not known."""
        yield from ()
        return np.inf


class Common:
    """The features whose Hessian is largest on the diagonal, at first: they are copied once."""

    def __init__(self, objective: Objective, diagonal: Doubles) -> None:
        n_common = min(COMMON, len(diagonal))
        self.features = np.sort(np.argpartition(-diagonal, n_common - 1)[:n_common])
        self.objective = objective.columns(self.features)


def common_hessian(
    objective: Objective, curvature: Doubles, before: CommonHessian | None = None
) -> Steps[CommonHessian]:
    """That of rows with some curvature: sums of squares, and a pass over the commonest columns.

    They are those of an earlier one, if it is at hand.
    """
    mean, diagonal = yield from passes(lambda: _diagonal(objective, curvature))
    common = Common(objective, diagonal) if before is None else before.common
    part = common.objective
    block = CenteredHessian(part, (yield from sandwich(part, curvature)))
    objective.data.count(part.data)
    part.data.n_passes = -1.0  # these are counted, and it is not to be made again
    return CommonHessian(objective, mean, diagonal, common, block)


def _diagonal(objective: Objective, curvature: Doubles) -> tuple[Doubles, Doubles]:
    """Mean of the scaled features, weighted by curvature, and the Hessian's diagonal."""
    scaling, total = objective.scaling, max(float(curvature.sum()), TINY)
    sums, diagonal = objective.data.squares(curvature)
    mean = sums / total
    if objective.fit_intercept:
        diagonal = np.maximum(diagonal - sums * mean, 0)
        mean = (mean - scaling.center) / scaling.scale
    else:
        diagonal = np.maximum(diagonal - scaling.center * (2 * sums - total * scaling.center), 0)
        mean[:] = 0
    diagonal /= scaling.scale**2
    diagonal += objective.penalty
    diagonal[diagonal == 0] = 1  # a column that is constant: its gradient is zero
    return mean, diagonal
