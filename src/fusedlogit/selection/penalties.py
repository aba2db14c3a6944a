"""The penalties of a grid: how strong, and with how much of an L1 norm."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Penalty:
    """A point of the grid.

    Attributes
    ----------
    C, l1_ratio : float
    """

    C: float
    l1_ratio: float

    @property
    def l1(self) -> bool:
        """Whether it has an L1 norm."""
        return self.l1_ratio > 0 and bool(np.isfinite(self.C))


def strengths_of(Cs: Any) -> Doubles:
    """Cs as numbers.

    Raises
    ------
    ValueError
        If they are none, or not above 0.
    """
    if isinstance(Cs, Integral):
        return np.logspace(-4, 4, int(Cs))
    Cs = _numbers(Cs, "Cs")
    if not (Cs > 0).all():
        raise ValueError(f"Cs must be above 0; got {Cs[~(Cs > 0)][0]}")
    strengths: Doubles = Cs
    return strengths


def ratios_of(l1_ratios: Any) -> Doubles:
    """l1_ratios as numbers.

    Raises
    ------
    ValueError
        If they are none, or out of range.
    """
    ratios = _numbers((0.0,) if l1_ratios is None else l1_ratios, "l1_ratios")
    within = (ratios >= 0) & (ratios <= 1)
    if not within.all():
        raise ValueError(f"l1_ratios must lie between 0 and 1; got {ratios[~within][0]}")
    return ratios


def _numbers(values: Any, name: str) -> Doubles:
    """A list of numbers."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {values!r}") from None
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f"{name} must be a list of at least one number; got {values!r}")
    return found
