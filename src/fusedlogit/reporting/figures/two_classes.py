"""How well two classes are told apart: confusion and ROC curve."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

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
