"""The pictures of a training on two kinds of images."""

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.two_classes import Judgement
from ..photographs.classifier import ImageClassifier
from ..photographs.features import exemplars
from ..photographs.images import CHANNELS
from ..photographs.training import TrainingResult
from . import figures
from .rounding import percent

PHOTOGRAPHS_IN_ROW = 4

# Filters shown for each label, pieces of photographs for each filter, and test images searched.
FILTERS_SHOWN = 7
PIECES_SHOWN = 4
IMAGES_SEARCHED = 300


def draw_two_kinds(
    result: TrainingResult, classifier: ImageClassifier, test: Judgement
) -> dict[str, Figure]:
    """Draw what a report shows besides the cost, by name.

    Parameters
    ----------
    result : TrainingResult
    classifier : ImageClassifier
        Its classifier.
    test : Judgement
        Its answers to the test images.
    """
    images, (first, second) = result.images, result.images.labels
    labels = first, second
    drawn = {
        "confusion": figures.confusion_figure(test.confusion, labels),
        "roc": figures.roc_figure(*test.roc_curve(), test.roc_auc, labels),
        "reliability": figures.reliability_figure(
            test.truth,
            test.probability,
            said=f"probability of '{figures.short(second)}' that was said",
            came_true=f"share that were '{figures.short(second)}'",
        ),
    }
    if classifier.features is None:
        drawn["weights"] = figures.weights_figure(classifier.coef, images.size, labels)
    drawn.update(_filters(result, classifier, labels))
    for name, right in (("right", True), ("wrong", False)):
        rows = _photographs(result, test, right=right)
        if rows:
            drawn[name] = figures.photographs_figure(rows, images.size, columns=PHOTOGRAPHS_IN_ROW)
    drawn["evidence"] = _evidence(result, classifier, test, labels)
    return drawn


def _evidence(
    result: TrainingResult, classifier: ImageClassifier, test: Judgement, labels: tuple[str, str]
) -> Figure:
    """Draw the evidence in the surest right and the surest wrong answer of each label."""
    pixels, _ = result.images.part("test")
    size = result.images.size
    chosen = [
        row
        for right in (True, False)
        for answer in (False, True)
        for row in test.surest(answer=answer, right=right, count=1)
    ]
    captions = [
        f"{figures.short(labels[int(test.answer[row])])}\n{percent(test.confidence[row])}"
        + ("" if test.answer[row] == test.truth[row] else " (wrong)")
        for row in chosen
    ]
    evidence = np.stack([classifier.evidence(pixels[row]) for row in chosen])
    photographs = pixels[chosen].reshape(-1, size, size, CHANNELS)
    return figures.evidence_figure(photographs, evidence, captions, labels)


def _filters(
    result: TrainingResult, classifier: ImageClassifier, labels: tuple[str, str]
) -> dict[str, Figure]:
    """Draw what the filters that weigh most answer to; nothing if none weighs anything."""
    if classifier.features is None:
        return {}
    pixels, _ = result.images.part("test")
    few = pixels[:: -(-len(pixels) // IMAGES_SEARCHED)]
    shown = exemplars(
        classifier.features, few, classifier.coef, count=FILTERS_SHOWN, n_pieces=PIECES_SHOWN
    )
    if not any(shown):
        return {}
    return {"filters": figures.exemplars_figure(shown, labels)}


def _photographs(
    result: TrainingResult, test: Judgement, *, right: bool
) -> list[figures.PhotographRow]:
    """Collect the surest right (or wrong) answers to test images, a row for each answer."""
    pixels, _ = result.images.part("test")
    labels = result.images.labels
    found = []
    for answer in (False, True):
        rows = test.surest(answer=answer, right=right, count=PHOTOGRAPHS_IN_ROW)
        if len(rows):
            truth = answer if right else not answer
            captions = [percent(confidence) for confidence in test.confidence[rows]]
            found.append(
                figures.PhotographRow(labels[answer], labels[truth], pixels[rows], captions)
            )
    return found
