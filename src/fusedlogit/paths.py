"""Models of the same data along the strength of their penalty."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import _get_feature_names

from .data.arguments import matrix_of
from .data.checks import real_numbers
from .data.distributed import Blocks
from .data.parts import Parts
from .fitting import (
    Labels,
    Problem,
    check_offers,
    coefficients_of,
    problem_of,
    solver_of,
    weights_of,
)
from .problems.multinomial import Multinomial, one_of
from .problems.objective import Evaluation, Objective
from .runtime.threads import usable_threads
from .solvers import Result, Settings
from .solvers.freedom import degrees_of_freedom
from .solvers.requests import Steps, evaluate
from .solvers.scheduler import run

if TYPE_CHECKING:
    from .displays import PathDisplay

Doubles = NDArray[np.float64]

#: Weakest over strongest L1 penalty, of fewer rows than columns and of others: glmnet's.
RANGES = {True: 1e-2, False: 1e-4}

#: Logarithms of the first and last C without an L1 norm: `LogisticRegressionCV`'s.
WITHOUT_L1 = -4.0, 4.0

#: What rounding may hide of the C at which the first coefficient is no longer zero.
HIDDEN = 1e-9


@dataclass(frozen=True)
class LogisticPath:
    """Models along C, the strongest penalty first.

    Attributes
    ----------
    Cs : ndarray of shape (n_cs,)
        Ascending.
    l1_ratio : float
    scaling : None, float or "standard"
    coefs : ndarray of shape (n_cs, 1, n_features), or (n_cs, n_classes, n_features) for more
        In X's own units.
    scaled_coefs : ndarray of the same shape
        Of the scaled features, which the penalty acts on: with ``scaling="standard"``, by standard
        deviation of the column.
    intercepts : ndarray of shape (n_cs, 1) or (n_cs, n_classes)
    classes : ndarray of shape (n_classes,)
    feature_names : ndarray of shape (n_features,) or None
        Where X names its columns.
    deviance_explained : ndarray of shape (n_cs,)
        1 - deviance / deviance of the intercept alone, where the deviance is twice the sum of the
        losses: R squared of a likelihood.
    nonzeros : ndarray of int, of shape (n_cs,)
        Coefficients that are not zero, of all classes together.
    degrees_of_freedom : ndarray of shape (n_cs,)
        Effective ones of the coefficients: the trace of H (H + I / C)^-1 over those that are not
        zero, where H is the Hessian of the losses in them and I / C its L2 penalty's (Park and
        Hastie, 2008, Biostatistics 9). With the L1 norm alone it is `nonzeros` (Zou, Hastie and
        Tibshirani, 2007, Annals of Statistics 35). NaN where H would be too large: for two
        classes, beyond 2,048 columns and, with an L2 penalty, rows; for more, beyond 1,024
        coefficients; or if not asked for.
    aic, bic : ndarray of shape (n_cs,)
        Deviance + 2 d and deviance + log(n) d, where d counts degrees of freedom and intercepts
        (one fewer than classes), and n is the sum of the weights. Less is better.
    converged : ndarray of bool, of shape (n_cs,)
    n_iter : ndarray of int, of shape (n_cs,)
    n_passes : float
        How often X was read in all, parts of it as fractions.
    """

    Cs: Doubles
    l1_ratio: float
    scaling: float | str | None
    coefs: Doubles
    scaled_coefs: Doubles
    intercepts: Doubles
    classes: NDArray[Any]
    feature_names: NDArray[Any] | None
    deviance_explained: Doubles
    nonzeros: NDArray[np.intp]
    degrees_of_freedom: Doubles
    aic: Doubles
    bic: Doubles
    converged: NDArray[np.bool_]
    n_iter: NDArray[np.intp]
    n_passes: float

    def table(self) -> dict[str, NDArray[Any]]:
        """Columns of a table with a row for each C, as for ``pandas.DataFrame(path.table())``."""
        names = (
            "deviance_explained", "nonzeros", "degrees_of_freedom", "aic", "bic", "converged",
            "n_iter",
        )  # fmt: skip
        return {"C": self.Cs, **{name: getattr(self, name) for name in names}}

    def plot(self, axes: Sequence[Any] | None = None) -> PathDisplay:
        """Draw coefficients and deviance along C: see `displays.PathDisplay.plot`."""
        from .displays import PathDisplay

        return PathDisplay(self).plot(axes)


@validate_params(  # type: ignore[untyped-decorator]
    {
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "scaling": [None, StrOptions({"standard"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "criteria": ["boolean"],
        "n_jobs": [None, Integral],
    },
    prefer_skip_nested_validation=True,
)
def logistic_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    Cs: int | ArrayLike = 100,
    l1_ratio: float = 0.0,
    scaling: float | str | None = None,
    max_iter: int = 1000,
    tol: float = 1e-8,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    class_weight: dict[Any, float] | str | None = None,
    criteria: bool = True,
    n_jobs: int | None = None,
) -> LogisticPath:
    """Models of the same data along C, each started from the one before.

    Each is what `LogisticRegression` fits with this C, to the same `tol`.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,)
        Two or more classes.
    Cs : int or array of float, default=100
        Inverse strengths of the penalty, each above 0, `np.inf` for none; or how many of them,
        evenly spaced in logarithm: with an L1 norm from the largest C that leaves all coefficients
        zero to 10,000 times that (100 times if there are fewer rows than columns, as glmnet does);
        without one from 1e-4 to 1e4.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalty, in [0, 1].
    scaling : None, float or "standard", default=None
        As in `LogisticRegression`.
    max_iter : int, default=1000
        Iterations of each fit, at most.
    tol : float, default=1e-8
        As in `LogisticRegression`.
    fit_intercept : bool, default=True
    sample_weight : array of shape (n_samples,), optional
        Not negative. A weight of 2 is the row twice.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    criteria : bool, default=True
        Whether to tell degrees of freedom, AIC and BIC, which takes a Hessian for each C unless the
        penalty is the L1 norm alone.
    n_jobs : int or None, default=None
        Threads; None for all usable cores.

    Returns
    -------
    LogisticPath

    Raises
    ------
    TypeError
        If X holds objects that are no numbers.
    ValueError
        If y has one class only, X or y holds NaN or infinity, shapes do not fit, or a parameter is
        out of range.

    Warns
    -----
    ConvergenceWarning
        If a cost is not certified to lie within `tol` of its minimum.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from fusedlogit import logistic_path
    >>> path = logistic_path(*load_breast_cancer(return_X_y=True), l1_ratio=1, scaling="standard")
    >>> int(path.nonzeros[0]), int(path.nonzeros[path.bic.argmin()])
    (0, 12)
    >>> display = path.plot()
    """
    if isinstance(X, Parts | Blocks):
        raise TypeError(
            "logistic_path takes X in memory; fit LogisticRegressionCV or LogisticRegression to "
            "Parts or Dask blocks"
        )
    names = _get_feature_names(X)
    data = matrix_of(X, usable_threads(n_jobs))
    of_rows: NDArray[Any] = column_or_1d(y, warn=True)
    check_consistent_length(X, of_rows)
    labels = Labels.of(of_rows, "logistic_path")
    weight, unit = weights_of(labels, of_rows, sample_weight, class_weight)
    labels.require_weight(weight, "logistic_path")
    problem = problem_of(
        data, labels.target(weight), labels.n_classes, scaling, (1.0, 1.0),
        fit_intercept,
    )  # fmt: skip
    family = _Family.of(problem, l1_ratio, unit)
    settings = Settings(max_iter, tol, learning_rate=1.0, callback=None)
    models = family.models(family.strengths(Cs), settings, criteria)
    _warn_of_those_not_converged(models, tol)
    return family.path(models, labels.classes, names, scaling)


@dataclass(frozen=True)
class _Model:
    """One of a path: `loss` is the mean."""

    C: float
    coef: Doubles
    intercept: Doubles
    loss: float
    freedom: float
    result: Result


@dataclass(frozen=True)
class _Family:
    """Costs that differ by their penalty alone.

    Attributes
    ----------
    unit_problem : Objective or Multinomial
        With L1 and L2 penalties of 1.
    l1_ratio : float
    unit : float
        Of the weights.
    null : Evaluation
        Where all coefficients are zero.
    """

    unit_problem: Problem
    l1_ratio: float
    unit: float
    null: Evaluation

    @classmethod
    def of(cls, unit_problem: Problem, l1_ratio: float, unit: float) -> _Family:
        """Of a problem whose weights are in that unit."""
        problem = unit_problem.sharpened()
        (null,) = run([evaluate(problem, _null_point(problem))])
        return cls(unit_problem, l1_ratio, unit, null)

    @property
    def one(self) -> Objective:
        """Of one class."""
        return one_of(self.unit_problem)

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return self.unit * self.one.target.total_weight

    def strengths(self, Cs: int | ArrayLike) -> Doubles:
        """The values of C, ascending."""
        if not isinstance(Cs, Integral):
            values = real_numbers(Cs, "Cs").astype(np.float64)
            if values.ndim != 1 or not (len(values) and (values > 0).all()):
                raise ValueError("Cs must be a list of numbers above 0, np.inf for no penalty")
            return np.sort(values)
        if self.l1_ratio == 0:
            return np.logspace(*WITHOUT_L1, Cs)
        first = self.largest_without_coefficients()
        few_rows = self.one.data.n_samples < self.one.data.n_features
        return np.geomspace(first, first / RANGES[few_rows], Cs)

    def largest_without_coefficients(self) -> float:
        """The largest C whose L1 penalty leaves all coefficients zero."""
        slope = self.null.gradient.reshape(-1, self.one.data.n_features + 1)[:, :-1]
        steepest = float(np.abs(slope).max())
        if steepest == 0:
            return 1.0  # no column tells the classes apart: all are zero for every C
        return self.l1_ratio * self.one.l1_penalty / (steepest * self.total) * (1 - HIDDEN)

    def at(self, C: float) -> Problem:
        """The cost for this C."""
        strength = self.one.target.strength(C * self.unit)
        one = replace(
            self.one,
            penalty=self.one.penalty * (1 - self.l1_ratio) * strength,
            l1_penalty=self.one.l1_penalty * self.l1_ratio * strength,
        )
        problem = self.unit_problem
        return one if isinstance(problem, Objective) else replace(problem, one=one)

    def models(self, Cs: Doubles, settings: Settings, criteria: bool) -> list[_Model]:
        """One for each C, started from the one before."""
        models, start = [], self.null.point
        for C in Cs:
            (model,) = run([self._model(float(C), start, settings, criteria)])
            models.append(model)
            start = model.result.point
        return models

    def _model(self, C: float, start: Doubles, settings: Settings, criteria: bool) -> Steps[_Model]:
        problem = self.at(C)
        n_classes = problem.n_classes if isinstance(problem, Multinomial) else 2
        solver = solver_of("auto", n_classes, self.l1_ratio > 0 and bool(np.isfinite(C)))
        check_offers(solver, problem)
        result = yield from solver.solve(problem, start, settings)
        problem, here = problem.sharpened(), result.here
        if here is None or not result.converged:
            here = yield from evaluate(problem, result.point)
        freedom = (yield from degrees_of_freedom(problem, here)) if criteria else np.nan
        loss = here.value - problem.ridge(here.point)
        return _Model(C, *coefficients_of(problem, result), loss, freedom, result)

    def _scaled(self, model: _Model) -> Doubles:
        """Coefficients of scaled features, of which those of a point are in a common unit."""
        table = model.result.point.reshape(len(model.coef), -1)
        return np.asarray(self.one.l1_penalty * table[:, :-1])

    def path(
        self,
        models: list[_Model],
        classes: NDArray[Any],
        names: NDArray[Any] | None,
        scaling: float | str | None,
    ) -> LogisticPath:
        """What models tell together."""
        losses = np.array([model.loss for model in models])
        freedom = np.array([model.freedom for model in models])
        deviance = 2 * self.total * losses
        counted = freedom + (len(classes) - 1 if self.one.fit_intercept else 0)
        return LogisticPath(
            Cs=np.array([model.C for model in models]),
            l1_ratio=float(self.l1_ratio),
            scaling=scaling,
            coefs=np.array([model.coef for model in models]),
            scaled_coefs=np.array([self._scaled(model) for model in models]),
            intercepts=np.array([model.intercept for model in models]),
            classes=classes,
            feature_names=names,
            deviance_explained=1 - losses / self.null.value,
            nonzeros=np.array([np.count_nonzero(model.coef) for model in models]),
            degrees_of_freedom=freedom,
            aic=deviance + 2 * counted,
            bic=deviance + np.log(self.total) * counted,
            converged=np.array([model.result.converged for model in models]),
            n_iter=np.array([model.result.n_iter for model in models]),
            n_passes=self.one.data.n_passes,
        )


def _null_point(problem: Problem) -> Doubles:
    """Where all coefficients are zero and the intercepts, if they are fitted, at their best."""
    one = one_of(problem)
    n_classes = problem.n_classes if isinstance(problem, Multinomial) else 2
    codes = one.target.y.astype(np.intp)
    shares = np.bincount(codes, one.target.sample_weight, n_classes) / one.target.total_weight
    intercept = np.log(shares) if one.fit_intercept else np.zeros(n_classes)
    if isinstance(problem, Objective):
        return problem.from_data(np.zeros(one.data.n_features), intercept[1] - intercept[0])
    zeros = np.zeros((n_classes, one.data.n_features))
    return problem.from_data(zeros, intercept - intercept.mean())


def _warn_of_those_not_converged(models: list[_Model], tol: float) -> None:
    failed = [model for model in models if not model.result.converged]
    if failed:
        worst = max(failed, key=lambda model: model.result.suboptimality)
        warnings.warn(
            f"logistic_path: {len(failed)} of {len(models)} fits did not converge; with "
            f"C={worst.C:.3g} the cost is within {worst.result.suboptimality:.3g} of the minimum "
            f"(relative), tol is {tol:.3g}. Raise max_iter or tol, or leave out the largest Cs.",
            ConvergenceWarning,
            stacklevel=4,
        )
