"""Features of photographs: what the neuron is given in place of raw pixels."""

from .evidence import evidence_map
from .layer import ACTIVATIONS, LayerShape
from .patches import DEFAULT_LAYERS, PatchFeatures
from .state import from_arrays, to_arrays

__all__ = [
    "ACTIVATIONS",
    "DEFAULT_LAYERS",
    "LayerShape",
    "PatchFeatures",
    "evidence_map",
    "from_arrays",
    "to_arrays",
]
