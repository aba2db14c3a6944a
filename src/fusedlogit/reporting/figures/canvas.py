"""What all pictures share: paper, colours, axes, labels, and the PNG file."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ...errors import printable

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK = "#333333"

# Small figures at a high resolution: the text stays legible when a phone shrinks them.
WIDTH = 5.2
DOTS_PER_INCH = 200


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG file's content."""
    buffer = io.BytesIO()
    with _in_any_script():
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


@contextmanager
def _in_any_script() -> Iterator[None]:
    """Let a label in a script the font lacks be drawn as boxes; the page beside it has it right."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def blank(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure; heights and widths are in inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def one_panel(height: float) -> tuple[Figure, Axes]:
    """Return a figure of one pair of axes."""
    figure, (axes,) = panels(height, 1)
    return figure, axes


def panels(height: float, count: int) -> tuple[Figure, list[Axes]]:
    """Return axes one above the other, along the same values."""
    figure = blank(height)
    stacked = list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])
    for axes in stacked:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["bottom", "left"]].set_color("#999999")
        axes.tick_params(colors=INK)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
    return figure, stacked


def square_of_shares(axes: Axes, margin: float) -> None:
    """Let both axes run from 0% to 100%, and a little beyond."""
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_aspect("equal")
    axes.set_xlim(-margin, 1 + margin)
    axes.set_ylim(-margin, 1 + margin)


def legend_above(axes: Axes, columns: int) -> None:
    """Put the legend where nothing can be drawn."""
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handlelength=1.5,
        columnspacing=1.2,
    )  # fmt: skip


def caption(axes: Axes, text: str, size: float, columns: int) -> None:
    """Write above one of so many panels in a row, in smaller letters where it would not fit."""
    title = axes.set_title(text, fontsize=size, color=INK, pad=3)
    with _in_any_script():
        wide = title.get_window_extent().width / axes.figure.dpi
    room = 0.95 * WIDTH / columns
    if wide > room:
        title.set_fontsize(size * room / wide)


def cycled(count: int) -> list[str]:
    """Return so many colours, which begin again after the last."""
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def short(label: str, limit: int = 16) -> str:
    """Shorten a label to fit, and keep matplotlib from taking dollar signs for formulas."""
    return cut(label, limit).replace("$", r"\$")


def cut(label: str, limit: int) -> str:
    """Return a label as one harmless line of so many characters at most.

    It is cut in the middle, for labels that begin alike often end differently.
    """
    label = printable(label)
    if len(label) <= limit:
        return label
    return f"{label[: limit // 2]}\N{HORIZONTAL ELLIPSIS}{label[-((limit - 1) // 2) :]}"
