"""The pictures of a training on more than two kinds of images."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.many_classes import ClassJudgement
from ..evaluation.trials import Trial
from ..photographs.classifier import ManyKindsClassifier
from ..photographs.features import exemplars_by_label
from ..photographs.images import CHANNELS
from ..photographs.training import TrainingResult
from . import figures
from .rounding import percent

PAIRS_SHOWN = 12

# Images in a row, and at most; answers of which each sort are divided over the image.
COLUMNS = 6
IMAGES_SHOWN = 18
EVIDENCE_SHOWN = 2

# Kinds whose weights and filters are shown, filters for each, pieces for each filter, and test
# images searched.
KINDS_SHOWN = 20
FILTERS_SHOWN = 3
PIECES_SHOWN = 3
IMAGES_SEARCHED = 300


def draw_many_kinds(
    result: TrainingResult, classifier: ManyKindsClassifier, test: ClassJudgement
) -> dict[str, Figure]:
    """Draw what a report shows besides the cost, by name.

    Parameters
    ----------
    result : TrainingResult
    classifier : ManyKindsClassifier
        Its classifier.
    test : ClassJudgement
        Its answers to the test images.
    """
    images, labels = result.images, result.images.labels
    drawn = draw_judgement(test, labels, "test images")
    if classifier.features is None:
        coef = classifier.head.coef[:KINDS_SHOWN]
        drawn["weights"] = figures.class_weights_figure(coef, images.size, labels[: len(coef)])
    drawn.update(_filters(result, classifier))
    pixels, _ = images.part("test")
    surest = _surest_of_each(test)[:IMAGES_SHOWN]
    mistakes = test.surest(right=False, count=IMAGES_SHOWN)
    for name, rows in (("right", surest), ("wrong", mistakes)):
        if len(rows):
            captions = [_caption(test, labels, row) for row in rows]
            drawn[name] = figures.captioned_figure(
                pixels[rows], captions, images.size, columns=COLUMNS
            )
    drawn["evidence"] = _evidence(result, classifier, test, surest)
    return drawn


def draw_judgement(
    judgement: ClassJudgement, labels: Sequence[str], samples: str
) -> dict[str, Figure]:
    """Draw how well many classes are told apart, whatever they are classes of, by name.

    Parameters
    ----------
    judgement : ClassJudgement
    labels : sequence of str, length n_classes
    samples : str
        What was judged.
    """
    drawn = {
        "confusion": figures.class_confusion_figure(judgement, labels),
        "roc": figures.class_roc_figure(judgement, labels),
        "reliability": figures.reliability_figure(
            judgement.right,
            judgement.confidence,
            said="probability of the answer that was said",
            came_true="share of answers that were right",
            samples=samples,
            legend="lower right",
        ),
    }
    pairs = judgement.most_confused(PAIRS_SHOWN)
    if pairs:
        drawn["pairs"] = figures.confused_figure(pairs, labels)
    return drawn


def draw_strengths(trials: Sequence[Trial]) -> dict[str, Figure]:
    """Draw accuracy and log loss on validation by the strength of the penalty, if several."""
    if len(trials) < 2:
        return {}
    figure = figures.accuracy_figure(
        "C", [trial.C for trial in trials],
        {"validation": [trial.accuracy for trial in trials]}, logarithmic=True,
        cost=[trial.log_loss for trial in trials], cost_name="log loss",
    )  # fmt: skip
    return {"strengths": figure}


def _surest_of_each(test: ClassJudgement) -> list[int]:
    """Return, for each kind of which an image was recognised, the surest one, surest first."""
    rows = test.surest(right=True, count=len(test.truth))
    _, first = np.unique(test.truth[rows], return_index=True)
    return [int(row) for row in rows[np.sort(first)]]


def _caption(test: ClassJudgement, labels: Sequence[str], row: int) -> str:
    answer, sure = figures.short(labels[test.answer[row]], 12), percent(test.confidence[row])
    if test.right[row]:
        return f"{answer}\n{sure}"
    return f"{answer}\n{sure}, in truth\n{figures.short(labels[test.truth[row]], 12)}"


def _evidence(
    result: TrainingResult,
    classifier: ManyKindsClassifier,
    test: ClassJudgement,
    surest: Sequence[int],
) -> Figure:
    """Draw the evidence in the surest answers of several kinds, and in the surest mistakes."""
    pixels, _ = result.images.part("test")
    labels, size = classifier.labels, classifier.size
    wrong = [int(row) for row in test.surest(right=False, count=EVIDENCE_SHOWN)]
    chosen = [*surest[: 2 * EVIDENCE_SHOWN - len(wrong)], *wrong]
    evidence, captions = [], []
    for row in chosen:
        answer, other = int(test.answer[row]), test.runner_up(row)
        evidence.append(classifier.evidence(pixels[row], answer, other))
        captions.append(
            f"{figures.short(labels[answer], 12)}"
            + ("" if test.right[row] else " (wrong)")
            + f"\nnot {figures.short(labels[other], 12)}"
        )
    photographs = pixels[chosen].reshape(-1, size, size, CHANNELS)
    ends = "named second", "the answer"
    return figures.evidence_figure(photographs, np.stack(evidence), captions, ends)


def _filters(result: TrainingResult, classifier: ManyKindsClassifier) -> dict[str, Figure]:
    """Draw what the filters that weigh most answer to; nothing if none weighs anything."""
    if classifier.features is None:
        return {}
    pixels, _ = result.images.part("test")
    few = pixels[:: -(-len(pixels) // IMAGES_SEARCHED)]
    coef = classifier.head.coef[:KINDS_SHOWN]
    shown = exemplars_by_label(
        classifier.features, few, coef, count=FILTERS_SHOWN, n_pieces=PIECES_SHOWN
    )
    if not any(shown):
        return {}
    labels = classifier.labels[: len(coef)]
    return {"filters": figures.class_exemplars_figure(shown, labels, count=FILTERS_SHOWN)}
