"""One layer of features: filters over the patches of a map, activated and pooled by cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._kernels import patches as kernels

Floats = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)

#: What a response can become, with the number of outputs it then has.
ACTIVATIONS = kernels.ACTIVATIONS

# Responses computed at a time: enough for products of matrices to be fast.
_RESPONSES = 1 << 19


@dataclass(frozen=True)
class Map:
    """A photograph or what a layer has made of it, split by what a mirror does to it.

    Attributes
    ----------
    even : ndarray of float32, shape (height, width, n_even)
        Channels that the mirrored photograph has the same, at the mirrored place.
    odd : ndarray of float32, shape (height, width, n_odd)
        Channels that it has with the other sign.
    """

    even: Floats
    odd: Floats

    @classmethod
    def of_photograph(cls, pixels: Floats) -> Map:
        """Return a photograph of shape (height, width, 3) as a map: all of it is even."""
        return cls(pixels, np.empty((*pixels.shape[:2], 0), dtype=np.float32))


@dataclass(frozen=True)
class LayerShape:
    """What one layer looks at, and how finely.

    Attributes
    ----------
    patch_size, stride : int
        Width and height of a patch, and the distance from one to the next.
    n_filters : int
        Number of filters, mirror images counted; even.
    n_components : int
        Whitened patches keep so many principal components, at most.
    grid : int
        Responses are pooled in grid x grid cells.
    n_channels : int
        Principal components of the pooled responses that the next layer is given.
    """

    patch_size: int
    stride: int
    n_filters: int
    n_components: int
    grid: int
    n_channels: int = 0


@dataclass(frozen=True)
class Layer:
    """A layer whose filters have been learnt.

    The response of filter k to a patch is ``z_even + z_odd`` and that of its mirror image
    ``z_even - z_odd``, with ``z_even = (even @ even_filters)[k] - offset[k]`` and
    ``z_odd = (odd @ odd_filters)[k]`` for the parts of the patch that `gather` makes.

    Attributes
    ----------
    shape : LayerShape
        What it looks at.
    centred : bool
        Whether contrast is measured from the patch's mean.
    contrast_floor : float
        Added to the square of the contrast.
    activation : str
        One of `ACTIVATIONS`.
    threshold : float
        Of the activation, in standard deviations of a response.
    even_filters, odd_filters : tuple of ndarray of float32
        Matrices whose product is (n_even, n_filters // 2), or (n_odd, n_filters // 2): one, or
        the whitening and the dictionary where two products are the less work.
    offset : ndarray of float32, shape (n_filters // 2,)
    """

    shape: LayerShape
    centred: bool
    contrast_floor: float
    activation: str
    threshold: float
    even_filters: tuple[Floats, ...]
    odd_filters: tuple[Floats, ...]
    offset: Floats

    def pooled(self, seen: Map, grid: int | None = None) -> Floats:
        """Return the mean activation of every filter in every cell of a map.

        Parameters
        ----------
        seen : Map
            Square, at least as large as a patch.
        grid : int, optional
            Number of cells in each direction, if not that of the layer.

        Returns
        -------
        ndarray of float32, shape (grid, grid, n_outputs, 2, n_filters // 2)
            The fourth axis tells a filter from its mirror image.
        """
        grid, pairs = grid or self.shape.grid, len(self.offset)
        rows, columns = patches_along(seen, self.shape)
        cell, n_patches = cells_of(rows, columns, grid)
        pooled = np.zeros((grid * grid, ACTIVATIONS[self.activation], 2, pairs), np.float32)
        step = max(1, min(rows, _RESPONSES // (pairs * columns)))
        even = np.empty((step, columns, len(self.even_filters[0])), np.float32)
        odd = np.empty((step, columns, len(self.odd_filters[0])), np.float32)
        responses = np.empty((2, step * columns, pairs), np.float32)
        number = list(ACTIVATIONS).index(self.activation)
        for first in range(0, rows, step):
            n_rows = min(step, rows - first)
            n = n_rows * columns
            gather(
                seen, self.shape, self.centred, self.contrast_floor, first,
                even[:n_rows], odd[:n_rows],
            )  # fmt: skip
            for part, filters, out in zip(
                (even, odd), (self.even_filters, self.odd_filters), responses, strict=True
            ):
                patches = part[:n_rows].reshape(n, -1)
                for whitening in filters[:-1]:
                    patches = patches @ whitening
                np.matmul(patches, filters[-1], out=out[:n])
            kernels.pool(
                responses[0, :n],
                responses[1, :n],
                self.offset,
                self.threshold,
                number,
                cell[first * columns : first * columns + n],
                pooled,
            )
        pooled /= n_patches[:, None, None, None]
        return pooled.reshape(grid, grid, *pooled.shape[1:])


def gather(
    seen: Map,
    shape: LayerShape,
    centred: bool,
    contrast_floor: float,
    first_row: int,
    even: Floats,
    odd: Floats,
) -> None:
    """Gather rows of patches of a map; see `fusedlogit.photographs.features.reference.gather`."""
    kernels.gather(
        seen.even, seen.odd, shape.patch_size, shape.stride, first_row, centred, contrast_floor,
        even, odd,
    )  # fmt: skip


def patches_along(seen: Map, shape: LayerShape) -> tuple[int, int]:
    """Return the number of patches down and across a map."""
    height, width = ((side - shape.patch_size) // shape.stride + 1 for side in seen.even.shape[:2])
    return height, width


def part_lengths(n_even: int, n_odd: int, patch_size: int) -> tuple[int, int]:
    """Return the lengths of the even and odd parts of a patch of a map with so many channels."""
    half = patch_size // 2
    rest = patch_size - half
    return patch_size * (rest * n_even + half * n_odd), patch_size * (half * n_even + rest * n_odd)


def cells_along(n: int, grid: int) -> NDArray[np.intp]:
    """Return the cell of each of n patches in a line.

    By the middle of the patch, so that a mirror takes cells to cells, but for a middle patch
    between two cells.
    """
    return ((2 * np.arange(n) + 1) * grid // (2 * n)).astype(np.intp)


def cells_of(rows: int, columns: int, grid: int) -> tuple[NDArray[np.intp], Floats]:
    """Return the cell of every patch, and the number of patches in every cell (at least 1)."""
    cell = (cells_along(rows, grid)[:, None] * grid + cells_along(columns, grid)).ravel()
    count = np.bincount(cell, minlength=grid * grid)
    return cell, np.maximum(count, 1).astype(np.float32)


def root(pooled: NDArray[Real]) -> NDArray[Real]:
    """Return the signed square root, which makes the variance of counts the same everywhere."""
    signed: NDArray[Real] = np.copysign(np.sqrt(np.abs(pooled)), pooled)
    return signed


def folded(pooled: Floats) -> Floats:
    """Return the features of a photograph, averaged with those of its mirror image.

    In the mirror image every filter answers as its own mirror image did, at the mirrored place.

    Parameters
    ----------
    pooled : ndarray of float32, shape (grid, grid, n_outputs, 2, n_pairs)

    Returns
    -------
    ndarray of float32, shape (grid, grid, n_outputs, n_pairs)
    """
    return 0.5 * (pooled[:, :, :, 0] + pooled[:, ::-1, :, 1])


def split_by_mirror(pooled: Floats) -> tuple[Floats, Floats]:
    """Return pooled responses as even and odd channels, each (grid, grid, n_outputs * n_pairs)."""
    shape = (*pooled.shape[:2], -1)
    one, other = pooled[:, :, :, 0], pooled[:, :, :, 1]
    half = np.float32(np.sqrt(0.5))
    return (half * (one + other)).reshape(shape), (half * (one - other)).reshape(shape)


@dataclass(frozen=True)
class Reduction:
    """The principal components of pooled responses, as the map that the next layer sees.

    Attributes
    ----------
    mean : ndarray of float32, shape (n_responses,)
        Taken from the even channels.
    even : ndarray of float32, shape (n_responses, n_even)
    odd : ndarray of float32, shape (n_responses, n_odd)
    """

    mean: Floats
    even: Floats
    odd: Floats

    def map_of(self, pooled: Floats) -> Map:
        """Return the map of what a layer has pooled."""
        even, odd = split_by_mirror(root(pooled))
        return Map(np.matmul(even - self.mean, self.even), np.matmul(odd, self.odd))
