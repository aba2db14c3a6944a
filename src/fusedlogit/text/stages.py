"""The stages of training on texts, and who hears of them."""

from collections.abc import Mapping


class Listener:
    """Hears how far the work has come; this one lets it pass."""

    def reading(self, stage: str, share: float) -> None:
        """Hear what share of the documents is read in a stage, from 0 to 1."""

    def found(self, counts: Mapping[str, int]) -> None:
        """Hear how many documents of each label there are."""

    def fitting(self, number: int, total: int, C: float) -> None:
        """Hear that one of so many fits has ended, numbered from 1 on."""
