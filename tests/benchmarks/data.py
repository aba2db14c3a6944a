"""The data that benchmarks run on: the same pixels in every storage type."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusedlogit.photographs.loading import load_images

PIXEL_RANGE = 255
IMAGE_SIZE = 64
STORAGE = ("float64", "float32", "uint8")
MORE_STORAGE = ("float16", "uint16", "int8")


@dataclass(frozen=True)
class Shape:
    """Rows and columns of X: those measured, and small ones that only show that it runs."""

    full: tuple[int, int]
    small: tuple[int, int]
    order: str = "C"


SHAPES = {
    "photographs": Shape((20_000, IMAGE_SIZE * IMAGE_SIZE * 3), (240, 1_200)),
    "tall": Shape((1_000_000, 50), (6_000, 50)),
    "wide": Shape((200, 1_000_000), (21, 12_000)),
    "very tall": Shape((10_000_000, 8), (6_000, 8)),
    "very wide": Shape((200, 5_000_000), (21, 12_000)),
    "by columns": Shape((20_000, IMAGE_SIZE * IMAGE_SIZE * 3), (240, 1_200), order="F"),
}


@dataclass(frozen=True)
class Data:
    """X with a target, and coefficients that give decision values of ordinary size.

    Attributes
    ----------
    name : str
        Which of SHAPES.
    origin : str
        Whose pixels they are.
    X : ndarray of shape (n_samples, n_features)
        Pixels between 0 and 255 in an unsigned type, 0 and 127 as int8, 0 and 1 as floats.
    scaling : float
        What X is divided by to lie between 0 and 1.
    y : ndarray of shape (n_samples,), 0 or 1, in X's precision
    coef : ndarray of shape (n_features,), in X's precision
    curvature : ndarray of shape (n_samples,), in X's precision
    intercept : float
    """

    name: str
    origin: str
    X: np.ndarray
    scaling: float
    y: np.ndarray
    coef: np.ndarray
    curvature: np.ndarray
    intercept: float = 0.1


def make_data(name: str, storage: str, full_size: bool, photographs: Path) -> Data:
    """Read or make up the pixels, and bring them to a storage type."""
    shape = SHAPES[name]
    size = shape.full if full_size else shape.small
    real = photographs.exists() and size == SHAPES["photographs"].full
    rng = np.random.default_rng(0)
    if real:
        pixels = load_images(photographs, size=IMAGE_SIZE).pixels
    else:
        pixels = rng.integers(0, PIXEL_RANGE, size, dtype=np.uint8, endpoint=True)
    pixels = np.asarray(pixels, order=shape.order)
    n_samples, n_features = pixels.shape
    X, scaling = stored_as(pixels, storage)
    precision = np.float64 if storage == "float64" else np.float32
    coef = rng.standard_normal(n_features) / np.sqrt(n_features) / scaling
    return Data(
        name,
        "dogs-vs-cats" if real else "made up",
        X,
        scaling,
        rng.integers(0, 2, n_samples).astype(precision),
        coef.astype(precision),
        np.full(n_samples, 0.25, dtype=precision),
    )


def stored_as(pixels: np.ndarray, storage: str) -> tuple[np.ndarray, float]:
    """Pixels in a storage type, and what divides them to lie between 0 and 1."""
    if storage.startswith("float"):
        X = pixels.astype(storage)
        X /= PIXEL_RANGE
        return X, 1
    if storage == "int8":
        return (pixels // 2).astype(storage), PIXEL_RANGE // 2
    return pixels.astype(storage, copy=False), PIXEL_RANGE
