"""Stochastic descent: the kernel against its twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit import _kernels
from fusedlogit.data.checks import stored_target
from fusedlogit.solvers import reference

from .problems import DTYPES, LAYOUTS, steady


def numbers(rng, n_samples, n_features, dtype):
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=(n_samples, n_features)).astype(dtype)
    return rng.integers(0, 2 if dtype == "bool" else 100, (n_samples, n_features)).astype(dtype)


def run_kernel(kernel, X, y, coef, intercept, first_rows, steps, batch_rows, **told):
    """As `reference.stochastic_descent`, with the metric as directions or a number a column."""
    n_coefs, n_features = coef.shape
    center, unit = told.pop("center", None), told.pop("unit", None)
    directions, gains = told.pop("directions", np.zeros((0, n_features))), told.pop("gains", [])
    gains = np.asarray(gains, dtype=float)
    padded = np.zeros((len(gains), kernel.direction_numbers(n_features)))
    padded[:, :n_features] = directions
    inverse = told.pop("whole", None)
    if inverse is not None:
        inverse = np.pad(inverse, ((0, 0), (0, kernel.direction_numbers(n_features) - n_features)))
    momentum, average = told.pop("momentum", 0.0), np.zeros((n_coefs, n_features + 1))
    n_bytes = kernel.workspace_size(n_features, n_coefs, len(gains))
    workspace = np.full(n_bytes + 64, -1, dtype=np.int8)  # its numbers are NaN
    workspace[-64:] = 7
    loss, _ = kernel.descend(
        X, *stored_target(y), told.pop("sample_weight", None), first_rows, np.asarray(steps, float),
        batch_rows, n_coefs > 1, 1 / batch_rows, told.pop("l2", 0.0), told.pop("l1", 0.0), momentum,
        padded, gains, told.pop("flat", np.ones(n_features)), inverse,
        told.pop("intercept_gain", 1.0), told.pop("fit_intercept", True), coef, intercept,
        np.zeros_like(average) if momentum else None, average, 0, told.pop("tail", 0.0),
        workspace[:-64], center, unit,
    )  # fmt: skip
    assert not told
    assert (workspace[-64:] == 7).all()
    return loss, average[:, :-1], average[:, -1]


def assert_same(
    kernel, X, y, n_coefs, batch_rows, features=None, inverse=None, longest=0.1, **told
):
    """The kernel leads where its twin does."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(n_coefs, X.shape[1])) * 0.1, rng.normal(size=n_coefs)
    first_rows = rng.permutation(np.arange(0, len(X), batch_rows))
    steps = rng.uniform(0.1, 1, len(first_rows)) * longest
    ours, theirs = [part.copy() for part in start], [part.copy() for part in start]
    found = run_kernel(kernel, X, y, *ours, first_rows, steps, batch_rows, **told)
    for key in ("directions", "gains", "flat", "whole", "center", "unit"):
        told.pop(key, None)
    features = X.astype(np.float64) if features is None else features
    expected = reference.stochastic_descent(
        features, y, *theirs, first_rows, steps, batch_rows, inverse=inverse, **told
    )
    for one, other in zip((*ours, *found), (*theirs, *expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * max(1, np.abs(other).max()))


@pytest.fixture(scope="session")
def kernel(kernels):
    return _kernels.load(kernels.level)["stochastic"]


@pytest.mark.parametrize("n_coefs", [1, 2, 5])
@pytest.mark.parametrize("layout", ["copy", "fortran"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_types_and_orders(kernel, dtype, layout, n_coefs):
    rng = np.random.default_rng(1)
    X = LAYOUTS[layout](numbers(rng, 150, 11, dtype))
    y = rng.integers(0, max(2, n_coefs), 150).astype(np.uint8)
    scale = 1.0 if X.dtype.kind == "f" else 1 / 64
    unit, center = np.full(11, scale), rng.normal(size=11)
    assert_same(
        kernel, X, y, n_coefs, 16, (X.astype(np.float64) - center) * unit,
        center=center, unit=unit, l2=0.1, sample_weight=rng.random(150),
    )  # fmt: skip


@pytest.mark.parametrize("batch_rows", [1, 3, 4, 5, 7, 8, 9, 16, 17, 63, 64])
@pytest.mark.parametrize("n_samples", [1, 63, 64, 65, 200])
def test_whole_and_short_batches(kernel, n_samples, batch_rows):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(n_samples, 9)), rng.random(n_samples)
    assert_same(kernel, X, y, 1, batch_rows, l2=0.01, tail=3.0)


@pytest.mark.parametrize("n_features", [127, 128, 129, 300])
def test_rows_as_long_as_are_brought_nearer(kernel, n_features):
    rng = np.random.default_rng(4)
    X = numbers(rng, 150, n_features, "float64")
    assert_same(kernel, X, rng.integers(0, 2, 150).astype(np.uint8), 1, 16)


@pytest.mark.parametrize("n_directions", [0, 1, 4, 7])
@pytest.mark.parametrize("n_coefs", [1, 3])
def test_a_metric(kernel, n_coefs, n_directions):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(100, 7)), rng.integers(0, 2, 100).astype(np.float64)
    directions = np.linalg.qr(rng.normal(size=(7, 7)))[0][:n_directions]
    gains = rng.uniform(0, 3, n_directions)
    flat = rng.uniform(0.2, 1, 7)
    inverse = np.diag(flat) + directions.T * gains @ directions
    for metric in ({"directions": directions, "gains": gains}, {"whole": inverse}):
        assert_same(
            kernel, X, y, n_coefs, 8, None, inverse, **metric, flat=flat, l2=0.1,
            intercept_gain=2.0, momentum=0.5,
        )  # fmt: skip


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_l1_leaves_exact_zeros(kernel, momentum, fit_intercept):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(100, 40)), rng.integers(0, 2, 100).astype(np.uint8)
    told = {"l1": 0.5, "l2": 0.1, "momentum": momentum, "fit_intercept": fit_intercept}
    flat = rng.uniform(0.1, 1, 40)
    assert_same(kernel, X, y, 1, 4, None, np.diag(flat), flat=flat, **told)
    coef, intercept = np.zeros((1, 40)), np.zeros(1)
    run_kernel(kernel, X, y, coef, intercept, np.arange(0, 100, 4), np.full(25, 0.1), 4, **told)
    assert (coef == 0).any()
    assert (intercept == 0).all() != fit_intercept


@steady
@given(
    n_samples=st.integers(1, 90),
    n_features=st.integers(1, 70),
    n_coefs=st.integers(1, 6),
    batch_rows=st.integers(1, 64),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(sorted(LAYOUTS)),
)
def test_shapes(kernel, n_samples, n_features, n_coefs, batch_rows, dtype, layout):
    rng = np.random.default_rng(n_samples + 100 * n_features)
    X = LAYOUTS[layout](numbers(rng, n_samples, n_features, dtype))
    unit = np.full(n_features, 1 / 100)
    y = rng.integers(0, max(2, n_coefs), n_samples).astype(np.int32)
    assert_same(kernel, X, y, n_coefs, batch_rows, X.astype(np.float64) * unit, unit=unit)


@pytest.mark.parametrize("longest", [1.0, 10.0, 1e3, 1e9])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_coefs", [1, 3])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_steps_that_lead_too_far_are_made_shorter(kernel, longest, weighted, n_coefs, l2):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 6)) * np.where(rng.random((60, 1)) < 0.1, 30, 1)
    y = rng.integers(0, max(2, n_coefs), 60).astype(np.uint8)
    weight = rng.exponential(size=60) if weighted else None
    assert_same(kernel, X, y, n_coefs, 8, longest=longest, l2=l2, sample_weight=weight)


@pytest.mark.parametrize(("step", "short"), [(1e-3, False), (9.0, False), (1e3, True)])
def test_how_many_steps_are_made_much_shorter_is_told(kernel, step, short):
    X, y = np.linspace(-1, 1, 10)[:, None], np.arange(10) % 2
    told = np.zeros((1, 1)), np.zeros(1), None, np.zeros((1, 2)), 0, 0.0
    _, n_short = kernel.descend(
        X, *stored_target(y.astype(np.uint8)), None, np.arange(0, 10, 2), np.full(5, step), 2,
        False, 0.5, 0.0, 0.0, 0.0, np.zeros((0, kernel.direction_numbers(1))), np.zeros(0),
        np.ones(1), None, 1.0, True, *told, np.empty(kernel.workspace_size(1, 1, 0), np.int8),
    )  # fmt: skip
    assert n_short == (5 if short else 0)


def test_a_step_moves_no_decision_value_by_more_than_four(kernel):
    coef, intercept = np.zeros((1, 1)), np.zeros(1)
    X, y = np.array([[3.0]]), np.array([1.0])
    run_kernel(kernel, X, y, coef, intercept, np.arange(1), [1e6], 1)
    assert (X @ coef.T + intercept).item() == pytest.approx(reference.MOST_MOVE)


def test_a_target_outside_is_told_by_the_loss(kernel):
    X = np.ones((3, 2))
    for y, n_coefs in ([0.0, 2.0, 1.0], 1), ([0.0, 3.0, 1.0], 3):
        coef, intercept = np.zeros((n_coefs, 2)), np.zeros(n_coefs)
        arguments = np.array(y), coef, intercept, np.arange(1), [0.1], 3
        assert np.isnan(run_kernel(kernel, X, *arguments)[0])
