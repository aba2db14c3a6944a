"""What a solver asks for: a pass over the data, which others may share.

A solver is a generator. It yields requests and is sent the answers, or thrown the error that is its
own; it never calls a pass itself. So one solver, or many side by side, read the data through the
same `scheduler`. The functions here are to be called with ``yield from``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.ascent import Ascent, turns
from ..data.margins import Margins
from ..errors import PassOverflowError
from ..problems.cost import Cost
from ..problems.objective import Evaluation, Objective

Doubles = NDArray[np.float64]
T = TypeVar("T")


class Request(Protocol):
    """One pass that a solver asks for."""

    #: Whether it is answered when no other is left to be: for as much company as there can be.
    patient: ClassVar[bool] = False

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
class Evaluate(Request):
    """The cost, its gradient and the margins at a point."""

    patient: ClassVar[bool] = True
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
class Sandwich(Request):
    """[X - about, 1]^T diag(row_weight) [X - about, 1]."""

    objective: Objective
    row_weight: Doubles

    @property
    def company(self) -> Hashable:
        one = self.objective
        return "sandwich", id(one.data), id(one.about), one.precise

    def answer(self, others: Sequence[Sandwich]) -> list[Doubles | PassOverflowError]:
        asked = [self, *others]
        return _each_its_own(
            lambda some: self.objective.sandwiches(ask.row_weight for ask in some), asked
        )


@dataclass(frozen=True, eq=False)
class Pull(Request):
    """The gradient of sum_i factor_i z_i."""

    objective: Objective
    factor: Doubles

    @property
    def company(self) -> Hashable:
        return "pull", self.objective.company

    def answer(self, others: Sequence[Pull]) -> list[Doubles | PassOverflowError]:
        return _each_its_own(
            lambda some: self.objective.pull_together(
                [ask.objective for ask in some], [ask.factor for ask in some]
            ),
            [self, *others],
        )


def _each_its_own(
    make: Callable[[Sequence[Any]], Sequence[Doubles]], asked: Sequence[Any]
) -> list[Doubles | PassOverflowError]:
    """What one call makes of all; where it overflows, one by one: that is one's own affair."""
    try:
        return list(make(asked))
    except PassOverflowError as error:
        if len(asked) == 1:
            return [error]
    return [found for ask in asked for found in _each_its_own(make, [ask])]


@dataclass(frozen=True, eq=False)
class Solve(Request):
    """What a metric of several solvers makes of a vector."""

    metric: Any
    vector: Doubles
    sharp: bool

    @property
    def company(self) -> Hashable:
        return "solve", id(self.metric)

    def answer(self, others: Sequence[Solve]) -> list[Doubles]:
        asked = [self, *others]
        vectors = np.array([ask.vector for ask in asked])
        return list(self.metric.solve_together(vectors, sharp=any(ask.sharp for ask in asked)))


@dataclass(frozen=True, eq=False)
class Turn(Request):
    """A turn of an ascent; others run beside it."""

    ascent: Ascent

    @property
    def company(self) -> Hashable:
        return "turn", id(self.ascent.matrix)

    def answer(self, others: Sequence[Turn]) -> list[float]:
        return turns([self.ascent, *(ask.ascent for ask in others)])


@dataclass(frozen=True, eq=False)
class Passes(Request):
    """What is not shared: a call that makes passes."""

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


def solved(metric: Any, vector: Doubles, sharp: bool) -> Steps[Doubles]:
    """P^-1 vector, as of a solver that is `sharp` or not; see `Solve` of a metric that is lent."""
    lender = getattr(metric, "lender", None)
    if lender is None:
        of_own: Doubles = metric.solve(vector)
        return of_own
    of_lent: Doubles = yield from _ask(Solve(lender, vector, sharp))
    return of_lent


def turn(ascent: Ascent) -> Steps[float]:
    """About what a turn of all rows gains."""
    return _ask(Turn(ascent))


def passes(make: Callable[[], T]) -> Steps[T]:
    """What a call returns that makes passes."""
    return _ask(Passes(make))


def along(objective: Objective, direction: Doubles) -> Steps[Margins]:
    """The change of the margins along a direction."""
    return passes(lambda: objective.along(direction))


def pull(objective: Objective, factor: Doubles) -> Steps[Doubles]:
    """The gradient of sum_i factor_i z_i."""
    return _ask(Pull(objective, factor))


def sandwich(objective: Objective, row_weight: Doubles) -> Steps[Doubles]:
    """[X - about, 1]^T diag(row_weight) [X - about, 1]."""
    return _ask(Sandwich(objective, row_weight))
