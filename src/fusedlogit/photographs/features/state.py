"""What a fitted PatchFeatures has learnt, as plain arrays and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files.array_file import field, require
from ..images import CHANNELS, MAX_SIZE
from .layer import ACTIVATIONS, Floats, Layer, LayerShape, Reduction, part_lengths
from .patches import Chain, PatchFeatures

Arrays = dict[str, NDArray[np.generic]]

# Sizes, numbers of filters and the like; values that a layer hands on of one photograph.
_LARGEST_COUNT = 2**20
_LARGEST_MAP = 2**26

# A response is some standard deviations; a feature, the root of one, must stay a float16.
_LARGEST_RESPONSE = 1e6


def to_arrays(features: PatchFeatures) -> Arrays:
    """Return all that a fitted transformer needs to transform, by name.

    Parameters
    ----------
    features : PatchFeatures
        Fitted.

    Returns
    -------
    dict of str to ndarray
        Numbers and text, nothing that needs pickling.
    """
    arrays: Arrays = {
        "n_features_in": np.array(features.n_features_in_),
        "sizes": np.array(features.sizes),
        "layers": np.array([astuple(shape) for shape in features.layers]),
        "activation": np.array(features.activation),
        "threshold": np.array(features.threshold),
    }
    for i, chain in enumerate(features.chains_):
        for j, layer in enumerate(chain.layers):
            name = f"chain{i}.layer{j}"
            arrays[f"{name}.centred"] = np.array(layer.centred)
            arrays[f"{name}.contrast_floor"] = np.array(layer.contrast_floor)
            arrays[f"{name}.offset"] = layer.offset
            for part, factors in (("even", layer.even_filters), ("odd", layer.odd_filters)):
                for k, factor in enumerate(factors):
                    arrays[f"{name}.{part}{k}"] = factor
        for j, reduction in enumerate(chain.reductions):
            name = f"chain{i}.reduction{j}"
            arrays[f"{name}.mean"] = reduction.mean
            arrays[f"{name}.even"] = reduction.even
            arrays[f"{name}.odd"] = reduction.odd
    return arrays


def from_arrays(arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> PatchFeatures:
    """Return the transformer that `to_arrays` was given.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        What it returned.
    prefix : str
        What stands before each name.

    Returns
    -------
    PatchFeatures

    Raises
    ------
    ValueError
        If an array is missing, does not fit the others (the kernels would trust it), or has values
        that make no sense.
    """
    sizes = field(arrays, f"{prefix}sizes", "iu", (None,)).tolist()
    require(bool(sizes) and all(1 <= size <= MAX_SIZE for size in sizes), f"{prefix}sizes")
    layers = field(arrays, f"{prefix}layers", "iu", (None, len(fields(LayerShape))))
    sensible = len(layers) > 0 and np.all((layers >= 0) & (layers <= _LARGEST_COUNT))
    require(bool(sensible), f"{prefix}layers")
    features = PatchFeatures(
        sizes=tuple(sizes),
        layers=tuple(LayerShape(*row) for row in layers.tolist()),
        activation=str(field(arrays, f"{prefix}activation", "U", ())),
        threshold=_number(arrays, f"{prefix}threshold"),
    )
    require(features.activation in ACTIVATIONS, f"{prefix}activation")
    features.n_features_in_ = int(field(arrays, f"{prefix}n_features_in", "iu", ()))
    side = math.isqrt(max(0, features.n_features_in_) // CHANNELS)
    require(
        1 <= side <= MAX_SIZE and side**2 * CHANNELS == features.n_features_in_,
        f"{prefix}n_features_in",
    )
    features.chains_ = tuple(
        _chain(features, arrays, f"{prefix}chain{i}", size) for i, size in enumerate(features.sizes)
    )
    return features


def _chain(
    features: PatchFeatures, arrays: Mapping[str, NDArray[Any]], name: str, size: int
) -> Chain:
    layers, reductions = [], []
    side, n_even, n_odd = size, CHANNELS, 0
    outputs = ACTIVATIONS[features.activation]
    for j, shape in enumerate(features.layers):
        require(_is_sensible(shape, side, outputs), f"{name}.layer{j} of layers")
        lengths = part_lengths(n_even, n_odd, shape.patch_size)
        layers.append(_layer(features, arrays, f"{name}.layer{j}", shape, lengths))
        if j + 1 < len(features.layers):
            n_responses = outputs * (shape.n_filters // 2)
            reduction = _reduction(arrays, f"{name}.reduction{j}", n_responses)
            reductions.append(reduction)
            side, n_even, n_odd = shape.grid, reduction.even.shape[1], reduction.odd.shape[1]
    return Chain(size, tuple(layers), tuple(reductions))


def _is_sensible(shape: LayerShape, side: int, outputs: int) -> bool:
    """Whether a layer fits a map of some side, and hands on no more than memory holds."""
    return (
        1 <= shape.patch_size <= side
        and shape.stride >= 1
        and shape.grid >= 1
        and shape.n_filters >= 2
        and shape.grid**2 * outputs * shape.n_filters <= _LARGEST_MAP
    )


def _layer(
    features: PatchFeatures,
    arrays: Mapping[str, NDArray[Any]],
    name: str,
    shape: LayerShape,
    lengths: tuple[int, int],
) -> Layer:
    pairs = shape.n_filters // 2
    even, odd = (
        _filters(arrays, f"{name}.{part}", length, pairs)
        for part, length in zip(("even", "odd"), lengths, strict=True)
    )
    floor = _number(arrays, f"{name}.contrast_floor")
    require(floor > 0, f"{name}.contrast_floor")
    return Layer(
        shape,
        bool(field(arrays, f"{name}.centred", "b", ())),
        floor,
        features.activation,
        features.threshold,
        even_filters=even,
        odd_filters=odd,
        offset=_floats(arrays, f"{name}.offset", (pairs,), _LARGEST_RESPONSE),
    )


def _filters(
    arrays: Mapping[str, NDArray[Any]], name: str, length: int, pairs: int
) -> tuple[Floats, ...]:
    """Return one or two matrices whose product is (length, pairs), none of them huge."""
    if f"{name}1" not in arrays:
        factors = [_floats(arrays, f"{name}0", (length, pairs), _LARGEST_RESPONSE)]
    else:
        first = _floats(arrays, f"{name}0", (length, None), _LARGEST_RESPONSE)
        second = (first.shape[1], pairs)
        factors = [first, _floats(arrays, f"{name}1", second, _LARGEST_RESPONSE)]
    # Of the response to a patch of unit contrast.
    bound = math.prod(float(np.linalg.norm(factor.astype(np.float64))) for factor in factors)
    require(bound <= _LARGEST_RESPONSE * math.sqrt(pairs), f"{name}0")
    return tuple(factors)


def _reduction(arrays: Mapping[str, NDArray[Any]], name: str, n_responses: int) -> Reduction:
    # Components have length 1, or a little more by rounding.
    even, odd = (
        _floats(arrays, f"{name}.{part}", (n_responses, None), 1.001) for part in ("even", "odd")
    )
    return Reduction(_floats(arrays, f"{name}.mean", (n_responses,), _LARGEST_RESPONSE), even, odd)


def _number(arrays: Mapping[str, NDArray[Any]], name: str) -> float:
    number = float(field(arrays, name, "iuf", ()))
    require(0 <= number <= _LARGEST_RESPONSE, name)
    return number


def _floats(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int | None, ...], limit: float
) -> Floats:
    values = np.ascontiguousarray(field(arrays, name, "f", shape), dtype=np.float32)
    require(values.size == 0 or bool(np.abs(values).max() <= limit), name)
    return values
