"""Where in a photograph the decision value of a linear model comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .layer import Floats, cells_along, cells_of, folded, patches_along, root
from .patches import Chain, PatchFeatures, resizing_of
from .resizing import resized

Doubles = NDArray[np.float64]


def evidence_map(
    features: PatchFeatures, pixels: NDArray[np.uint8], coef: Doubles, mean: Doubles
) -> Doubles:
    """Divide a decision value over the photograph.

    A feature is the root of a sum of activations. Its contribution, coefficient times feature,
    is divided over the patches in proportion to their activations; that of the average
    photograph is taken from all patches of the cell alike. What a patch speaks for is spread
    evenly over the pixels that it was made of. Nothing is left over.

    Parameters
    ----------
    features : PatchFeatures
        Fitted.
    pixels : ndarray of uint8, shape (size, size, 3)
        One photograph.
    coef : ndarray of float64, shape (n_features,)
        The model's coefficients.
    mean : ndarray of float64, shape (n_features,)
        Features of the average training photograph.

    Returns
    -------
    ndarray of float64, shape (size, size)
        What each pixel speaks for the second label, in log odds. Adds up to
        ``coef @ (features - mean)``.
    """
    size = pixels.shape[0]
    total = np.zeros((size, size))
    first = 0
    for chain, shape in zip(features.chains_, features.feature_shapes_, strict=True):
        part = slice(first, first + int(np.prod(shape)))
        seen = resized(pixels, resizing_of(size, chain.size))
        by_patch = _evidence(chain, seen, coef[part].reshape(shape), mean[part].reshape(shape))
        spread = _spread(chain, size)
        total += spread @ by_patch @ spread.T
        first = part.stop
    return total


def _evidence(chain: Chain, pixels: Floats, coef: Doubles, mean: Doubles) -> Doubles:
    last = chain.layers[-1]
    seen = chain.last_map(pixels)
    rows, columns = patches_along(seen, last.shape)
    activation = last.pooled(seen, rows).astype(np.float64)
    cell, n_patches = cells_of(rows, columns, last.shape.grid)
    pooled = last.pooled(seen)
    value = folded(pooled).astype(np.float64)
    # What a unit of mean activation, in the cell or its mirror cell, adds to the decision.
    gain = np.divide(root(value), value, out=np.zeros_like(value), where=value != 0) * coef / 2
    both = np.stack([gain, gain[:, ::-1]], axis=3).reshape(-1, *pooled.shape[2:])
    average = (coef * mean).sum(axis=(2, 3)) / 2
    average = (average + average[:, ::-1]).ravel()
    by_patch = activation.reshape(rows * columns, -1)
    total = np.einsum("pk,pk->p", by_patch, both.reshape(len(both), -1)[cell])
    evidence: Doubles = ((total - average[cell]) / n_patches[cell]).reshape(rows, columns)
    return evidence


def _spread(chain: Chain, size: int) -> Doubles:
    """Return the share of each pixel (row) in each patch of the last layer (column)."""
    edges = np.arange(size + 1.0)
    shares = [
        np.diff(np.clip(edges, start, stop)) / (stop - start) for start, stop in spans(chain, size)
    ]
    return np.array(shares).T


def spans(chain: Chain, size: int) -> list[tuple[float, float]]:
    """Return where each patch of the last layer begins and ends along a photograph.

    Parameters
    ----------
    chain : Chain
        Fitted.
    size : int
        Width and height of the photograph in pixels.

    Returns
    -------
    list of (start, stop)
        In pixels of the photograph: all that the patch was made of.
    """
    reach = [(pixel, pixel + 1) for pixel in range(chain.size)]
    for layer in chain.layers:
        shape = layer.shape
        count = (len(reach) - shape.patch_size) // shape.stride + 1
        patches = [
            (reach[i * shape.stride][0], reach[i * shape.stride + shape.patch_size - 1][1])
            for i in range(count)
        ]
        cell = cells_along(count, shape.grid)
        # A cell without patches, on a map smaller than the grid, lies where one would be.
        own = [
            np.flatnonzero(cell == c) if c in cell else [c * count // shape.grid]
            for c in range(shape.grid)
        ]
        reach = [(patches[members[0]][0], patches[members[-1]][1]) for members in own]
    scale = size / chain.size
    return [(start * scale, stop * scale) for start, stop in patches]
