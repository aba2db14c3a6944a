"""Learn the filters of a layer, and the components of what it pools, from sampled maps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .layer import (
    Floats,
    Layer,
    LayerShape,
    Map,
    Reduction,
    gather,
    part_lengths,
    patches_along,
    root,
    split_by_mirror,
)

# Whitening divides by sqrt(variance + this share of the mean variance).
_WHITENING_FLOOR = 0.05

# Where photographs are all the same, there is nothing to whiten, and nothing to divide by.
_LEAST_VARIANCE = 1e-6

# Most of the patches that filters are learnt from.
_MOST_PATCHES = 100_000

_KMEANS_ITERATIONS = 10
_KMEANS_ROWS = 10_000
_KMEANS_SAMPLE = 30_000

Doubles = NDArray[np.float64]


def learn_layer(
    shape: LayerShape,
    maps: Sequence[Map],
    *,
    centred: bool,
    contrast_floor: float,
    activation: str,
    threshold: float,
    dictionary: str,
    generator: np.random.Generator,
) -> Layer:
    """Learn the filters of a layer from patches of some maps.

    Patches are whitened (each part by itself: under mirroring the two are uncorrelated), a
    dictionary of unit vectors is learnt in the whitened space, and both become one filter.

    Parameters
    ----------
    shape : LayerShape
        What the layer looks at.
    maps : sequence of Map
        Maps of training photographs.
    centred, contrast_floor, activation, threshold
        See `Layer`.
    dictionary : {"random", "kmeans"}
        Patches drawn at random, or the centres of spherical k-means (Coates and Ng, Learning
        feature representations with k-means, 2012).
    generator : numpy.random.Generator
        Draws the patches.

    Returns
    -------
    Layer
    """
    pairs = shape.n_filters // 2
    even, odd = _sampled_patches(maps, shape, centred, contrast_floor, generator)
    if centred:
        flat = _flat_patch(maps[0].even.shape[2], shape.patch_size)
        even -= np.outer(even @ flat, flat)
    mean = even.mean(axis=0)
    even_whitening, odd_whitening = _whitening(even - mean, odd, shape.n_components)
    whitened = np.concatenate([(even - mean) @ even_whitening, odd @ odd_whitening], axis=1)
    n_white = even_whitening.shape[1]
    atoms = _DICTIONARIES[dictionary](whitened, pairs, n_white, generator)
    spread = float(np.std(whitened @ atoms.T))
    atoms /= spread if spread > _LEAST_VARIANCE else 1.0
    even_filters = _factors(even_whitening, atoms[:, :n_white].T)
    return Layer(
        shape,
        centred,
        contrast_floor,
        activation,
        threshold,
        even_filters,
        _factors(odd_whitening, atoms[:, n_white:].T),
        functools.reduce(np.matmul, even_filters, mean),
    )


def learn_reduction(pooled: NDArray[np.floating], n_channels: int) -> Reduction:
    """Learn the principal components of pooled responses.

    Parameters
    ----------
    pooled : ndarray of float16 or float32, shape (n_maps, grid, grid, n_outputs, 2, n_pairs)
        What a layer has made of some maps.
    n_channels : int
        Components to keep.

    Returns
    -------
    Reduction
    """
    even, odd = split_by_mirror(root(pooled.astype(np.float32)).reshape(-1, 1, *pooled.shape[3:]))
    even, odd = even[:, 0], odd[:, 0]
    mean = even.mean(axis=0)
    _, even_vectors, _, odd_vectors = _leading_components(even - mean, odd, n_channels)
    return Reduction(mean, even_vectors.astype(np.float32), odd_vectors.astype(np.float32))


def _leading_components(
    even: Floats, odd: Floats, count: int
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return the strongest principal components of two uncorrelated parts of the same samples.

    Parameters
    ----------
    even, odd : ndarray of float32, shape (n_samples, n_even), (n_samples, n_odd)
        Both with mean zero.
    count : int
        Components to keep of both together.

    Returns
    -------
    even_variance, even_vectors, odd_variance, odd_vectors : ndarray of float64
        Variance along each component kept, and the components as columns.
    """
    (even_variance, even_vectors), (odd_variance, odd_vectors) = (
        np.linalg.eigh((part.T @ part).astype(np.float64) / len(part)) for part in (even, odd)
    )
    variance = np.concatenate([even_variance, odd_variance])
    # Directions without variance, such as the mean of a centred patch, must not be whitened.
    least = max(np.sort(variance)[-count:][0], 1e-6 * variance.max())
    keep_even, keep_odd = even_variance >= least, odd_variance >= least
    return (
        even_variance[keep_even],
        even_vectors[:, keep_even],
        odd_variance[keep_odd],
        odd_vectors[:, keep_odd],
    )


def _sampled_patches(
    maps: Sequence[Map],
    shape: LayerShape,
    centred: bool,
    contrast_floor: float,
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draw patches of every map, as their even and odd parts."""
    n_even, n_odd = maps[0].even.shape[2], maps[0].odd.shape[2]
    rows, columns = patches_along(maps[0], shape)
    each = min(rows * columns, -(-_MOST_PATCHES // len(maps)))
    lengths = part_lengths(n_even, n_odd, shape.patch_size)
    even, odd = (np.empty((len(maps) * each, length), np.float32) for length in lengths)
    of_map = tuple(np.empty((rows, columns, length), np.float32) for length in lengths)
    for number, seen in enumerate(maps):
        gather(seen, shape, centred, contrast_floor, 0, *of_map)
        drawn = generator.choice(rows * columns, each, replace=False)
        for part, sampled in zip(of_map, (even, odd), strict=True):
            sampled[number * each : (number + 1) * each] = part.reshape(rows * columns, -1)[drawn]
    return even, odd


def _factors(whitening: Floats, dictionary: Floats) -> tuple[Floats, ...]:
    """Return whitening and dictionary, multiplied where that saves work."""
    (n_values, n_components), n_atoms = whitening.shape, dictionary.shape[1]
    if n_components * (n_values + n_atoms) < n_values * n_atoms:
        return np.ascontiguousarray(whitening), np.ascontiguousarray(dictionary)
    return (whitening @ dictionary,)


def _flat_patch(n_channels: int, patch_size: int) -> NDArray[np.float32]:
    """Return the even part of a patch that is the same everywhere, of length 1."""
    halves, middle = patch_size // 2, patch_size % 2
    row = np.repeat([np.sqrt(2.0)] * halves + [1.0] * middle, n_channels)
    flat = np.tile(row, patch_size)
    return np.asarray(flat / np.linalg.norm(flat), dtype=np.float32)


def _whitening(even: Floats, odd: Floats, n_components: int) -> tuple[Floats, Floats]:
    """Return the matrices that make each part's leading components equally strong."""
    mean_variance = (np.sum(even.var(axis=0)) + np.mean(odd**2, axis=0).sum()) / (
        even.shape[1] + odd.shape[1]
    )
    even_variance, even_vectors, odd_variance, odd_vectors = _leading_components(
        even, odd, n_components
    )
    floor = _WHITENING_FLOOR * mean_variance + _LEAST_VARIANCE
    return (
        (even_vectors / np.sqrt(even_variance + floor)).astype(np.float32),
        (odd_vectors / np.sqrt(odd_variance + floor)).astype(np.float32),
    )


def _random_patches(
    whitened: Floats, count: int, n_even: int, generator: np.random.Generator
) -> Floats:
    """Draw patches as the dictionary, scaled to length 1."""
    drawn = generator.choice(len(whitened), count, replace=count > len(whitened))
    return _unit_rows(whitened[drawn])


def _kmeans_centres(
    whitened: Floats, count: int, n_even: int, generator: np.random.Generator
) -> Floats:
    """Find directions such that each patch, mirrored or not, lies close to one of them."""
    atoms = _random_patches(whitened, count, n_even, generator)
    mirror = np.ones(whitened.shape[1], np.float32)
    mirror[n_even:] = -1
    for _ in range(_KMEANS_ITERATIONS):
        total = np.zeros_like(atoms)
        # Other patches each time: all of them would take longer than all the rest.
        count_drawn = min(len(whitened), _KMEANS_SAMPLE)
        drawn = generator.choice(len(whitened), count_drawn, replace=False)
        for first in range(0, count_drawn, _KMEANS_ROWS):
            rows = whitened[drawn[first : first + _KMEANS_ROWS]]
            response = np.concatenate([rows @ atoms.T, rows @ (atoms * mirror).T], axis=1)
            nearest = np.abs(response).argmax(axis=1)
            number = np.arange(len(rows))
            strength = response[number, nearest]
            upright = np.where((nearest >= count)[:, None], rows * mirror, rows)
            total += csr_array((strength, (nearest % count, number)), (count, len(rows))) @ upright
        unused = ~total.any(axis=1)
        total[unused] = _random_patches(whitened, int(unused.sum()), n_even, generator)
        atoms = _unit_rows(total)
    return atoms


def _unit_rows(rows: Floats) -> Floats:
    length = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / length, dtype=np.float32)


_DICTIONARIES: dict[str, Callable[..., Floats]] = {
    "random": _random_patches,
    "kmeans": _kmeans_centres,
}
DICTIONARIES = tuple(_DICTIONARIES)
