"""Many coefficient vectors, or classes, in one pass: as one after the other, and as the twin."""

import numpy as np
import pytest

from fusedlogit import reference

from .checks import check_hessian_product, check_loss_and_gradient
from .contract import SUM_RTOL, compute_type
from .problems import Problem, random_values

#: Below, at and above the widths up to which vectors take turns, at some level of instructions.
SHORT = [7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]


def close(found, expected, dtype):
    atol = SUM_RTOL[compute_type(dtype)] * max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "int8", "uint16"])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 16, 17, 33])
def test_softmax_is_its_twin(kernels, n_classes, dtype, order):
    rng = np.random.default_rng(n_classes)
    X = np.asarray(random_values(rng, (301, 37), dtype), order=order)
    y = rng.integers(0, n_classes, len(X)).astype(np.uint8)
    weight = rng.random(len(X))
    size = max(1.0, float(np.abs(X.astype(float)).max()))
    coef, intercept = rng.normal(size=(n_classes, 37)) / size, rng.normal(size=n_classes)
    expected = reference.softmax_loss_and_gradient(X, y, coef, intercept, weight)
    for n_threads in (1, 2, 3):
        found = kernels.softmax_loss_and_gradient(X, y, weight, coef, intercept, n_threads)
        for sums, twin in zip(found[:3], expected, strict=True):
            close(sums / weight.sum(), np.asarray(twin), dtype)


@pytest.mark.parametrize("z", [700.0, 1e-9, 0.0])
def test_extreme_decision_values(kernels, z):
    coef = np.array([[z], [-z], [0.0]])
    X, y = np.array([[1.0], [1.0], [-1.0]]), np.array([0, 1, 2], np.uint8)
    loss, _, slopes, _ = kernels.softmax_loss_and_gradient(X, y, None, coef, np.zeros(3))
    expected, _, twin = reference.softmax_loss_and_gradient(X, y, coef, np.zeros(3))
    assert loss / 3 == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(slopes / 3, twin, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
@pytest.mark.parametrize("n_coefs", [1, 2, 5, 17])
def test_folds_and_offsets(kernels, n_coefs, dtype):
    rng = np.random.default_rng(n_coefs)
    X = random_values(rng, (203, 21), dtype)
    y, offset = rng.integers(0, 2, 203).astype(np.uint8), rng.normal(size=203)
    fold = rng.integers(0, 4, 203).astype(np.uint8)
    held_out = (np.arange(n_coefs, dtype=np.int32) % 5) - 1
    size = max(1.0, float(np.abs(X.astype(float)).max()))
    coef, intercept = rng.normal(size=(n_coefs, 21)) / size, rng.normal(size=n_coefs)
    found = kernels.loss_and_gradient(
        X, y, None, coef, intercept, 2, offset=offset, fold=fold, held_out=held_out
    )
    for k in range(n_coefs):
        weight = (fold != held_out[k]).astype(float)
        z = X.astype(float) @ coef[k] + intercept[k] + offset
        residual = weight * reference.residual(z, y)
        close(found[0][k], np.asarray(weight @ reference.log_loss(z, y)), dtype)
        close(found[1][k], residual @ X.astype(float), dtype)
        close(found[2][k], np.asarray(residual.sum()), dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "int8", "uint16"])
@pytest.mark.parametrize("n_features", [3, 4, 5, *SHORT, 37, 1_100])
@pytest.mark.parametrize("precise", [False, True])
def test_the_same_bits_in_any_company(kernels, precise, n_features, dtype):
    # Below, at and above the numbers of vectors that take narrow X, or any, where it lies.
    rng = np.random.default_rng(n_features)
    X = random_values(rng, (301, n_features), dtype)
    y = rng.integers(0, 2, 301).astype(np.uint8)
    size = n_features * max(1.0, float(np.abs(X.astype(float)).max()))
    coef, intercept = rng.normal(size=(18, n_features)) / size, rng.normal(size=18)
    frame = (np.zeros(n_features), np.ones(n_features)) if precise else ()
    whole = kernels.loss_and_gradient(X, y, None, coef, intercept, 2, frame=frame)
    for n_coefs in (2, 3, 4, 5, 15, 16, 17):
        some = kernels.loss_and_gradient(
            X, y, None, coef[:n_coefs], intercept[:n_coefs], 2, frame=frame
        )
        for found, expected in zip(some, whole, strict=True):
            np.testing.assert_array_equal(found, expected[:n_coefs])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "int8", "uint16"])
@pytest.mark.parametrize("n_features", SHORT)
def test_short_rows_for_many_vectors(kernels, n_features, dtype):
    # More rows than go by in one turn, and than are added up in float32.
    problem = Problem(5_000, n_features, dtype, weights="fractions", n_coefs=3, n_threads=2)
    check_loss_and_gradient(kernels, problem)
    check_hessian_product(kernels, problem)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_an_intercept_beyond_float32_is_that_of_its_vector_alone(kernels, dtype):
    problem = Problem(70, 9, dtype, n_coefs=3)
    y, intercept = np.zeros(70, np.uint8), np.array([0.5, -0.5, -2e307])
    loss, gradient, slope, _ = kernels.loss_and_gradient(
        problem.X, y, None, problem.coef, intercept, decisions=False
    )
    expected = kernels.loss_and_gradient(
        problem.X, y, None, problem.coef[:2], intercept[:2], decisions=False
    )
    for found, alone in zip((loss, gradient, slope), expected[:3], strict=True):
        np.testing.assert_array_equal(found[:2], alone)
