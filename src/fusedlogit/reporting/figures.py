"""Draw the pictures of a report. Every function returns a matplotlib figure of its own."""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from ..errors import printable
from ..photographs.evaluation import Judgement
from ..photographs.features import Exemplar
from .rounding import percent

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK = "#333333"

# Small figures at a high resolution: the text stays legible when a phone shrinks them.
WIDTH = 5.2
DOTS_PER_INCH = 200


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


def cost_figure(
    costs: Sequence[tuple[str, Sequence[float]]], every: int = 1, *, whole: bool = False
) -> Figure:
    """Draw the cost by iteration.

    Parameters
    ----------
    costs : sequence of (name, cost history)
        A line for each.
    every : int
        Iterations from one point to the next.
    whole : bool
        Whether costs that grow are drawn as well, in a panel above with a logarithmic scale and
        every iteration. Otherwise they leave by the top.
    """
    figure, panels = _panels(5.2 if whole else 3.4, 1 + whole)
    for axes in panels:
        # Every iteration above: a cost that jumps to and fro looks calm where only some are drawn.
        step, width = (every, 1.6) if axes is panels[-1] else (1, 0.8)
        for (name, cost), colour in zip(costs, _cycle(len(costs)), strict=True):
            axes.plot(
                range(0, len(cost), step), cost[::step], color=colour, label=name, linewidth=width
            )
        axes.set_ylabel("cost J (nats per image)")
        axes.margins(x=0.01)
    if whole:
        panels[0].set_yscale("log")
        panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[0].yaxis.set_major_formatter("{x:g}")
        panels[0].yaxis.set_minor_formatter(NullFormatter())
    _limit_runaways(panels[-1], costs)
    panels[-1].set_xlabel("iteration")
    if whole:
        _legend_above(panels[0], 2)
    else:
        panels[0].legend(frameon=False)
    return figure


def twin_figure(kernel: Sequence[float], reference: Sequence[float]) -> Figure:
    """Draw the cost of the compiled kernel over that of the NumPy reference."""
    figure, axes = _figure(3.4)
    axes.plot(reference, color=COLOURS[4], linewidth=5, label="NumPy reference")
    axes.plot(kernel, color=COLOURS[0], linewidth=1.6, linestyle="--", label="fused kernel")
    axes.set_xlabel("iteration")
    axes.set_ylabel("cost J (nats per image)")
    axes.margins(x=0.01)
    axes.legend(frameon=False)
    return figure


def confusion_figure(confusion: NDArray[np.int64], labels: tuple[str, str]) -> Figure:
    """Draw how many images of each label got each answer, and their share of the label."""
    figure, axes = _figure(3.6)
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
    figure, axes = _figure(4.2)
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
    _square_of_shares(axes, 0.01)
    axes.legend(frameon=False, loc="lower right")
    return figure


def accuracy_figure(
    axis: str,
    values: Sequence[float | str],
    accuracies: Mapping[str, Sequence[float]],
    *,
    logarithmic: bool = False,
    cost: Sequence[float] | None = None,
) -> Figure:
    """Draw accuracies by something that was varied, a line for each part of the images.

    Parameters
    ----------
    axis : str
        What was varied.
    values : sequence of float or str, length n
        Its values: numbers, or names, which are not joined by a line.
    accuracies : mapping of str to sequence of float, length n
        By part.
    logarithmic : bool
        Whether the values are drawn by their logarithms.
    cost : sequence of float, length n, optional
        Drawn in a panel of its own, below.
    """
    figure, axes = _figure(3.6)
    bottom = axes
    if cost is not None:
        figure, (axes, bottom) = _panels(5.2, 2)
        bottom.plot(values, cost, color=INK, marker="o")
        bottom.set_ylabel("cost J (nats per image)")
    named = isinstance(values[0], str)
    for (part, accuracy), colour, marker in zip(accuracies.items(), COLOURS, "os^", strict=False):
        style = "none" if named else "-"
        axes.plot(values, accuracy, color=colour, marker=marker, linestyle=style, label=part)
    if logarithmic:
        axes.set_xscale("log")
    if isinstance(values[0], int):
        axes.set_xticks(values, [f"{value:,}" for value in values])
        axes.minorticks_off()
    bottom.set_xlabel(axis)
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], min_n_ticks=3))
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    _legend_above(axes, len(accuracies))
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
    figure, axes = _figure(4.2)
    bins = min(10, len(np.unique(judgement.probability)))
    came_true, said = calibration_curve(
        judgement.truth, judgement.probability, n_bins=bins, strategy="quantile"
    )
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="as often as said")
    axes.plot(said, came_true, color=COLOURS[0], marker="o", linewidth=1.6, label="test images")
    axes.set_xlabel(f"probability of '{short(label)}' that was said")
    axes.set_ylabel(f"share that were '{short(label)}'")
    _square_of_shares(axes, 0.02)
    axes.legend(frameon=False, loc="upper left")
    return figure


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
    figure = _blank(4.1)
    if len(photographs) > 1:
        grid = figure.subplots(2, len(photographs), squeeze=False)
    else:  # side by side, both larger
        grid = figure.subplots(1, 2, squeeze=False).T
    for (above, below), photograph, speaks, caption in zip(
        grid.T, photographs, shown, captions, strict=True
    ):
        above.imshow(photograph)
        above.set_title(caption, fontsize=9, color=INK, pad=3)
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
    figure = _blank(2.85 if len(panels) > 1 else 4.2)
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
    figure = _blank(3.4 * len(rows))
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
    figure = _blank(1.85 * len(rows))
    strips = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for strip, row in zip(strips, rows, strict=True):
        strip.suptitle(row.heading, fontsize=10, color=INK, x=0.01, ha="left", weight="bold")
        grid = strip.subplots(1, columns, squeeze=False)[0]
        for axes in grid:
            axes.set_axis_off()
        for axes, image, caption in zip(grid, row.pixels, row.captions, strict=False):
            axes.imshow(image.reshape(size, size, 3), interpolation="nearest")
            axes.set_title(caption, fontsize=9, color=INK, pad=3)
    return figure


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG file's content."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A label in a script the font lacks is drawn as boxes; the page beside it has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def _blank(height: float) -> Figure:
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure, (axes,) = _panels(height, 1)
    return figure, axes


def _panels(height: float, count: int) -> tuple[Figure, list[Axes]]:
    """Return axes one above the other, along the same values."""
    figure = _blank(height)
    panels = list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["bottom", "left"]].set_color("#999999")
        axes.tick_params(colors=INK)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
    return figure, panels


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


def _square_of_shares(axes: Axes, margin: float) -> None:
    """Let both axes run from 0% to 100%, and a little beyond."""
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_aspect("equal")
    axes.set_xlim(-margin, 1 + margin)
    axes.set_ylim(-margin, 1 + margin)


def _legend_above(axes: Axes, columns: int) -> None:
    """Put the legend where nothing can be drawn."""
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handlelength=1.5,
        columnspacing=1.2,
    )  # fmt: skip


def _cycle(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _limit_runaways(axes: Axes, costs: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Let a diverging learning rate leave by the top, not flatten all other curves."""
    start = max(cost[0] for _, cost in costs)
    lowest = min(float(np.nanmin(cost)) for _, cost in costs)
    drop = max(start - lowest, 0.01 * start)
    if max(float(np.nanmax(cost)) for _, cost in costs) > start + 0.5 * drop:
        axes.set_ylim(lowest - 0.1 * drop, start + 0.5 * drop)


def short(label: str, limit: int = 16) -> str:
    """Shorten a label to fit, and keep matplotlib from taking dollar signs for formulas."""
    label = printable(label)
    if len(label) > limit:
        label = label[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return label.replace("$", r"\$")
