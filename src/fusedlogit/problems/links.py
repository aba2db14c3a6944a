"""Links between decision values and targets: one object each, and one line of `LINKS`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._kernels import link
from ..data.target import Link

Doubles = NDArray[np.float64]


class LogLoss:
    """The article's: probability sigmoid(z), loss log(1 + exp(z)) - y z."""

    most_curvature = 0.25

    def loss(self, margins: Doubles, y: Doubles) -> Doubles:
        losses = np.empty_like(margins)
        link.log_loss(margins, y, losses)
        return losses

    def residual(self, margins: Doubles, y: Doubles) -> Doubles:
        residual = np.empty_like(margins)
        link.residual(margins, y, residual)
        return residual

    def curvature(self, margins: Doubles) -> Doubles:
        curvature = np.empty_like(margins)
        link.curvature(margins, curvature)
        return curvature

    def majorant(self, margins: Doubles) -> Doubles:
        """(sigmoid(z) - 1/2) / z, which falls but as 1 / |z| where the curvature itself vanishes.

        (Jaakkola and Jordan, 2000, Statistics and Computing 10.)
        """
        half = np.maximum(np.abs(margins) / 2, 1e-8)
        return np.asarray(np.tanh(half) / (4 * half))

    def dual(self, residual: Doubles) -> Doubles:
        """The entropy of q = |residual|: not of q + y, whose digits are lost where q is small."""
        q = np.minimum(np.abs(residual), 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy: Doubles = -(q * np.log(q) + (1 - q) * np.log1p(-q))
        entropy[(q == 0) | (q == 1)] = 0.0
        return entropy

    def probabilities(self, margins: Doubles) -> tuple[Doubles, Doubles]:
        """Of the two classes."""
        chance, other = np.empty_like(margins), np.empty_like(margins)
        link.sigmoid(margins, chance)
        link.sigmoid(-margins, other)
        return other, chance


LOG_LOSS = LogLoss()

#: By name.
LINKS: dict[str, Link] = {"log_loss": LOG_LOSS}
