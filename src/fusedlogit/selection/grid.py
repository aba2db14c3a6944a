"""Fits of all rows and of each fold along a grid of penalties, side by side.

The strongest penalty comes first. All rows are fitted loosely, which takes a few passes from the
last solution. The folds start there, moved by how far they were from it at the last penalty. They
share their passes, also with the fit of all rows under the next penalty, until penalties are so
weak that nothing moves any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.dense import DenseMatrix
from ..data.target import Target
from ..fitting import Problem, check_offers, coefficients_of, solver_of
from ..problems.multinomial import Multinomial
from ..problems.objective import Objective
from ..solvers import Result, Settings
from ..solvers.scheduler import run

Doubles = NDArray[np.float64]
#: Coefficients and intercepts in X's own units, as `Problem.to_data` has them.
Coefficients = tuple[Doubles, Doubles]

#: What all rows are fitted to, where the fit is but a start.
LOOSE = 1e-4


@dataclass(frozen=True)
class Penalty:
    """A point of the grid.

    Attributes
    ----------
    C, l1_ratio : float
    """

    C: float
    l1_ratio: float

    @property
    def l1(self) -> bool:
        """Whether it has an L1 norm."""
        return self.l1_ratio > 0 and bool(np.isfinite(self.C))


class Costs:
    """The costs of some rows under any penalty.

    Parameters
    ----------
    data : DenseMatrix
    target : Target
    n_classes : int
    scaling : None, float or "standard"
    fit_intercept : bool
    unit : float
        Of the weights of the target.
    like : Costs, optional
        Of other rows, whose frame will do.
    """

    def __init__(
        self,
        data: DenseMatrix,
        target: Target,
        n_classes: int,
        scaling: float | str | None,
        fit_intercept: bool,
        unit: float,
        like: Costs | None = None,
    ) -> None:
        self.data, self.target, self.n_classes = data, target, n_classes
        self.scaling, self.fit_intercept, self.unit = scaling, fit_intercept, unit
        self.like = None if scaling == "standard" else like

    def _based_on(self, penalty: float) -> Objective:
        """With an L2 and an L1 penalty of one, or of none."""
        return Objective.of(
            self.data, self.target, self.scaling, penalty, penalty, self.fit_intercept
        )

    @cached_property
    def penalised(self) -> Objective:
        if self.like is not None:
            return replace(self.like.penalised, target=self.target)
        return self._based_on(1.0)

    @cached_property
    def free(self) -> Objective:
        if self.like is not None:
            return replace(self.like.free, target=self.target)
        return self._based_on(0.0)

    def under(self, penalty: Penalty) -> Problem:
        """The cost to minimise."""
        strength = 1 / (penalty.C * self.unit) / self.target.total_weight
        if strength == 0:
            objective = self.free
        else:
            l2, l1 = (1 - penalty.l1_ratio) * strength, penalty.l1_ratio * strength
            base = self.penalised
            objective = replace(base, penalty=base.penalty * l2, l1_penalty=base.l1_penalty * l1)
        return objective if self.n_classes == 2 else Multinomial(objective, self.n_classes)

    @property
    def n_passes(self) -> float:
        """Those of X in a frame of these costs' own."""
        known = [vars(self).get(name) for name in ("penalised", "free")]
        own = [objective.data for objective in known if objective is not None]
        return sum((data.n_passes for data in own if data is not self.data), 0.0)


@dataclass(frozen=True)
class Fit:
    """One fit of the grid.

    Attributes
    ----------
    problem : Objective or Multinomial
    result : Result
    coef, intercept : ndarray
        (1 or n_classes, n_features) and (1 or n_classes,), in X's own units.
    """

    problem: Problem
    result: Result
    coef: Doubles
    intercept: Doubles

    @classmethod
    def of(cls, problem: Problem, result: Result) -> Fit:
        return cls(problem, result, *coefficients_of(problem, result))

    def decisions(self) -> Doubles:
        """Decision values of all rows, (1 or n_classes, n_samples); a pass if none are kept."""
        margins: Any = self.result.margins
        if margins is None and isinstance(self.problem, Multinomial):
            return self.problem.along(self.result.point)
        if margins is None:
            margins = self.problem.along(self.result.point)
        return np.atleast_2d(margins.values)


@dataclass(frozen=True)
class _Job:
    """A fit to be made: from where, how closely, and whether in float64 from the start."""

    costs: Costs
    penalty: Penalty
    start: Coefficients | None
    settings: Settings
    sharp: bool = False


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

    def along(self, penalties: Sequence[Penalty]) -> Iterator[tuple[Penalty, Fit, list[Fit]]]:
        """Fits of all rows and of the folds, by penalties from the strongest on."""
        loose = replace(self.settings, tol=max(LOOSE, self.settings.tol), certify=False)
        (whole,) = self.fit([_Job(self.whole, penalties[0], None, loose)])
        starts, settled = [start_at(whole)] * len(self.folds), False
        for penalty, following in zip(penalties, [*penalties[1:], None], strict=True):
            jobs = [
                _Job(costs, penalty, start, self.settings, sharp=settled)
                for costs, start in zip(self.folds, starts, strict=True)
            ]
            if following is not None and not settled:
                jobs.append(_Job(self.whole, following, start_at(whole), loose))
            fits = self.fit(jobs)
            last, whole = whole, fits.pop() if len(fits) > len(self.folds) else whole
            yield penalty, last, fits
            settled = all(fit.result.n_iter == 0 for fit in fits)
            if following is not None and following.l1:
                starts = [start_at(whole)] * len(fits)
            else:
                starts = [moved(whole, last, fit) for fit in fits]

    def fit(self, jobs: Sequence[_Job]) -> list[Fit]:
        """Fits side by side."""
        problems, steps = [], []
        for job in jobs:
            problem = job.costs.under(job.penalty)
            solver = solver_of(self.solver, self.whole.n_classes, job.penalty.l1)
            check_offers(solver, problem)
            begin = problem.sharpened() if job.sharp else problem
            steps.append(solver.solve(begin, _point(problem, job.start), job.settings))
            problems.append(problem)
        results = run(steps)
        return [Fit.of(*pair) for pair in zip(problems, results, strict=True)]

    def refit(self, penalty: Penalty, near: Fit) -> Fit:
        """The fit of all rows under a penalty, from one that is near."""
        return self.fit([_Job(self.whole, penalty, start_at(near), self.settings)])[0]


def start_at(fit: Fit | None) -> Coefficients | None:
    """Where another fit ended."""
    return None if fit is None else (fit.coef, fit.intercept)


def moved(now: Fit, before: Fit, fold: Fit) -> Coefficients:
    """The last solution of a fold, moved as that of all rows has."""
    return fold.coef + (now.coef - before.coef), fold.intercept + (now.intercept - before.intercept)


def _point(problem: Problem, start: Coefficients | None) -> Doubles:
    """A start as a point of a problem; zero without one."""
    n_features = problem.data.n_features
    if start is None:
        return np.zeros(n_features + 1 if isinstance(problem, Objective) else problem.n_coefs)
    if isinstance(problem, Objective):
        return problem.from_data(start[0][0], start[1][0])
    return problem.from_data(*start)
