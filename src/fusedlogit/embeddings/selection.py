"""The choice of C: fits along the penalty's strength, judged on rows held out."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..estimator import LogisticRegression
from ..evaluation.calibration import Temperature
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.softmax import SoftmaxHead
from ..evaluation.splits import RowSplit
from ..evaluation.trials import Trial, fit_quietly
from .classifier import rows_of_a_block

Doubles = NDArray[np.float64]


class Listener(Protocol):
    """Hears how far the fits have come."""

    def fitting(self, number: int, total: int, C: float) -> None:
        """Hear that one of so many fits begins, numbered from 0 on."""

    def iterated(self, iteration: int, cost: float) -> None:
        """Hear that an iteration of the current fit is done."""


@dataclass(frozen=True)
class ProbeTrial(Trial):
    """What came of one C, with one fit a fold.

    Attributes
    ----------
    cost : tuple of float
        Cost J by iteration, of the last fold.
    """

    cost: tuple[float, ...]


@dataclass(frozen=True)
class Choice:
    """The best C, and what led to it.

    Attributes
    ----------
    trials : tuple of ProbeTrial
        From the strongest penalty to the weakest.
    best : ProbeTrial
        The most accurate one; of equals, that of least log loss.
    model : LogisticRegression
        Fitted with the best C; with several folds, without the last one.
    decision : ndarray of float64, shape (n_held_out, n_classes)
        Decision values with the best C of the rows held out, fold after fold.
    """

    trials: tuple[ProbeTrial, ...]
    best: ProbeTrial
    model: LogisticRegression
    decision: Doubles


def choose_strength(
    model: LogisticRegression,
    X: NDArray[Any],
    codes: NDArray[np.intp],
    split: RowSplit,
    Cs: Sequence[float],
    listener: Listener | None = None,
    *,
    patience: int | None = None,
) -> Choice:
    """Fit along C, each fit started from the last one's solution, and keep the best.

    Parameters
    ----------
    model : LogisticRegression
        Says how to fit; not changed. Rows that do not train have weight 0, so X is not copied.
    X : ndarray of shape (n_samples, n_features)
    codes : ndarray of int, shape (n_samples,)
        The number of each row's class.
    split : RowSplit
    Cs : sequence of float
        Inverse strengths of the penalty.
    listener : Listener, optional
        Hears of progress.
    patience : int, optional
        End where so many in a row are neither more accurate than one before nor of less log loss:
        weaker penalties take longest. All are tried by default.
    """
    ordered = sorted(Cs)
    truth = np.concatenate([codes[split.held_out(fold)] for fold in range(split.n_folds)])
    fits = [copy.copy(model).set_params(warm_start=True) for _ in range(split.n_folds)]
    trials: list[ProbeTrial] = []
    best: tuple[ProbeTrial, LogisticRegression, Doubles] | None = None
    for number, C in enumerate(ordered):
        start, decisions = time.perf_counter(), []
        for fold, fit in enumerate(fits):
            if listener is not None:
                listener.fitting(number * len(fits) + fold, len(ordered) * len(fits), C)
            fit_rows(fit.set_params(C=C), X, codes, split.trains(fold))
            decisions.append(decision_of(SoftmaxHead.of(fit), X, split.held_out(fold), fit.n_jobs))
        decision = np.concatenate(decisions)
        trials.append(_trial(C, fits, decision, truth, time.perf_counter() - start))
        if best is None or _merit(trials[-1]) > _merit(best[0]):
            best = trials[-1], copy.copy(fits[-1]), decision
        if patience is not None and _none_better(trials[:-patience], trials[-patience:]):
            break
    assert best is not None
    return Choice(tuple(trials), *best)


def fit_rows(
    model: LogisticRegression, X: NDArray[Any], codes: NDArray[np.intp], rows: NDArray[np.bool_]
) -> LogisticRegression:
    """Fit to some rows of X."""
    return fit_quietly(model, X, codes, rows.astype(np.float64))


def decision_of(
    head: SoftmaxHead, X: NDArray[Any], rows: NDArray[np.intp], n_threads: int | None
) -> Doubles:
    """Return the decision values of some rows of X, gathered block by block."""
    decision = np.empty((len(rows), len(head.coef)))
    length = rows_of_a_block(max(head.coef.shape))
    for first in range(0, len(rows), length):
        block = slice(first, first + length)
        decision[block] = head.decision(X[rows[block]], n_threads)
    return decision


def _trial(
    C: float,
    fits: Sequence[LogisticRegression],
    decision: Doubles,
    truth: NDArray[np.intp],
    seconds: float,
) -> ProbeTrial:
    score = ClassJudgement(truth, Temperature().probability(decision)).score
    return ProbeTrial(
        C=C,
        n_iter=sum(int(fit.n_iter_[0]) for fit in fits),
        converged=all(fit.converged_ for fit in fits),
        cost=tuple(fits[-1].history_),
        accuracy=score.accuracy,
        log_loss=score.log_loss,
        seconds=seconds,
    )


def _none_better(before: Sequence[ProbeTrial], last: Sequence[ProbeTrial]) -> bool:
    """Whether none of the last trials is better than those before, in one way or the other."""
    if not before:
        return False
    accuracy, log_loss = max(t.accuracy for t in before), min(t.log_loss for t in before)
    return all(t.accuracy <= accuracy and t.log_loss >= log_loss for t in last)


def _merit(trial: ProbeTrial) -> tuple[float, float]:
    return trial.accuracy, -trial.log_loss
