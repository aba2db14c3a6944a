"""Kernel against NumPy: the passes over X, and gradient descent."""

from dataclasses import dataclass
from functools import partial
from types import ModuleType

import numpy as np
import pytest

from fusedlogit import functions

from . import numpy_twins
from .data import MORE_STORAGE, STORAGE


@dataclass(frozen=True)
class Engine:
    """Who does the work; n_threads=None is all cores."""

    name: str
    functions: ModuleType
    n_threads: int | None = None

    def call(self, function, *args, **kwargs):
        """A function of this engine with its arguments, ready to be measured."""
        return partial(getattr(self.functions, function), *args, n_threads=self.n_threads, **kwargs)


ENGINES = {
    "numpy": Engine("numpy", numpy_twins),
    "kernel-1": Engine("kernel", functions, n_threads=1),
    "kernel-all": Engine("kernel", functions),
}


def cases(*names, storage=STORAGE):
    """Each engine on each storage type of the data named; NumPy computes in floats alone."""
    params = [
        pytest.param((name, dtype), engine, id=f"{name}-{dtype}-{label}")
        for name in names
        for dtype in storage
        for label, engine in ENGINES.items()
        if label != "numpy" or dtype in ("float64", "float32")
    ]
    # The scope lets pytest bring together all tests on the same data.
    return pytest.mark.parametrize(("data", "engine"), params, indirect=["data"], scope="session")


@cases("photographs", "tall", "wide", "by columns")
def test_loss_and_gradient(measure, data, engine):
    call = engine.call("loss_and_gradient", data.X, data.y, data.coef, data.intercept)
    loss, gradient, _ = measure(call)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


@cases("photographs", "tall", "wide")
def test_gradient_descent(measure, data, engine, full_size):
    n_iter = 100 if full_size else 3
    call = engine.call(
        "gradient_descent",
        data.X,
        data.y,
        learning_rate=1 / data.X.shape[1],
        max_iter=n_iter,
        scaling=data.scaling,
    )
    # A single round of NumPy's is a hundred passes, and takes long enough.
    descent = measure(call, n_passes=n_iter, rounds=1 if engine.name == "numpy" else 3)
    assert np.isfinite(descent.history).sum() == n_iter


@cases("photographs", storage=MORE_STORAGE)
def test_loss_and_gradient_of_other_types(measure, data, engine):
    test_loss_and_gradient(measure, data, engine)


@cases("very tall", "very wide", storage=("float32",))
def test_loss_and_gradient_of_extreme_shapes(measure, data, engine):
    test_loss_and_gradient(measure, data, engine)


@cases("photographs")
def test_hessian_product(measure, data, engine):
    call = engine.call("hessian_product", data.X, data.curvature, data.coef, data.intercept)
    product, _ = measure(call)
    assert np.isfinite(product).all()


@cases("photographs")
def test_decision_values(measure, data, engine):
    call = engine.call("decision_values", data.X, data.coef, data.intercept)
    z = measure(call, multiply_adds=1)
    assert np.isfinite(z).all()


@cases("tall")
def test_sandwich(measure, data, engine):
    call = engine.call("sandwich", data.X, data.curvature)
    n_features = data.X.shape[1]
    # The upper triangle of [X, 1]^T [X, 1].
    multiply_adds = (n_features + 1) * (n_features + 2) / 2 / n_features
    product = measure(call, multiply_adds=multiply_adds)
    assert np.isfinite(product).all()


@cases("tall", "by columns")
def test_moments(measure, data, engine):
    _, variance = measure(engine.call("moments", data.X))
    assert np.isfinite(variance).all()


@cases("photographs", "by columns", storage=("float64", "float32"))
def test_first_nonfinite(measure, data, engine):
    assert measure(engine.call("first_nonfinite", data.X), multiply_adds=1) == (-1, -1)
