"""What the filters that weigh most in a linear model answer to, shown by pieces of photographs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..images import CHANNELS
from .evidence import Doubles, spans
from .layer import patches_along
from .patches import Chain, PatchFeatures, resizing_of
from .resizing import resized


@dataclass(frozen=True)
class Exemplar:
    """A filter of the last layer.

    Attributes
    ----------
    weight : float
        What the decision value gains, in log odds, where each feature of the filter (one for each
        cell) exceeds its mean by a standard deviation.
    pieces : tuple of ndarray of uint8, shape (height, width, 3)
        The pieces of photographs that the filter answers to most strongly, strongest first, one
        from a photograph; mirrored where it was the filter's mirror image that answered.
    """

    weight: float
    pieces: tuple[NDArray[np.uint8], ...]


def exemplars(
    features: PatchFeatures,
    pixels: NDArray[np.uint8],
    coef: Doubles,
    *,
    count: int,
    n_pieces: int,
) -> tuple[tuple[Exemplar, ...], tuple[Exemplar, ...]]:
    """Return the filters that speak most strongly for the first label and for the second.

    Parameters
    ----------
    features : PatchFeatures
        Fitted. Of several sizes, filters of the first are shown.
    pixels : ndarray of uint8, shape (n, size * size * 3)
        Photographs that pieces are taken from.
    coef : ndarray of float64, shape (n_features,)
        The model's coefficients.
    count : int
        Filters for each label, at most.
    n_pieces : int
        Pieces for each filter, at most.

    Returns
    -------
    two tuples of Exemplar
        Strongest first. An output of a two-sided activation counts as a filter.
    """
    first, second = exemplars_by_label(
        features, pixels, np.stack([-coef, coef]), count=count, n_pieces=n_pieces
    )
    return tuple(replace(one, weight=-one.weight) for one in first), second


def exemplars_by_label(
    features: PatchFeatures,
    pixels: NDArray[np.uint8],
    coef: Doubles,
    *,
    count: int,
    n_pieces: int,
) -> tuple[tuple[Exemplar, ...], ...]:
    """Return the filters that speak most strongly for each label, as `exemplars` does.

    Parameters
    ----------
    coef : ndarray of float64, shape (n_labels, n_features)
        The coefficients of each label's decision value.
    features, pixels, count, n_pieces
        As for `exemplars`.

    Returns
    -------
    tuple of tuple of Exemplar
        For each label, strongest first.
    """
    chain, shape = features.chains_[0], features.feature_shapes_[0]
    n_features = int(np.prod(shape))
    spread = features.transform(pixels)[:, :n_features].astype(np.float64).std(axis=0)
    weights = (coef[:, :n_features] * spread).reshape(-1, *shape).sum(axis=(1, 2))
    weights = weights.reshape(len(coef), -1)
    chosen = [order[:count] for order in np.argsort(-weights, axis=1, kind="stable")]
    chosen = [few[own[few] > 0] for few, own in zip(chosen, weights, strict=True)]
    pieces = iter(_pieces(chain, pixels, np.concatenate(chosen), n_pieces))
    return tuple(
        tuple(Exemplar(float(own[k]), next(pieces)) for k in few)
        for few, own in zip(chosen, weights, strict=True)
    )


def _pieces(
    chain: Chain, pixels: NDArray[np.uint8], chosen: NDArray[np.intp], n_pieces: int
) -> list[tuple[NDArray[np.uint8], ...]]:
    """Return, for each filter chosen, the pieces that it answers to most strongly."""
    last = chain.layers[-1]
    output, pair = np.divmod(chosen, len(last.offset))
    # The filters chosen alone make a layer of few products.
    few = replace(
        last,
        even_filters=(
            *last.even_filters[:-1],
            np.ascontiguousarray(last.even_filters[-1][:, pair]),
        ),
        odd_filters=(*last.odd_filters[:-1], np.ascontiguousarray(last.odd_filters[-1][:, pair])),
        offset=last.offset[pair],
    )
    size = math.isqrt(pixels.shape[1] // CHANNELS)
    photographs = pixels.reshape(-1, size, size, CHANNELS)
    matrix = resizing_of(size, chain.size)
    strength = np.empty((len(photographs), len(chosen)))
    place = np.empty((len(photographs), len(chosen)), np.intp)
    for row, photograph in enumerate(photographs):
        seen = chain.last_map(resized(photograph, matrix))
        side, _ = patches_along(seen, last.shape)
        # A cell for each patch: (row, column, output, mirrored, filter).
        activation = few.pooled(seen, side)[:, :, output, :, np.arange(len(chosen))]
        by_place = activation.reshape(len(chosen), -1)
        place[row] = by_place.argmax(axis=1)
        strength[row] = by_place.max(axis=1)
    strongest = np.argsort(-strength, axis=0, kind="stable")[:n_pieces]
    along = [slice(round(start), round(stop)) for start, stop in spans(chain, size)]
    found = []
    for i in range(len(chosen)):
        pieces = []
        for row in strongest[:, i]:
            patch, mirrored = divmod(int(place[row, i]), 2)
            down, across = divmod(patch, len(along))
            piece = photographs[row][along[down], along[across]]
            pieces.append(piece[:, ::-1] if mirrored else piece)
        found.append(tuple(pieces))
    return found
