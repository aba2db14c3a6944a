"""Pictures of fitted models, as objects that can be drawn again. They need matplotlib."""

from .coefficients import CoefficientDisplay
from .history import HistoryDisplay
from .path import PathDisplay

__all__ = ["CoefficientDisplay", "HistoryDisplay", "PathDisplay"]
