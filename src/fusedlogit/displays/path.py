"""Coefficients and deviance along C."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .drawing import COLOURS, GREY, plain, pyplot

#: Features with a name in the legend.
NAMED = 6

#: Lines at most, those of the largest coefficients.
MOST_LINES = 300

#: Of ten classes; black is kept for marks.
CLASS_COLOURS = (*COLOURS[:-1], "#F0E442", "#999999", "#882255", "#44AA99")


class PathDisplay:
    """Coefficients and deviance of a path along C.

    Parameters
    ----------
    path : LogisticPath

    Attributes
    ----------
    axes_ : list of two matplotlib Axes
        Of the coefficients, and of the deviance.
    figure_ : matplotlib Figure
    """

    axes_: list[Any]
    figure_: Any

    def __init__(self, path: Any) -> None:
        self.path = path

    def plot(self, axes: Sequence[Any] | None = None) -> PathDisplay:
        """Draw.

        Of two classes, the features of the six largest coefficients have colours and names; of
        more, each class has a colour. A dotted line is where BIC is least.

        Parameters
        ----------
        axes : two matplotlib Axes, optional
            For coefficients and deviance; those of a new figure if None.

        Returns
        -------
        PathDisplay
            self.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If no C is finite.
        """
        draw = pyplot("PathDisplay")
        finite = np.isfinite(self.path.Cs)
        if not finite.any():
            raise ValueError("no C of the path is finite, which an axis could show: give others")
        if axes is None:
            _, axes = draw.subplots(
                2, 1, figsize=(6.4, 5.6), sharex=True, height_ratios=(2, 1), layout="constrained"
            )
        assert axes is not None
        self.axes_ = list(axes)
        self.figure_ = self.axes_[0].figure
        self._plot_coefficients(finite)
        self._plot_deviance(finite)
        return self

    def _plot_coefficients(self, finite: NDArray[np.bool_]) -> None:
        ax, path = self.axes_[0], self.path
        coefs = path.scaled_coefs[finite]
        if coefs.shape[1] == 1:
            self._plot_features(path.Cs[finite], coefs[:, 0])
        else:
            self._plot_classes(path.Cs[finite], coefs)
        ax.axhline(0, color=COLOURS[-1], linewidth=0.8)
        ax.set_xscale("log")
        ax.set_ylabel(
            "coefficient, by standard deviation" if path.scaling == "standard" else "coefficient"
        )
        ax.grid(alpha=0.25)
        self._mark_best(ax)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize="small")
        self._count_above(finite)

    def _plot_features(self, Cs: NDArray[Any], coefs: NDArray[Any]) -> None:
        """Two classes: a line for each feature, the largest with a name."""
        order = _largest(np.abs(coefs[-1]))
        names = self.path.feature_names
        for j in order[: NAMED - 1 : -1]:
            self.axes_[0].plot(Cs, coefs[:, j], color=GREY, linewidth=0.8)
        for j, colour in zip(order[:NAMED], COLOURS, strict=False):
            name = f"x{j}" if names is None else plain(names[j])
            self.axes_[0].plot(Cs, coefs[:, j], color=colour, label=name)

    def _plot_classes(self, Cs: NDArray[Any], coefs: NDArray[Any]) -> None:
        """Many classes: lines in the colour of their class; grey if these are too many."""
        classes = self.path.classes
        few = len(classes) <= len(CLASS_COLOURS)
        features = _largest(np.abs(coefs[-1]).max(axis=0), MOST_LINES // len(classes) + 1)
        for k, label in enumerate(classes):
            lines = self.axes_[0].plot(
                Cs, coefs[:, k, features], color=CLASS_COLOURS[k] if few else GREY, linewidth=0.8
            )
            if few and lines:
                lines[0].set_label(plain(label))

    def _count_above(self, finite: NDArray[np.bool_]) -> None:
        """Along the upper edge: how many coefficients are not zero, or degrees of freedom."""
        path = self.path
        counts: NDArray[Any] = path.nonzeros
        label = "coefficients that are not zero"
        if path.l1_ratio == 0:
            counts, label = path.degrees_of_freedom, "effective degrees of freedom"
        places = np.flatnonzero(finite & ~np.isnan(counts))
        if not len(places):
            return
        places = places[np.linspace(0, len(places) - 1, min(len(places), 7)).astype(int)]
        edge = self.axes_[0].secondary_xaxis("top")
        edge.minorticks_off()
        edge.set_xticks(path.Cs[places], [_short(counts[i]) for i in places])
        edge.set_xlabel(label)

    def _plot_deviance(self, finite: NDArray[np.bool_]) -> None:
        ax, path = self.axes_[1], self.path
        ax.plot(path.Cs[finite], path.deviance_explained[finite], color=COLOURS[0])
        self._mark_best(ax)
        ax.set_xscale("log")
        ax.set_ylim(0, 1)
        ax.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        ax.set_ylabel("deviance explained")
        ax.set_xlabel("C (weaker penalty to the right)")
        ax.grid(alpha=0.25)

    def _mark_best(self, ax: Any) -> None:
        bic = np.where(np.isfinite(self.path.Cs), self.path.bic, np.nan)
        if not np.isnan(bic).all():
            best = self.path.Cs[np.nanargmin(bic)]
            ax.axvline(best, color=COLOURS[-1], linestyle=":", linewidth=1, label="least BIC")


def _short(count: float) -> str:
    """A count, of less than ten with a digit if it is not whole."""
    return f"{count:.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"


def _largest(sizes: NDArray[Any], most: int = MOST_LINES) -> NDArray[np.intp]:
    """The largest ones first, those that are not zero."""
    order = np.argsort(-sizes, kind="stable")[:most]
    return order[sizes[order] > 0]
