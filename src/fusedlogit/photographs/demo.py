"""A demonstration that needs no download: is the handwritten digit an eight?"""

import numpy as np
from sklearn.datasets import load_digits

from .images import CHANNELS, ImageFile
from .loading import SplitImages
from .splits import split_images
from .training import TrainingOptions

LABELS = ("another digit", "eight")
LEARNING_RATES = (0.02, 0.1, 0.5)


def demo_options(n_threads: int | None = None) -> TrainingOptions:
    """Return how the demonstration trains: gradient descent at three learning rates."""
    return TrainingOptions(
        solver="gd", learning_rates=LEARNING_RATES, C=(1.0,), n_threads=n_threads
    )


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
