"""Features of photographs: what the neuron is given in place of raw pixels."""

from .evidence import evidence_map
from .exemplars import Exemplar, exemplars, exemplars_by_label
from .layer import ACTIVATIONS, LayerShape
from .patches import DEFAULT_LAYERS, PatchFeatures
from .state import from_arrays, to_arrays

__all__ = [
    "ACTIVATIONS",
    "DEFAULT_LAYERS",
    "Exemplar",
    "LayerShape",
    "PatchFeatures",
    "evidence_map",
    "exemplars",
    "exemplars_by_label",
    "from_arrays",
    "to_arrays",
]
