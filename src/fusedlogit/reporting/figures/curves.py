"""Curves of a training: costs by iteration, accuracies by what was varied."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from .canvas import COLOURS, INK, cycled, legend_above, one_panel, panels

# Shares of the lowest cost below which nobody cares how far a descent is from it.
NEAREST = 1e-6


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
    figure, stacked = panels(5.2 if whole else 3.4, 1 + whole)
    for axes in stacked:
        # Every iteration above: a cost that jumps to and fro looks calm where only some are drawn.
        step, width = (every, 1.6) if axes is stacked[-1] else (1, 0.8)
        for (name, cost), colour in zip(costs, cycled(len(costs)), strict=True):
            axes.plot(
                range(0, len(cost), step), cost[::step], color=colour, label=name, linewidth=width
            )
        axes.set_ylabel("cost J (nats per image)")
        axes.margins(x=0.01)
    if whole:
        stacked[0].set_yscale("log")
        stacked[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        stacked[0].yaxis.set_major_formatter("{x:g}")
        stacked[0].yaxis.set_minor_formatter(NullFormatter())
    _limit_runaways(stacked[-1], costs)
    stacked[-1].set_xlabel("iteration")
    if whole:
        legend_above(stacked[0], 2)
    else:
        stacked[0].legend(frameon=False)
    return figure


def descent_figure(
    descents: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]], lowest: float
) -> Figure:
    """Draw the cost by passes over the images, and below how far it is from the lowest.

    Parameters
    ----------
    descents : sequence of (name, passes, cost)
        A line for each; passes and cost are ndarrays of the same length.
    lowest : float
        The lowest cost of all.
    """
    figure, (above, below) = panels(5.6, 2)
    for (name, passes, cost), colour in zip(descents, cycled(len(descents)), strict=True):
        marker = "." if len(cost) <= 60 else ""
        above.plot(passes, cost, color=colour, marker=marker, label=name)
        excess = cost / lowest - 1
        far = excess > 0
        below.plot(passes[far], excess[far], color=colour, marker=marker)
    above.set_ylabel("cost J (nats per image)")
    below.set_ylabel("above the lowest cost")
    below.set_xscale("log")
    below.set_yscale("log")
    below.yaxis.set_major_formatter(_exact_percent())
    below.xaxis.set_major_formatter("{x:g}")
    below.set_ylim(bottom=NEAREST)
    below.set_xlabel("passes over the training images")
    legend_above(above, 1)
    return figure


def twin_figure(kernel: Sequence[float], reference: Sequence[float]) -> Figure:
    """Draw the cost of the compiled kernel over that of the NumPy reference."""
    figure, axes = one_panel(3.4)
    axes.plot(reference, color=COLOURS[4], linewidth=5, label="NumPy reference")
    axes.plot(kernel, color=COLOURS[0], linewidth=1.6, linestyle="--", label="fused kernel")
    axes.set_xlabel("iteration")
    axes.set_ylabel("cost J (nats per image)")
    axes.margins(x=0.01)
    axes.legend(frameon=False)
    return figure


def accuracy_figure(
    axis: str,
    values: Sequence[float | str],
    accuracies: Mapping[str, Sequence[float]],
    *,
    logarithmic: bool = False,
    cost: Sequence[float] | None = None,
    cost_name: str = "cost J (nats per image)",
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
    cost_name : str
        What it is called.
    """
    figure, axes = one_panel(3.6)
    bottom = axes
    if cost is not None:
        figure, (axes, bottom) = panels(5.2, 2)
        bottom.plot(values, cost, color=INK, marker="o")
        bottom.set_ylabel(cost_name)
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
    axes.yaxis.set_major_formatter(_exact_percent())
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], min_n_ticks=3))
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    legend_above(axes, len(accuracies))
    return figure


def _exact_percent() -> FuncFormatter:
    """Return what labels a tick with all digits of its share: rounded, neighbours read the same."""
    return FuncFormatter(lambda share, _: f"{100 * share:g}%")


def _limit_runaways(axes: Axes, costs: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Let a diverging learning rate leave by the top, not flatten all other curves."""
    start = max(cost[0] for _, cost in costs)
    lowest = min(float(np.nanmin(cost)) for _, cost in costs)
    drop = max(start - lowest, 0.01 * start)
    if max(float(np.nanmax(cost)) for _, cost in costs) > start + 0.5 * drop:
        axes.set_ylim(lowest - 0.1 * drop, start + 0.5 * drop)
