"""Photographs, and what of them speaks for an answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...photographs.features import Exemplar
from .canvas import INK, blank, caption, short


@dataclass(frozen=True)
class PhotographRow:
    """Test photographs shown side by side.

    Attributes
    ----------
    answer : str
        What they were taken for.
    truth : str
        What they show.
    pixels : ndarray of uint8, shape (n, size * size * 3)
        The images.
    captions : sequence of str, length n
        One above each.
    """

    answer: str
    truth: str
    pixels: NDArray[np.uint8]
    captions: Sequence[str]

    @property
    def heading(self) -> str:
        """What was answered, and the truth where it differs."""
        answered = f"answered {short(self.answer)}"
        if self.answer == self.truth:
            return answered
        return f"{answered}, in truth {short(self.truth)}"


def evidence_figure(
    photographs: NDArray[np.uint8],
    evidence: NDArray[np.float64],
    captions: Sequence[str],
    labels: tuple[str, str],
) -> Figure:
    """Draw photographs, and below each (beside a single one) what its regions speak for.

    Parameters
    ----------
    photographs : ndarray of uint8, shape (n, size, size, 3)
    evidence : ndarray of float64, shape (n, size, size)
        What each pixel speaks for the second label, in log odds.
    captions : sequence of str, length n
        One above each photograph.
    labels : tuple of two str
    """
    # Per hundredth of the photograph, a figure that does not depend on the size in pixels.
    shown = evidence * (evidence[0].size / 100)
    limit = float(np.percentile(np.abs(shown), 99.5)) or 1.0
    norm = Normalize(-limit, limit)
    figure = blank(4.1)
    if len(photographs) > 1:
        grid = figure.subplots(2, len(photographs), squeeze=False)
    else:  # side by side, both larger
        grid = figure.subplots(1, 2, squeeze=False).T
    for (above, below), photograph, speaks, text in zip(
        grid.T, photographs, shown, captions, strict=True
    ):
        above.imshow(photograph)
        caption(above, text, 9, max(2, len(photographs)))
        below.imshow(photograph.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        below.imshow(speaks, cmap="RdBu_r", norm=norm, alpha=0.55)
        above.set_axis_off()
        below.set_axis_off()
    _evidence_bar(figure, list(grid.flat), norm, "log odds per hundredth of the image", labels)
    return figure


def weights_figure(coef: NDArray[np.float64], size: int, labels: tuple[str, str]) -> Figure:
    """Draw the learnt weights as an image, a panel for each colour channel.

    Parameters
    ----------
    coef : ndarray of float64, shape (size * size * 3,)
        Weight of each raw pixel value.
    size : int
        Width and height of the images in pixels.
    labels : tuple of two str
        Positive weights speak for the second.
    """
    weights = coef.reshape(size, size, 3)
    gray = np.allclose(weights, weights.mean(axis=2, keepdims=True), rtol=1e-3, atol=1e-12)
    panels = (
        [("all channels together", weights.sum(axis=2))]
        if gray
        else [(name, weights[:, :, i]) for i, name in enumerate(("red", "green", "blue"))]
    )
    # The few strongest weights, often noise, must not bleach all others.
    strongest = float(np.percentile(np.abs([panel for _, panel in panels]), 99.5))
    exponent = math.floor(math.log10(strongest)) if strongest > 0 else 0
    limit = strongest / 10.0**exponent or 1.0
    norm = Normalize(-limit, limit)
    figure = blank(2.85 if len(panels) > 1 else 4.2)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, panel) in zip(grid, panels, strict=True):
        axes.imshow(panel / 10.0**exponent, cmap="RdBu_r", norm=norm, interpolation="nearest")
        axes.set_title(name, fontsize=10, color=INK)
        axes.set_axis_off()
    power = f" ($10^{{{exponent}}}$)" if exponent else ""
    _evidence_bar(figure, grid, norm, f"log odds per pixel level{power}", labels)
    return figure


def exemplars_figure(
    filters: tuple[Sequence[Exemplar], Sequence[Exemplar]], labels: tuple[str, str]
) -> Figure:
    """Draw what the filters that weigh most answer to, a column for each filter.

    Parameters
    ----------
    filters : two sequences of Exemplar
        Those that speak for the first label and for the second; one at least has some.
    labels : tuple of two str
    """
    rows = [(label, shown) for label, shown in zip(labels, filters, strict=True) if shown]
    columns = max(len(shown) for _, shown in rows)
    figure = blank(3.4 * len(rows))
    strips = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for strip, (label, shown) in zip(strips, rows, strict=True):
        strip.suptitle(
            f"speak for {short(label)}", fontsize=10, color=INK, x=0.01, ha="left", weight="bold"
        )
        grid = strip.subplots(len(shown[0].pieces), columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for column, one in zip(grid.T, shown, strict=False):
            column[0].set_title(f"{one.weight:+.3f}", fontsize=9, color=INK, pad=3)
            for axes, piece in zip(column, one.pieces, strict=True):
                axes.imshow(piece, interpolation="nearest")
    return figure


def photographs_figure(rows: Sequence[PhotographRow], size: int, *, columns: int) -> Figure:
    """Draw rows of images, each with a heading, each image with a caption.

    Parameters
    ----------
    rows : sequence of PhotographRow
        At least one, of at most `columns` images each.
    size : int
        Width and height of the images in pixels.
    columns : int
        Images that fit in a row.
    """
    figure = blank(1.85 * len(rows))
    strips = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for strip, row in zip(strips, rows, strict=True):
        strip.suptitle(row.heading, fontsize=10, color=INK, x=0.01, ha="left", weight="bold")
        grid = strip.subplots(1, columns, squeeze=False)[0]
        for axes in grid:
            axes.set_axis_off()
        for axes, image, text in zip(grid, row.pixels, row.captions, strict=False):
            axes.imshow(image.reshape(size, size, 3), interpolation="nearest")
            caption(axes, text, 9, columns)
    return figure


def captioned_figure(
    pixels: NDArray[np.uint8], captions: Sequence[str], size: int, *, columns: int
) -> Figure:
    """Draw images in rows, each with a caption of three lines at most.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, size * size * 3)
        At least one image.
    captions : sequence of str, length n
    size : int
        Width and height of the images in pixels.
    columns : int
        Images in a row.
    """
    rows = -(-len(pixels) // columns)
    figure = blank(1.3 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, text in zip(grid.flat, pixels, captions, strict=False):
        axes.imshow(image.reshape(size, size, 3), interpolation="nearest")
        caption(axes, text, 8, columns)
    return figure


def class_weights_figure(
    coef: NDArray[np.float64], size: int, labels: Sequence[str], *, columns: int = 5
) -> Figure:
    """Draw the weights of each label as an image, those of the three channels added up.

    Parameters
    ----------
    coef : ndarray of float64, shape (n, size * size * 3)
        Weight of each raw pixel value, for each label.
    size : int
        Width and height of the images in pixels.
    labels : sequence of str, length n
    columns : int
        Labels in a row.
    """
    weights = coef.reshape(len(coef), size, size, 3).sum(axis=3)
    limit = float(np.percentile(np.abs(weights), 99.5)) or 1.0
    rows = -(-len(coef) // columns)
    figure = blank(1.25 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, panel, label in zip(grid.flat, weights, labels, strict=False):
        axes.imshow(panel, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
        caption(axes, short(label), 9, columns)
    return figure


def class_exemplars_figure(
    filters: Sequence[Sequence[Exemplar]], labels: Sequence[str], *, count: int
) -> Figure:
    """Draw what the filters that weigh most for each label answer to, a row for each label.

    Parameters
    ----------
    filters : sequence of sequences of Exemplar
        Those that speak for each label; one label at least has some.
    labels : sequence of str
    count : int
        Filters for each label, at most.
    """
    rows = [(label, shown) for label, shown in zip(labels, filters, strict=True) if shown]
    n_pieces = len(rows[0][1][0].pieces)
    figure = blank(0.72 * len(rows) + 0.1)
    # A narrow column between the filters, and one for the label.
    widths = [1.6, *([0.25] + [1.0] * n_pieces) * count]
    grid = figure.subplots(
        len(rows), len(widths), squeeze=False, gridspec_kw={"width_ratios": widths}
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (label, shown) in zip(grid, rows, strict=True):
        line[0].text(0, 0.5, short(label, 12), fontsize=9, weight="bold", color=INK, va="center")
        for number, one in enumerate(shown[:count]):
            first = 2 + number * (n_pieces + 1)
            line[first].set_title(f"{one.weight:+.3f}", fontsize=7, color=INK, pad=2, loc="left")
            for axes, piece in zip(line[first : first + n_pieces], one.pieces, strict=False):
                axes.imshow(piece, interpolation="nearest")
    return figure


def _evidence_bar(
    figure: Figure, grid: Sequence[Axes], norm: Normalize, unit: str, labels: tuple[str, str]
) -> None:
    """Draw the scale of the colours under the panels, with the label each end speaks for."""
    bar = figure.colorbar(
        ScalarMappable(norm, "RdBu_r"),
        ax=list(grid),
        location="bottom",
        aspect=40,
        pad=0.03,
        extend="both",
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK)
    first, second = (short(label) for label in labels)
    bar.set_label(unit, color=INK)
    for x, side, text in (
        (0.0, "left", f"\N{LEFTWARDS ARROW} {first}"),
        (1.0, "right", f"{second} \N{RIGHTWARDS ARROW}"),
    ):
        bar.ax.text(x, 1.3, text, ha=side, va="bottom", color=INK, transform=bar.ax.transAxes)
