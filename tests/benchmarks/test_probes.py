"""The probes by themselves: what this machine can do at best."""

import numpy as np
import pytest

from fusedlogit.runtime.threads import usable_threads

THREADS = pytest.mark.parametrize("n_threads", [1, usable_threads()], ids=["1", "all"])


@THREADS
def test_read(benchmark, probes, full_size, n_threads):
    n_words = 125_000_000 if full_size else 10_000
    data = np.full(n_words, 3, dtype=np.uint64)
    total = benchmark.pedantic(probes.read, (data.view(np.uint8), n_threads), rounds=15)
    assert 0 <= 3 * n_words - total < 3 * 4 * n_threads
    benchmark.extra_info.update(probe="read", n_threads=n_threads, n_bytes=data.nbytes)


@THREADS
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_compute(benchmark, probes, full_size, precision, n_threads):
    n_steps = 5_000_000 if full_size else 1_000
    results = np.empty(n_threads)
    arguments = (n_steps, precision == "float64", results)
    multiply_adds = benchmark.pedantic(probes.compute, arguments, rounds=15)
    # Each of 12 chains x = x / 2 + 1 ends at 2 in every lane.
    np.testing.assert_allclose(results.sum(), 2 * multiply_adds / n_steps)
    benchmark.extra_info.update(
        probe="compute", precision=precision, n_threads=n_threads, multiply_adds=multiply_adds
    )
