"""Many Python threads at once, whether or not a GIL lets them run at the same time."""

import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from threadpoolctl import ThreadpoolController, threadpool_info

from fusedlogit import LogisticRegression
from fusedlogit.runtime import blas
from fusedlogit.runtime.threads import side_by_side, threads_now

SOLVERS = {
    "newton": {"solver": "newton"},
    "lbfgs": {"solver": "lbfgs"},
    "gd": {"solver": "gd", "learning_rate": 0.5, "max_iter": 50},
    "proximal": {"solver": "proximal", "l1_ratio": 0.5},
}

IMPORT_IN_THREADS = """
import threading
n_threads = 8
barrier = threading.Barrier(n_threads)
scores = []

def fit():
    barrier.wait()
    from fusedlogit import LogisticRegression
    X = [[0.0], [1.0], [3.0], [4.0]]
    scores.append(LogisticRegression().fit(X, [0, 0, 1, 1]).score(X, [0, 0, 1, 1]))

threads = [threading.Thread(target=fit) for _ in range(n_threads)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(scores == n_threads * [1.0])
"""

IMPORT_ALL = """
import sys
import fusedlogit
from fusedlogit import _kernels
for level in _kernels.built_levels():
    _kernels.load(level)
fusedlogit.LogisticRegression
print(sys._is_gil_enabled())
"""


def at_once(work):
    """Results of functions that start together, each in a Python thread of its own."""
    barrier = threading.Barrier(len(work))

    def start(function):
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(start, work))


def fit_and_predict(model, X, y):
    model = clone(model).fit(X, y)
    return np.concatenate([model.coef_[0], model.history_, model.predict_proba(X)[:, 1]])


@pytest.fixture(scope="module")
def many_rows():
    """Enough work for two threads."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 50)).astype(np.float32)
    return X, X[:, 0] + rng.standard_normal(20_000) > 0


@pytest.fixture(scope="module")
def wide():
    """More features than rows, of which "newton" takes the Gram product."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5_000)).astype(np.float32)
    return X, X[:, 0] + rng.standard_normal(300) > 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
def test_fits_at_once_are_the_same_as_one_by_one(solver, cancer, digits, many_rows, wide):
    model = LogisticRegression(scaling="standard", tol=1e-4, n_jobs=2, **SOLVERS[solver])
    work = [partial(fit_and_predict, model, *data) for data in (cancer, digits, many_rows, wide)]
    alone = [function() for function in work]
    for together, expected in zip(at_once(3 * work), 3 * alone, strict=True):
        np.testing.assert_array_equal(together, expected)


def test_one_model_predicts_in_many_threads(many_rows):
    X, y = many_rows
    model = LogisticRegression(n_jobs=2).fit(X, y)
    parts = np.array_split(X, 3)
    expected = [model.predict_proba(part) for part in parts]
    for _ in range(5):
        answers = at_once(3 * [partial(model.predict_proba, part) for part in parts])
        for answer, alone in zip(answers, 3 * expected, strict=True):
            np.testing.assert_array_equal(answer, alone)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


@pytest.fixture
def two_blas_threads():
    """Every BLAS library at two threads, whatever the machine has."""
    before = blas_threads()
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    for library in libraries:
        blas._set_threads(library, 2)
    numbers = blas_threads()
    if set(numbers) != {2}:
        pytest.skip(f"BLAS libraries of {numbers} threads, which cannot be made two")
    yield numbers
    for library, number in zip(libraries, before, strict=True):
        blas._set_threads(library, number)


def test_blas_has_its_threads_back_when_the_last_fit_ends(cancer, two_blas_threads):
    first_runs, second_runs, first_ended = (threading.Event() for _ in range(3))
    alone = []

    def in_first(*_):
        first_runs.set()
        second_runs.wait(10)

    def in_second(*_):
        second_runs.set()
        first_ended.wait(10)
        alone.extend(blas_threads())

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(LogisticRegression(scaling=100, callback=in_first).fit, *cancer)
        first_runs.wait(10)
        second = pool.submit(LogisticRegression(scaling=100, callback=in_second).fit, *cancer)
        first.result(10)
        first_ended.set()
        second.result(10)
    assert second_runs.is_set()
    assert set(alone) == {1}
    assert blas_threads() == two_blas_threads


def test_many_threads_make_the_first_import(run_python):
    assert run_python(IMPORT_IN_THREADS) == (0, "True\n", "")


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="an interpreter that needs the GIL"
)
def test_importing_leaves_the_gil_off(run_python):
    # Without the variable, which would keep it off whatever modules say.
    assert run_python(IMPORT_ALL, PYTHON_GIL="") == (0, "False\n", "")


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_work_side_by_side_is_done_in_order_by_single_threads(n_threads):
    taken = []

    def items():
        for item in range(20):
            taken.append(item)
            yield float(item)

    def work(item):
        return 1 / np.float64(item), threads_now(n_threads)

    with np.errstate(divide="ignore"):  # holds in the threads, too
        made = side_by_side(work, items(), n_threads)
        first = next(made)
        assert len(taken) <= n_threads + 1
        found = [first, *made]
    assert found == [(1 / item if item else np.inf, 1) for item in range(20)]
    assert threads_now(n_threads) == n_threads


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_of_work_side_by_side_is_raised(n_threads):
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda item: 1 // item, [2, 1, 0, 1, 2], n_threads))
