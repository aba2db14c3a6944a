"""Learning from rows as they come, each of which counts once: what `partial_fit` does."""

from .dense import Stream
from .sparse import LazyStream
from .weighing import walked, weighing

__all__ = ["LazyStream", "Stream", "walked", "weighing"]
