"""What quasi-Newton steps remember: by vectors and by inner products alone, it is the same."""

import numpy as np
import pytest

from fusedlogit.solvers.memory import LONG, LongPairs, Pairs, memory_of


def steps(memory, n_steps, shares, metric):
    """Steps on a quadratic, each some share of what the memory proposes; all it tells."""
    rng = np.random.default_rng(0)
    size = len(metric)
    root = rng.normal(size=(size, size))
    hessian = root @ root.T / size + np.diag(metric)
    point, told = rng.normal(size=size), []
    for k in range(n_steps):
        gradient = hessian @ point
        solved = gradient / metric
        scale = 0.5
        if memory:
            told.append(memory.settle(gradient, solved))
            scale = memory.scale
        direction = memory.direction(gradient, solved, scale)
        told += [scale, *direction / np.linalg.norm(direction)]
        step = shares[k % len(shares)] * direction
        assert memory.learn(step, gradient, hessian @ step, solved)
        point = point + step
    return np.array(told)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("n_kept", [1, 3, 5])
@pytest.mark.parametrize("shares", [[1.0], [1.0, 0.3, 0.7]])
def test_long_pairs_are_pairs(n_kept, shares, n_threads):
    metric = 10 ** np.random.default_rng(1).uniform(-1, 1, 40)
    one = steps(Pairs(n_kept), 12, shares, metric)
    other = steps(LongPairs(n_kept, 40, n_threads), 12, shares, metric)
    np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("memory", [Pairs(3), LongPairs(3, 6, 1)])
def test_what_is_unsound_is_not_kept(memory):
    gradient = np.arange(1.0, 7.0)
    direction = memory.direction(gradient, gradient, 1.0)
    np.testing.assert_array_equal(direction, -gradient)
    assert not memory.learn(direction, gradient, -direction, gradient)
    assert not memory
    assert memory.learn(direction, gradient, direction, gradient)
    assert memory
    memory.clear()
    assert not memory
    np.testing.assert_array_equal(memory.direction(gradient, gradient, 2.0), -2 * gradient)


@pytest.mark.parametrize("size", [LONG - 1, LONG])
def test_long_vectors_are_read_less(size):
    assert isinstance(memory_of(2, size, 1), LongPairs) == (size == LONG)
