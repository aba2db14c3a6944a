"""What is minimised beside other libraries, and the cost that all are held to."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
IMAGE_SIZE = 64


@dataclass(frozen=True)
class Problem:
    """Mean log loss + l2 / 2 |w|^2 + l1 |w|_1 over X / divisor, with a free intercept.

    Attributes
    ----------
    title : str
    make : callable
        () -> X, y with y 0 or 1.
    divisor : float
    l2, l1 : float
    floats : type
        What peers are given.
    targets : tuple of float
        Relative suboptimalities to report.
    """

    title: str
    make: Any
    divisor: float
    l2: float
    l1: float
    floats: type
    targets: tuple[float, ...] = (1e-4, 1e-6, 1e-10)


def photographs():
    """Dogs and cats as 64 x 64 uint8 pixels, all of them; decoded once."""
    kept = Path(tempfile.gettempdir()) / f"fusedlogit-peers-{IMAGE_SIZE}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return arrays["X"], arrays["y"]
    from fusedlogit.photographs.loading import load_images

    folder = Path(os.environ.get("FUSEDLOGIT_DATA", ROOT.parent / "shared" / "data"))
    images = load_images(folder / "dogs-vs-cats-train.zip", size=IMAGE_SIZE)
    y = np.array([file.label == images.labels[1] for file in images.files], dtype=np.float64)
    np.savez(kept, X=images.pixels, y=y)
    return images.pixels, y


def tall(n_samples=1_000_000, n_features=50):
    """A tall table of normal columns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return X, labels(X, rng.standard_normal(n_features) / np.sqrt(n_features) * 2, rng)


def tall_in_units():
    """The same table in units from a thousandth to a thousand, shifted."""
    X, y = tall()
    rng = np.random.default_rng(1)
    X *= 10 ** rng.uniform(-3, 3, X.shape[1])
    X += 10 ** rng.uniform(-3, 3, X.shape[1])
    return X, y


def correlated(n_samples=300_000, n_features=200):
    """Columns mixed from directions whose deviations fall as 1 / k."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    X = rng.standard_normal((n_samples, n_features)) / np.arange(1, n_features + 1)
    X = X @ directions
    return X.astype(np.float32), labels(X, 3 * directions.T @ rng.standard_normal(n_features), rng)


def labels(X, coef, rng):
    return (X @ coef + rng.logistic(size=len(X)) > 0).astype(np.float64)


def cancer():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X, y.astype(np.float64)


PROBLEMS = {
    "images": Problem(
        "dogs-vs-cats, 20,000 x 12,288 uint8, l2 0.03", photographs, 255, 0.03, 0, np.float32
    ),
    "images-weak": Problem(
        "dogs-vs-cats, 20,000 x 12,288 uint8, l2 3e-4",
        photographs, 255, 3e-4, 0, np.float32, (1e-5, 1e-6, 1e-10),
    ),
    "images-l1": Problem(
        "dogs-vs-cats, 20,000 x 12,288 uint8, l1 1e-3",
        photographs, 255, 0, 1e-3, np.float32, (1e-5, 1e-6, 1e-10),
    ),
    "tall": Problem("tall, 1,000,000 x 50 float64, l2 1e-6", tall, 1, 1e-6, 0, np.float64),
    "tall-units": Problem(
        "tall, columns in other units and shifted, l2 1e-6", tall_in_units, 1, 1e-6, 0, np.float64
    ),
    "correlated": Problem(
        "correlated, 300,000 x 200 float32, l2 1e-6", correlated, 1, 1e-6, 0, np.float32
    ),
    "small": Problem("breast cancer, 569 x 30 float64, C=1", cancer, 1, 1 / 569, 0, np.float64),
}  # fmt: skip


def cost(X, y, problem, coef, intercept):
    """The objective in float64, a block of rows at a time."""
    coef = np.asarray(coef, dtype=np.float64)
    total, block = 0.0, max(1, 20_000_000 // X.shape[1])
    for begin in range(0, len(y), block):
        z = X[begin : begin + block].astype(np.float64) @ coef + intercept
        total += (np.logaddexp(0, z) - y[begin : begin + block] * z).sum()
    w = coef * problem.divisor
    return total / len(y) + problem.l2 / 2 * w @ w + problem.l1 * np.abs(w).sum()
