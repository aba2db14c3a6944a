"""What fits of most rows of the same data, side by side, need not each have of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...data.class_margins import ClassMargins
from ...data.target import Target
from ...problems.multinomial import Multinomial
from ..requests import Steps
from ..settings import Doubles, Lent
from .hessian import ClassHessian, class_sandwiches
from .metric import ClassBlocks

#: How far classes may have moved apart for a bound to rest on a Hessian that is lent, which makes
#: it larger by exp(NEAR) at most: a step or two make up for that.
NEAR = 1.0

#: Numbers of the sums that are kept: 128 MB.
MOST_NUMBERS = 1 << 24


class LentBlocks(Lent):
    """The Hessians of the classes in one fit, as a metric of all.

    Parameters
    ----------
    metric : ClassBlocks
    """

    def __init__(self, metric: ClassBlocks) -> None:
        self.metric = metric
        metric.lender = metric

    def lent(self, objective: Multinomial) -> ClassBlocks:
        """The same to each."""
        return self.metric


class LentHessians(Lent):
    """Hessians of fits that leave out other rows each: what all but one of these sum up to.

    Parameters
    ----------
    objective : Multinomial
        Of all rows.
    margins : ClassMargins
        Where they were summed.
    sums : dict of ndarray
        `class_sandwiches` of the rows of each number, times their weight.
    """

    def __init__(
        self, objective: Multinomial, margins: ClassMargins, sums: Mapping[int, Doubles]
    ) -> None:
        self.objective, self.margins, self.sums = objective, margins, sums

    def lent(self, objective: Multinomial) -> ClassHessian | None:
        """That of one of the fits, or of all rows; None where it takes sums in float64."""
        numbers, fold = _numbers(self.objective), objective.target.fold
        if fold is None or fold.numbers is not numbers:
            return None
        total = sum(sums for number, sums in self.sums.items() if number != fold.held_out)
        blocks = np.asarray(total) / objective.target.total_weight
        # A fit may have gone on to float64, but what rounding hides is that of the sums.
        one = replace(objective.one, precise=self.objective.one.precise)
        hessian = ClassHessian(replace(objective, one=one), self.margins, blocks, near=NEAR)
        return hessian if hessian.reliable or self.objective.sharp else None


def _numbers(objective: Multinomial) -> NDArray[np.uint8] | None:
    """Of each row, that of the fit that leaves it out."""
    fold = objective.target.fold
    return None if fold is None else fold.numbers


def lent_hessians(
    objective: Multinomial, margins: ClassMargins, fits: Sequence[Multinomial]
) -> Steps[LentHessians | None]:
    """The sums at some margins, in the time of one Hessian; None where fits share no numbers."""
    numbers, whole, sums = _numbers(objective), objective.target, {}
    if numbers is None or any(_numbers(fit) is not numbers for fit in fits):
        return None
    of_one = (objective.n_classes * (objective.data.n_features + 1)) ** 2
    known = np.unique(numbers).tolist()
    if len(known) * of_one > MOST_NUMBERS:
        return None
    for number in known:
        rows = Target(whole.y, whole.row_weight * (numbers == number), whole.link)
        if rows.total_weight > 0:
            sums[number] = yield from class_sandwiches(objective, margins.held_to(rows))
            sums[number] *= rows.total_weight
    return LentHessians(objective, margins, sums)
