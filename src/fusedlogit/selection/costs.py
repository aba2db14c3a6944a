"""The cost of some rows under any penalty."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from ..data.protocol import Data
from ..data.target import Target
from ..fitting import Problem
from ..problems.multinomial import Multinomial
from ..problems.objective import Objective
from .penalties import Penalty


class Costs:
    """The costs of some rows under any penalty.

    Parameters
    ----------
    data : Data
    target : Target
    n_classes : int
    scaling : None, float or "standard"
    fit_intercept : bool
    unit : float
        Of the weights of the target.
    like : Costs, optional
        Of other rows, whose frame will do.
    in_frame : bool
        See `Solver.in_frame`.
    """

    def __init__(
        self,
        data: Data,
        target: Target,
        n_classes: int,
        scaling: float | str | None,
        fit_intercept: bool,
        unit: float,
        like: Costs | None = None,
        *,
        in_frame: bool = True,
    ) -> None:
        self.data, self.target, self.n_classes = data, target, n_classes
        self.scaling, self.fit_intercept, self.unit = scaling, fit_intercept, unit
        self.like, self.in_frame = like, in_frame

    def of(self, target: Target) -> Costs:
        """Those of other weights, scaled as these."""
        return Costs(
            self.data, target, self.n_classes, self.scaling, self.fit_intercept, self.unit, self
        )

    def _based_on(self, penalty: float) -> Objective:
        """With an L2 and an L1 penalty of one, or of none."""
        return Objective.of(
            self.data, self.target, self.scaling, penalty, penalty, self.fit_intercept,
            in_frame=self.in_frame,
        )  # fmt: skip

    @cached_property
    def penalised(self) -> Objective:
        if self.like is not None:
            return replace(self.like.penalised, target=self.target)
        return self._based_on(1.0)

    @cached_property
    def free(self) -> Objective:
        if self.like is not None:
            return replace(self.like.free, target=self.target)
        return self._based_on(0.0)

    def under(self, penalty: Penalty) -> Problem:
        """The cost to minimise."""
        strength = self.target.strength(penalty.C * self.unit)
        if strength == 0:
            objective = self.free
        else:
            l2, l1 = (1 - penalty.l1_ratio) * strength, penalty.l1_ratio * strength
            base = self.penalised
            objective = replace(base, penalty=base.penalty * l2, l1_penalty=base.l1_penalty * l1)
        return objective if self.n_classes == 2 else Multinomial(objective, self.n_classes)

    @property
    def n_passes(self) -> float:
        """Those of X in a frame of these costs' own."""
        if self.like is not None:
            return 0.0
        known = [vars(self).get(name) for name in ("penalised", "free")]
        own = [objective.data for objective in known if objective is not None]
        return sum((data.n_passes for data in own if data is not self.data), 0.0)
