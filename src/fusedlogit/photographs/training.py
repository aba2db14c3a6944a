"""Train a classifier on images: compute features, try each candidate, keep the best, judge it."""

import itertools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.arguments import data_of
from ..data.parts import Parts
from ..errors import CheckpointError, InputError, StoreError
from ..estimator import LogisticRegression
from ..evaluation.calibration import Calibration, Temperature, calibrate, uncalibrated
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.score import Score
from ..evaluation.softmax import SoftmaxHead
from ..evaluation.trials import fit_quietly
from ..evaluation.two_classes import Judgement
from ..runtime.stages import timed
from ..solvers import choose
from .classifier import ImageClassifier, ManyKindsClassifier
from .feature_cache import learn_and_compute
from .features import PatchFeatures
from .loading import SplitImages
from .mapped import MappedRows
from .model_file import Classifier
from .stages import Listener

PIXEL_RANGE = 255.0

#: Strengths of the penalty that are tried on features of patches.
PATCHES_C = (3e-4, 1e-3, 3e-3, 1e-2)

#: What is seen before the test images are.
SEEN = ("train", "validation")


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; see `fusedlogit.LogisticRegression` for the meaning of each.

    Attributes
    ----------
    features : PatchFeatures or None
        What the neuron is given; None for raw pixels. With features, the best candidate is
        trained once more on training and validation images together, and its confidence is
        calibrated on what the validation images said before.
    solver : str
        "auto", "newton", "lbfgs" or "gd".
    learning_rates : tuple of float
        Each is tried, and the best on validation kept. Used by "gd" alone.
    max_iter : int
        Most iterations of a fit.
    C : tuple of float
        Inverse strengths of the penalty; ``inf`` for none. Each is tried, and the best on
        validation kept. With more features than images it has to be strong.
    n_threads : int or None
        Number of threads; all cores if None.
    cache : Path or None
        Folder that keeps computed features for the next time.
    checkpoints : Path or None
        Folder that keeps where a fit of raw pixels stands, from which the same training goes on
        after an interruption.
    """

    features: PatchFeatures | None = None
    solver: str = "auto"
    learning_rates: tuple[float, ...] = (0.001,)
    max_iter: int = 1000
    C: tuple[float, ...] = (0.01,)
    n_threads: int | None = None
    cache: Path | None = None
    checkpoints: Path | None = None

    @property
    def candidates(self) -> tuple[tuple[float, float | None], ...]:
        """C and learning rate of each fit; None for a solver that has no learning rate."""
        rates = self.learning_rates if self.solver == "gd" else (None,)
        return tuple(itertools.product(self.C, rates))

    @property
    def n_fits(self) -> int:
        """Number of fits, with that of the best candidate on all but the test images."""
        return len(self.candidates) + (self.features is not None)


@dataclass(frozen=True)
class FeatureTable:
    """What the neuron is given of each image, in the order of the images.

    Attributes
    ----------
    images : SplitImages
    values : ndarray of uint8 or float16, shape (n, n_features)
        Raw pixels, or features.
    scaling : float or str
        See `fusedlogit.LogisticRegression`.
    features : PatchFeatures or None
        Fitted; None for raw pixels.
    """

    images: SplitImages
    values: NDArray[Any]
    scaling: float | str
    features: PatchFeatures | None = None

    def part(self, *names: str) -> tuple[Any, NDArray[np.str_]]:
        """Return the values (a view, or parts of a store; no copy) and labels of adjacent parts."""
        rows, targets = self.images.rows(*names), self.images.targets(*names)
        if self.features is None and isinstance(self.values, np.memmap):
            return Parts([MappedRows(self.values, rows)]), targets
        return self.values[rows], targets


@dataclass(frozen=True)
class Candidate:
    """One trained model, and how it did.

    Attributes
    ----------
    C : float
        Inverse strength of its penalty.
    learning_rate : float or None
        Its learning rate, where the solver has one.
    model : LogisticRegression
        The fitted estimator.
    cost : tuple of float
        Cost J by iteration.
    training, validation : Score or None
        Its scores on these images; None if it diverged so far that there is none.
    seconds : float
        Time to fit.
    """

    C: float
    learning_rate: float | None
    model: LogisticRegression
    cost: tuple[float, ...]
    training: Score | None
    validation: Score | None
    seconds: float

    @property
    def solver(self) -> str:
        """The solver that was used, where "auto" was asked for."""
        return choose(str(self.model.solver), self.model.l1_ratio > 0).name

    @property
    def name(self) -> str:
        """What sets it apart from the other candidates."""
        rate = self.learning_rate
        return f"{self.solver if rate is None else f'learning rate {rate:g}'}, C {self.C:g}"

    @property
    def n_iter(self) -> int:
        """Number of iterations made."""
        return int(self.model.n_iter_[0])

    @property
    def diverged(self) -> bool:
        """Whether the cost ended no lower than it began, which no minimum is the reason of."""
        fell = self.cost[-1] < self.cost[0] if len(self.cost) > 1 else math.isfinite(self.cost[0])
        return not (fell or self.model.converged_)


@dataclass(frozen=True)
class TrainingResult:
    """Everything learnt from one set of images.

    Attributes
    ----------
    images : SplitImages
        What was trained and judged on.
    options : TrainingOptions
        How it was trained.
    candidates : tuple of Candidate
        One for each C and learning rate.
    best : Candidate
        The one most accurate on validation.
    classifier : ImageClassifier, or ManyKindsClassifier for more than two kinds
        What is saved: the best candidate, with features trained once more.
    n_features : int
        Length of what the neuron is given of each image.
    scores : mapping of str to Score
        The best candidate's score on training and validation images, the classifier's on test
        images.
    test : Judgement, or ClassJudgement for more than two kinds
        The classifier's answers to the test images.
    seconds : mapping of str to float
        Seconds that each stage took.
    """

    images: SplitImages
    options: TrainingOptions
    candidates: tuple[Candidate, ...]
    best: Candidate
    classifier: Classifier
    n_features: int
    scores: Mapping[str, Score]
    test: Judgement | ClassJudgement
    seconds: Mapping[str, float]


def train(
    images: SplitImages,
    options: TrainingOptions | None = None,
    listener: Listener | None = None,
) -> TrainingResult:
    """Train one model for each candidate, keep the best on validation, and judge it.

    Parameters
    ----------
    images : SplitImages
        See `load_images`.
    options : TrainingOptions, optional
        How to train.
    listener : Listener, optional
        Hears of progress.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If no learning rate leads to a finite model.
    """
    options = options or TrainingOptions()
    seconds = dict(images.seconds)
    table = _featured(images, options, listener, seconds)
    with timed(seconds, "training"):
        candidates = tuple(
            _candidate(table, options, C, rate, listener) for C, rate in options.candidates
        )
        best, training, validation = _best(candidates)
        model, calibration = _finished(table, options, best, listener)
        mean = data_of(table.part("train")[0], options.n_threads).moments(None)[0]
    with timed(seconds, "evaluation"):
        test = _judge(model, calibration, table, "test")
    return TrainingResult(
        images=images,
        options=options,
        candidates=candidates,
        best=best,
        classifier=_classifier(table, model, mean, calibration),
        n_features=table.values.shape[1],
        scores={"train": training, "validation": validation, "test": test.score},
        test=test,
        seconds=seconds,
    )


def _featured(
    images: SplitImages,
    options: TrainingOptions,
    listener: Listener | None,
    seconds: dict[str, float],
) -> FeatureTable:
    """Learn features from the training images, and compute those of all."""
    if options.features is None:
        return FeatureTable(images, images.pixels, PIXEL_RANGE)
    features, values = learn_and_compute(
        options.features, images, listener or Listener(), seconds, options.cache
    )
    return FeatureTable(images, values, "standard", features)


def _finished(
    table: FeatureTable, options: TrainingOptions, best: Candidate, listener: Listener | None
) -> tuple[LogisticRegression, Calibration | Temperature]:
    """Return the model that is kept: the best, with features trained once more."""
    model, calibration = best.model, uncalibrated(len(table.images.labels))
    if table.features is not None:
        calibration = calibrate(model, *table.part("validation"))
        model = _fit(table, SEEN, options, best.C, best.learning_rate, listener)
    return model, calibration


def _classifier(
    table: FeatureTable,
    model: LogisticRegression,
    mean: NDArray[np.float64],
    calibration: Calibration | Temperature,
) -> Classifier:
    labels, size = table.images.labels, table.images.size
    if isinstance(calibration, Temperature):
        head = SoftmaxHead.of(model, calibration)
        return ManyKindsClassifier(labels, size, head, mean, table.features)
    first, second = labels
    return ImageClassifier(
        labels=(first, second),
        size=size,
        features=table.features,
        coef=model.coef_[0],
        mean=mean,
        intercept=float(model.intercept_[0]),
        threshold=model.threshold,
        calibration=calibration,
    )


def _candidate(
    table: FeatureTable,
    options: TrainingOptions,
    C: float,
    learning_rate: float | None,
    listener: Listener | None,
) -> Candidate:
    start = time.perf_counter()
    model = _fit(table, ("train",), options, C, learning_rate, listener)
    seconds = time.perf_counter() - start
    training, validation = (_score(model, table, part) for part in SEEN)
    cost = tuple(model.history_)
    return Candidate(C, learning_rate, model, cost, training, validation, seconds)


def _fit(
    table: FeatureTable,
    parts: tuple[str, ...],
    options: TrainingOptions,
    C: float,
    learning_rate: float | None,
    listener: Listener | None,
) -> LogisticRegression:
    if listener is not None:
        listener.fitting(learning_rate, options.max_iter)
    checkpoint = None
    if options.checkpoints is not None and table.features is None:
        numbers = (repr(number).removesuffix(".0") for number in (C, learning_rate) if number)
        checkpoint = options.checkpoints / f"fit-{'-'.join(numbers)}.npz"
    model = LogisticRegression(
        C=C,
        solver=options.solver,
        scaling=table.scaling,
        max_iter=options.max_iter,
        n_jobs=options.n_threads,
        callback=None if listener is None else _callback(listener),
        checkpoint=checkpoint,
    )
    if learning_rate is not None:
        model.set_params(learning_rate=learning_rate)
    try:
        fit_quietly(model, *table.part(*parts))
    except CheckpointError as error:
        raise StoreError(f"{error.problem}: remove it, and the fit begins anew") from error
    if checkpoint is not None:  # converged or not, this training is at its end
        checkpoint.unlink(missing_ok=True)
    return model


def _callback(listener: Listener) -> Callable[[int, object, float, float, float], None]:
    def iterated(
        iteration: int, coef: object, intercept: float, loss: float, gradient_norm: float
    ) -> None:
        listener.iterated(iteration, loss)

    return iterated


def _judge(
    model: LogisticRegression,
    calibration: Calibration | Temperature,
    table: FeatureTable,
    part: str,
) -> Judgement | ClassJudgement:
    values, labels = table.part(part)
    probability = calibration.probability(model.decision_function(values))
    truth = np.searchsorted(table.images.labels, labels)
    if isinstance(calibration, Temperature):
        return ClassJudgement(truth, probability)
    return Judgement(
        truth=truth == 1, probability=probability, answer=probability > model.threshold
    )


def _score(model: LogisticRegression, table: FeatureTable, part: str) -> Score | None:
    if not np.isfinite(model.history_[-1]):  # a learning rate far too high
        return None
    try:
        return _judge(model, uncalibrated(len(table.images.labels)), table, part).score
    except ValueError:  # or one whose last step leaves decision values that overflow
        return None


def _best(candidates: tuple[Candidate, ...]) -> tuple[Candidate, Score, Score]:
    """Return the most accurate on validation, with its training and validation scores.

    Among equals it is the one of least log loss.
    """

    def merit(candidate: Candidate) -> tuple[float, float]:
        score = candidate.validation
        return (score.accuracy, -score.log_loss) if score else (-1.0, 0.0)

    best = max(candidates, key=merit)
    if best.training is None or best.validation is None:
        raise InputError("the cost grew beyond all bounds: give a smaller learning rate")
    return best, best.training, best.validation
