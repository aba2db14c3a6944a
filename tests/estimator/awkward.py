"""Awkward problems by the thousand: what is hostile to rounding, to units, to certificates."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

KINDS = [
    "normal", "means", "units", "common factor", "repeated", "constant", "heavy tails", "rare",
    "low rank", "two values", "separable",
]  # fmt: skip
TYPES = ["float32", "float32", "float64", "float16", "uint8", "int8", "uint16", "bool"]


@dataclass
class Awkward:
    """A problem; `parameters` are an estimator's."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    parameters: dict


def awkward(seed, many_classes=False, sparse=False):
    """The problem of a number; of `sparse` ones, most of most columns is zero."""
    rng = np.random.default_rng([20 + many_classes + 2 * sparse, seed])
    n = int(rng.choice([2, 3, 6, 15, 40, 150, 600]))
    d = int(rng.choice([1, 2, 4, 8, 16, 33]))
    kind = str(rng.choice(KINDS))
    X = _stored(_values(rng, kind, n, d), str(rng.choice(TYPES)), rng)
    if sparse:  # some columns stay full: far means, units and constants are there as well
        X[rng.random(X.shape) < rng.choice([0.0, 0.3, 0.9, 1.0], X.shape[1])] = 0
    if rng.random() < 0.3:
        X = np.asfortranarray(X)
    l1_ratio = float(rng.choice([0, 0, 0.4, 1]))
    parameters = {
        "C": float(10 ** rng.uniform(-6, 8)) if l1_ratio or rng.random() < 0.9 else np.inf,
        "l1_ratio": l1_ratio,
        "scaling": rng.choice(np.array([None, "standard", 7.0], object), p=[0.4, 0.4, 0.2]),
        "solver": "auto" if l1_ratio or rng.random() < 0.75 else "lbfgs",
        "tol": float(rng.choice([1e-8, 1e-8, 1e-4, 1e-6])),
        "fit_intercept": bool(rng.random() < 0.85),
        "n_jobs": int(rng.choice([1, 2])),
    }
    if many_classes:
        return _of_many_classes(rng, kind, X, parameters)
    y = _labels(rng, kind, X.astype(float))
    return Awkward(X, y, _weight(rng, y), parameters)


def rows_of(X):
    """The same numbers as CSR of the same type; of bool, a pattern without values."""
    rows = csr_array(X.astype(np.float64))
    rows.data = rows.data.astype(X.dtype)
    if X.dtype == bool:
        rows.data = np.broadcast_to(True, rows.nnz)
    return rows


def _of_many_classes(rng, kind, X, parameters):
    """Labels 0 to K - 1, as many as rows allow for; in a few problems one of them is rare."""
    n_classes = min(int(rng.choice([3, 3, 4, 7])), max(3, len(X)))
    if len(X) < n_classes:
        X = np.repeat(X, n_classes, axis=0)
    spread = X.std(axis=0, dtype=float)
    spread[spread == 0] = 1
    strength = 50 if kind == "separable" else 10 ** rng.uniform(-1, 1)
    coef = rng.normal(size=(X.shape[1], n_classes)) * strength / np.sqrt(X.shape[1])
    z = (X.astype(float) - X.mean(axis=0, dtype=float)) / spread @ coef
    z[:, 0] -= rng.choice([0.0, 0.0, 4.0])
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    y[rng.choice(len(y), n_classes, replace=False)] = np.arange(n_classes)
    weight = _weight(rng, y)
    if weight is not None:
        weight[[np.argmax(y == k) for k in range(n_classes)]] += 1e-12
    return Awkward(X, y, weight, parameters)


def _values(rng, kind, n, d):
    values = rng.normal(size=(n, d))
    if kind == "means":
        values += 10 ** rng.uniform(1, 6) * rng.choice([-1, 1], d)
    elif kind == "units":
        values *= 10 ** rng.uniform(-7, 4, d)
    elif kind == "common factor":
        values = 10 ** rng.uniform(-5, 0) * values + 3 * rng.normal(size=(n, 1))
    elif kind == "repeated":
        values = np.column_stack([values, values[:, : (d + 1) // 2]])
    elif kind == "constant":
        values[:, rng.integers(d)] = rng.choice([0, 1, 1e6, -3.3])
    elif kind == "heavy tails":
        values = rng.standard_t(1.2, size=(n, d))
    elif kind == "rare":
        values = (rng.random((n, d)) < 0.05) * rng.integers(1, 200, (n, d))
    elif kind == "low rank":
        values = rng.normal(size=(n, 2)) @ rng.normal(size=(2, d))
        values += 10 ** rng.uniform(-6, -3) * rng.normal(size=(n, d))
    elif kind == "two values":
        values = rng.choice([0.0, 255.0], size=(n, d))
    return values


def _stored(values, dtype, rng):
    """In a type: small numbers spread over the range of an integer, large ones cut to it."""
    if dtype == "bool":
        return values > np.median(values, axis=0)
    if dtype == "float16":
        return np.clip(values, -6e4, 6e4).astype(dtype)
    if dtype.startswith("float"):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    middle, spread = (limits.max + limits.min + 1) // 2, (limits.max - limits.min) / 10
    if dtype == "uint16" and rng.random() < 0.3:
        spread = 3.0  # beside a middle of 32,768
    if np.abs(values).max() < 10:
        values = middle + spread * values
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def _labels(rng, kind, X):
    spread = X.std(axis=0)
    spread[spread == 0] = 1
    strength = 50 if kind == "separable" else 10 ** rng.uniform(-1, 1)
    coef = rng.normal(size=X.shape[1]) * strength / np.sqrt(X.shape[1])
    z = (X - X.mean(axis=0)) / spread @ coef
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-np.clip(z, -50, 50)))).astype(int)
    if y.min() == y.max():
        y[0] = 1 - y[0]
    return y


def _weight(rng, y):
    kind = rng.choice(["none", "mild", "extreme", "counts"], p=[0.55, 0.2, 0.15, 0.1])
    if kind == "none":
        return None
    if kind == "counts":
        weight = rng.integers(0, 3, len(y)).astype(float)
        weight[[np.argmax(y == 0), np.argmax(y == 1)]] = 1
        return weight
    width = 2 if kind == "mild" else 12
    return 10 ** rng.uniform(-width, width, len(y))
