"""Directions of the coefficients in which the Hessian at a fit is the identity.

`directions_of_two` and `directions_of_many` return the mean of the scaled features, about which
intercepts are, and the directions, (1 or n_classes, n_features + 1, n_directions).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from ..data.class_margins import ClassMargins
from ..data.margins import Margins
from ..problems.multinomial import Multinomial
from ..problems.objective import Objective
from ..solvers.factored import Factored
from ..solvers.hessian import ROUNDING, reliable_hessian
from ..solvers.multinomial.hessian import about_mean, class_sandwiches
from ..solvers.scheduler import run

Doubles = NDArray[np.float64]


def margins_of_two(objective: Objective, decisions: Doubles) -> Margins:
    """Of two classes, from decision values (1, n_samples)."""
    return Margins(decisions[0], objective.target, objective.data.n_threads)


def directions_of_two(objective: Objective, decisions: Doubles) -> tuple[Doubles, Doubles]:
    """Of two classes."""
    curvature = margins_of_two(objective, decisions).curvature()
    (hessian,) = run([reliable_hessian(objective, curvature)])
    hessian.factored.truncate()
    return hessian.mean, block_diag(
        hessian.factored.inverse_root(),
        [[1 / np.sqrt(hessian.total)]] if objective.fit_intercept else np.zeros((1, 0)),
    )[None]


def directions_of_many(
    problem: Multinomial, decisions: Doubles, active: NDArray[np.bool_] | None
) -> tuple[Doubles, Doubles]:
    """Of many classes; of their coefficients all may move, or those that are active.

    What all classes have in common changes no loss, and has no curvature: some is added, which
    moves but what left-out decision values have in common.
    """
    one = problem.one
    (blocks,) = run([class_sandwiches(problem, ClassMargins(decisions, problem.target))])
    mean, terms = about_mean(problem, blocks)
    n_classes, size = len(blocks), blocks.shape[-1]
    moving = np.full((n_classes, size), one.fit_intercept)
    moving[:, :-1] = True if active is None else active
    shared = np.flatnonzero(moving.all(axis=0))
    blocks[:, :, shared, shared] += terms.sum(axis=0)[shared] / n_classes**2
    for k in range(n_classes):
        blocks[k, k, range(size - 1), range(size - 1)] += problem.penalty
    kept = np.flatnonzero(moving)
    if not len(kept):
        return mean, np.zeros((n_classes, size, 0))
    matrix = blocks.transpose(0, 2, 1, 3).reshape(moving.size, -1)[np.ix_(kept, kept)]
    factored = Factored(np.ascontiguousarray(matrix), ROUNDING[problem.sharp])
    factored.truncate()
    inverse_root = factored.inverse_root()
    root = np.zeros((n_classes, size, inverse_root.shape[1]))
    root[moving] = inverse_root
    return mean, root
