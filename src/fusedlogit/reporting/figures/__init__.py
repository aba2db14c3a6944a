"""The pictures of a report. Every function returns a matplotlib figure of its own."""

from .canvas import cut, short, to_png
from .curves import accuracy_figure, cost_figure, descent_figure, twin_figure
from .many_classes import (
    CLASSES_NUMBERED,
    CLASSES_SHOWN,
    class_confusion_figure,
    class_roc_figure,
    confused_figure,
)
from .photographs import (
    PhotographRow,
    captioned_figure,
    class_exemplars_figure,
    class_weights_figure,
    evidence_figure,
    exemplars_figure,
    photographs_figure,
    weights_figure,
)
from .reliability import reliability_figure
from .two_classes import confusion_figure, roc_figure

__all__ = [
    "CLASSES_NUMBERED",
    "CLASSES_SHOWN",
    "PhotographRow",
    "accuracy_figure",
    "captioned_figure",
    "class_confusion_figure",
    "class_exemplars_figure",
    "class_roc_figure",
    "class_weights_figure",
    "confused_figure",
    "confusion_figure",
    "cost_figure",
    "cut",
    "descent_figure",
    "evidence_figure",
    "exemplars_figure",
    "photographs_figure",
    "reliability_figure",
    "roc_figure",
    "short",
    "to_png",
    "twin_figure",
    "weights_figure",
]
