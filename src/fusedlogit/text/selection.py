"""The choice of C by cross-validation, each fold judged on the rows it left out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.metrics import make_scorer

from ..cross_validation import LogisticRegressionCV
from ..evaluation.calibration import Temperature
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.score import Score
from ..evaluation.splits import RowSplit
from ..evaluation.trials import Trial, fit_quietly
from .stages import Listener

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The best C, and what led to it.

    Attributes
    ----------
    trials : tuple of Trial
        From the strongest penalty to the weakest.
    best : Trial
        That of least log loss, in the mean of the folds.
    model : LogisticRegressionCV
        Fitted to all rows with the best C.
    decision : ndarray of float64, shape (n_samples, n_classes)
        Decision values with the best C of the rows held out, fold after fold.
    truth : ndarray of int, shape (n_samples,)
        Their classes.
    validation : Score
        Of these.
    """

    trials: tuple[Trial, ...]
    best: Trial
    model: LogisticRegressionCV
    decision: Doubles
    truth: NDArray[np.intp]
    validation: Score


class _WithoutPaths(LogisticRegressionCV):
    """Keeps no coefficients of folds: with many classes they would be many times X."""

    def _keep_path(self, place: tuple[int, int, int], fit: object) -> None:
        pass


class _Judge:
    """Scores the fits of folds, C after C, and keeps the decision values of the best C."""

    def __init__(self, Cs: Sequence[float], n_folds: int, listener: Listener) -> None:
        self.Cs, self.n_folds, self._listener = Cs, n_folds, listener
        self.scores: list[Score] = []
        self.seconds: list[float] = []
        self.decision, self.truth = np.empty((0, 2)), np.empty(0, np.intp)
        self._folds: list[tuple[NDArray[np.intp], Doubles]] = []
        self._merits: list[float] = []
        self._most = -np.inf
        self._begin = time.perf_counter()

    def score(self, truth: NDArray[np.intp], decision: Doubles) -> float:
        """Return minus the log loss of one fold; the folds of a C come one after the other."""
        if decision.ndim == 1:  # two classes share it half and half
            decision = np.stack([-decision, decision], axis=1) / 2
        self._folds.append((truth, decision))
        done = len(self.scores) * self.n_folds + len(self._folds)
        C = self.Cs[len(self.scores)]
        self._listener.fitting(done, len(self.Cs) * self.n_folds, C)
        self._merits.append(-_judged(truth, decision).log_loss)
        merit = self._merits[-1]
        if len(self._folds) == self.n_folds:
            self._conclude()
        return merit

    def _conclude(self) -> None:
        truth, decision = (np.concatenate(parts) for parts in zip(*self._folds, strict=True))
        self.scores.append(_judged(truth, decision))
        if sum(self._merits) > self._most:
            self._most = sum(self._merits)
            self.truth, self.decision = truth, decision
        now = time.perf_counter()
        self.seconds.append(now - self._begin)
        self._begin, self._folds, self._merits = now, [], []


def _judged(truth: NDArray[np.intp], decision: Doubles) -> Score:
    return ClassJudgement(truth, Temperature().probability(decision)).score


def choose_strength(
    X: csr_matrix,
    codes: NDArray[np.intp],
    split: RowSplit,
    Cs: Sequence[float],
    *,
    tol: float,
    max_iter: int,
    n_threads: int | None,
    listener: Listener,
) -> Choice:
    """Fit all folds along C, and all rows with the best.

    Parameters
    ----------
    X : csr_matrix, shape (n_samples, n_features)
        The rows that are seen before the test rows.
    codes : ndarray of int, shape (n_samples,)
        The number of each row's class.
    split : RowSplit
        Of these rows and the test rows.
    Cs : sequence of float
        Inverse strengths of the penalty.
    tol, max_iter, n_threads
        See `fusedlogit.LogisticRegressionCV`.
    listener : Listener
        Hears of progress.
    """
    ordered = sorted(Cs)
    part = split.part[split.seen]
    folds = [
        (np.flatnonzero(part != fold), np.flatnonzero(part == fold))
        for fold in range(split.n_folds)
    ]
    judge = _Judge(ordered, len(folds), listener)
    model = _WithoutPaths(
        Cs=ordered,
        cv=folds,
        # Columns of weighted counts are alike: a Hessian pays only under weak penalties.
        solver="lbfgs",
        scoring=make_scorer(judge.score, response_method="decision_function"),
        tol=tol,
        max_iter=max_iter,
        n_jobs=n_threads,
    )
    fit_quietly(model, X, codes)
    del model.coefs_paths_
    trials = _trials(model, judge)
    (number,) = np.flatnonzero(model.Cs_ == model.C_)
    return Choice(trials, trials[number], model, judge.decision, judge.truth, judge.scores[number])


def _trials(model: LogisticRegressionCV, judge: _Judge) -> tuple[Trial, ...]:
    return tuple(
        Trial(
            C=float(C),
            n_iter=int(model.n_iter_[:, 0, j].sum()),
            converged=bool(model.folds_converged_[:, 0, j].all()),
            accuracy=score.accuracy,
            log_loss=score.log_loss,
            seconds=seconds,
        )
        for j, (C, score, seconds) in enumerate(
            zip(model.Cs_, judge.scores, judge.seconds, strict=True)
        )
    )
