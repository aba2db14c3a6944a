"""The quadratic model of all classes together over sparse columns, minimised class after class."""

from __future__ import annotations

import numpy as np

from ...data.by_columns import Columns
from ...data.class_margins import ClassMargins
from ...problems.multinomial import Multinomial
from ..by_columns import ColumnHessian, floored
from ..proximal import step_in_model
from ..settings import Doubles

#: Rounds over all classes, at most, and the share of its fall in all that one must bring for
#: another to follow.
ROUNDS, LITTLE = 12, 0.1


class CoupledModel:
    """The Hessian of many classes as its rows make it: p_k [k = l] - p_k p_l of classes k and l.

    The minimum over the coefficients of one class, where the others are, is that of the class's
    own Hessian with another slope: rounds of these come to the minimum over all (block
    Gauss-Seidel).

    Parameters
    ----------
    objective : Multinomial
    columns : Columns
        Of its data.
    point : ndarray
        Where the model is made.
    """

    def __init__(self, objective: Multinomial, columns: Columns, point: Doubles) -> None:
        target, self.objective = objective.target, objective
        self.chances = ClassMargins(objective.along(point), target).probabilities
        self.share = target.weighted(np.ones(self.chances.shape[1]))
        self.row_weight = np.empty_like(self.chances)
        for k, p in enumerate(self.chances):
            self.row_weight[k] = self.share * floored(p * (1 - p), p - (target.y == k))
        self.hessians = [
            ColumnHessian(objective.one, columns, weight) for weight in self.row_weight
        ]
        self.size = len(self.hessians[0].mean)

    def step(self, point: Doubles, gradient: Doubles, l1: float, *, roughly: bool) -> Doubles:
        """Near the minimum of the model plus l1 times the L1 norm; all are (K, n_features + 1)."""
        one, step = self.objective.one, np.zeros_like(point)
        moved, mean = np.zeros_like(self.chances), np.zeros_like(self.share)
        before = np.abs(point[:, :-1]).sum()
        value = 0.0
        for _ in range(ROUNDS):
            for k, hessian in enumerate(self.hessians):
                p = self.chances[k]
                of_others = self.share * p * (mean - p * moved[k])
                slope = gradient[k] + one.pull(self.row_weight[k] * moved[k] - of_others)
                slope[:-1] += one.penalty * step[k, :-1]
                told = point[k] + step[k], slope, l1, one.fit_intercept
                change = step_in_model(hessian, *told, roughly=roughly)
                by_row = one.along(change).values
                step[k] += change
                moved[k] += by_row
                mean += p * by_row
            last, value = value, float((gradient * step).sum()) + self._square(moved, step) / 2
            value += l1 * float(np.abs(point + step)[:, :-1].sum() - before)
            if last - value <= LITTLE * -value:
                break
        return step

    def square(self, step: Doubles) -> float:
        """Of a step, in the model's metric: a pass."""
        return self._square(self.objective.along(step.ravel()), step)

    def _square(self, moved: Doubles, step: Doubles) -> float:
        """The same where it is known by how much it changes the decision values."""
        by_class = self.chances * moved
        coupled = np.sum(by_class, axis=0) ** 2 - np.einsum("kn,kn->n", by_class, by_class)
        alone = np.einsum("kn,kn,kn->", self.row_weight, moved, moved)
        ridge = self.objective.penalty * float((step[:, :-1] ** 2).sum())
        return float(alone) - float(self.share @ coupled) + ridge
