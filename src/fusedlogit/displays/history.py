"""The cost by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .drawing import COLOURS, axes_of, last_step


class HistoryDisplay:
    """The cost by iteration, of any fitted model with a `history_`.

    Parameters
    ----------
    history : sequence of float
        Cost J by iteration.
    tol : float, optional
        Of the fit: drawn beside the excess.
    name : str, optional
        For the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from fusedlogit import HistoryDisplay, LogisticRegression
    >>> model = LogisticRegression(scaling="standard").fit(*load_breast_cancer(return_X_y=True))
    >>> display = HistoryDisplay.from_estimator(model, excess=True)
    """

    ax_: Any
    figure_: Any
    line_: Any

    def __init__(
        self, history: Sequence[float], *, tol: float | None = None, name: str | None = None
    ) -> None:
        self.history = history
        self.tol = tol
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        excess: bool = False,
        name: str | None = None,
        ax: Any = None,
        **line: Any,
    ) -> HistoryDisplay:
        """Draw the history of a fitted model, or of the pipeline that ends with it.

        Parameters
        ----------
        estimator : LogisticRegression, LogisticRegressionCV or Pipeline
        excess, ax, **line
            As in `plot`.
        name : str, optional
            For the legend.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        TypeError
            If the model keeps no history.
        """
        model = last_step(estimator)
        history = getattr(model, "history_", None)
        if not history:
            raise TypeError(
                f"{type(model).__name__} has no history_ of its cost: it was not fitted by "
                "fusedlogit, or without refit"
            )
        display = cls(history, tol=getattr(model, "tol", None), name=name)
        return display.plot(ax, excess=excess, **line)

    def plot(self, ax: Any = None, *, excess: bool = False, **line: Any) -> HistoryDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Those of a new figure if None. Several histories may share them.
        excess : bool, default=False
            Draw by how much the cost is above the last one, relative to that, in logarithms: how
            fast a fit converges. The last, which would be zero, is left out.
        **line
            For ``ax.plot``, such as ``color``.

        Returns
        -------
        HistoryDisplay
            self.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        self.ax_ = ax = axes_of(ax, "HistoryDisplay", (5.2, 3.4))
        self.figure_ = ax.figure
        costs = np.asarray(self.history, dtype=np.float64)
        iterations = np.arange(len(costs))
        style = {"marker": "." if len(costs) <= 60 else "", "label": self.name} | line
        if excess:
            self._plot_excess(iterations, costs, style)
        else:
            (self.line_,) = ax.plot(iterations, costs, **style)
            ax.set_ylabel("cost J (mean loss + penalty)")
        ax.set_xlabel("iteration")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25)
        if self.name is not None or (excess and self.tol):
            ax.legend(frameon=False)
        return self

    def _plot_excess(self, iterations: Any, costs: Any, style: dict[str, Any]) -> None:
        ax, last = self.ax_, costs[-1]
        above = (costs[:-1] - last) / abs(last)
        seen = above > 0
        (self.line_,) = ax.plot(iterations[:-1][seen], above[seen], **style)
        ax.set_yscale("log")
        ax.set_ylabel("cost above the last one (relative)")
        drawn = {line.get_label() for line in ax.get_lines()}
        label = f"tol = {self.tol:g}" if self.tol else ""
        if self.tol and label not in drawn:
            ax.axhline(self.tol, color=COLOURS[-1], linestyle=":", linewidth=1, label=label)
