"""Algorithms that minimise a :class:`~fusedlogit.problems.multinomial.Multinomial`, by name."""

from ..gradient_descent import GRADIENT_DESCENT
from ..settings import Solver
from . import certificate as certificate  # registers it
from .lbfgs import LBFGS
from .newton import NEWTON

SOLVERS: dict[str, Solver] = {solver.name: solver for solver in (NEWTON, LBFGS, GRADIENT_DESCENT)}
