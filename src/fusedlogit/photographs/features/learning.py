"""Learn the filters of a layer, and the components of what it pools, from sampled maps."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..images import CHANNELS
from .effort import Effort, LayerCosts
from .layer import (
    ACTIVATIONS,
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
_KMEANS_SAMPLE = 30_000

# What handling a number in memory takes, in multiply-adds of a product of matrices; measured.
_GATHERED = 30
_COMPARED = 190
_ACTIVATED = 700
_REDUCED = 1200

# Patches, and maps, that a thread works on at a time: few enough for what is made of them to stay
# in memory already at hand. Their sums are added up in order, whatever the number of threads.
_PATCHES_AT_ONCE = 1_000
_MAPS_AT_ONCE = 16

Doubles = NDArray[np.float64]


def learning_costs(
    layers: Sequence[LayerShape], size: int, n_maps: int, *, activation: str, dictionary: str
) -> list[LayerCosts]:
    """Estimate what learning each layer takes.

    Parameters
    ----------
    layers : sequence of LayerShape
        What they look at.
    size : int
        Width and height of the photographs.
    n_maps : int
        Number of photographs.
    activation, dictionary
        See `learn_layer`.

    Returns
    -------
    list of LayerCosts
    """
    costs: list[LayerCosts] = []
    side, channels = size, CHANNELS
    for shape in layers:
        patches = n_maps * ((side - shape.patch_size) // shape.stride + 1) ** 2
        values, pairs = shape.patch_size**2 * channels, shape.n_filters // 2
        sampled = min(patches, _MOST_PATCHES)
        compared = _KMEANS_ITERATIONS * min(sampled, _KMEANS_SAMPLE) * (dictionary == "kmeans")
        cells, outputs = n_maps * shape.grid**2, ACTIVATIONS[activation] * shape.n_filters
        hands_on = len(costs) + 1 < len(layers)
        costs.append(
            LayerCosts(
                patches=patches * values * _GATHERED,
                whitening=sampled * values * (values / 2 + _GATHERED),
                dictionary=compared * pairs * (min(shape.n_components, values) + _COMPARED),
                pooling=hands_on * patches * pairs * (values + _ACTIVATED),
                components=hands_on * cells * outputs * (outputs / 2 + _REDUCED),
            )
        )
        side, channels = shape.grid, shape.n_channels
    return costs


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
    effort: Effort,
    costs: LayerCosts,
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
    effort : Effort
        Does the work.
    costs : LayerCosts
        What it takes.

    Returns
    -------
    Layer
    """
    pairs = shape.n_filters // 2
    even, odd = _sampled_patches(
        maps, shape, centred, contrast_floor, generator, effort, costs.patches
    )
    if centred:
        flat = _flat_patch(maps[0].even.shape[2], shape.patch_size)
        even -= np.outer(even @ flat, flat)
    mean = even.mean(axis=0)
    even -= mean
    whitened, even_whitening, odd_whitening = _whitened(
        even, odd, shape.n_components, effort, costs.whitening
    )
    n_white = even_whitening.shape[1]
    atoms = _DICTIONARIES[dictionary](whitened, pairs, n_white, generator, effort, costs.dictionary)
    spread = _spread(whitened, atoms)
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


def learn_reduction(
    pooled: NDArray[np.floating], n_channels: int, effort: Effort, cost: float = 0.0
) -> Reduction:
    """Learn the principal components of pooled responses.

    Parameters
    ----------
    pooled : ndarray of float16 or float32, shape (n_maps, grid, grid, n_outputs, 2, n_pairs)
        What a layer has made of some maps.
    n_channels : int
        Components to keep.
    effort : Effort
        Does the work.
    cost : float
        What it takes.

    Returns
    -------
    Reduction
    """

    def parts(block: slice) -> tuple[Floats, Floats]:
        rows = root(pooled[block].astype(np.float32)).reshape(-1, 1, *pooled.shape[3:])
        even, odd = split_by_mirror(rows)
        return even[:, 0], odd[:, 0]

    def products(block: slice) -> tuple[Doubles, Doubles]:
        even, odd = parts(block)
        even = even - mean
        return _second_moments(even), _second_moments(odd)

    n_samples = len(pooled) * pooled.shape[1] * pooled.shape[2]
    mapped = functools.partial(
        effort.mapped, n_items=len(pooled), length=_MAPS_AT_ONCE, cost=cost / 2
    )
    sums = mapped(lambda block: parts(block)[0].sum(axis=0, dtype=np.float64))
    mean = (sum(sums) / n_samples).astype(np.float32)
    even, odd = (sum(part) for part in zip(*mapped(products), strict=True))
    components = _leading_components(even / n_samples, odd / n_samples, n_channels)
    return Reduction(mean, components[1].astype(np.float32), components[3].astype(np.float32))


def _leading_components(
    even: Doubles, odd: Doubles, count: int
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return the strongest principal components of two uncorrelated parts of the same samples.

    Parameters
    ----------
    even, odd : ndarray of float64, shape (n_even, n_even), (n_odd, n_odd)
        Covariances of each part.
    count : int
        Components to keep of both together.

    Returns
    -------
    even_variance, even_vectors, odd_variance, odd_vectors : ndarray of float64
        Variance along each component kept, and the components as columns.
    """
    (even_variance, even_vectors), (odd_variance, odd_vectors) = map(np.linalg.eigh, (even, odd))
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
    effort: Effort,
    cost: float,
) -> tuple[Floats, Floats]:
    """Draw patches of every map, as their even and odd parts."""
    n_even, n_odd = maps[0].even.shape[2], maps[0].odd.shape[2]
    rows, columns = patches_along(maps[0], shape)
    each = min(rows * columns, -(-_MOST_PATCHES // len(maps)))
    drawn = [generator.choice(rows * columns, each, replace=False) for _ in maps]
    lengths = part_lengths(n_even, n_odd, shape.patch_size)
    even, odd = (np.empty((len(maps) * each, length), np.float32) for length in lengths)

    def work(number: int) -> None:
        of_map = tuple(np.empty((rows, columns, length), np.float32) for length in lengths)
        gather(maps[number], shape, centred, contrast_floor, 0, *of_map)
        own = slice(number * each, (number + 1) * each)
        for part, sampled in zip(of_map, (even, odd), strict=True):
            sampled[own] = part.reshape(rows * columns, -1)[drawn[number]]

    effort.each(work, len(maps), cost=cost)
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


def _whitened(
    even: Floats, odd: Floats, n_components: int, effort: Effort, cost: float
) -> tuple[Floats, Floats, Floats]:
    """Return patches with leading components equally strong, and what makes them so of each part.

    Both parts must have mean zero.
    """
    mapped = functools.partial(
        effort.mapped, n_items=len(even), length=_PATCHES_AT_ONCE, cost=cost / 2
    )
    moments = zip(
        *mapped(lambda block: (_second_moments(even[block]), _second_moments(odd[block]))),
        strict=True,
    )
    even_moments, odd_moments = (sum(part) / len(even) for part in moments)
    total = float(np.trace(even_moments) + np.trace(odd_moments))
    floor = _WHITENING_FLOOR * total / (even.shape[1] + odd.shape[1]) + _LEAST_VARIANCE
    even_variance, even_vectors, odd_variance, odd_vectors = _leading_components(
        even_moments, odd_moments, n_components
    )
    even_whitening = (even_vectors / np.sqrt(even_variance + floor)).astype(np.float32)
    odd_whitening = (odd_vectors / np.sqrt(odd_variance + floor)).astype(np.float32)
    n_even = even_whitening.shape[1]
    whitened = np.empty((len(even), n_even + odd_whitening.shape[1]), np.float32)

    def work(block: slice) -> None:
        np.matmul(even[block], even_whitening, out=whitened[block, :n_even])
        np.matmul(odd[block], odd_whitening, out=whitened[block, n_even:])

    mapped(work)
    return whitened, even_whitening, odd_whitening


def _second_moments(rows: Floats) -> Doubles:
    """Return the sum of the products of each two columns."""
    return (rows.T @ rows).astype(np.float64)


def _spread(whitened: Floats, atoms: Floats) -> float:
    """Return the standard deviation of all responses of some atoms to some patches.

    From the patches' moments: the responses would fill much memory.
    """
    second = _second_moments(whitened) / len(whitened)
    mean = whitened.mean(axis=0, dtype=np.float64) @ atoms.mean(axis=0, dtype=np.float64)
    square = np.einsum("ki,ij,kj->k", atoms, second, atoms, optimize=True).mean()
    return math.sqrt(max(float(square - mean**2), 0.0))


def _random_patches(
    whitened: Floats,
    count: int,
    n_even: int,
    generator: np.random.Generator,
    effort: Effort | None = None,
    cost: float = 0.0,
) -> Floats:
    """Draw patches as the dictionary, scaled to length 1."""
    drawn = generator.choice(len(whitened), count, replace=count > len(whitened))
    return _unit_rows(whitened[drawn])


def _kmeans_centres(
    whitened: Floats,
    count: int,
    n_even: int,
    generator: np.random.Generator,
    effort: Effort,
    cost: float,
) -> Floats:
    """Find directions such that each patch, mirrored or not, lies close to one of them."""
    atoms = _random_patches(whitened, count, n_even, generator)
    # Other patches each time: all of them would take longer than all the rest.
    count_drawn = min(len(whitened), _KMEANS_SAMPLE)
    for _ in range(_KMEANS_ITERATIONS):
        drawn = generator.choice(len(whitened), count_drawn, replace=False)
        work = functools.partial(_assigned, whitened, drawn, atoms, n_even)
        share = cost / _KMEANS_ITERATIONS
        total = np.add.reduce(effort.mapped(work, count_drawn, _PATCHES_AT_ONCE, cost=share))
        unused = ~total.any(axis=1)
        total[unused] = _random_patches(whitened, int(unused.sum()), n_even, generator)
        atoms = _unit_rows(total)
    return atoms


def _assigned(
    whitened: Floats, drawn: NDArray[np.intp], atoms: Floats, n_even: int, block: slice
) -> Floats:
    """Return the sum of the patches nearest to each atom, mirrored where that brings them nearer.

    A patch answers to an atom by even + odd, and its mirror image by even - odd; the larger of the
    two in size is abs(even) + abs(odd).
    """
    rows = whitened[drawn[block]]
    even = rows[:, :n_even] @ atoms[:, :n_even].T
    odd = rows[:, n_even:] @ atoms[:, n_even:].T
    size = np.abs(even)
    size += np.abs(odd)
    number, nearest = np.arange(len(rows)), size.argmax(axis=1)
    even_part, odd_part = even[number, nearest], odd[number, nearest]
    sign = np.where(even_part * odd_part < 0, np.float32(-1), np.float32(1))
    rows[:, n_even:] *= sign[:, None]
    strength = even_part + sign * odd_part
    return np.asarray(csr_array((strength, (nearest, number)), (len(atoms), len(rows))) @ rows)


def _unit_rows(rows: Floats) -> Floats:
    length = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / length, dtype=np.float32)


_DICTIONARIES: dict[str, Callable[..., Floats]] = {
    "random": _random_patches,
    "kmeans": _kmeans_centres,
}
DICTIONARIES = tuple(_DICTIONARIES)
