"""Learning from rows as they come, each of which counts once: what `partial_fit` does."""

from .dense import Stream
from .fitted import Fitted
from .sparse import LazyStream
from .weighing import weighing

__all__ = ["Fitted", "LazyStream", "Stream", "weighing"]
