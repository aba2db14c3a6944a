"""What a stream knows of the rows of a fit that it goes on from."""

from __future__ import annotations

from typing import NamedTuple

from ..solvers.stochastic import LEAST_BATCH


class Fitted(NamedTuple):
    """Of these rows.

    Attributes
    ----------
    n_rows : int
    weight : float
        The sum of their weights.
    """

    n_rows: int = 0
    weight: float = 0.0

    @property
    def n_steps(self) -> int:
        """As many as a stream takes of so many rows at its beginning."""
        return self.n_rows // LEAST_BATCH
