"""Train a linear probe: split, choose C, fit once more, calibrate, judge."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimator import LogisticRegression
from ..evaluation.calibration import Temperature, temperature
from ..evaluation.labels import ClassLabels
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.score import Score
from ..evaluation.softmax import SoftmaxHead
from ..evaluation.splits import RowSplit, split_rows
from .classifier import Probe
from .selection import Choice, Listener, choose_strength, decision_of, fit_rows

#: Strengths of the penalty that are tried by default: that on the mean of the losses, 1 / (n C).
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)

#: Of these, trials in a row that are no better before the choice ends.
PATIENCE = 2


@dataclass(frozen=True)
class ProbeOptions:
    """How to train a probe; see `fusedlogit.LogisticRegression` for the meaning of most.

    Attributes
    ----------
    scaling : float, str or None
    C : tuple of float
        Inverse strengths of the penalty that are all tried; by default, those of `PENALTIES`,
        from the strongest on until `PATIENCE` in a row are no better.
    test_fraction, validation_fraction : float
        See `fusedlogit.evaluation.splits.split_rows`.
    folds : int or None
        Choose C by so many folds instead of by a validation part.
    seed : int
        Of the split.
    tol : float
    max_iter : int
    n_threads : int or None
    """

    scaling: float | str | None = "standard"
    C: tuple[float, ...] = ()
    test_fraction: float = 0.2
    validation_fraction: float = 0.1
    folds: int | None = None
    seed: int = 0
    tol: float = 1e-6
    max_iter: int = 1000
    n_threads: int | None = None


@dataclass(frozen=True)
class ProbeResult:
    """Everything learnt from embeddings.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        What was trained and judged on.
    labels : ClassLabels
    options : ProbeOptions
    split : RowSplit
    choice : Choice
        How C was chosen.
    probe : Probe
        What is saved: trained with that C on all but the test rows.
    converged : bool
        Whether that fit did.
    n_iter : int
        Its iterations.
    validation : Score
        Of the best C on the rows held out, before calibration.
    test : ClassJudgement
        The probe's answers to the test rows.
    seconds : mapping of str to float
        Of each stage.
    """

    X: NDArray[Any]
    labels: ClassLabels
    options: ProbeOptions
    split: RowSplit
    choice: Choice
    probe: Probe
    converged: bool
    n_iter: int
    validation: Score
    test: ClassJudgement
    seconds: Mapping[str, float]

    @property
    def scores(self) -> dict[str, Score]:
        """Scores by part of the rows."""
        return {"validation": self.validation, "test": self.test.score}


def probe(
    X: NDArray[Any],
    labels: ClassLabels,
    options: ProbeOptions | None = None,
    listener: Listener | None = None,
) -> ProbeResult:
    """Train a linear probe on embeddings, which are read where they lie and never copied whole.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        See `fusedlogit.embeddings.features.open_features`.
    labels : ClassLabels
        See `fusedlogit.embeddings.labels.read_labels`.
    options : ProbeOptions, optional
    listener : Listener, optional
        Hears of progress.

    Returns
    -------
    ProbeResult
    """
    options = options or ProbeOptions()
    codes, times = labels.codes, [time.perf_counter()]
    split = split_rows(
        codes,
        test_fraction=options.test_fraction,
        validation_fraction=options.validation_fraction,
        folds=options.folds,
        seed=options.seed,
    )
    model = LogisticRegression(
        scaling=options.scaling,
        tol=options.tol,
        max_iter=options.max_iter,
        n_jobs=options.n_threads,
        callback=None if listener is None else _callback(listener),
    )
    strengths = options.C or default_strengths(int(split.trains(0).sum()))
    patience = None if options.C else PATIENCE
    choice = choose_strength(model, X, codes, split, strengths, listener, patience=patience)
    times.append(time.perf_counter())
    truth = np.concatenate([codes[split.held_out(fold)] for fold in range(split.n_folds)])
    calibration = temperature(choice.decision, truth)
    final = fit_rows(choice.model, X, codes, split.seen)
    times.append(time.perf_counter())
    head = SoftmaxHead.of(final, calibration)
    test = _judged(head, X, codes, split.test, options.n_threads)
    times.append(time.perf_counter())
    stages = ("choice of C", "last fit", "evaluation")
    return ProbeResult(
        X=X,
        labels=labels,
        options=options,
        split=split,
        choice=choice,
        probe=Probe(labels.names, head),
        converged=bool(final.converged_),
        n_iter=int(final.n_iter_[0]),
        validation=ClassJudgement(truth, Temperature().probability(choice.decision)).score,
        test=test,
        seconds=dict(zip(stages, np.diff(times).tolist(), strict=True)),
    )


def default_strengths(n_training: int) -> tuple[float, ...]:
    """Return the inverse strengths that are `PENALTIES` on the mean of so many losses."""
    return tuple(float(f"{1 / (penalty * n_training):.3g}") for penalty in PENALTIES)


def _judged(
    head: SoftmaxHead,
    X: NDArray[Any],
    codes: NDArray[np.intp],
    rows: NDArray[np.intp],
    n_threads: int | None,
) -> ClassJudgement:
    decision = decision_of(head, X, rows, n_threads)
    return ClassJudgement(codes[rows], head.calibration.probability(decision))


def _callback(listener: Listener) -> Any:
    def iterated(
        iteration: int, coef: object, intercept: object, loss: float, gradient_norm: float
    ) -> None:
        listener.iterated(iteration, loss)

    return iterated
