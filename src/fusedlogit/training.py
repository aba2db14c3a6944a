"""Train a classifier on images: try each learning rate, keep the best, judge it."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sklearn.exceptions import ConvergenceWarning

from .errors import InputError
from .estimator import LogisticRegression
from .evaluation import Judgement, Score
from .loading import SplitImages
from .model_file import ImageClassifier
from .solvers import choose
from .splits import PARTS
from .stages import Listener, timed

PIXEL_RANGE = 255.0


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; see `fusedlogit.LogisticRegression` for the meaning of each.

    Attributes
    ----------
    solver : str
        "auto", "lbfgs" or "gd".
    learning_rates : tuple of float
        Each is tried, and the best on validation kept. Used by "gd" alone.
    max_iter : int
        Most iterations of a fit.
    C : float
        Inverse strength of the penalty; ``inf`` for none. With more pixels than images it
        has to be strong.
    n_threads : int or None
        Number of threads; all cores if None.
    """

    solver: str = "auto"
    learning_rates: tuple[float, ...] = (0.001,)
    max_iter: int = 1000
    C: float = 0.01
    n_threads: int | None = None

    @property
    def candidate_rates(self) -> tuple[float, ...] | tuple[None]:
        """The learning rate of each fit: None, once, for a solver that has none."""
        return self.learning_rates if self.solver == "gd" else (None,)


@dataclass(frozen=True)
class Candidate:
    """One trained model, and how it did.

    Attributes
    ----------
    learning_rate : float or None
        Its learning rate, where the solver has one.
    model : LogisticRegression
        The fitted estimator.
    cost : tuple of float
        Cost J by iteration.
    validation : Score or None
        Its score on the validation images; None if it diverged so far that there is none.
    seconds : float
        Time to fit.
    """

    learning_rate: float | None
    model: LogisticRegression
    cost: tuple[float, ...]
    validation: Score | None
    seconds: float

    @property
    def solver(self) -> str:
        """The solver that was used, where "auto" was asked for."""
        return choose(self.model.solver, self.model.l1_ratio > 0).name

    @property
    def name(self) -> str:
        """What sets it apart from the other candidates."""
        if self.learning_rate is None:
            return self.solver
        return f"learning rate {self.learning_rate:g}"

    @property
    def n_iter(self) -> int:
        """Number of iterations made."""
        return int(self.model.n_iter_[0])

    @property
    def diverged(self) -> bool:
        """Whether the cost ended no lower than it began."""
        return not self.cost[-1] < self.cost[0]


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
        One for each learning rate.
    best : Candidate
        The one most accurate on validation.
    scores : mapping of str to Score
        The best candidate's score on each part.
    test : Judgement
        The best candidate's answers to the test images.
    seconds : mapping of str to float
        Seconds that each stage took.
    """

    images: SplitImages
    options: TrainingOptions
    candidates: tuple[Candidate, ...]
    best: Candidate
    scores: Mapping[str, Score]
    test: Judgement
    seconds: Mapping[str, float]

    @property
    def classifier(self) -> ImageClassifier:
        """The best candidate as it is saved."""
        model = self.best.model
        return ImageClassifier(
            labels=self.images.labels,
            size=self.images.size,
            scaling=PIXEL_RANGE,
            coef=model.coef_[0],
            intercept=float(model.intercept_[0]),
            threshold=model.threshold,
        )


def train(
    images: SplitImages,
    options: TrainingOptions | None = None,
    listener: Listener | None = None,
) -> TrainingResult:
    """Train one model for each learning rate, keep the best on validation, and judge it.

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
    with timed(seconds, "training"):
        candidates = tuple(
            _fit(images, options, rate, listener) for rate in options.candidate_rates
        )
    best = _best(candidates)
    with timed(seconds, "evaluation"):
        judgements = {name: _judge(best.model, images, name) for name in PARTS}
        scores = {name: judgement.score for name, judgement in judgements.items()}
    return TrainingResult(
        images=images,
        options=options,
        candidates=candidates,
        best=best,
        scores=scores,
        test=judgements["test"],
        seconds=seconds,
    )


def _fit(
    images: SplitImages,
    options: TrainingOptions,
    learning_rate: float | None,
    listener: Listener | None,
) -> Candidate:
    if listener is not None:
        listener.fitting(learning_rate, options.max_iter)
    model = LogisticRegression(
        C=options.C,
        solver=options.solver,
        scaling=PIXEL_RANGE,
        max_iter=options.max_iter,
        n_jobs=options.n_threads,
        callback=None if listener is None else _callback(listener),
    )
    if learning_rate is not None:
        model.set_params(learning_rate=learning_rate)
    pixels, labels = images.part("train")
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Whoever asked for a fixed number of iterations is told by `converged_`, not by an alarm.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(pixels, labels)
    seconds = time.perf_counter() - start
    cost = tuple(model.history_)
    return Candidate(learning_rate, model, cost, _validation(model, images), seconds)


def _callback(listener: Listener) -> Callable[[int, object, float, float, float], None]:
    def iterated(
        iteration: int, coef: object, intercept: float, loss: float, gradient_norm: float
    ) -> None:
        listener.iterated(iteration, loss)

    return iterated


def _judge(model: LogisticRegression, images: SplitImages, part: str) -> Judgement:
    pixels, labels = images.part(part)
    probability = model.predict_proba(pixels)[:, 1]
    return Judgement(
        truth=labels == images.labels[1],
        probability=probability,
        answer=probability > model.threshold,
    )


def _validation(model: LogisticRegression, images: SplitImages) -> Score | None:
    try:
        return _judge(model, images, "validation").score
    # A learning rate far too high leaves coefficients whose decision values overflow.
    except ValueError:
        return None


def _best(candidates: tuple[Candidate, ...]) -> Candidate:
    """Return the most accurate on validation; among equals the one of least log loss."""

    def merit(candidate: Candidate) -> tuple[float, float]:
        score = candidate.validation
        return (score.accuracy, -score.log_loss) if score else (-1.0, 0.0)

    best = max(candidates, key=merit)
    if best.validation is None:
        raise InputError("the cost grew beyond all bounds: give a smaller learning rate")
    return best
