"""What a solver asks for: a pass over the data, which others may share.

A solver is a generator. It yields requests and is sent the answers, or thrown the error that is its
own; it never calls a pass itself. So one solver, or many side by side, read the data through the
same `scheduler`. The functions here are to be called with ``yield from``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.margins import Margins
from ..errors import PassOverflowError
from ..problems.cost import Cost
from ..problems.objective import Evaluation, Objective

Doubles = NDArray[np.float64]
T = TypeVar("T")


class Request(Protocol):
    """One pass that a solver asks for."""

    @property
    def company(self) -> Hashable:
        """Requests of the same company are answered together."""

    def answer(self, others: Sequence[Any]) -> list[Any]:
        """The answers to itself and to others of its company; an error is an answer too.

        Raises
        ------
        PassOverflowError
            Where it has no company.
        """


Steps = Generator[Request, Any, T]


@dataclass(frozen=True, eq=False)
class Evaluate:
    """The cost, its gradient and the margins at a point."""

    objective: Cost
    point: Doubles

    @property
    def company(self) -> Hashable:
        return self.objective.company

    def answer(self, others: Sequence[Evaluate]) -> list[Evaluation | PassOverflowError]:
        asked = [self, *others]
        return self.objective.evaluate_together(
            [ask.objective for ask in asked], [ask.point for ask in asked]
        )


@dataclass(frozen=True, eq=False)
class _Alone:
    """A pass that is not shared."""

    objective: Objective

    @property
    def company(self) -> Hashable:
        return id(self)

    def answer(self, others: Sequence[Any]) -> list[Any]:
        return [self.make()]

    def make(self) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Along(_Alone):
    """The change of the margins along a direction."""

    direction: Doubles

    def make(self) -> Margins:
        return self.objective.along(self.direction)


@dataclass(frozen=True, eq=False)
class Pull(_Alone):
    """The gradient of sum_i factor_i z_i."""

    factor: Doubles

    def make(self) -> Doubles:
        return self.objective.pull(self.factor)


@dataclass(frozen=True, eq=False)
class Sandwich(_Alone):
    """[X - about, 1]^T diag(row_weight) [X - about, 1]."""

    row_weight: Doubles

    def make(self) -> Doubles:
        return self.objective.sandwich(self.row_weight)


@dataclass(frozen=True, eq=False)
class Passes:
    """What takes passes of its own kind."""

    make: Callable[[], Any]

    @property
    def company(self) -> Hashable:
        return id(self)

    def answer(self, others: Sequence[Any]) -> list[Any]:
        return [self.make()]


def _ask(request: Request) -> Steps[Any]:
    return (yield request)


def evaluate(objective: Cost, point: Doubles) -> Steps[Evaluation]:
    """The cost, its gradient and the margins at a point."""
    return _ask(Evaluate(objective, point))


def along(objective: Objective, direction: Doubles) -> Steps[Margins]:
    """The change of the margins along a direction."""
    return _ask(Along(objective, direction))


def pull(objective: Objective, factor: Doubles) -> Steps[Doubles]:
    """The gradient of sum_i factor_i z_i."""
    return _ask(Pull(objective, factor))


def passes(make: Callable[[], T]) -> Steps[T]:
    """What a call returns that makes passes."""
    return _ask(Passes(make))


def sandwich(objective: Objective, row_weight: Doubles) -> Steps[Doubles]:
    """[X - about, 1]^T diag(row_weight) [X - about, 1]."""
    return _ask(Sandwich(objective, row_weight))
