"""Scratch memory goes from pass to pass of a thread, but never to two at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fusedlogit.runtime import scratch as module
from fusedlogit.runtime.scratch import scratch


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
