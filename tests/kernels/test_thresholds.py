"""Just below, at and above each size at which a pass takes another way.

The sizes are constants of `cython_kernels/`, named below; registers differ by level, and so the
widths of all levels go through each. Sentinels between the buffers of the workspace (raw.py) tell
what a wrong sum may hide.
"""

from functools import cached_property

import numpy as np
import pytest

from fusedlogit import reference

from .contract import FACTOR_FLOOR, assert_within, compute_type
from .problems import DTYPES, Problem

SIZES = {"float64": 8, "float32": 4, "float16": 2, "uint8": 1, "int8": 1, "uint16": 2, "bool": 1}

#: one of each size, and signed bytes
SOME_TYPES = ("float64", "float32", "float16", "uint8", "int8")

#: What a block of tiles may take, by the size of the second cache: three quarters (`caches.h`).
NEAR_TILES = [kilobytes * 1024 // 4 * 3 for kilobytes in (512, 1024, 1280, 2048)]


def around(*sizes):
    """Each size with its neighbours."""
    return sorted({size + step for size in sizes for step in (-1, 0, 1) if size + step > 0})


class Expected:
    """What the reference says of a problem: each sum, and the size of what was added up."""

    def __init__(self, problem):
        self.problem = problem
        self.values = problem.X.astype(np.float64)
        self.magnitude = np.abs(self.values)
        self.z = problem.coef @ self.values.T + problem.intercept[:, None]
        self.z_size = np.abs(problem.coef) @ self.magnitude.T + np.abs(problem.intercept)[:, None]
        self.curvature = problem.row_weight * reference.curvature(self.z)

    @cached_property
    def losses(self):
        losses = reference.log_loss(self.z, self.problem.y)
        return losses @ self.problem.row_weight, (losses + self.z_size) @ self.problem.row_weight

    @cached_property
    def gradient(self):
        weight, y = self.problem.row_weight, self.problem.y
        residual = reference.residual(self.z, y)
        size = np.abs(residual) + reference.curvature(self.z) * self.z_size + y % 1
        return self._sums(weight * residual, weight * size)

    @cached_property
    def product(self):
        return self._sums(self.curvature * self.z, self.curvature * self.z_size)

    def _sums(self, factor, size):
        """A sum over rows with its size and floor, and that of the intercept."""
        floor = FACTOR_FLOOR[compute_type(self.problem.dtype)] * self.magnitude.sum(axis=0)
        by_feature = factor @ self.values, size @ self.magnitude, np.tile(floor, (len(factor), 1))
        return by_feature, (factor.sum(axis=1), size.sum(axis=1))


def check(kernels, problem, n_coefs=(1, 2, 3)):
    """Every kind of pass with the first coefficient vectors of a problem that has the most."""
    expected = Expected(problem)
    X, y, weight, coef, intercept, n_threads = problem.arguments
    value_rtol, sum_rtol = problem.value_rtol, problem.sum_rtol
    for k in n_coefs:
        model = coef[:k], intercept[:k]
        loss, gradient, intercept_gradient, decision = kernels.loss_and_gradient(
            X, y, weight, *model, n_threads
        )
        product, intercept_product = kernels.hessian_product(
            X, expected.curvature[:k], *model, n_threads
        )
        alone = kernels.decision_values(X, *model, n_threads)
        losses, loss_size = expected.losses
        for result in (loss, kernels.loss(X, y, weight, *model, n_threads)):
            assert_within(result, losses[:k], value_rtol, loss_size[:k])
        for result in (decision, alone):
            assert_within(result, expected.z[:k], value_rtol, expected.z_size[:k])
        for sums, actual, actual_intercept in (
            (expected.gradient, gradient, intercept_gradient),
            (expected.product, product, intercept_product),
        ):
            (by_feature, size, floor), (by_intercept, intercept_size) = sums
            assert_within(actual, by_feature[:k], sum_rtol, size[:k], floor[:k])
            assert_within(actual_intercept, by_intercept[:k], sum_rtol, intercept_size[:k])


def three(n_samples, n_features, dtype="float64", layout="copy", **fields):
    """A problem with three coefficient vectors and weights."""
    fields = {"weights": "fractions", "n_coefs": 3} | fields
    return Problem(n_samples, n_features, dtype, layout, **fields)


@pytest.mark.parametrize("layout", ["copy", "columns_of_wider"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_registers_of_short_rows(kernels, dtype, layout):
    # 1 to 8 = NARROW_REGISTERS, and one more; lanes by level
    widths = around(*(n * lanes for lanes in (2, 4, 8, 16) for n in range(1, 10)))
    for d in widths:
        check(kernels, three(70, d, dtype, layout), n_coefs=(1, 3))


@pytest.mark.parametrize("d", [3, 8, 20, 40, 64, 130])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_a_group_and_of_a_block_of_short_rows(kernels, dtype, d):
    # GROUP = 4, registers, NARROW_ROWS = 64, BYTE_ROWS = 256
    for n_samples in [*range(1, 10), *around(16, 64, 128, 252, 256)]:
        check(kernels, three(n_samples, d, dtype), n_coefs=(1, 2))


@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
@pytest.mark.parametrize("d", [5, 50, 70, 150])
def test_sums_that_are_flushed(kernels, d, dtype, layout):
    for n_samples in around(2048, 2304):  # FLUSH_ROWS, and some more
        check(kernels, three(n_samples, d, dtype, layout), n_coefs=(1, 2))


@pytest.mark.parametrize("n_threads", [2, 3])
@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_how_rows_are_split(kernels, dtype, layout, n_threads):
    # As many parts as rows; parts in UNITs of 64 rows from 16 of them a part on
    for n_samples in [*around(n_threads), *around(1024 * n_threads)]:
        for d in (7, 129):
            check(kernels, three(n_samples, d, dtype, layout, n_threads=n_threads), (1, 3))


@pytest.mark.parametrize("dtype", SOME_TYPES)
def test_rows_of_a_block(kernels, dtype):
    # BLOCK_BYTES = 131,072: 1,024 = MOST_ROWS of 128 bytes, 256 of 512; from 12 on, rows of a
    # group come from all quarters; 8 up to 16,384 bytes, else 4
    for row_bytes, n_samples in (
        (128, (1020, 1024, 1025, 1030)), (512, (252, 256, 260)),
        (10_922, (11, 12, 13, 25)), (16_384, (8, 9)), (32_768, (5, 9)),
    ):  # fmt: skip
        for d in around(row_bytes // SIZES[dtype]):
            for n in n_samples:
                check(kernels, three(n, d, dtype, n_coefs=2), n_coefs=(1, 2))


@pytest.mark.parametrize("dtype", SOME_TYPES)
def test_stretches_of_a_row(kernels, dtype):
    # 256 = STRETCH_REGISTERS, of 2 to 16 lanes
    for d in around(512, 1024, 2048, 4096):
        check(kernels, three(6, d, dtype), n_coefs=(1, 2))


@pytest.mark.parametrize("layout", ["copy", "columns_of_wider"])
@pytest.mark.parametrize("dtype", SOME_TYPES)
def test_rows_of_whole_pages(kernels, dtype, layout):
    # PAGE = 4,096, blocks of 32 rows and 16; LAG_BYTES = 1,024
    for row_bytes, n_samples in ((4_096, 65), (8_192, 33)):
        for d in around(row_bytes // SIZES[dtype]):
            check(kernels, three(n_samples, d, dtype, layout, n_coefs=2), n_coefs=(1,))


@pytest.mark.parametrize("sizes", ["alike", "of many sizes", "of many sizes in the second"])
@pytest.mark.parametrize("layout", ["copy", "columns_of_wider", "fortran"])
def test_rows_that_integer_arithmetic_serves(kernels, layout, sizes):
    # From MIN_BYTES = 33 to MOST_COLUMNS = 64
    for d in around(33, 48, 64):
        problem = three(70, d, "uint8", layout)
        if sizes != "alike":
            first = 1 if "second" in sizes else 0
            problem.coef[first:, 1:] *= 1e-7
        check(kernels, problem)


@pytest.mark.parametrize("dtype", SOME_TYPES)
def test_columns_side_by_side(kernels, dtype):
    # SIDE_BY_SIDE = 8, FLUSH = 512 columns
    for d in [*range(1, 18), *around(512, 1024)]:
        check(kernels, three(70, d, dtype, "fortran"), n_coefs=(1, 2))


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("dtype", SOME_TYPES)
def test_rows_of_a_panel(kernels, dtype, n_threads):
    # PANEL_ROWS = 512 while PANEL_BYTES = 524,288 last, at least STRETCH_BYTES = 512
    for d in around(1024 // SIZES[dtype]):
        for n_samples in around(512):
            check(kernels, three(n_samples, d, dtype, "fortran", n_threads=n_threads), (1, 3))


@pytest.mark.parametrize("dtype", SOME_TYPES)
def test_rows_of_the_shortest_panel(kernels, dtype):
    # STRETCH_BYTES = 512 of each column
    shortest = 512 // SIZES[dtype]
    for d in (1023, 1024, 1025):
        for n_samples in around(shortest):
            check(kernels, three(n_samples, d, dtype, "fortran"), n_coefs=(1, 2))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_few_rows_whose_columns_are_shared(kernels, dtype, layout, n_threads):
    # Fewer than GROUP rows a part, and at least 16 UNITs of columns
    for n_samples in around(4 * n_threads):
        for d in around(1024 * n_threads):
            check(kernels, three(n_samples, d, dtype, layout, n_threads=n_threads), (1, 2))


@pytest.mark.parametrize(("dtype", "n_threads"), [
    ("float64", 1), ("float64", 2), ("float32", 1), ("uint8", 2),
])  # fmt: skip
def test_panels_whose_columns_are_shared(kernels, dtype, n_threads):
    # A stretch of 512 bytes of each column, old and new, no longer fits into NEAR_BYTES; from
    # there on SHARED_STRETCH_BYTES = 2,048, or MOST_ROWS = 1,024
    for d in around(max(1536, 1024 * n_threads)):
        for n_samples in around(2048 // SIZES[dtype]):
            n_samples = min(n_samples, 1025)
            problem = three(n_samples, d, dtype, "fortran", n_coefs=2, n_threads=n_threads)
            check(kernels, problem, n_coefs=(2,))


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_a_group_of_rows_that_leaves_the_nearer_caches(kernels, dtype):
    # Four rows in NEAR_BYTES = 1,572,864: of one part, or of the share of two
    for n_threads in (1, 2):
        most = n_threads * 393_216 // SIZES[dtype]
        for d in (most, most + 1):
            check(kernels, three(5, d, dtype, n_threads=n_threads, n_coefs=2), n_coefs=(2,))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_sums_that_are_flushed_where_columns_are_shared(kernels, n_threads):
    # FLUSH * GROUP = 2,048 rows, and one more
    base = Problem(1, 2_100 + 98_305).X[0]
    problem = three(2_049, 49_153, n_coefs=1, n_threads=n_threads)
    check_of_strides(kernels, problem, base, 1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_rows_that_several_vectors_share(kernels, dtype):
    # Of so many columns they hold, in the compute type, MOST_TILE_ROWS = 256 or LEAST_TILE_ROWS = 8
    size = 8 if dtype == "float64" else 4
    for rows in (8, 256):
        for d in around(*(near // size // rows for near in NEAR_TILES)):
            for n_samples in around(rows):
                check(kernels, three(n_samples, d, dtype), n_coefs=(2,))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_coefs", [15, 16, 17, 32, 33])
def test_rows_that_many_vectors_share(kernels, dtype, n_coefs):
    # IN_PLACE_VECTORS = 16; 2 rows for each vector, and as many as stretches of 4 KB fit
    problem = three(2 * n_coefs + 1, 9 * 4096 // 8, dtype, n_coefs=n_coefs)
    check(kernels, problem, n_coefs=(n_coefs,))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_features_whose_link_is_single(kernels, dtype):
    for d in around(1024):
        for n_coefs in (1, 2):
            check(kernels, three(67, d, dtype), n_coefs=(n_coefs,))


@pytest.mark.parametrize("size", [9.9e29, 1e30, 1.1e30, 1e37])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_intercepts_that_short_rows_keep_in_float32(kernels, dtype, size):
    problem = three(70, 50, dtype, weights="none")
    problem.intercept[:] = size, -size, 0.5
    loss, _, intercept_gradient, _ = kernels.loss_and_gradient(*problem.arguments, decisions=False)
    z = Expected(problem).z
    np.testing.assert_allclose(loss, reference.log_loss(z, problem.y).sum(axis=1), rtol=1e-5)
    residual = reference.residual(z, problem.y).sum(axis=1)
    np.testing.assert_allclose(intercept_gradient, residual, rtol=1e-5, atol=1e-4)


def check_of_strides(kernels, problem, base, stride):
    """One coefficient vector, and all, on rows that overlap and so take no memory.

    Each lies one element further on in base, its elements are `stride` apart: C order where that is
    1, else Fortran order.
    """
    n_samples, d = problem.n_samples, problem.n_features
    strides = base.itemsize, base.itemsize * stride
    X = np.lib.stride_tricks.as_strided(base, (n_samples, d), strides)
    values = base.astype(np.float64)[: n_samples + stride * (d - 1)]
    spread = np.zeros((problem.n_coefs, stride * (d - 1) + 1))
    spread[:, ::stride] = problem.coef
    y, weight, coef, intercept = problem.y, problem.weight, problem.coef, problem.intercept
    results = [
        kernels.loss_and_gradient(X, y, weight, coef[:k], intercept[:k], problem.n_threads)
        for k in sorted({1, problem.n_coefs})
    ]
    largest = np.abs(values).max()
    for i in range(problem.n_coefs):
        z = np.correlate(values, spread[i], mode="valid") + intercept[i]
        residual = weight * reference.residual(z, y)
        expected = np.correlate(values, residual, mode="valid")[::stride]
        z_size = np.abs(coef[i]).sum() * largest + np.abs(intercept[i])
        for _, gradient, _, decision in results[-1:] if i else results:
            assert_within(decision[i], z, problem.value_rtol, z_size)
            assert_within(gradient[i], expected, problem.sum_rtol, np.abs(residual).sum() * largest)
