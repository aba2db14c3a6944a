"""How often what was said came true."""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from .canvas import COLOURS, one_panel, square_of_shares


def reliability_figure(
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    *,
    said: str,
    came_true: str,
    samples: str = "test images",
    legend: Literal["upper left", "lower right"] = "upper left",
) -> Figure:
    """Draw how often something was so, by how probable it was called.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
        Whether it was so, of at least one sample.
    probability : ndarray of float64, shape (n,)
        That was said.
    said, came_true : str
        What the axes are called.
    samples : str
        What was judged.
    legend : str
        Where to put the legend.
    """
    figure, axes = one_panel(4.2)
    bins = min(10, len(np.unique(probability)))
    share, mean = calibration_curve(truth, probability, n_bins=bins, strategy="quantile")
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="as often as said")
    axes.plot(mean, share, color=COLOURS[0], marker="o", linewidth=1.6, label=samples)
    axes.set_xlabel(said)
    axes.set_ylabel(came_true)
    square_of_shares(axes, 0.02)
    axes.legend(frameon=False, loc=legend)
    return figure
