"""What a fitted PatchFeatures has learnt, as plain arrays and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from ..images import CHANNELS
from .layer import ACTIVATIONS, Floats, Layer, LayerShape, Reduction, part_lengths
from .patches import Chain, PatchFeatures

Arrays = dict[str, NDArray[np.generic]]


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


def from_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> PatchFeatures:
    """Return the transformer that `to_arrays` was given.

    Raises
    ------
    KeyError, TypeError, ValueError
        If an array is missing, or does not fit the others: the kernels would trust it.
    """
    features = PatchFeatures(
        sizes=tuple(int(size) for size in arrays["sizes"]),
        layers=tuple(LayerShape(*(int(value) for value in row)) for row in arrays["layers"]),
        activation=str(arrays["activation"]),
        threshold=float(arrays["threshold"]),
    )
    if features.activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {features.activation!r}")
    features.n_features_in_ = int(arrays["n_features_in"])
    _require(math.isqrt(features.n_features_in_ // CHANNELS) >= 1, "n_features_in")
    features.chains_ = tuple(
        _chain(features, arrays, f"chain{i}", size) for i, size in enumerate(features.sizes)
    )
    return features


def _chain(
    features: PatchFeatures, arrays: Mapping[str, NDArray[np.generic]], name: str, size: int
) -> Chain:
    layers, reductions = [], []
    side, n_even, n_odd = size, CHANNELS, 0
    for j, shape in enumerate(features.layers):
        sensible = 1 <= shape.patch_size <= side and shape.stride >= 1 and shape.grid >= 1
        _require(sensible, f"layers[{j}]")
        layer = _layer(
            features,
            arrays,
            f"{name}.layer{j}",
            shape,
            part_lengths(n_even, n_odd, shape.patch_size),
        )
        layers.append(layer)
        if j + 1 < len(features.layers):
            reduction = _reduction(arrays, f"{name}.reduction{j}")
            n_responses = ACTIVATIONS[features.activation] * len(layer.offset)
            fits = len(reduction.mean) == len(reduction.even) == len(reduction.odd) == n_responses
            _require(fits, f"{name}.reduction{j}")
            reductions.append(reduction)
            side, n_even, n_odd = shape.grid, reduction.even.shape[1], reduction.odd.shape[1]
    return Chain(size, tuple(layers), tuple(reductions))


def _layer(
    features: PatchFeatures,
    arrays: Mapping[str, NDArray[np.generic]],
    name: str,
    shape: LayerShape,
    lengths: tuple[int, int],
) -> Layer:
    offset = _floats(arrays, f"{name}.offset", 1)
    _require(len(offset) == shape.n_filters // 2 > 0, f"{name}.offset")
    parts = []
    for part, length in zip(("even", "odd"), lengths, strict=True):
        names = [f"{name}.{part}{k}" for k in range(2)]
        factors = tuple(_floats(arrays, name, 2) for name in names if name in arrays)
        widths = [length, *(factor.shape[1] for factor in factors)]
        fits = factors and widths[:-1] == [len(factor) for factor in factors]
        _require(bool(fits) and widths[-1] == len(offset), f"{name}.{part}0")
        parts.append(factors)
    return Layer(
        shape,
        bool(arrays[f"{name}.centred"]),
        float(arrays[f"{name}.contrast_floor"]),
        features.activation,
        features.threshold,
        even_filters=parts[0],
        odd_filters=parts[1],
        offset=offset,
    )


def _reduction(arrays: Mapping[str, NDArray[np.generic]], name: str) -> Reduction:
    return Reduction(
        _floats(arrays, f"{name}.mean", 1),
        _floats(arrays, f"{name}.even", 2),
        _floats(arrays, f"{name}.odd", 2),
    )


def _floats(arrays: Mapping[str, NDArray[np.generic]], name: str, ndim: int) -> Floats:
    values = np.ascontiguousarray(arrays[name], dtype=np.float32)
    _require(values.ndim == ndim and bool(np.isfinite(values).all()), name)
    return values


def _require(condition: bool, name: str) -> None:
    if not condition:
        raise ValueError(f"features.{name} does not fit")
