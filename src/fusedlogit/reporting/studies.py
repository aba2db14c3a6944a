"""Questions about a classifier, each answered by a run: a picture, a table, two sentences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline

from ..errors import ImageDataError
from ..estimator import LogisticRegression
from ..evaluation.trials import fit_quietly, unalarmed
from ..photographs.features import ACTIVATIONS, PatchFeatures
from ..photographs.loading import SplitImages
from ..photographs.splits import PARTS
from ..photographs.training import (
    PIXEL_RANGE,
    FeatureTable,
    TrainingOptions,
    TrainingResult,
    train,
)
from . import figures
from .descents import stochastic_descent
from .rounding import percent
from .study import LEARNING_RATES, Setting, Study, counted_images, described, percents

ITERATIONS = 1500
COST_EVERY = 10
PENALTIES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)
SIZES = (8, 16, 32, 48, 64, 96)
FOLDS = 5
SMALLEST_TRAINING = 250


def learning_rates(setting: Setting) -> Study:
    """Compare the learning rates of gradient descent on raw pixels."""
    options = TrainingOptions(
        solver="gd",
        learning_rates=LEARNING_RATES,
        max_iter=ITERATIONS,
        C=(np.inf,),
        n_threads=setting.options.n_threads,
    )
    images = setting.load(setting.size)
    result = train(images, options, setting.listener)
    scores = [
        {part: candidate.model.score(*images.part(part)) for part in PARTS}
        for candidate in result.candidates
    ]
    rows = [
        (f"{one.learning_rate:g}", f"{one.cost[-1]:.4f}", *percents(score.values()))
        for one, score in zip(result.candidates, scores, strict=True)
    ]
    names = [f"learning rate {one.learning_rate:g}" for one in result.candidates]
    costs = [one.cost for one in result.candidates]
    lowest = min(range(len(costs)), key=lambda i: costs[i][-1])
    kept = result.candidates.index(result.best)
    too_long = [not cost[-1] < cost[0] for cost in costs]
    grown = " and ".join(f"{rate:g}" for rate in itertools.compress(LEARNING_RATES, too_long))
    remark = (
        f" With {grown} it ends above where it began: such steps are too long." if grown else ""
    )
    return Study(
        name="learning-rates",
        title="Learning rates compared",
        question="How does the cost fall, and what is it good for?",
        columns=("learning rate", f"cost after {ITERATIONS:,}", *PARTS),
        rows=tuple(rows),
        figure=figures.cost_figure(
            list(zip(names, costs, strict=True)), COST_EVERY, whole=any(too_long)
        ),
        images=described(images),
        sentences=(
            f"After {ITERATIONS:,} iterations the cost is lowest with {names[lowest]}: "
            f"{costs[lowest][-1]:.4f}.{remark}",
            f"Most accurate on validation is {names[kept]}, which answers "
            f"{percent(scores[kept]['test'])} of the test images correctly against "
            f"{percent(scores[kept]['train'])} of those it was trained on.",
        ),
    )


def regularisation(setting: Setting) -> Study:
    """Compare strengths of the penalty."""
    options = replace(setting.options, C=PENALTIES)
    images = setting.load(setting.size)
    result = train(images, options, setting.listener)
    accuracies = {
        "train": [one.training.accuracy for one in result.candidates if one.training],
        "validation": [one.validation.accuracy for one in result.candidates if one.validation],
    }
    rows = [
        (f"{one.C:g}", f"{one.cost[-1]:.4f}", *percents(pair))
        for one, pair in zip(result.candidates, zip(*accuracies.values(), strict=True), strict=True)
    ]
    weakest = len(PENALTIES) - 1
    return Study(
        name="regularisation",
        title="Regularisation compared",
        question="How strong should the penalty be? (C is its inverse strength.)",
        columns=("C", "cost", "train", "validation"),
        rows=tuple(rows),
        figure=figures.accuracy_figure(
            "C",
            PENALTIES,
            accuracies,
            logarithmic=True,
            cost=[one.cost[-1] for one in result.candidates],
        ),
        images=described(images),
        sentences=(
            f"Best on validation is C = {result.best.C:g} with "
            f"{percent(max(accuracies['validation']))}; on test images it answers "
            f"{percent(result.scores['test'].accuracy)} correctly.",
            f"The weakest penalty, C = {PENALTIES[weakest]:g}, learns "
            f"{percent(accuracies['train'][weakest])} of the training images and gets "
            f"{percent(accuracies['validation'][weakest])} of the validation images right.",
        ),
    )


def k_fold(setting: Setting) -> Study:
    """Cross-validate the whole pipeline with scikit-learn's tools."""
    images = setting.load(setting.size)
    pixels, labels = images.part(*PARTS[:2])
    fewest = int(np.unique(labels, return_counts=True)[1].min())
    if fewest < FOLDS:
        raise ImageDataError(
            f"{FOLDS} folds need {FOLDS} images of each label beside those of the test; "
            f"{images.origin} has {fewest}: give more, or a higher limit"
        )
    C = setting.options.C[len(setting.options.C) // 2]
    with unalarmed():
        scores = cross_validate(
            _pipeline(setting.options, C),
            pixels,
            labels,
            cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
            return_train_score=True,
            params=_told_by_fold(setting, len(labels)),
        )
    accuracies = {
        "train": scores["train_score"].tolist(),
        "held out": scores["test_score"].tolist(),
    }
    held_out = np.array(accuracies["held out"])
    rows = [
        (str(fold + 1), *percents(pair), f"{seconds:.1f}")
        for fold, (pair, seconds) in enumerate(
            zip(zip(*accuracies.values(), strict=True), scores["fit_time"], strict=True)
        )
    ]
    return Study(
        name="k-fold",
        title="K-fold cross-validation",
        question="How much does accuracy depend on which images are held out?",
        columns=("fold", "train", "held out", "seconds to fit"),
        rows=tuple(rows),
        figure=figures.accuracy_figure(
            "fold", [str(fold + 1) for fold in range(FOLDS)], accuracies
        ),
        images=counted_images(images),
        sentences=(
            f"The {FOLDS} folds answer {percent(held_out.mean())} of the images held out correctly "
            f"on average, with a standard deviation of {100 * held_out.std(ddof=1):.1f} points.",
            f"The worst fold reaches {percent(held_out.min())}, the best "
            f"{percent(held_out.max())}; all that was learnt comes from the other folds "
            f"(C = {C:g}).",
        ),
    )


def image_sizes(setting: Setting) -> Study:
    """Compare sizes that photographs are reduced to."""
    results = []
    for size in SIZES:
        images = setting.load(size)
        results.append(train(images, setting.options, setting.listener))
    accuracies = _by_part(results)
    best = int(np.argmax(accuracies["validation"]))
    features = setting.options.features
    seen = ""
    if features is not None:
        sizes = " and ".join(f"{size} x {size}" for size in features.sizes)
        seen = f" (Features look at photographs of any size enlarged or reduced to {sizes}.)"
    return Study(
        name="image-sizes",
        title="Image sizes compared",
        question="How many pixels does it take?",
        columns=("size", *PARTS, "seconds"),
        rows=_rows([f"{size} x {size}" for size in SIZES], results),
        figure=figures.accuracy_figure("width and height in pixels", SIZES, accuracies),
        images=described(images),
        sentences=(
            f"Best on validation are {SIZES[best]} x {SIZES[best]} pixels, with "
            f"{percent(accuracies['test'][best])} of the test images right.",
            f"With {SIZES[0]} x {SIZES[0]} pixels it is {percent(accuracies['test'][0])}.{seen}",
        ),
    )


def training_size(setting: Setting) -> Study:
    """Compare numbers of training images."""
    images = setting.load(setting.size)
    order = np.random.default_rng(0).permutation(images.bounds["train"].stop)
    counts = _halved(images.targets("train")[order])
    # Features learnt from the smallest set are learnt from training images in all of them.
    table = _featured_by(setting, images, np.sort(order[: counts[0]]))
    model = LogisticRegression(scaling=table.scaling, n_jobs=setting.options.n_threads)
    chosen, scores = [], []
    values, labels = table.part("train")
    for count in counts:
        rows = np.sort(order[:count])
        sample = values[rows], labels[rows]
        models = [fit_quietly(clone(model).set_params(C=C), *sample) for C in setting.options.C]
        best = max(models, key=lambda model: model.score(*table.part("validation")))
        chosen.append(best.C)
        scores.append([best.score(*sample), *(best.score(*table.part(p)) for p in PARTS[1:])])
    accuracies = dict(zip(PARTS, zip(*scores, strict=True), strict=True))
    *_, reached = accuracies["test"]
    if len(counts) > 1:
        gain = reached - accuracies["test"][-2]
        sentences = (
            f"From {counts[0]:,} to {counts[-1]:,} training images, accuracy on test images goes "
            f"from {percent(accuracies['test'][0])} to {percent(reached)}.",
            f"The last doubling has brought {100 * gain:.1f} percentage points.",
        )
    else:
        sentences = (
            f"With {counts[0]:,} training images, accuracy on test images is {percent(reached)}.",
            "Half of them would lack a label: give more, or a higher limit.",
        )
    return Study(
        name="training-size",
        title="Training images and accuracy",
        question="Would more training images help?",
        columns=("training images", "C", *PARTS),
        rows=tuple(
            (f"{count:,}", f"{C:g}", *percents(score))
            for count, C, score in zip(counts, chosen, scores, strict=True)
        ),
        figure=figures.accuracy_figure("training images", counts, accuracies, logarithmic=True),
        images=described(images),
        sentences=sentences,
    )


def activations(setting: Setting) -> Study:
    """Compare activations of the filters' responses."""
    images = setting.load(setting.size)
    features = setting.options.features or PatchFeatures(n_jobs=setting.options.n_threads)
    names = list(ACTIVATIONS)
    results = []
    for name in names:
        varied = clone(features).set_params(activation=name)
        results.append(train(images, replace(setting.options, features=varied), setting.listener))
    accuracies = _by_part(results)
    best, worst = (int(find(accuracies["validation"])) for find in (np.argmax, np.argmin))
    return Study(
        name="activations",
        title="Activations compared",
        question="What should become of a filter's response before it is pooled?",
        columns=("activation", *PARTS, "seconds"),
        rows=_rows(names, results),
        figure=figures.accuracy_figure("activation", names, accuracies),
        images=described(images),
        sentences=(
            f"Best on validation is {names[best]}, with {percent(accuracies['test'][best])} of the "
            "test images right.",
            f"Worst is {names[worst]}, with {percent(accuracies['test'][worst])}.",
        )
        if best != worst
        else (f"All answer {percent(accuracies['validation'][0])} of validation correctly.",),
    )


STUDIES: Mapping[str, Callable[[Setting], Study]] = {
    "learning-rates": learning_rates,
    "regularisation": regularisation,
    "k-fold": k_fold,
    "image-sizes": image_sizes,
    "training-size": training_size,
    "activations": activations,
    "sgd": stochastic_descent,
}


def run_study(name: str, setting: Setting) -> Study:
    """Run one of `STUDIES`."""
    return STUDIES[name](setting)


def _pipeline(options: TrainingOptions, C: float) -> BaseEstimator:
    """Return what is trained as one scikit-learn estimator."""
    if options.features is None:
        return LogisticRegression(scaling=PIXEL_RANGE, C=C, n_jobs=options.n_threads)
    classifier = LogisticRegression(scaling="standard", C=C, n_jobs=options.n_threads)
    return make_pipeline(clone(options.features), classifier)


def _told_by_fold(setting: Setting, n_images: int) -> dict[str, Callable[[float], None]] | None:
    """Return what makes the listener hear of the features learnt, fold after fold."""
    if setting.options.features is None:
        return None
    shares = [0.0]

    def learned(share: float) -> None:
        if share < shares[-1]:
            shares.append(share)
        shares[-1] = share
        setting.listener.learned((len(shares) - 1 + share) / FOLDS)

    setting.listener.learning_features(n_images)
    return {"patchfeatures__on_share": learned}


def _featured_by(setting: Setting, images: SplitImages, rows: NDArray[np.int64]) -> FeatureTable:
    """Return the features of all images, learnt from some."""
    if setting.options.features is None:
        return FeatureTable(images, images.pixels, PIXEL_RANGE)
    setting.listener.learning_features(len(images.files))
    features = clone(setting.options.features).fit(
        images.pixels[rows], on_share=setting.listener.learned
    )
    values = features.transform(images.pixels, on_done=setting.listener.featured)
    return FeatureTable(images, values, "standard", features)


def _halved(labels: NDArray[np.str_]) -> list[int]:
    """Return numbers of training images, each half of the next, the first of which have all labels.

    Of few images an eighth is the smallest number, for there to be something to compare.
    """
    counts, n_labels = [len(labels)], len(np.unique(labels))
    smallest = min(SMALLEST_TRAINING, len(labels) // 8)
    while (half := counts[0] // 2) >= smallest and len(np.unique(labels[:half])) == n_labels:
        counts.insert(0, half)
    return counts


def _by_part(results: Sequence[TrainingResult]) -> dict[str, list[float]]:
    return {part: [result.scores[part].accuracy for result in results] for part in PARTS}


def _rows(names: Iterable[str], results: Sequence[TrainingResult]) -> tuple[tuple[str, ...], ...]:
    """Return a row for each result: its name, accuracies, and the seconds of all its stages."""
    return tuple(
        (
            name,
            *percents(result.scores[part].accuracy for part in PARTS),
            f"{sum(result.seconds.values()):.1f}",
        )
        for name, result in zip(names, results, strict=True)
    )
