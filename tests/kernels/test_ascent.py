"""Dual coordinate ascent: a step is held to the root that it looks for, many to the minimum."""

import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fusedlogit import LogisticRegression
from fusedlogit._kernels import sparse as kernels
from fusedlogit.data.ascent import Ascent, Company, turns
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.data.target import Target
from fusedlogit.problems.links import LOG_LOSS
from fusedlogit.runtime.scratch import new_lines
from fusedlogit.solvers.reference import dual_ascent

from .test_sparse import INDICES, TYPES, dense_of, sparse_rows


def ascended(matrix, order, y, weight, strength, own, base, active=None):
    """What a turn makes of ascents from zero: dual numbers (K, n), coefficients, told, gains."""
    n_coefs, n = len(strength), matrix.n_samples
    width = kernels.width_of(n_coefs)
    told = np.zeros((6, width))
    told[:4, :n_coefs] = np.ones(n_coefs) if active is None else active, strength, own, base
    told[1, n_coefs:] = 1.0
    rows, coef = new_lines((n, 3, width)), new_lines((matrix.n_features, width))
    rows[:, 0], rows[:, 2, :n_coefs] = np.nan, weight.T
    kernels.ascend(*matrix.stored, *order, y, told, rows, coef)
    assert not coef[:, n_coefs:].any()
    return rows[:, 1, :n_coefs].T, coef[:, :n_coefs].T, told[4, :n_coefs], told[5, :n_coefs]


@given(
    st.sampled_from(TYPES), st.sampled_from(INDICES), st.booleans(), st.booleans(),
    st.integers(1, 130), st.integers(1, 8), st.floats(1e4, 1e6), st.integers(0, 99),
)  # fmt: skip
def test_a_turn(dtype, indices, weighted, own, n, n_coefs, strength, seed):
    rng = np.random.default_rng(seed)
    X, y = sparse_rows(n, 9, dtype, indices, seed), rng.integers(0, 2, n).astype(float)
    weight = np.ones((n_coefs, n))
    if weighted:
        weight = rng.integers(0, 3, (n_coefs, n)).astype(float)
    step = next(step for step in range(n // 2 + 1, 2 * n) if np.gcd(step, n) == 1) % n
    own, base = rng.uniform(1, 9, n_coefs) * own, rng.normal(size=n_coefs)
    strength = strength * rng.uniform(1, 3, n_coefs)
    matrix, full = SparseMatrix.of(X), dense_of(X)
    duals, coefs, totals, gains = ascended(
        matrix, (n - 1, step), y, weight, strength, own, base
    )  # fmt: skip
    for k in range(n_coefs):
        expected, expected_coef = dual_ascent(
            full, y, weight[k], strength[k], own[k], base[k], (n - 1 + step * np.arange(n)) % n
        )
        # The last of Newton's steps changes t by less than a tenth; the penalty is so strong that
        # later rows feel little of what that leaves.
        np.testing.assert_allclose(duals[k], expected, atol=2e-3)
        size = np.abs(weight[k][:, None] * full).sum() / strength[k]
        np.testing.assert_allclose(coefs[k], expected_coef, atol=2e-3 * max(size, 1e-300))
        # Whatever the steps are, coefficients are those of the dual numbers.
        by_dual = (weight[k] * duals[k]) @ full / strength[k]
        np.testing.assert_allclose(coefs[k], by_dual, rtol=1e-9, atol=1e-12)
        assert totals[k] == pytest.approx((weight[k] * duals[k]).sum(), rel=1e-9, abs=1e-12)
        assert gains[k] >= 0
        assert (gains[k] > 0) == bool(duals[k].any())


@given(st.floats(-8, 8), st.floats(-50, 50), st.sampled_from([0.0, 0.25, 1.0]))
@example(0.25, 2.78125, 0.0)  # Newton's method alone leaps to and fro
def test_a_step_of_any_size_finds_its_root(exponent, base, target):
    X, y, strength = sparse_rows(1, 9, density=1.0), np.array([target]), 10**exponent
    (dual,), *_ = ascended(
        SparseMatrix.of(X), (0, 0), y, np.ones((1, 1)), [strength], [0.0], [base]
    )
    expected, _ = dual_ascent(dense_of(X), y, np.ones(1), strength, 0.0, base, [0])
    np.testing.assert_allclose(dual, expected, atol=2e-3)


@pytest.mark.parametrize("n_coefs", [2, 3, 4, 5, 8])
def test_an_ascent_has_the_same_bits_alone_and_in_company(n_coefs):
    X, y = rows_and_classes()
    matrix, rng = SparseMatrix.of(X), np.random.default_rng(0)
    weight, strength = rng.uniform(0, 2, (n_coefs, 400)), rng.uniform(0.5, 100, n_coefs)
    weight[:, ::7] = 0
    own, base = rng.uniform(0, 3, n_coefs), rng.normal(size=n_coefs)
    together = ascended(matrix, (7, 3), y, weight, strength, own, base)
    for k in range(n_coefs):
        one = slice(k, k + 1)
        alone = ascended(matrix, (7, 3), y, weight[one], strength[one], own[one], base[one])
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_array_equal(a[0], b[k])


def test_those_that_take_no_part_stay_as_they_are():
    X, y = rows_and_classes()
    matrix, weight = SparseMatrix.of(X), np.ones((3, 400))
    told = [2.0, 2.0, 2.0], [1.0, 1.0, 1.0], [0.1, 0.1, 0.1]
    duals, coefs, totals, gains = ascended(matrix, (7, 3), y, weight, *told, active=[1, 0, 1])
    assert not duals[1].any()
    assert not coefs[1].any()
    assert totals[1] == gains[1] == 0 < gains[0] == gains[2]


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
        SparseMatrix.of(X), Target(y, weight, LOG_LOSS), 2.0, fit_intercept, 0
    )  # fmt: skip
    gains = [turns([ascent])[0] for _ in range(120)]
    assert max(gains[90:]) < 1e-20 * gains[0]  # there it stays
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
    return [Ascent(matrix, Target(y, weight, LOG_LOSS), 2.0, True, 0) for weight in weights]


def test_a_known_point_is_where_it_goes_on():
    (ascent, *_), (again, *_) = ascents_of_folds(1), ascents_of_folds(1)
    first = turns([ascent])[0]
    for _ in range(120):
        turns([ascent])
    target, intercept = ascent.target, np.array([ascent.intercept])
    _, slopes, _, (margins,) = ascent.matrix.loss_and_gradient(target, ascent.coef[None], intercept)
    again.begin_at(margins.values, -slopes[0] / again.strength, ascent.intercept)
    X, _ = rows_and_classes()
    own = (target.sample_weight * again.dual) @ X.toarray() / again.strength
    np.testing.assert_allclose(again.coef, own, rtol=1e-9, atol=1e-12)
    # Dual numbers are by the penalty less exact than the point.
    np.testing.assert_allclose(again.coef, ascent.coef, rtol=1e-3, atol=1e-5)
    assert again.intercept == ascent.intercept
    assert turns([again])[0] < 1e-6 * first


@pytest.mark.parametrize(("most", "n_threads", "n_walks"), [(8, 1, 1), (2, 1, 2), (2, 2, 2)])
def test_side_by_side_is_as_alone(monkeypatch, most, n_threads, n_walks):
    alone, together = ascents_of_folds(1), ascents_of_folds(n_threads)
    monkeypatch.setattr("fusedlogit.data.ascent.kernels.MOST_ASCENTS", most)
    for n in (3, 3, 2):  # one ends before the others
        expected = [turns([ascent])[0] for ascent in alone[:n]]
        before = together[0].matrix.n_passes
        assert turns(together[:n]) == expected
        assert together[0].matrix.n_passes == before + n_walks
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.coef, other.coef)
        assert one.intercept == other.intercept


@pytest.mark.parametrize("n_threads", [1, 2])
def test_those_of_different_turns_go_one_after_the_other_until_they_begin_a_stretch(n_threads):
    alone, together = ascents_of_folds(1), ascents_of_folds(n_threads)
    turns(together)
    turns(together[:1])  # is a turn ahead of the others
    before = together[0].matrix.n_passes
    turns(together)
    assert together[0].matrix.n_passes == before + 2
    for ascent in together:
        ascent.begin_stretch()
    turns(together)
    assert together[0].matrix.n_passes == before + 3
    for k, ascent in enumerate(alone):
        for _ in range(3 if k == 0 else 2):
            turns([ascent])
        ascent.begin_stretch()
        turns([ascent])
        np.testing.assert_array_equal(ascent.coef, together[k].coef)


def test_rows_that_are_empty_or_beyond_all_numbers_take_no_step():
    X = sparse_rows(3, 4, "float64", density=0.0)
    X = type(X)((np.array([1e200, 1.0]), np.array([1, 2]), np.array([0, 1, 1, 2])), shape=(3, 4))
    for n_coefs in (1, 2):
        ones, zeros = np.ones(n_coefs), np.zeros(n_coefs)
        duals, coefs, *_ = ascended(
            SparseMatrix.of(X), (0, 1), np.ones(3), np.ones((n_coefs, 3)), ones, zeros, zeros
        )
        assert (duals[:, :2] == 0).all()
        assert (duals[:, 2] > 0).all()
        assert (coefs[:, 1] == 0).all()
        assert (coefs[:, 2] > 0).all()


def test_walks_of_a_company_are_never_at_the_same_time(monkeypatch):
    ascents = ascents_of_folds(2)
    turns(ascents)
    turns(ascents[:1])  # is a turn ahead of the others
    inside = []
    turn = Company.turn

    def watched(company, *told):
        inside.append(company)
        assert inside.count(company) == 1
        time.sleep(0.01)
        gains = turn(company, *told)
        inside.remove(company)
        return gains

    monkeypatch.setattr(Company, "turn", watched)
    monkeypatch.setattr("fusedlogit.data.ascent.kernels.MOST_ASCENTS", 1)
    turns([*ascents, *ascents_of_folds(2)])
    assert not inside
