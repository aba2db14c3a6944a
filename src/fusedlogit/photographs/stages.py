"""The stages of training on photographs, and who hears of them."""

from collections.abc import Mapping
from pathlib import Path


class Listener:
    """Hears how far the work has come; this one lets it pass."""

    def found(
        self, counts: Mapping[str, int], size: int, n_bytes: int, store: Path | None = None
    ) -> None:
        """Images of each label are found; an array of so many bytes, or a store, will be filled."""

    def checking(self, store: Path, n_blocks: int) -> None:
        """Hear that a store's blocks are about to be held to their checksums."""

    def checked(self, count: int) -> None:
        """Hear that so many more blocks are checked."""

    def decoded(self, count: int) -> None:
        """Hear that so many more images are decoded."""

    def learning_features(self, n_images: int) -> None:
        """Hear that features are being learnt, and will then be computed of so many images."""

    def learned(self, share: float) -> None:
        """Hear what share of the learning of features is done, from 0 to 1."""

    def featured(self, count: int) -> None:
        """Hear that the features of so many more images are computed."""

    def fitting(self, learning_rate: float | None, max_iter: int) -> None:
        """Hear that a fit begins; `learning_rate` is None where the solver has none."""

    def iterated(self, iteration: int, cost: float) -> None:
        """Hear that one iteration of the current fit is done."""
