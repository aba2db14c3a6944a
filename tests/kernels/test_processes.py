"""Ctrl-C, and forked children."""

import os
import signal
import sys
import time

import numpy as np
import pytest

from fusedlogit import functions

from .problems import Problem

#: Seconds; the contract says 0.5, a loaded machine may take longer.
PATIENCE = 5

# A shell has its background jobs, and all that they start, ignore Ctrl-C.
BEGINNING = """
import signal
import numpy as np, fusedlogit
from fusedlogit import functions
signal.signal(signal.SIGINT, signal.default_int_handler)
print(flush=True)
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
fusedlogit.LogisticRegression().fit(X, np.arange(len(X)) % 2)
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
@pytest.mark.parametrize("work", LONG_WORK)
def test_ctrl_c_stops(start_python, work):
    with start_python(BEGINNING + LONG_WORK[work]) as process:
        try:
            process.stdout.readline()
            time.sleep(0.5)
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert error.endswith("KeyboardInterrupt\n")
    assert process.returncode == -signal.SIGINT


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
