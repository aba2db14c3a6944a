"""The minimum over many features of few rows, found in coordinates of what the rows span."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..data.scaling import Scaling
from ..data.span import RowSpan
from ..errors import PassOverflowError
from ..problems.multinomial import Multinomial, one_of
from ..problems.objective import Objective
from .descent import Descent
from .requests import Steps, passes
from .settings import Doubles, Lent, Settings

P = TypeVar("P", Objective, Multinomial)

#: Rows at most, of which products with each other take little time, and features for each at least.
MOST_ROWS, LEAST_FEATURES = 1024, 2

#: Of `tol`, what the minimum is found to in coordinates, for the proof is left to the features; and
#: iterations at most, for where rounding makes others of coordinates than of features.
CLOSER, MOST_STEPS = 0.1, 200


class LentSpan(Lent):
    """What the rows span, for several fits of them.

    Parameters
    ----------
    span : RowSpan
    """

    def __init__(self, span: RowSpan) -> None:
        self.span = span

    def lent(self, objective: Objective | Multinomial) -> None:
        """It is no metric."""


def spans(objective: Objective | Multinomial) -> bool:
    """Whether rows are so few, and features so many, that their span is the smaller problem."""
    n_samples, n_features = objective.data.n_samples, objective.data.n_features
    few = n_samples <= MOST_ROWS and n_features >= LEAST_FEATURES * n_samples
    return few and objective.penalty > 0


def _in_memory(objective: P) -> P:
    """The same cost, with all of its rows in this process's memory."""
    one = one_of(objective)
    own = one.in_memory()
    return objective if own is one else _made_of(objective, own)


def _made_of(objective: P, one: Any) -> P:
    """The same cost made of another one of two classes."""
    made: P = one if isinstance(objective, Objective) else replace(objective, one=one)
    return made


def _span_of(objective: Objective | Multinomial) -> Steps[RowSpan | None]:
    one = one_of(objective)
    return passes(lambda: RowSpan.of(one.data, one.scaling))


def lent_span(objective: P, fits: Sequence[P], before: object) -> Steps[LentSpan | None]:
    """For fits of the same features: as it was lent before, for no penalty changes it."""
    scaling = one_of(objective).scaling
    if any(one_of(fit).scaling is not scaling for fit in fits):
        return None
    if isinstance(before, LentSpan):
        return before
    span = yield from _span_of(_in_memory(objective))
    return None if span is None else LentSpan(span)


def begin_wide(
    objective: P,
    start: Doubles,
    settings: Settings,
    memory: int,
    by: Callable[[P, Doubles, Settings], Steps[Descent[P]]],
) -> Steps[Descent[P]]:
    """A descent over many features, from a start or from the minimum over what few rows span.

    That is found by a solver of its coordinates; it is evaluated, and proved, over the features in
    float64. Not where there is a callback, which is to see their coefficients after each step.
    """
    if settings.callback is not None or not spans(objective):
        return (yield from Descent.begin(objective, start, settings, memory))
    descent = yield from Descent.begin(objective.sharpened(), start, settings, memory)
    local, lent = _in_memory(objective), settings.lent
    span = lent.span if isinstance(lent, LentSpan) else (yield from _span_of(local))
    if span is None:
        return descent
    tol, max_iter = CLOSER * settings.tol, min(settings.max_iter, MOST_STEPS)
    inside = replace(settings, tol=tol, max_iter=max_iter, certify=False, lent=None, known=None)
    try:
        begin = yield from _coordinates(local, span, start, descent.here.value)
        found = yield from by(_among(span, local), begin, inside)
        point = yield from passes(lambda: _features(span, found.here.point))
    except PassOverflowError:
        return descent
    for data in {span.rows, local.data} - {objective.data}:
        objective.data.count(data)
        data.n_passes = -1.0  # these are counted, and it is not to be made again
    jumped = yield from descent.jump(point)
    if jumped:
        descent.history[1:-1] = np.maximum(found.history[1:-1], descent.here.value).tolist()
    if not (jumped and settings.certify):  # else the jump has been proved, or cannot be
        yield from descent.prove()
    return descent


def _among(span: RowSpan, objective: P) -> P:
    """The same cost of coordinates."""
    one = one_of(objective)
    scaling = Scaling.by(1.0, span.rows.n_features)
    own = Objective(span.rows, one.target, scaling, one.penalty, one.fit_intercept)
    return _made_of(objective, own)


def _coordinates(objective: P, span: RowSpan, start: Doubles, cost: float) -> Steps[Doubles]:
    """A start as a point of the coordinates, by its decision values; zero where that costs less."""
    n_rows, n_features = span.rows.n_samples, objective.data.n_features
    table = start.reshape(-1, n_features + 1)
    point = np.zeros((len(table), n_rows + 1))
    if start.any() and cost <= np.log(max(2, len(table))):
        point[:, -1] = table[:, -1]
        moved: Any = yield from passes(lambda: objective.along(start))
        values = np.atleast_2d(getattr(moved, "values", moved))
        point[:, :-1] = span.coordinates(values - table[:, -1:])
    return point.ravel()


def _features(span: RowSpan, point: Doubles) -> Doubles:
    """A point of the coordinates as one of the scaled features."""
    table = point.reshape(-1, span.rows.n_features + 1)
    return np.hstack([span.features(table[:, :-1]), table[:, -1:]]).ravel()
