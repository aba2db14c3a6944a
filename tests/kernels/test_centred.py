"""Passes over features (x - center) unit in float64: held to the twins, given those features."""

from dataclasses import dataclass

import numpy as np
import pytest

from fusedlogit import reference

from .checks import gradient_descent
from .contract import SUM_RTOL, VALUE_RTOL, assert_within

DTYPES = ["float64", "float32", "float16", "uint8", "int8", "uint16"]
RTOL, SUMS = VALUE_RTOL["float64"], SUM_RTOL["float64"]


@dataclass
class Centred:
    """Data whose columns lie beside their centres, and all that a pass is given besides."""

    n_samples: int
    n_features: int
    dtype: str = "float32"
    order: str = "C"
    n_coefs: int = 1
    n_threads: int = 1
    weighted: bool = False

    def __post_init__(self):
        rng = np.random.default_rng([self.n_samples, self.n_features])
        shape = self.n_samples, self.n_features
        low, high = (-100, 100) if self.dtype == "int8" else (0, 200)
        self.X = np.asarray(rng.integers(low, high, shape), dtype=self.dtype, order=self.order)
        self.center = rng.uniform(low, high, self.n_features)
        self.unit = 2.0 ** rng.integers(-9, -3, self.n_features)
        self.features = (self.X.astype(float) - self.center) * self.unit
        self.coef = rng.normal(size=(self.n_coefs, self.n_features)) / np.sqrt(self.n_features)
        self.intercept = rng.normal(size=self.n_coefs)
        self.y = rng.integers(0, 2, self.n_samples).astype(float)
        self.weight = rng.uniform(0, 2, self.n_samples) if self.weighted else None

    @property
    def frame(self):
        return self.center, self.unit


def check(kernels, problem):
    """Every pass against its twin."""
    X, y, weight, frame, threads = (
        problem.X, problem.y, problem.weight, problem.frame, problem.n_threads,
    )  # fmt: skip
    U, size = problem.features, np.abs(problem.features)
    share = np.ones(len(y)) if weight is None else weight
    arguments = X, y, weight, problem.coef, problem.intercept, threads
    losses, gradients, intercepts, decisions = kernels.loss_and_gradient(*arguments, frame=frame)
    only_losses = kernels.loss(*arguments, frame=frame)
    only_decisions = kernels.decision_values(
        X, problem.coef, problem.intercept, threads, frame=frame
    )
    curvature = np.stack([share / (2 + k) for k in range(problem.n_coefs)])
    products, intercept_products = kernels.hessian_product(
        X, curvature, problem.coef, problem.intercept, threads, frame=frame
    )
    for k, (w, b) in enumerate(zip(problem.coef, problem.intercept, strict=True)):
        z = U @ w + b
        terms = size @ np.abs(w) + abs(b)
        assert_within(decisions[k], z, RTOL, terms)
        assert_within(only_decisions[k], z, RTOL, terms)
        loss = share @ reference.log_loss(z, y)
        assert_within(losses[k], loss, RTOL, loss)
        assert_within(only_losses[k], loss, RTOL, loss)
        factor = share * reference.residual(z, y)
        assert_within(gradients[k], U.T @ factor, SUMS, size.T @ np.abs(factor) + 1e-9)
        assert_within(intercepts[k], factor.sum(), SUMS, np.abs(factor).sum())
        factor = curvature[k] * z
        assert_within(products[k], U.T @ factor, SUMS, size.T @ np.abs(factor) + 1e-9)
        assert_within(intercept_products[k], factor.sum(), SUMS, np.abs(factor).sum())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_every_type_and_order(kernels, dtype, order, n_threads):
    check(kernels, Centred(701, 37, dtype, order, n_threads=n_threads, weighted=True))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_widths_at_the_seams_of_registers(kernels, order, dtype):
    for d in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65):
        check(kernels, Centred(70, d, dtype, order, n_coefs=2))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_samples", [1, 3, 4, 5, 255, 256, 257, 511, 512, 513, 2047, 2048, 2049])
def test_rows_at_the_seams_of_blocks_and_panels(kernels, order, n_samples):
    check(kernels, Centred(n_samples, 9, "float32", order, n_coefs=3, n_threads=2))


@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_rows_so_long_that_a_block_holds_few(kernels, dtype):
    for d in (131_072 // 8 // np.dtype(dtype).itemsize + extra for extra in (-1, 0, 1)):
        check(kernels, Centred(19, d, dtype))
    check(kernels, Centred(3, 140_000, dtype, n_threads=2))


def test_rows_far_apart_and_backwards(kernels):
    problem = Centred(64, 12, "float32")
    wide = np.full((128, 20), np.nan, dtype="float32")
    wide[::2, 3:15] = problem.X[::-1]
    problem.X = wide[::2, 3:15][::-1]
    check(kernels, problem)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_neighbouring_numbers_far_from_zero_keep_every_digit(kernels, dtype, order):
    problem = Centred(400, 10, dtype, order)
    far = 2.0 ** (20 if dtype == "float32" else 50)  # whole numbers, less than 2^23 and 2^52
    problem.X = np.asarray(problem.X + np.asarray(far, dtype), order=order)
    problem.center = np.round(problem.center) + far
    problem.features = (problem.X.astype(np.longdouble) - problem.center) * problem.unit
    problem.features = problem.features.astype(float)
    check(kernels, problem)


@pytest.mark.parametrize(
    ("dtype", "exponent"), [("float64", 1000), ("float64", -1000), ("float32", 120)]
)
def test_units_far_from_one(kernels, dtype, exponent):
    problem = Centred(90, 11, dtype)
    problem.X = np.ldexp(problem.X, exponent).astype(dtype)
    problem.center = np.ldexp(problem.center, exponent)
    problem.unit = np.ldexp(problem.unit, -exponent)
    check(kernels, problem)


def test_float32_that_are_denormal(kernels):
    problem = Centred(90, 11, "float32")
    problem.X = np.ldexp(problem.X, -149).astype("float32")
    problem.center = np.ldexp(problem.center, -149)
    problem.unit = np.ldexp(problem.unit, 149)
    check(kernels, problem)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("in_float64", [False, True])
def test_sandwich_of_centred_features(kernels, dtype, in_float64):
    for n_samples, d in ((40, 5), (129, 31), (300, 70)):
        problem = Centred(n_samples, d, dtype, weighted=True)
        product = kernels.sandwich(problem.X, problem.weight, 2, (*problem.frame, in_float64))
        U = np.column_stack([problem.features, np.ones(n_samples)])
        exact = in_float64 or dtype == "float64"
        size = (np.abs(U).T * problem.weight) @ np.abs(U)
        rtol = SUM_RTOL["float64" if exact else "float32"]
        assert_within(product, (U.T * problem.weight) @ U, rtol, size)


def test_gradient_descent_on_centred_features():
    problem = Centred(300, 6, "float32")
    history, outcome, _, w, b = gradient_descent(
        problem.X, problem.y, learning_rate=0.05, max_iter=50, frame=problem.frame
    )
    expected = reference.gradient_descent(
        problem.features, problem.y, learning_rate=0.05, max_iter=50
    )
    assert outcome == "iterating"
    np.testing.assert_allclose(history, expected.history, rtol=1e-10)
    np.testing.assert_allclose(w, expected.coef, rtol=1e-9)
    np.testing.assert_allclose(b, expected.intercept, rtol=1e-9)


@pytest.mark.parametrize("order", ["C", "F"])
def test_vectors_in_company_are_as_precise_as_alone(kernels, order):
    problem = Centred(3000, 21, "float32", order, n_coefs=3, n_threads=2)
    arguments = problem.X, problem.y, None
    together = kernels.loss_and_gradient(
        *arguments, problem.coef, problem.intercept, 2, frame=problem.frame
    )
    for k in range(3):
        alone = kernels.loss_and_gradient(
            *arguments, problem.coef[k : k + 1], problem.intercept[k : k + 1], 2,
            frame=problem.frame,
        )  # fmt: skip
        for one, many in zip(alone, together, strict=True):
            scale = max(1.0, np.abs(one).max())
            np.testing.assert_allclose(many[k], one[0], rtol=1e-10, atol=1e-10 * scale)
