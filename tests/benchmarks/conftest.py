"""Benchmarks run once, small, as a smoke test; with --benchmark-only they measure, at full size."""

import statistics
import time

import numpy as np
import pytest

from fusedlogit import _kernels
from fusedlogit._kernels import cpu
from fusedlogit.runtime.threads import usable_threads

from ..conftest import data_folder
from .build_probes import build_probes
from .data import make_data


def pytest_benchmark_update_machine_info(machine_info):
    machine_info["fusedlogit"] = {
        "level": _kernels.LEVEL,
        "compiler": cpu.compiler(),
        "numpy": np.__version__,
    }


@pytest.fixture(scope="session")
def full_size(pytestconfig):
    """Whether to measure."""
    return pytestconfig.getoption("benchmark_only") or pytestconfig.getoption("benchmark_enable")


@pytest.fixture
def benchmark(benchmark, full_size):
    """pytest-benchmark's fixture, which measures nothing in a smoke test."""
    benchmark.disabled = benchmark.disabled or not full_size
    return benchmark


@pytest.fixture(scope="session")
def data(request, full_size):
    """The data of a name and a storage type; one array is alive at a time."""
    return make_data(*request.param, full_size, data_folder() / "dogs-vs-cats-train.zip")


@pytest.fixture(scope="session")
def probes():
    """What the machine can do at best: cython_kernels/probes.pyx, at the level of the kernels."""
    pytest.importorskip("Cython", reason="the probes are compiled where they are used")
    return build_probes(_kernels.LEVEL)


class Roof:
    """The two probes, run side by side with what is measured.

    Parameters
    ----------
    probes : module
    X : ndarray
    n_threads : int
    multiply_adds : float
        For each element of X.
    """

    def __init__(self, probes, X, n_threads, multiply_adds):
        self.probes = probes
        self.stored_bytes = X.ravel(order="K").view(np.uint8)
        self.n_threads = n_threads
        self.in_double = X.dtype == np.float64
        self.results = np.empty(n_threads)
        each_step = self.probes.compute(1, self.in_double, self.results)
        self.n_steps = round(X.size * multiply_adds / each_step)
        self.read_seconds = []
        self.compute_seconds = []

    def probe(self):
        """One reading of X, and as many multiply-adds as the work needs."""
        start = time.perf_counter()
        self.probes.compute(self.n_steps, self.in_double, self.results)
        middle = time.perf_counter()
        self.probes.read(self.stored_bytes, self.n_threads)
        self.compute_seconds.append(middle - start)
        self.read_seconds.append(time.perf_counter() - middle)

    def shares(self, seconds):
        """Of the time measured, what reading alone takes, and what the slower probe takes."""
        rounds = len(seconds)
        read, compute = self.read_seconds[-rounds:], self.compute_seconds[-rounds:]
        slower = map(max, read, compute)
        return {
            "share_of_read": median_ratio(read, seconds),
            "share_of_roof": median_ratio(slower, seconds),
        }


def median_ratio(numerators, denominators):
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


@pytest.fixture
def measure(benchmark, data, engine, probes):
    """Measure a call of an engine on data, with the probes before each round.

    measure(call, n_passes=1, multiply_adds=2, rounds=15) returns what call returns; n_passes says
    how often the call goes through X, with multiply_adds for each element.
    """

    def run(call, *, n_passes=1, multiply_adds=2, rounds=15):
        n_threads = engine.n_threads or usable_threads()
        roof = Roof(probes, data.X, n_threads, multiply_adds)
        work = call.func.__name__
        benchmark.group = f"{work} {data.name}"
        result = benchmark.pedantic(
            call, setup=roof.probe, rounds=rounds, warmup_rounds=int(rounds > 5)
        )
        if benchmark.enabled:
            seconds_a_pass = [seconds / n_passes for seconds in benchmark.stats.stats.data]
            benchmark.extra_info.update(
                work=work,
                data=data.name,
                origin=data.origin,
                shape=list(data.X.shape),
                storage=data.X.dtype.name,
                n_bytes=data.X.nbytes,
                engine=engine.name,
                n_threads=n_threads,
                n_passes=n_passes,
                **roof.shares(seconds_a_pass),
            )
        return result

    return run
