"""How well two classes are told apart: confusion, ROC curve, reliability."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from ...evaluation.two_classes import Judgement
from ..rounding import percent
from .canvas import COLOURS, INK, one_panel, short, square_of_shares


def confusion_figure(confusion: NDArray[np.int64], labels: tuple[str, str]) -> Figure:
    """Draw how many images of each label got each answer, and their share of the label."""
    figure, axes = one_panel(3.6)
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(confusion):
        axes.text(
            column,
            row,
            f"{count:,}\n{percent(share[row, column])}",
            ha="center",
            va="center",
            fontsize=13,
            color="white" if share[row, column] > 0.5 else INK,
        )
    axes.set_xticks([0, 1], [short(label) for label in labels])
    axes.set_yticks([0, 1], [short(label) for label in labels], rotation=90, va="center")
    axes.set_xlabel("answer")
    axes.set_ylabel("true label")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def roc_figure(
    false_positive: NDArray[np.float64],
    true_positive: NDArray[np.float64],
    area: float,
    labels: tuple[str, str],
) -> Figure:
    """Draw the ROC curve beside the diagonal of guessing."""
    figure, axes = one_panel(4.2)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="guessing (area 0.5)")
    axes.plot(
        false_positive,
        true_positive,
        color=COLOURS[0],
        linewidth=1.8,
        label=f"test images (area {area:.3f})",
    )
    first, second = (short(label) for label in labels)
    axes.set_xlabel(f"'{first}' taken for '{second}'")
    axes.set_ylabel(f"'{second}' recognised")
    square_of_shares(axes, 0.01)
    axes.legend(frameon=False, loc="lower right")
    return figure


def reliability_figure(judgement: Judgement, label: str) -> Figure:
    """Draw how often the second label is right, by how probable it was called.

    Parameters
    ----------
    judgement : Judgement
        Answers to at least one image.
    label : str
        The second label.
    """
    figure, axes = one_panel(4.2)
    bins = min(10, len(np.unique(judgement.probability)))
    came_true, said = calibration_curve(
        judgement.truth, judgement.probability, n_bins=bins, strategy="quantile"
    )
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="as often as said")
    axes.plot(said, came_true, color=COLOURS[0], marker="o", linewidth=1.6, label="test images")
    axes.set_xlabel(f"probability of '{short(label)}' that was said")
    axes.set_ylabel(f"share that were '{short(label)}'")
    square_of_shares(axes, 0.02)
    axes.legend(frameon=False, loc="upper left")
    return figure
