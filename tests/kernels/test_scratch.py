"""Scratch memory goes from pass to pass of a thread, but never to two at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fusedlogit.data.dense import DenseMatrix
from fusedlogit.runtime import scratch as module
from fusedlogit.runtime.scratch import scratch

from .problems import Problem


def address(memory):
    return memory.__array_interface__["data"][0]


def test_the_next_pass_takes_it_over():
    with scratch(1000) as memory:
        first = address(memory)
    with scratch(500) as memory:
        assert address(memory) == first
        assert memory.size >= 500
        assert memory.flags.writeable


def test_a_pass_within_a_pass_has_its_own():
    with scratch(1000) as outer, scratch(1000) as inner:
        assert not np.shares_memory(outer, inner)


def test_it_comes_back_after_an_error():
    with pytest.raises(LookupError) as caught, scratch(1000) as memory:
        raise LookupError(address(memory))
    with scratch(1000) as memory:
        assert address(memory) == caught.value.args[0]


def test_much_of_it_is_not_kept(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 999)
    monkeypatch.setattr(module._kept, "memory", None, raising=False)
    with scratch(1000):
        pass
    assert module._kept.memory is None


def test_threads_do_not_share_it():
    with ThreadPoolExecutor(1) as pool, scratch(1000) as mine:

        def overlaps():
            with scratch(1000) as other:
                return np.shares_memory(mine, other)

        assert not pool.submit(overlaps).result()


def test_an_observer_may_pass_over_other_data():
    problem, other = Problem(200, 30), Problem(300, 7, "float32")

    def descend(observer):
        coef, intercept = np.zeros(30), np.zeros(1)
        DenseMatrix(problem.X, 1).gradient_descent(
            problem.y, None, total_weight=200.0, center=np.zeros(30), scale=np.ones(30),
            penalty=0.0, fit_intercept=True, learning_rate=0.1, max_iter=5, tol=0.0, coef=coef,
            intercept=intercept, observer=observer,
        )  # fmt: skip
        return coef

    def observer(*_):
        DenseMatrix(other.X, 1).loss_and_gradient(other.y, None, other.coef[0], 0.0)
        return False

    np.testing.assert_array_equal(descend(observer), descend(None))
