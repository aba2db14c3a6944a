"""Runs solvers: answers what they ask, and what several ask of the same data in one pass."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..errors import PassOverflowError
from ..runtime.blas import blas_threads
from .requests import Request, Steps

T = TypeVar("T")


def run(solvers: Sequence[Steps[T]]) -> list[T]:
    """Run solvers side by side to their ends; their results in order.

    An overflow is thrown into the solver whose pass it was. Any other error, Ctrl-C too, ends all.
    """
    results: dict[int, T] = {}
    # Solvers look themselves at what is finite, or too small to count.
    with blas_threads(1), np.errstate(all="ignore"):
        try:
            asked: dict[int, Request] = {}
            answers: dict[int, Any] = dict.fromkeys(range(len(solvers)))
            while answers:
                asked |= _resume(solvers, answers, results)
                hurried = {place: ask for place, ask in asked.items() if not ask.patient} or asked
                answers = {}
                for places in _companies(hurried):
                    answers |= _answered(hurried, places)
                asked = {place: ask for place, ask in asked.items() if place not in answers}
        finally:
            for solver in solvers:
                solver.close()
    return [results[place] for place in range(len(solvers))]


def _resume(
    solvers: Sequence[Steps[T]], answers: dict[int, Any], results: dict[int, T]
) -> dict[int, Request]:
    """Give solvers their answers; what each asks next, unless it has ended."""
    asked = {}
    for place, answer in answers.items():
        solver = solvers[place]
        try:
            if isinstance(answer, PassOverflowError):
                asked[place] = solver.throw(answer)
            else:
                asked[place] = solver.send(answer)
        except StopIteration as end:
            results[place] = end.value
    return asked


def _companies(asked: dict[int, Request]) -> list[list[int]]:
    """Places whose requests are answered together."""
    companies: dict[Hashable, list[int]] = {}
    for place, request in asked.items():
        companies.setdefault(request.company, []).append(place)
    return list(companies.values())


def _answered(asked: dict[int, Request], places: list[int]) -> dict[int, Any]:
    """The answers to requests of one company."""
    first, *others = (asked[place] for place in places)
    try:
        found = first.answer(others)
    except PassOverflowError as error:
        found = [error] * len(places)
    return dict(zip(places, found, strict=True))
