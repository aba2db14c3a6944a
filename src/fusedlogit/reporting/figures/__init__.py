"""The pictures of a report. Every function returns a matplotlib figure of its own."""

from .canvas import short, to_png
from .curves import accuracy_figure, cost_figure, twin_figure
from .photographs import (
    PhotographRow,
    evidence_figure,
    exemplars_figure,
    photographs_figure,
    weights_figure,
)
from .two_classes import confusion_figure, reliability_figure, roc_figure

__all__ = [
    "PhotographRow",
    "accuracy_figure",
    "confusion_figure",
    "cost_figure",
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
