"""What the Gram product of rows says of how far the minimum is: never less than it is."""

import numpy as np
import pytest

from fusedlogit.data.dense import DenseMatrix
from fusedlogit.data.target import Target
from fusedlogit.problems.links import LOG_LOSS
from fusedlogit.problems.objective import Objective
from fusedlogit.solvers import SOLVERS, Settings
from fusedlogit.solvers.gram import SampledGram
from fusedlogit.solvers.path import evaluate_start
from fusedlogit.solvers.scheduler import run

EXACT = Settings(max_iter=500, tol=1e-13, learning_rate=0.1, callback=None)


def evaluated(objective, point):
    (here,) = run([evaluate_start(objective, point)])
    return here


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("penalty", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("moved", [0.0, 1e-3, 0.1, 1.0])
def test_never_less_than_the_distance(seed, penalty, moved):
    """Also where the intercept is not at its minimum: duals are feasible only if it is."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 300))
    y = (X[:, :9].sum(axis=1) + 3 * rng.normal(size=80) > 3).astype(np.uint8)
    objective = Objective.of(DenseMatrix(X, 1), Target(y, None, LOG_LOSS), None, penalty, 0.0, True)
    (best,) = run([SOLVERS["newton"].solve(objective, np.zeros(301), EXACT)])
    assert best.converged
    least = evaluated(objective, best.point).value
    near = evaluated(objective, best.point + 1e-3 * rng.normal(size=301) / np.sqrt(301))
    for rows in (None, np.sort(rng.choice(80, 40, replace=False))):
        metric = SampledGram(objective, near.margins, rows, exact=True)
        for length in (0.0, 1e-3, 1e-2, 0.1):
            point = best.point + length * rng.normal(size=301) / np.sqrt(301)
            point[-1] += moved
            here = evaluated(objective, point)
            (bound,) = run([metric.bound(objective, here)])
            assert bound >= (here.value - least) * (1 - 1e-9)
            if rows is None:
                assert bound <= 2 * (here.value - least) + 1e-11 or moved + length > 0.1
