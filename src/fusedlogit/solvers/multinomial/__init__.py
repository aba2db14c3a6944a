"""Algorithms that minimise a :class:`~fusedlogit.problems.multinomial.Multinomial`, by name."""

from dataclasses import replace

from ..gradient_descent import GRADIENT_DESCENT
from ..settings import Solver
from ..stochastic import STOCHASTIC
from . import certificate as certificate  # registers it
from .lbfgs import LBFGS
from .newton import NEWTON
from .proximal import PROXIMAL

#: Its certificate is that of many classes here, which asks for less.
_GRADIENT_DESCENT = replace(GRADIENT_DESCENT, of_link=(), of_data=())
_STOCHASTIC = replace(STOCHASTIC, of_link=(), of_data=("rows", "walk"))

SOLVERS: dict[str, Solver] = {
    solver.name: solver for solver in (NEWTON, LBFGS, _GRADIENT_DESCENT, PROXIMAL, _STOCHASTIC)
}
