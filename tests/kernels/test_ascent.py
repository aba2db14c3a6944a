"""Dual coordinate ascent: a step is held to the root that it looks for, many to the minimum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit import LogisticRegression
from fusedlogit._kernels import sparse as kernels
from fusedlogit.data.ascent import Ascent, turns
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.data.target import Target
from fusedlogit.problems.links import LOG_LOSS
from fusedlogit.solvers.reference import dual_ascent

from .test_sparse import INDICES, TYPES, dense_of, sparse_rows


@given(
    st.sampled_from(TYPES), st.sampled_from(INDICES), st.booleans(), st.booleans(),
    st.integers(1, 130), st.floats(1e4, 1e6), st.integers(0, 99),
)  # fmt: skip
def test_a_turn(dtype, indices, weighted, own, n, strength, seed):
    rng = np.random.default_rng(seed)
    X, y = sparse_rows(n, 9, dtype, indices, seed), rng.integers(0, 2, n).astype(float)
    weight = rng.integers(0, 3, n).astype(float) if weighted else None
    step = next(step for step in range(n // 2 + 1, 2 * n) if np.gcd(step, n) == 1) % n
    own = 7.0 if own else 0.0
    intercept, dual, coef = np.array([0.3, 0.0]), np.zeros(n), np.zeros(9)
    matrix = SparseMatrix.of(X)
    gain = kernels.ascend(
        *matrix.stored, n - 1, step, y, weight, strength, own, intercept, dual, coef
    )
    full, weight = dense_of(X), np.ones(n) if weight is None else weight
    order = (n - 1 + step * np.arange(n)) % n
    expected, expected_coef = dual_ascent(full, y, weight, strength, own, 0.3, order)
    # The last of Newton's steps changes t by less than a hundredth; the penalty is so strong that
    # later rows feel little of what that leaves.
    np.testing.assert_allclose(dual, expected, atol=2e-4)
    size = np.abs(weight[:, None] * full).sum() / strength
    np.testing.assert_allclose(coef, expected_coef, atol=2e-4 * max(size, 1e-300))
    # Whatever the steps are, coefficients are those of the dual numbers.
    np.testing.assert_allclose(coef, (weight * dual) @ full / strength, rtol=1e-9, atol=1e-12)
    assert intercept[1] == pytest.approx((weight * dual).sum(), rel=1e-9, abs=1e-12)
    assert gain >= 0
    assert (gain > 0) == bool(dual.any())


@given(st.floats(-8, 8), st.floats(-50, 50), st.sampled_from([0.0, 0.25, 1.0]))
def test_a_step_of_any_size_finds_its_root(exponent, base, target):
    X, y, strength = sparse_rows(1, 9, density=1.0), np.array([target]), 10**exponent
    intercept, dual, coef = np.array([base, 0.0]), np.zeros(1), np.zeros(9)
    kernels.ascend(*SparseMatrix.of(X).stored, 0, 0, y, None, strength, 0.0, intercept, dual, coef)
    expected, _ = dual_ascent(dense_of(X), y, np.ones(1), strength, 0.0, base, [0])
    np.testing.assert_allclose(dual, expected, atol=2e-5)


def rows_and_classes():
    rng = np.random.default_rng(0)
    X = sparse_rows(400, 50, "float32", density=0.1)
    return X, (X @ rng.normal(size=50) / 20 + rng.logistic(size=400) > 0).astype(float)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_turns_lead_to_the_minimum(fit_intercept, weighted):
    X, y = rows_and_classes()
    weight = np.random.default_rng(1).uniform(0.5, 2, 400) if weighted else None
    total = 400 if weight is None else weight.sum()
    ascent = Ascent(
        SparseMatrix.of(X), Target(y, weight, LOG_LOSS), 2.0, fit_intercept,
        np.random.default_rng(0),
    )  # fmt: skip
    gains = [ascent.turn() for _ in range(120)]
    assert gains[-1] < 1e-10 * gains[0]
    model = LogisticRegression(
        C=1 / (2.0 * total), tol=1e-12, fit_intercept=fit_intercept
    ).fit(X.toarray(), y, weight)  # fmt: skip
    np.testing.assert_allclose(ascent.coef, model.coef_[0], rtol=1e-5, atol=1e-7)
    assert ascent.intercept == pytest.approx(model.intercept_[0], rel=1e-5, abs=1e-7)


def ascents_of_folds(n_threads):
    """Three, each without some of the rows."""
    X, y = rows_and_classes()
    matrix = SparseMatrix.of(X, n_threads)
    weights = [(np.arange(400) % 3 != k).astype(float) for k in range(3)]
    return [
        Ascent(matrix, Target(y, weight, LOG_LOSS), 2.0, True, np.random.default_rng(0))
        for weight in weights
    ]


def test_a_known_point_is_where_it_goes_on():
    (ascent, *_), (again, *_) = ascents_of_folds(1), ascents_of_folds(1)
    first = ascent.turn()
    for _ in range(120):
        ascent.turn()
    target, intercept = ascent.target, np.array([ascent.intercept])
    _, slopes, _, (margins,) = ascent.matrix.loss_and_gradient(target, ascent.coef[None], intercept)
    residual = LOG_LOSS.residual(margins.values, target.y)
    again.begin_at(residual, -slopes[0] / again.strength, ascent.intercept)
    X, _ = rows_and_classes()
    own = (target.sample_weight * again.dual) @ X.toarray() / again.strength
    np.testing.assert_allclose(again.coef, own, rtol=1e-9, atol=1e-12)
    # Dual numbers are by the penalty less exact than the point.
    np.testing.assert_allclose(again.coef, ascent.coef, rtol=1e-3, atol=1e-5)
    assert again.intercept == ascent.intercept
    assert again.turn() < 1e-6 * first


@pytest.mark.parametrize("n_threads", [1, 2])
def test_side_by_side_is_as_alone(n_threads):
    alone, together = ascents_of_folds(1), ascents_of_folds(n_threads)
    expected = [ascent.turn() for ascent in alone]
    before = together[0].matrix.n_passes
    assert turns(together) == expected
    assert together[0].matrix.n_passes == before + 3
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.coef, other.coef)
        assert one.intercept == other.intercept


def test_rows_that_are_empty_or_beyond_all_numbers_take_no_step():
    X = sparse_rows(3, 4, "float64", density=0.0)
    X = type(X)((np.array([1e200, 1.0]), np.array([1, 2]), np.array([0, 1, 1, 2])), shape=(3, 4))
    dual, coef = np.zeros(3), np.zeros(4)
    kernels.ascend(
        *SparseMatrix.of(X).stored, 0, 1, np.ones(3), None, 1.0, 0.0, np.zeros(2), dual, coef
    )
    assert dual[0] == dual[1] == 0 < dual[2]
    assert coef[1] == 0 < coef[2]
