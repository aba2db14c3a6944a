"""Fits of all rows and of each fold along a grid of penalties, side by side.

The strongest penalty comes first. All rows are fitted loosely, which takes a few passes from where
the last solutions lead. The folds start there, moved by how far they were from it at the last
penalty, and share what the solver lends them. They share their passes, also with the fit of all
rows under the next penalty, until penalties are so weak that nothing moves any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..fitting import Problem, check_offers, coefficients_of, solver_of
from ..problems.objective import Evaluation, Objective
from ..solvers import Result, Settings
from ..solvers.cause import Cause
from ..solvers.metric import TINY
from ..solvers.scheduler import run
from .costs import Costs
from .folds import without_one
from .loo import LeaveOneOut, doubtful
from .penalties import Penalty

Doubles = NDArray[np.float64]
#: Coefficients and intercepts in X's own units, as `Problem.to_data` has them.
Coefficients = tuple[Doubles, Doubles]

#: What all rows are fitted to, where the fit is but a start.
LOOSE = 1e-4

#: A step along the path of penalties is expected to be so many times the last one at most.
MOST_STRIDE = 2.0

#: What the fits of doubtful rows of leave-one-out are fitted to at least, for their decision values
#: may be far from zero; and how many of them at once. An L2 norm alone needs no
#: such fits of up to so many decision values; of more they take less time than shared steps.
TOL_LEFT_OUT = 1e-9
TOGETHER = 32
MOST_DECISIONS = 1 << 14


@dataclass(frozen=True)
class Fit:
    """One fit of the grid.

    Attributes
    ----------
    penalty : Penalty
    problem : Objective or Multinomial
    result : Result
    coef, intercept : ndarray
        (1 or n_classes, n_features) and (1 or n_classes,), in X's own units.
    """

    penalty: Penalty
    problem: Problem
    result: Result
    coef: Doubles
    intercept: Doubles

    @classmethod
    def of(cls, penalty: Penalty, problem: Problem, result: Result) -> Fit:
        return cls(penalty, problem, result, *coefficients_of(problem, result))

    def decisions(self) -> Doubles:
        """Decision values of all rows, (1 or n_classes, n_samples); a pass if none are kept."""
        kept: Any = self.result.margins
        if kept is None:
            kept = self.problem.sharpened().along(self.result.point)
        values: Any = getattr(kept, "values", kept)
        table: Doubles = values if len(values.shape) == 2 else values[None]
        return table


#: Under a penalty: the fit of all rows, and fits with decision values of all rows to score.
Fits = tuple[Penalty, Fit, list[tuple[Fit, Doubles]]]


@dataclass(frozen=True)
class _Job:
    """A fit to be made: from where, and how closely.

    From a fit that is `settled`, weaker penalties hardly lead away: it goes on in float64.
    """

    costs: Costs
    penalty: Penalty
    start: Coefficients | None
    settings: Settings
    settled: Fit | None = None


@dataclass(frozen=True)
class Grid:
    """Fits along penalties.

    Attributes
    ----------
    whole : Costs
    folds : list of Costs
    solver : str
    settings : Settings
        Of the folds; all rows are fitted loosely.
    """

    whole: Costs
    folds: Sequence[Costs]
    solver: str
    settings: Settings

    def along(self, penalties: Sequence[Penalty]) -> Iterator[Fits]:
        """Fits of all rows and of the folds, by penalties from the strongest on."""
        loose = replace(self.settings, tol=max(LOOSE, self.settings.tol), certify=False)
        path = self.fit([_Job(self.whole, penalties[0], None, loose)])
        starts, lent = [start_at(path[0])] * len(self.folds), None
        moving: list[Fit | None] = [None] * len(self.folds)
        settled: Sequence[Fit | None] = moving
        for penalty, following in zip(penalties, [*penalties[1:], None], strict=True):
            whole = path[-1]
            lent = self._lent(whole, lent)
            settings = replace(self.settings, lent=lent)
            jobs = [
                _Job(costs, penalty, start, settings, last)
                for costs, start, last in zip(self.folds, starts, settled, strict=True)
            ]
            if following is not None and not any(settled):
                jobs.append(_Job(self.whole, following, ahead(path), replace(loose, lent=lent)))
            fits = self.fit(jobs)
            if lent is not None:
                lent.count_passes(whole.problem)
            path = [*path[-2:], fits.pop() if len(fits) > len(self.folds) else whole]
            yield penalty, whole, [(fit, fit.decisions()) for fit in fits]
            settled = fits if all(fit.result.n_iter == 0 for fit in fits) else moving
            if following is not None and following.l1:
                starts = [start_at(path[-1])] * len(fits)
            else:
                starts = [moved(path[-1], whole, fit) for fit in fits]

    def _lent(self, whole: Fit, before: Any) -> Any:
        """What the solver lends to all folds near the fit of all rows, if it does."""
        lend = solver_of(self.solver, self.whole.n_classes, whole.penalty.l1).lend
        if lend is None:
            return None
        folds = [costs.under(whole.penalty) for costs in self.folds]
        steps = lend(whole.problem, whole.result, folds, self.settings.seed, before)
        return run([steps])[0]

    def leaving_one_out(self, penalties: Sequence[Penalty]) -> Iterator[Fits]:
        """Fits of all rows, each from the last, with decision values of rows they leave out."""
        last: Fit | None = None
        loo = LeaveOneOut(self.whole.data, self.whole.n_classes)
        for penalty in penalties:
            settled = last if last is not None and last.result.n_iter == 0 else None
            job = _Job(self.whole, penalty, start_at(last), self.settings, settled)
            (last,) = self.fit([job])
            yield penalty, last, [(last, self.left_out(last, loo))]

    def left_out(self, fit: Fit, loo: LeaveOneOut) -> Doubles:
        """Decision values of rows without them: (1 or n_classes, n_samples)."""
        decisions = fit.decisions()
        left_out = loo.decisions(fit.problem, fit.result.point, decisions)
        rows = doubtful(self.whole.target, decisions, left_out)
        many = decisions.size > MOST_DECISIONS
        if many or fit.penalty.l1 or fit.problem.penalty == 0:
            left_out[:, rows] = self._fitted_without(rows, fit)
        elif len(rows):
            left_out[:, rows] = loo.refined(fit.problem, fit.result.point, decisions, rows)
        return left_out

    def _fitted_without(self, rows: NDArray[np.intp], fit: Fit) -> Doubles:
        """Decision values of rows by a fit without each: (1 or n_classes, n_rows)."""
        tol = min(TOL_LEFT_OUT, self.settings.tol)
        settings = replace(self.settings, tol=tol, certify=False)
        found = np.empty((len(fit.intercept), len(rows)))
        for begin in range(0, len(rows), TOGETHER):
            some = rows[begin : begin + TOGETHER]
            fits = self.fit(
                [
                    _Job(self.whole.of(own), fit.penalty, start_at(fit), settings)
                    for own in without_one(self.whole.target, some)
                ]
            )
            for k, (row, without) in enumerate(zip(some, fits, strict=True), begin):
                found[:, k] = without.decisions()[:, row]
        return found

    def known(self, penalty: Penalty, coef: Doubles, intercept: Doubles) -> Fit:
        """What has been fitted to all rows already."""
        problem = self.whole.under(penalty)
        point = _point(problem, (coef, intercept))
        result = Result(point, [], 0, True, 0.0, Cause.ITERATIONS)
        return Fit(penalty, problem, result, coef, intercept)

    def fit(self, jobs: Sequence[_Job]) -> list[Fit]:
        """Fits side by side."""
        problems, steps = [], []
        for job in jobs:
            problem = job.costs.under(job.penalty)
            solver = solver_of(self.solver, self.whole.n_classes, job.penalty.l1)
            check_offers(solver, problem)
            begin, point, settings = problem, _point(problem, job.start), job.settings
            if job.settled is not None:
                begin, known = problem.sharpened(), _known(job.settled, problem)
                settings = replace(settings, known=known)
                point = point if known is None else known.point
            steps.append(solver.solve(begin, point, settings))
            problems.append(problem)
        results = run(steps)
        return [
            Fit.of(job.penalty, problem, result)
            for job, problem, result in zip(jobs, problems, results, strict=True)
        ]

    def refit(self, penalty: Penalty, near: Fit) -> Fit:
        """The fit of all rows under a penalty, from one that is near."""
        return self.fit([_Job(self.whole, penalty, start_at(near), self.settings)])[0]


def start_at(fit: Fit | None) -> Coefficients | None:
    """Where another fit ended."""
    return None if fit is None else (fit.coef, fit.intercept)


def ahead(path: Sequence[Fit]) -> Coefficients | None:
    """Where fits under weaker and weaker penalties lead to.

    It is a step as long as the last one, times how that compared with the one before.
    """
    if len(path) < 3 or path[-1].penalty.l1:
        return start_at(path[-1])
    before, last, now = path[-3:]
    old, step = last.coef - before.coef, now.coef - last.coef
    share = float(np.vdot(step, old)) / max(float(np.vdot(old, old)), TINY)
    share = float(np.clip(share, 0, MOST_STRIDE))
    return now.coef + share * step, now.intercept + share * (now.intercept - last.intercept)


def moved(now: Fit, before: Fit, fold: Fit) -> Coefficients:
    """The last solution of a fold, moved as that of all rows has."""
    return fold.coef + (now.coef - before.coef), fold.intercept + (now.intercept - before.intercept)


def _known(fit: Fit, problem: Problem) -> Evaluation | None:
    """A problem's evaluation where a fit under another penalty has converged, if that is known."""
    here: Evaluation | None = fit.result.here
    if here is None or not fit.result.converged:
        return None
    return here.with_penalty(problem.penalty - fit.problem.penalty, problem.data.n_features)


def _point(problem: Problem, start: Coefficients | None) -> Doubles:
    """A start as a point of a problem; zero without one."""
    n_features = problem.data.n_features
    if start is None:
        return np.zeros(n_features + 1 if isinstance(problem, Objective) else problem.n_coefs)
    if isinstance(problem, Objective):
        return problem.from_data(start[0][0], start[1][0])
    return problem.from_data(*start)
