"""Ctrl-C, and forked children."""

import os
import re
import select
import signal
import sys
import time

import numpy as np
import pytest

from fusedlogit import functions
from fusedlogit._kernels import SPINS, cpu

from .problems import Problem

#: Seconds; the contract says 0.5, a loaded machine may take longer.
PATIENCE = 5

# A shell has its background jobs, and all that they start, ignore Ctrl-C.
INTERRUPTED = """
import signal, sys
import numpy as np, fusedlogit
from fusedlogit import LogisticRegression, functions
signal.signal(signal.SIGINT, signal.default_int_handler)
for name, work in {works}.items():
    print(name, flush=True)
    try:
        exec(work)
    except KeyboardInterrupt:
        continue
    sys.exit(name + " ended by itself")
print("end", flush=True)
"""

# Work for minutes. Rows of stride 0 make it without the memory.
LONG_WORK = {
    "many short passes": """
X = np.zeros((2_000, 50))
functions.gradient_descent(X, np.zeros(2_000), learning_rate=1e-9, max_iter=10**8)
""",
    "one long pass": """
X = np.broadcast_to(np.ones(500_000, dtype=np.uint8), (2_000_000, 500_000))
functions.loss_and_gradient(X, np.zeros(len(X)), np.zeros(X.shape[1]), 0.0)
""",
    "one long sandwich": """
X = np.broadcast_to(np.ones(1_000, dtype=np.float32), (10_000_000, 1_000))
functions.sandwich(X, np.ones(len(X)))
""",
    "moments": """
X = np.broadcast_to(np.ones(500_000, dtype=np.uint8), (2_000_000, 500_000))
functions.moments(X)
""",
    "first_nonfinite": """
X = np.broadcast_to(np.ones(500_000, dtype=np.float32), (2_000_000, 500_000))
functions.first_nonfinite(X)
""",
    "fit": """
X = np.broadcast_to(np.arange(1_000, dtype=np.uint8), (10_000_000, 1_000))
LogisticRegression().fit(X, np.arange(len(X)) % 2)
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_ctrl_c_stops(start_python):
    with start_python(INTERRUPTED.format(works=LONG_WORK)) as process:
        try:
            at_work = process.stdout.readline()
            for work in LONG_WORK:
                assert at_work == f"{work}\n", process.stderr.read()
                time.sleep(0.5)
                process.send_signal(signal.SIGINT)
                assert select.select([process.stdout], [], [], PATIENCE)[0], f"{work} goes on"
                at_work = process.stdout.readline()
        finally:
            process.kill()
    assert at_work == "end\n"


# The beginning of programs that fork: what passes over 20,000 x 50 with two threads say.
FORKING = """
import os, threading, time
import numpy as np
from fusedlogit import functions
from fusedlogit._kernels import SPINS, cpu
from fusedlogit.data.dense import DenseMatrix
from fusedlogit.runtime.threads import usable_threads

rng = np.random.default_rng(0)
matrix = DenseMatrix(rng.standard_normal((20_000, 50)), 2)
coef = np.linspace(-1, 1, 50)

def z(matrix=matrix):
    return matrix.decision_values(coef[None], np.array([0.5]))

def native_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None

def say_in_child(say):
    child = os.fork()
    if not child:
        try:
            print(*say(), flush=True)
        finally:
            os._exit(0)
    for _ in range(500):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return
        time.sleep(0.01)
    os.kill(child, 9)
    print("hangs")

def say():
    before = native_threads()
    same = np.array_equal(z(), z(DenseMatrix(matrix.X, 2)))
    started = before is None or native_threads() > before
    return matrix.n_threads, usable_threads(4), same, started
"""

FORKS = {
    "nothing ran before": ("say_in_child(say)", "2 4 True True\n"),
    "other passes ran before": ("z(); say_in_child(say)", "2 4 True True\n"),
    "in the child of a child": (
        "z(); say_in_child(lambda: (z(), say_in_child(say)) and ['done'])",
        "2 4 True True\ndone\n",
    ),
    "and the parent goes on": (
        "before = z(); say_in_child(say); print(np.array_equal(z(), before), matrix.n_threads)",
        "2 4 True True\nTrue 2\n",
    ),
    "while an observer looks": (
        """
z()
from fusedlogit import LogisticRegression
def callback(*arguments):
    say_in_child(say)
    return True
LogisticRegression(solver="gd", callback=callback, n_jobs=2).fit(matrix.X, np.arange(20_000) % 2)
""",
        "2 4 True True\n",
    ),
    "another Python thread may be in a pass": (
        """
z()
end = threading.Event()
other = threading.Thread(target=end.wait)
other.start()
say_in_child(say)
end.set()
other.join()
""",
        "1 1 True False\n",
    ),
    "another Python thread, and no pass before": (
        """
end = threading.Event()
other = threading.Thread(target=end.wait)
other.start()
say_in_child(say)
end.set()
other.join()
""",
        "2 4 True True\n",
    ),
    "waiting threads cannot be ended": (
        "cpu.end_team = lambda: False; z(); say_in_child(say)",
        "1 1 True False\n",
    ),
    "they cannot be ended, but there are none": (
        "cpu.end_team = lambda: False; say_in_child(say)",
        "2 4 True True\n",
    ),
}


#: Those that begin in a process of their own; the others begin in a child of one that has
#: imported all, and in which no pass has run.
FRESH = ["nothing ran before", "other passes ran before"]

EACH_IN_A_CHILD = """
for program in {programs}:
    child = os.fork()
    if not child:
        status = 1
        try:
            exec(program)
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("status", status, flush=True)
"""


@pytest.fixture(scope="module")
def forks(run_python):
    """Exit status and output of each program."""
    told = {when: run_python(FORKING + FORKS[when][0])[:2] for when in FRESH}
    others = [when for when in FORKS if when not in FRESH]
    programs = [FORKS[when][0] for when in others]
    status, out, error = run_python(
        "import sys\n" + FORKING + EACH_IN_A_CHILD.format(programs=programs)
    )
    assert status == 0, error
    *answers, end = re.split(r"status (-?\d+)\n", out)
    assert end == ""
    for when, answer, status in zip(others, answers[::2], answers[1::2], strict=True):
        told[when] = int(status), answer
    return told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.skipif(not cpu.openmp_version(), reason="built without OpenMP")
@pytest.mark.parametrize("when", FORKS)
def test_threads_of_a_forked_child(forks, when):
    program, expected = FORKS[when]
    status, out = forks[when]
    if not cpu.end_team() and "2 4" in expected and "z();" in program:
        expected = expected.replace("2 4 True True", "1 1 True False")
    assert (status, out) == (0, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_computes_and_exits():
    problem = Problem(20_000, 50)
    arguments = problem.X, problem.y, problem.coef[0], 0.0
    expected = functions.loss_and_gradient(*arguments, n_threads=2)  # wakes the threads
    child = os.fork()
    if not child:
        loss, gradient, _ = functions.loss_and_gradient(*arguments, n_threads=2)
        same = np.isclose(loss, expected[0]) and np.allclose(gradient, expected[1])
        os._exit(0 if same else 1)
    assert wait(child) == 0


def wait(child):
    """The exit status of a child; None, and the end of it, if it hangs."""
    for _ in range(100 * PATIENCE):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@pytest.mark.skipif(not cpu.openmp_version(), reason="one thread")
@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is GCC's on Linux")
@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, f"GOMP_SPINCOUNT = '{SPINS}'"),
        ({"GOMP_SPINCOUNT": "77"}, "GOMP_SPINCOUNT = '77'"),
        ({"OMP_WAIT_POLICY": "active"}, "OMP_WAIT_POLICY = 'ACTIVE'"),
    ],
)
def test_threads_that_wait_soon_sleep_unless_the_user_says_other(run_python, told, found):
    program = "import os, fusedlogit._kernels; print(os.environ.get('GOMP_SPINCOUNT'))"
    status, out, error = run_python(program, OMP_DISPLAY_ENV="VERBOSE", **told)
    assert (status, out.strip()) == (0, told.get("GOMP_SPINCOUNT", "None"))
    assert found in error
