"""What solvers may ask of a cost, of two classes or of many."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.protocol import Data
from ..data.target import Target

Doubles = NDArray[np.float64]


class Cost(Protocol):
    """J at points that are vectors of numbers."""

    @property
    def data(self) -> Data: ...

    @property
    def target(self) -> Target: ...

    @property
    def penalty(self) -> float: ...

    @property
    def sharp(self) -> bool:
        """Whether passes multiply in float64."""

    @property
    def company(self) -> Hashable:
        """Costs of the same company are evaluated together."""

    @property
    def searches(self) -> int:
        """Trials of a shorter step, where one was too long."""

    def sharpened(self) -> Any:
        """The same cost, in float64 from now on."""

    def evaluate_together(self, objectives: Sequence[Any], points: Sequence[Doubles]) -> list[Any]:
        """Costs of one company, each at its own point; an overflow is an answer too."""

    def best_share(self, here: Any, there: Any, step: Doubles) -> float:
        """The best share of a step from here to there; 0 if there is none."""

    def separates(self, here: Any) -> bool:
        """Whether the classes are told apart, of all rows with a weight."""

    def to_data(self, point: Doubles) -> tuple[Doubles, Any]:
        """A point as coefficients and intercept of X in its own units."""
