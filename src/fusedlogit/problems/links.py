"""Links between decision values and targets: one object each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._kernels import link, margins
from ..data.target import Link, Target

Doubles = NDArray[np.float64]

#: Decision values of many classes that are worked on at a time.
BLOCK_NUMBERS = 1 << 18


class LogLoss:
    """The article's: probability sigmoid(z), loss log(1 + exp(z)) - y z."""

    most_curvature = 0.25

    def along(
        self, z: Doubles, change: Doubles | None, share: float, target: Target, n_threads: int
    ) -> Doubles:
        sums = np.zeros((n_threads, 3))
        margins.along(z, change, share, *target.stored, target.sample_weight, sums)
        return np.asarray(sums.sum(axis=0))

    def dual(self, z: Doubles, share: float, target: Target, n_threads: int) -> float:
        """Of the entropy of q = |share residual|."""
        sums = np.zeros((n_threads, 1))
        margins.dual(z, share, *target.stored, target.sample_weight, sums)
        return float(sums.sum())

    def residual(self, z: Doubles, y: NDArray[Any]) -> Doubles:
        residual = np.empty_like(z)
        link.residual(z, y.astype(np.float64, copy=False), residual)
        return residual

    def curvature(self, z: Doubles) -> Doubles:
        curvature = np.empty_like(z)
        link.curvature(z, curvature)
        return curvature

    def majorant(self, z: Doubles) -> Doubles:
        """(sigmoid(z) - 1/2) / z, which falls but as 1 / |z| where the curvature itself vanishes.

        (Jaakkola and Jordan, 2000, Statistics and Computing 10.)
        """
        half = np.maximum(np.abs(z) / 2, 1e-8)
        return np.asarray(np.tanh(half) / (4 * half))

    def probabilities(self, z: Doubles) -> tuple[Doubles, Doubles]:
        """Of the two classes."""
        chance, other = np.empty_like(z), np.empty_like(z)
        link.sigmoid(z, chance)
        link.sigmoid(-z, other)
        return other, chance


class Softmax:
    """That of many classes: probabilities exp(z_k) / sum_l exp(z_l), loss log sum_l exp(z_l) - z_y.

    With z = (0, z) it is the log loss.
    """

    #: No eigenvalue of diag(p) - p p^T is larger.
    most_curvature = 0.5

    def log_probabilities(self, z: Doubles) -> Doubles:
        """Of the classes, in z's place: (K, n_samples)."""
        for block in _blocks(z):
            block -= block.max(axis=0)
            block -= np.log(np.exp(block).sum(axis=0))
        return z

    def likeliest(self, z: Doubles) -> NDArray[np.intp]:
        """The number of the class, (n_samples,), of z of shape (K, n_samples)."""
        return np.concatenate([block.argmax(axis=0) for block in _blocks(z)])

    def probabilities(self, z: Doubles) -> Doubles:
        """Of the classes, in z's place: (K, n_samples)."""
        z -= z.max(axis=0)
        np.exp(z, out=z)
        z /= z.sum(axis=0)
        return z


def by_class(z: Doubles) -> Doubles:
    """A copy with decision values of each class, (K, n_samples): of two, the first has zeros."""
    return np.vstack([np.zeros_like(z), z]) if len(z) == 1 else z.copy()


def _blocks(z: Doubles) -> Iterator[Doubles]:
    """Some samples after the other, so that what NumPy copies of them stays small."""
    n_samples = max(1, BLOCK_NUMBERS // len(z))
    for begin in range(0, z.shape[1], n_samples):
        yield z[:, begin : begin + n_samples]


LOG_LOSS: Link = LogLoss()
SOFTMAX: Any = Softmax()
