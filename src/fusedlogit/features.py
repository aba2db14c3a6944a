"""Features of photographs, under their public name."""

from .photographs.features import (
    ACTIVATIONS,
    DEFAULT_LAYERS,
    Exemplar,
    LayerShape,
    PatchFeatures,
    evidence_map,
    exemplars,
    exemplars_by_label,
    from_arrays,
    to_arrays,
)

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
