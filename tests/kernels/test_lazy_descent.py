"""Stochastic descent over sparse rows: the kernel against its twin, which moves all columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit import _kernels
from fusedlogit.data.checks import stored_target
from fusedlogit.data.lazy_walk import FIRST, GAIN, SHRUNK, UNIT
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.data.structure import rows_of
from fusedlogit.solvers import reference

from .problems import steady
from .test_sparse import INDICES, TYPES, dense_of, sparse_rows


@pytest.fixture(scope="session")
def kernel(kernels):
    return _kernels.load(kernels.level)["sparse"]


def run_kernel(kernel, X, y, coef, intercept, first_rows, steps, batch_rows, gain, unit, **told):
    """As `reference.lazy_descent`, of which coefficients, gains and averages are returned."""
    matrix = SparseMatrix.of(rows_of(X), 1)
    n_coefs, n_features = coef.shape
    l2, l1 = told.get("l2", 0.0), told.get("l1", 0.0)
    columns = np.zeros((n_features, kernel.column_numbers(n_coefs)))
    columns[:, GAIN], columns[:, UNIT], columns[:, SHRUNK] = gain, unit, 1.0
    columns[:, FIRST : FIRST + n_coefs] = coef.T
    intercept, sums, clock = intercept.copy(), np.zeros(n_coefs), np.zeros(3)
    loss = kernel.descend(
        matrix.indptr, matrix.indices, matrix.values, *stored_target(y), told.get("sample_weight"),
        first_rows, np.asarray(steps, float), batch_rows, n_coefs > 1, 1 / batch_rows,
        2 * l2, 2 * l1, 0.5, told.get("intercept_gain", 1.0), told.get("fit_intercept", True),
        told.get("curvature", 0.0), columns, intercept, sums, clock, np.empty((n_coefs + 2) * 64),
    )  # fmt: skip
    assert clock[0] == pytest.approx(np.sum(steps))
    coef, average = np.empty(coef.shape), np.empty(coef.shape)
    kernel.reached(columns, clock, 2 * l2, 2 * l1, False, coef)
    kernel.reached(columns, clock, 2 * l2, 2 * l1, True, average)
    return loss, coef, intercept, average, sums / clock[0] ** 8, columns[:, GAIN]


def assert_same(
    kernel, X, n_coefs, batch_rows, seed=0, lengths=None, twin=reference.lazy_descent, **told
):
    """The kernel leads where its twin does."""
    rng = np.random.default_rng(seed)
    n_samples, n_features = X.shape
    y = rng.integers(0, max(2, n_coefs), n_samples).astype(np.uint8)
    coef, intercept = rng.normal(size=(n_coefs, n_features)), rng.normal(size=n_coefs)
    unit = rng.uniform(0.1, 1, n_features) / 20
    gain = rng.uniform(0.5, 3, n_features)
    first_rows = rng.permutation(np.arange(0, n_samples, batch_rows))
    steps = rng.uniform(0.01, 0.3, len(first_rows)) if lengths is None else lengths[first_rows]
    found = run_kernel(
        kernel, X, y, coef, intercept, first_rows, steps, batch_rows, gain, unit, **told
    )
    stored = dense_of(X) != 0
    stored[np.repeat(np.arange(n_samples), np.diff(X.indptr)), X.indices] = True
    loss, *averages = twin(
        dense_of(X) * unit, stored, y, coef, intercept, first_rows, steps, batch_rows, gain=gain,
        **told,
    )  # fmt: skip
    for one, other in zip(found, (loss, coef, intercept, *averages, gain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * max(1, np.abs(other).max()))
    return found


@steady
@given(
    n=st.integers(1, 150), d=st.integers(1, 40), dtype=st.sampled_from(TYPES),
    indices=st.sampled_from(INDICES), density=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    n_coefs=st.sampled_from([1, 3]), batch_rows=st.sampled_from([1, 5, 64]),
    seed=st.integers(0, 2**20), weighted=st.booleans(), l2=st.sampled_from([0.0, 1e-3, 3.0, 1e4]),
    l1=st.sampled_from([0.0, 0.05]), curvature=st.sampled_from([0.0, 0.25]),
    fit_intercept=st.booleans(),
)  # fmt: skip
def test_steps(
    kernel, n, d, dtype, indices, density, n_coefs, batch_rows, seed, weighted, l2, l1, curvature,
    fit_intercept,
):  # fmt: skip
    X = sparse_rows(n, d, dtype, indices, seed, density)
    weight = np.random.default_rng(seed).integers(0, 3, n) / 2 if weighted else None
    assert_same(
        kernel, X, n_coefs, batch_rows, seed, l2=l2, l1=l1, curvature=curvature,
        sample_weight=weight, fit_intercept=fit_intercept, intercept_gain=0.7,
    )  # fmt: skip


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_schedules(kernel, power):
    X = sparse_rows(300, 60, density=0.02)
    lengths = 0.5 * (1 + np.arange(300) / 20) ** -power
    assert_same(kernel, X, 1, 3, lengths=lengths, l2=0.1, l1=0.01)


@pytest.mark.parametrize("step", [1.0, 30.0, 1e3, 1e5])
@pytest.mark.parametrize("n_coefs", [1, 3])
@pytest.mark.parametrize("curvature", [0.0, 0.25])
def test_rows_that_would_move_too_far(kernel, step, n_coefs, curvature):
    X = sparse_rows(100, 40, density=0.3)
    weight = np.random.default_rng(0).exponential(size=100)
    assert_same(kernel, X, n_coefs, 4, lengths=np.full(100, step), curvature=curvature,
                sample_weight=weight, intercept_gain=0.7)  # fmt: skip


@pytest.mark.parametrize("n_features", [31, 32, 33, 100])
def test_a_row_moves_its_decision_value_by_no_more_than_four(kernel, n_features):
    """However many blocks of entries it has."""
    X, zero = sparse_rows(1, n_features, density=1.0), (np.zeros((1, n_features)), np.zeros(1))
    y, told = np.ones(1, np.uint8), (np.arange(1), [1e6], 1, 1.0, 1.0)
    _, coef, intercept, *_ = run_kernel(kernel, X, y, *zero, *told)
    moved = (dense_of(X) @ coef.T + intercept).item()
    assert moved == pytest.approx(reference.MOST_MOVE)


def test_l1_leaves_exact_zeros(kernel):
    _, coef, _, average, *_ = assert_same(kernel, sparse_rows(200, 40), 1, 4, l1=0.5, l2=0.1)
    assert (coef == 0).any()
    assert (average != 0).any()


@pytest.fixture(scope="session")
def twin_by_penalties():
    """The twin, whose answers to one problem are the same for the kernels of all levels."""
    answers = {}

    def twin(X, stored, y, coef, intercept, *steps, l2, l1, **told):
        if (l2, l1) not in answers:
            more = reference.lazy_descent(
                X, stored, y, coef, intercept, *steps, l2=l2, l1=l1, **told
            )
            answers[l2, l1] = coef, intercept, more
        coef[:], intercept[:], more = answers[l2, l1]
        return more

    return twin


def test_many_steps_while_a_column_is_let_lie(kernel, twin_by_penalties):
    X = sparse_rows(6_000, 3, density=0.0)
    X = type(X)((np.ones(3), [0, 1, 2], np.r_[np.zeros(2_700, int), np.full(3_301, 3)]), X.shape)
    for l2, l1 in ((1e-4, 0.0), (1e-3, 1e-4), (0.0, 1e-4)):
        assert_same(kernel, X, 1, 1, twin=twin_by_penalties, l2=l2, l1=l1)


def test_a_target_outside_is_told_by_the_loss(kernel):
    X = sparse_rows(3, 2, density=1.0)
    for y, n_coefs in ([0.0, 2.0, 1.0], 1), ([0.0, 3.0, 1.0], 3):
        start = np.zeros((n_coefs, 2)), np.zeros(n_coefs)
        arguments = np.array(y), *start, np.arange(1), [0.1], 3, 1.0, 1.0
        assert np.isnan(run_kernel(kernel, X, *arguments)[0])
