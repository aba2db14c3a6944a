"""A demonstration that needs no download: is the handwritten digit an eight?"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from . import functions, reference
from .images import CHANNELS, ImageFile
from .report import Comparison
from .splits import split_images
from .training import PIXEL_RANGE, SplitImages, TrainingOptions

LABELS = ("another digit", "eight")
LEARNING_RATES = (0.02, 0.1, 0.5)

COMPARED_ITERATIONS = 300
COMPARED_LEARNING_RATE = 0.1
REPEATS = 3


def demo_options(n_threads: int | None = None) -> TrainingOptions:
    """Return how the demonstration trains: gradient descent at three learning rates."""
    return TrainingOptions(solver="gd", learning_rates=LEARNING_RATES, C=1.0, n_threads=n_threads)


def demo_images(seed: int = 0) -> SplitImages:
    """Return scikit-learn's 1,797 handwritten digits as images of 8 x 8 pixels.

    Parameters
    ----------
    seed : int
        Seed of the split; 10 % of the training images validate, 20 % of all test.

    Returns
    -------
    SplitImages
        Gray levels stretched to 0-255 and repeated in the three channels, as a gray
        photograph would be decoded.
    """
    digits = load_digits()
    levels = np.rint(digits.data * (255.0 / 16.0)).astype(np.uint8)
    files = [
        ImageFile(f"digit.{number}", LABELS[int(digit == 8)], number)
        for number, digit in enumerate(digits.target)
    ]
    split = split_images(files, validation_fraction=0.1, test_fraction=0.2, seed=seed)
    return SplitImages(
        origin="scikit-learn's handwritten digits",
        pixels=np.repeat(levels, CHANNELS, axis=1)[split.order],
        files=tuple(files[row] for row in split.order),
        size=8,
        bounds=split.bounds(np.arange(len(files))),
    )


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
            learning_rate=COMPARED_LEARNING_RATE,
            max_iter=COMPARED_ITERATIONS,
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
