"""What is minimised beside other libraries, and the cost that all are held to."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FUSEDLOGIT_DATA", ROOT.parent / "shared" / "data"))
IMAGE_SIZE = 64


@dataclass(frozen=True)
class Problem:
    """Mean log loss + l2 / 2 |w|^2 + l1 |w|_1 over X / divisor, with a free intercept.

    Attributes
    ----------
    title : str
    make : callable
        () -> X, y with y the number of a row's class: 0 or 1, or of more.
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
    targets: tuple[float, ...]


def photographs():
    """Dogs and cats as 64 x 64 uint8 pixels, all of them; decoded once."""
    kept = Path(tempfile.gettempdir()) / f"fusedlogit-peers-{IMAGE_SIZE}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return arrays["X"], arrays["y"]
    from fusedlogit.photographs.loading import load_images

    images = load_images(DATA / "dogs-vs-cats-train.zip", size=IMAGE_SIZE)
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
    return (X @ coef + rng.logistic(size=X.shape[0]) > 0).astype(np.float64)


def pattern():
    """Words and pairs of words of short texts: which occur. All values are one."""
    with np.load(DATA / "text-releases.npz") as arrays:
        indptr, indices = arrays["indptr"], arrays["indices"]
        shape, y = tuple(arrays["shape"]), arrays["y"]
    values = np.ones(len(indices), dtype=bool)
    return sparse.csr_array((values, indices, indptr), shape=shape), y.astype(np.float64)


def texts():
    """The same, rare words weighing more, rows of length one."""
    from sklearn.feature_extraction.text import TfidfTransformer

    X, y = pattern()
    return TfidfTransformer().fit_transform(X.astype(np.float32)), y


def kinds_of_text():
    """The same in ten classes."""
    return texts()[0], np.load(DATA / "text-releases-classes.npy").astype(np.int64)


def categories(n_samples=1_000_000, n_columns=30):
    """Columns of categories, one-hot: a few levels of each are common."""
    rng, n_levels = np.random.default_rng(0), np.geomspace(10, 100_000, n_columns).astype(int)
    level = (n_levels * rng.random((n_samples, len(n_levels))) ** 3).astype(np.int32)
    level += (np.cumsum(n_levels) - n_levels).astype(np.int32)
    indptr = np.arange(0, level.size + 1, len(n_levels))
    values = np.ones(level.size, dtype=bool)
    X = sparse.csr_array((values, level.ravel(), indptr), shape=(n_samples, n_levels.sum()))
    return X, labels(X, rng.standard_normal(X.shape[1]) / 3, rng)


def digits():
    """Handwritten digits, and the same shifted by a pixel in seven directions."""
    with np.load(DATA / "digits-28x28.npz") as arrays:
        images, y = arrays["X"].reshape(-1, 28, 28), arrays["y"].astype(np.int64)
    shifts = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1))
    X = np.concatenate([np.roll(images, shift, axis=(1, 2)) for shift in shifts])
    return X.reshape(len(X), -1), np.tile(y, len(shifts))


def mixture(n_samples=100_000, n_features=768, n_classes=100):
    """As many normal clouds as classes, which overlap."""
    rng = np.random.default_rng(0)
    centers = 0.12 * rng.standard_normal((n_classes, n_features), dtype=np.float32)
    y = rng.integers(0, n_classes, n_samples)
    X = centers[y] + rng.standard_normal((n_samples, n_features), dtype=np.float32)
    return X.astype(np.float16), y


def cancer():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X, y.astype(np.float64)


DOGS, DIGITS = "dogs-vs-cats, 20,000 x 12,288 uint8", "digits, 60,000 x 784 uint8, 10 classes"
TEXTS, MADE = "texts, 300,000 x 1,048,576, tf-idf float32", (1e-4, 1e-6, 1e-10)
PATTERN, READ = "texts, 300,000 x 1,048,576, pattern", (1e-4, 4e-6, 1e-9)
PROBLEMS = {
    "images": Problem(f"{DOGS}, l2 0.03", photographs, 255, 0.03, 0, np.float32, MADE),
    "images-weak": Problem(
        f"{DOGS}, l2 3e-4", photographs, 255, 3e-4, 0, np.float32, (1e-5, 1e-6, 1e-10)
    ),
    "images-l1": Problem(
        f"{DOGS}, l1 1e-3", photographs, 255, 0, 1e-3, np.float32, (1e-5, 1e-6, 1e-10)
    ),
    "tall": Problem("tall, 1,000,000 x 50 float64, l2 1e-6", tall, 1, 1e-6, 0, np.float64, MADE),
    "tall-units": Problem(
        "tall, columns in other units and shifted, l2 1e-6",
        tall_in_units, 1, 1e-6, 0, np.float64, MADE,
    ),
    "correlated": Problem(
        "correlated, 300,000 x 200 float32, l2 1e-6", correlated, 1, 1e-6, 0, np.float32, MADE
    ),
    "small": Problem(
        "breast cancer, 569 x 30 float64, C=1", cancer, 1, 1 / 569, 0, np.float64, MADE
    ),
    "digits": Problem(f"{DIGITS}, l2 1e-3", digits, 255, 1e-3, 0, np.float32, MADE),
    "digits-weak": Problem(f"{DIGITS}, l2 1e-5", digits, 255, 1e-5, 0, np.float32, MADE),
    "digits-l1": Problem(f"{DIGITS}, l1 1e-3", digits, 255, 0, 1e-3, np.float32, MADE),
    "mixture": Problem(
        "mixture, 100,000 x 768 float16, 100 classes, l2 1e-4",
        mixture, 1, 1e-4, 0, np.float32, (1e-4, 1e-5, 1e-8),
    ),
    "texts": Problem(f"{TEXTS}, l2 1e-6", texts, 1, 1e-6, 0, np.float32, READ),
    "texts-weak": Problem(f"{TEXTS}, l2 1e-8", texts, 1, 1e-8, 0, np.float32, READ),
    "texts-l1": Problem(f"{TEXTS}, l1 1.6e-5", texts, 1, 0, 1.6e-5, np.float32, MADE),
    "texts-classes": Problem(
        f"{TEXTS}, 10 classes, l2 1e-5", kinds_of_text, 1, 1e-5, 0, np.float32, MADE
    ),
    "pattern": Problem(f"{PATTERN}, l2 1e-6", pattern, 1, 1e-6, 0, np.float32, READ),
    "pattern-weak": Problem(f"{PATTERN}, l2 1e-8", pattern, 1, 1e-8, 0, np.float32, READ),
    "categories": Problem(
        "one-hot, 1,000,000 x 30 categories of 10 to 100,000 levels, l2 1e-6",
        categories, 1, 1e-6, 0, np.float32, READ,
    ),
}  # fmt: skip


def cost(X, y, problem, coef, intercept):
    """The objective in float64, a block of rows at a time; of each class, one row of `coef`."""
    coef, intercept = np.atleast_2d(np.asarray(coef, dtype=np.float64)), np.ravel(intercept)
    total, block = 0.0, max(1, 20_000_000 // (X.size // len(y) + len(coef)))
    for begin in range(0, len(y), block):
        z = X[begin : begin + block].astype(np.float64) @ coef.T + intercept
        part = y[begin : begin + block]
        if len(coef) == 1:
            total += (np.logaddexp(0, z[:, 0]) - part * z[:, 0]).sum()
        else:
            total += (logsumexp(z, axis=1) - z[np.arange(len(z)), part]).sum()
    w = coef * problem.divisor
    return total / len(y) + problem.l2 / 2 * (w * w).sum() + problem.l1 * np.abs(w).sum()
