"""Run one gradient descent in compiled code and in NumPy: the same curve, how much faster."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import functions, reference
from ..photographs.loading import SplitImages
from ..photographs.training import PIXEL_RANGE

ITERATIONS = 300
LEARNING_RATE = 0.1
REPEATS = 3


@dataclass(frozen=True)
class Comparison:
    """The same gradient descent by the compiled kernel and by the NumPy reference.

    Attributes
    ----------
    kernel, reference : sequence of float
        Cost by iteration of each.
    speedup : float
        The reference's time over the kernel's, measured in one run.
    """

    kernel: Sequence[float]
    reference: Sequence[float]
    speedup: float

    @property
    def max_difference(self) -> float:
        """Largest relative difference of the two costs over all iterations."""
        kernel, reference = np.asarray(self.kernel), np.asarray(self.reference)
        return float(np.max(np.abs(kernel - reference) / np.abs(reference)))


def compare_with_reference(images: SplitImages, n_threads: int | None = None) -> Comparison:
    """Run the same gradient descent in compiled code and in NumPy, and time both.

    Parameters
    ----------
    images : SplitImages
        The training part is used.
    n_threads : int, optional
        Threads of the compiled kernel; all cores by default.

    Returns
    -------
    Comparison
        The ratio is of each one's fastest of `REPEATS` runs, taken in turn.
    """
    pixels, labels = images.part("train")
    target = (labels == images.labels[1]).astype(np.float64)

    def run(gradient_descent: Callable[..., Any]) -> tuple[float, list[float]]:
        start = time.perf_counter()
        descent = gradient_descent(
            pixels,
            target,
            learning_rate=LEARNING_RATE,
            max_iter=ITERATIONS,
            scaling=PIXEL_RANGE,
            n_threads=n_threads,
        )
        return time.perf_counter() - start, list(descent.history)

    turns = [
        (run(functions.gradient_descent), run(reference.gradient_descent)) for _ in range(REPEATS)
    ]
    kernel_seconds = min(kernel[0] for kernel, _ in turns)
    reference_seconds = min(numpy[0] for _, numpy in turns)
    (_, kernel_cost), (_, reference_cost) = turns[0]
    return Comparison(kernel_cost, reference_cost, reference_seconds / kernel_seconds)
