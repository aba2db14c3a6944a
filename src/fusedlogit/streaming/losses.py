"""The losses of the calls of a stream, of which there may be millions."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Losses:
    """Mean losses, one of each call; streams that go on from each other share the list of them.

    Attributes
    ----------
    shared : list of float
        Of these and perhaps of later calls.
    n_calls : int
    """

    shared: list[float] = field(default_factory=list)
    n_calls: int = 0

    def and_one(self, loss: float) -> Losses:
        """With the next, at the end of the same list unless another has gone on there."""
        shared = self.listed() if len(self.shared) > self.n_calls else self.shared
        shared.append(loss)
        return Losses(shared, self.n_calls + 1)

    def listed(self) -> list[float]:
        """A list of its own."""
        return self.shared[: self.n_calls]
