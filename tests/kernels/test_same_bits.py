"""The same number of threads gives the same bits: again, elsewhere in memory, concurrently."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from fusedlogit import functions

from .problems import Problem


@pytest.fixture(params=["float64", "float32", "uint8"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1, 2, 3, 5])
def problem(request, dtype):
    """1,501 rows, which no number of threads divides evenly."""
    return Problem(1_501, 53, dtype, weights="fractions", n_threads=request.param)


def every_result(kernels, problem):
    """All that the kernels compute of a problem, in one vector."""
    X, y, weight, n_threads = problem.X, problem.y, problem.weight, problem.n_threads
    model = problem.coef, problem.intercept
    results = [
        kernels.decision_values(X, *model, n_threads),
        kernels.loss(X, y, weight, *model, n_threads),
        *kernels.loss_and_gradient(X, y, weight, *model, n_threads),
        *kernels.hessian_product(X, weight[None], *model, n_threads),
        kernels.sandwich(X, weight, n_threads),
        kernels.gram(X[:700], weight[:700], problem.coef[0], problem.coef[0], n_threads),
        *kernels.moments(X, weight, n_threads),
        kernels.along(y - 0.5, weight, 0.3, y, weight, n_threads),
        kernels.dual(y - 0.5, 0.9, y, weight, n_threads),
    ]
    return np.concatenate([np.ravel(result) for result in results])


def test_again(kernels, problem):
    first = every_result(kernels, problem)
    for _ in range(5):
        np.testing.assert_array_equal(every_result(kernels, problem), first)


def test_wherever_in_memory_the_data_lie(kernels, problem):
    moved = replace(problem, layout="odd_start")
    np.testing.assert_array_equal(every_result(kernels, moved), every_result(kernels, problem))


def test_in_fortran_order_too(kernels, problem):
    columns = replace(problem, layout="fortran")
    moved = replace(problem, layout="fortran_rows_of_taller")
    first = every_result(kernels, columns)
    np.testing.assert_array_equal(every_result(kernels, columns), first)
    np.testing.assert_array_equal(every_result(kernels, moved), first)


@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_where_threads_share_the_rows(kernels, n_threads, layout, dtype):
    wide = Problem(7, 6_000, dtype, layout, weights="fractions", n_coefs=2, n_threads=n_threads)
    arguments = *wide.arguments[:-1], n_threads
    first = kernels.loss_and_gradient(*arguments)
    for _ in range(5):
        for one, other in zip(kernels.loss_and_gradient(*arguments), first, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("row_bytes", [3_136, 4_096, 10_240, 16_384, 20_480])
def test_however_a_pass_asks_for_memory(kernels, dtype, row_bytes):
    # From LEAST_BLOCKS = 128 of BLOCK_BYTES or 4 rows on, blocks go by each of LEADS in turn
    d = row_bytes // np.dtype(dtype).itemsize
    block_rows = 4 * max(1, 131_072 // row_bytes // 4)
    few = 127 * block_rows
    if few > 2048:  # FLUSH_ROWS, where a block ends in any case
        few = few // 2048 * 2048
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (128 * block_rows + 300, d)).astype(dtype)
    y = rng.integers(0, 2, len(X)).astype(float)
    model = rng.standard_normal((1, d)) / 1_000, np.zeros(1)
    weight = np.ones(len(X))
    weight[few:] = 0
    some = kernels.loss_and_gradient(X[:few], y[:few], weight[:few], *model, 1)
    loss, gradient, intercept_gradient, decision = kernels.loss_and_gradient(
        X, y, weight, *model, 1
    )
    for one, other in zip(
        (loss, gradient, intercept_gradient, decision[:, :few]), some, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_from_several_python_threads_at_once():
    problem = Problem(20_000, 50, weights="fractions")
    arguments = problem.X, problem.y, problem.coef[0], 0.5, problem.weight, 2

    def work(_):
        loss, gradient, intercept_gradient = functions.loss_and_gradient(*arguments)
        return np.concatenate([[loss, intercept_gradient], gradient])

    alone = work(None)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(work, range(24)):
            np.testing.assert_array_equal(together, alone)


SUMS_OF_FOUR_PARTS = """
import hashlib
import numpy as np
from fusedlogit import functions
for shape in (20_000, 50), (9, 100_000):
    X = np.random.default_rng(0).standard_normal(shape)
    y = (X[:, 0] > 0).astype(float)
    gradient = functions.loss_and_gradient(X, y, np.ones(X.shape[1]), 0.0, n_threads=4)[1]
    print(shape, hashlib.sha256(gradient).hexdigest())
"""


def test_whatever_number_of_threads_the_machine_provides(run_python):
    free, limited = (
        run_python(SUMS_OF_FOUR_PARTS, **environment)
        for environment in ({"OMP_DYNAMIC": "false"}, {"OMP_THREAD_LIMIT": "1"})
    )
    assert free[0] == limited[0] == 0
    assert len(free[1].splitlines()) == 2
    assert free[1] == limited[1]
