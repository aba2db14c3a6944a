"""What the columns of tables of texts are called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """The columns of a file that are read.

    Attributes
    ----------
    text : str
    label : str or None
        None if no labels are asked for: they are all empty.
    """

    text: str = "text"
    label: str | None = "label"

    @property
    def wanted(self) -> list[str]:
        """Their names, the text's first."""
        return [self.text] if self.label is None else [self.text, self.label]
