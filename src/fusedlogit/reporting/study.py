"""What a study is: what it works with, what it finds, and how it tells of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ..photographs.loading import SplitImages
from ..photographs.splits import PARTS
from ..photographs.stages import Listener
from ..photographs.training import TrainingOptions
from .rounding import counted, percent

#: Those of gradient descent that studies try.
LEARNING_RATES = (0.01, 0.005, 0.001)


@dataclass(frozen=True)
class Study:
    """What a study has found.

    Attributes
    ----------
    name, title, question : str
        What it is called, and what it asks.
    columns : tuple of str
        Heads of the table.
    rows : tuple of tuple of str
        The table.
    figure : Figure
        The picture.
    sentences : tuple of str
        What it shows.
    images : str
        What it was found on.
    """

    name: str
    title: str
    question: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figure: Figure
    sentences: tuple[str, ...]
    images: str


@dataclass(frozen=True)
class Setting:
    """What a study works with.

    Attributes
    ----------
    load : callable
        ``load(size)`` returns the images at a width and height.
    size : int
        Width and height where the study does not vary them.
    options : TrainingOptions
        How to train where the study does not vary it.
    listener : Listener
        Hears of progress.
    """

    load: Callable[[int], SplitImages]
    size: int
    options: TrainingOptions
    listener: Listener


def counted_images(images: SplitImages) -> str:
    """Return how many images there are, of each label and where from."""
    return f"{len(images.files):,} images ({counted(images.counts())}) of {images.origin}"


def described(images: SplitImages) -> str:
    """Return what was counted, and how little the accuracy on so many images can tell apart."""
    parts = {part: len(images.targets(part)) for part in PARTS}
    numbers = ", ".join(f"{number:,} {part}" for part, number in parts.items())
    standard_error = np.sqrt(0.8 * 0.2 / parts["test"])
    return (
        f"{counted_images(images)}: {numbers}. An accuracy of 80% on so many test images has a "
        f"standard error of {100 * standard_error:.1f} percentage points"
    )


def percents(accuracies: Iterable[float]) -> list[str]:
    """Return accuracies as the tables of studies have them."""
    return [percent(accuracy, 2) for accuracy in accuracies]
