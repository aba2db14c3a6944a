"""How well many classes are told apart: confusion, pairs confused, ROC curves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ...evaluation.many_classes import ClassJudgement, Confused
from ..rounding import percent
from .canvas import COLOURS, INK, one_panel, short, square_of_shares

# Classes whose confusion is drawn, and those whose counts can be read in the cells.
CLASSES_SHOWN = 24
CLASSES_NUMBERED = 12

# ROC curves in colour; the others are gray.
CURVES_NAMED = 6


def class_confusion_figure(judgement: ClassJudgement, labels: Sequence[str]) -> Figure:
    """Draw how many samples of each class got each answer, by their share of the class.

    Of more than `CLASSES_SHOWN` classes, those most often confused are drawn.

    Parameters
    ----------
    judgement : ClassJudgement
    labels : sequence of str, length n_classes
    """
    shown = _most_mistaken(judgement, CLASSES_SHOWN)
    counts = judgement.confusion[np.ix_(shown, shown)]
    share = counts / judgement.confusion[shown].sum(axis=1, keepdims=True)
    n = len(shown)
    names = [short(labels[k], 14) for k in shown]
    figure, axes = one_panel(4.6 if n <= CLASSES_NUMBERED else 5.4)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if n <= CLASSES_NUMBERED:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                axes.text(
                    column, row, f"{count:,}", ha="center", va="center",
                    fontsize=min(11, 90 / n), color="white" if share[row, column] > 0.5 else INK,
                )  # fmt: skip
    size = min(10, 150 / n)
    long = max(map(len, names)) * n > 60
    axes.set_xticks(range(n), names, fontsize=size, rotation=90 if long else 0)
    axes.set_yticks(range(n), names, fontsize=size)
    axes.set_xlabel("answer")
    axes.set_ylabel("true kind")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e5e5e5", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    return figure


def confused_figure(pairs: Sequence[Confused], labels: Sequence[str]) -> Figure:
    """Draw a bar for each pair of classes that were confused, with its number and share.

    Parameters
    ----------
    pairs : sequence of Confused
        At least one, most often confused first.
    labels : sequence of str, length n_classes
    """
    figure, axes = one_panel(0.7 + 0.26 * len(pairs))
    places = range(len(pairs))
    axes.barh(places, [pair.count for pair in pairs], color=COLOURS[1], height=0.7)
    names = [f"{short(labels[p.truth], 14)} taken for {short(labels[p.answer], 14)}" for p in pairs]
    axes.set_yticks(places, names, fontsize=9)
    axes.invert_yaxis()
    for place, pair in zip(places, pairs, strict=True):
        axes.annotate(
            f"{pair.count:,}  ({percent(pair.share)})", (pair.count, place), (4, 0),
            textcoords="offset points", va="center", fontsize=9, color=INK,
        )  # fmt: skip
    axes.set_xlim(0, 1.6 * pairs[0].count)  # room for the numbers beside the longest bar
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    return figure


def class_roc_figure(judgement: ClassJudgement, labels: Sequence[str]) -> Figure:
    """Draw the ROC curve of each class against the rest; of many, the worst in colour.

    Parameters
    ----------
    judgement : ClassJudgement
    labels : sequence of str, length n_classes
    """
    figure, axes = one_panel(4.2)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="guessing (area 0.5)")
    areas = np.array([one.roc_auc for one in judgement.by_class])
    order = np.argsort(areas, kind="stable")
    others = order[CURVES_NAMED:]
    for i, k in enumerate(others[:200]):
        label = f"{len(others):,} other kinds" if i == 0 else None
        axes.plot(*judgement.roc_curve(int(k)), color="#c8c8c8", linewidth=0.8, label=label)
    for k, colour in zip(order[:CURVES_NAMED], COLOURS, strict=False):
        axes.plot(
            *judgement.roc_curve(int(k)), color=colour, linewidth=1.6,
            label=f"{short(labels[k])} (area {areas[k]:.3f})",
        )  # fmt: skip
    axes.set_xlabel("share of all others taken for the kind")
    axes.set_ylabel("share of the kind recognised")
    square_of_shares(axes, 0.01)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    return figure


def _most_mistaken(judgement: ClassJudgement, count: int) -> list[int]:
    """Return, in their order, the classes with most mistakes made of them or with them."""
    mistakes = judgement.confusion.copy()
    np.fill_diagonal(mistakes, 0)
    total = mistakes.sum(axis=0) + mistakes.sum(axis=1)
    return sorted(np.argsort(-total, kind="stable")[:count].tolist())
