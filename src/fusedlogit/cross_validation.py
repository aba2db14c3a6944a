"""LogisticRegressionCV: the penalty chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)

from .classifier import LinearClassifier
from .data.distributed import Blocks
from .data.parts import Parts
from .data.per_row import fetched
from .data.protocol import Data
from .data.shared import SharedMatrix
from .estimator import LogisticRegression
from .fitting import Labels, seed_of, solver_of, weights_of
from .selection.costs import Costs
from .selection.folds import Split, splits_of, targets_of
from .selection.grid import Fit, Grid
from .selection.penalties import Penalty, ratios_of, strengths_of
from .selection.scoring import Knowing, Scores, place_of_best, share_parameters, table_of
from .solvers import FOREIGN, SOLVERS, Settings, choose
from .validation import training_data, unchanged_by_errors

Doubles = NDArray[np.float64]

#: Of solver "gd": the default of `LogisticRegression`.
LEARNING_RATE = 0.005

#: Fits that a warning names one by one.
NAMED = 5


class FoldModel(Knowing, LogisticRegression):
    """The fit of a fold, as scorers see it: of the rows it left out it knows the decision values.

    Parameters and attributes are those of `LogisticRegression`.
    """


class LogisticRegressionCV(LinearClassifier):
    """Logistic regression whose penalty is chosen by cross-validation.

    Fits every fold with every penalty as `LogisticRegression` would fit the fold's training rows,
    to the same `tol`, but side by side: X is never copied, and read once for all folds. Chooses the
    penalty of the best mean score.

    Parameters
    ----------
    Cs : int or array-like of float, default=10
        Inverse strengths of the penalty, each above 0, `np.inf` for none; or how many, evenly
        spaced in logarithm from 1e-4 to 1e4.
    l1_ratios : array-like of float, default=(0.0,)
        Shares of the L1 norm in the penalty, each in [0, 1]; None is ``(0.0,)``.
    fit_intercept : bool, default=True
        As in `LogisticRegression`.
    cv : int, splitter, iterable or "loo", default=None
        A number of stratified folds (None: 5), a splitter of scikit-learn, or an iterable of pairs
        of training and test rows, as indices or masks. "loo" scores each row by approximate
        leave-one-out, for the price of one fit for each penalty: all rows count as one fold.
    scoring : str, callable or None, default=None
        A name of scikit-learn's scorers, or ``scorer(estimator, X, y)``; None is accuracy.
    solver : {"auto", "newton", "lbfgs", "gd", "proximal", "sgd"}, default="auto"
        As in `LogisticRegression`.
    scaling : None, float or "standard", default=None
        As in `LogisticRegression`; "standard" knows of each fold its training rows only.
    max_iter : int, default=1000
        Iterations of each fit, at most.
    tol : float, default=1e-8
        Of each fit, as in `LogisticRegression`.
    class_weight : dict, "balanced" or None, default=None
        "balanced" balances the classes of all rows together, as scikit-learn does.
    refit : bool, default=True
        Fit all rows with the best penalty. False takes of each fold the fit that scored best
        there, and the mean of their coefficients, of their `C` and of their `l1_ratio`.
    threshold : float, default=0.5
        As in `LogisticRegression`.
    random_state : int, RandomState or None, default=None
        Draws the rows of samples ("newton"), not the folds.
    n_jobs : int or None, default=None
        Threads; None for all usable cores.
    verbose : int, default=0
        Print a line for each penalty.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features), or (n_classes, n_features) for more than two
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    C_, l1_ratio_ : float
        The penalty chosen.
    Cs_ : ndarray of shape (n_cs,)
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, 1 or n_classes, n_dof)
        The intercept is last, if one is fitted or features are centred by "standard".
    cv_results_ : dict of ndarray
        Columns of a table with a row for each penalty, as those of `GridSearchCV`.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        At least 1, also where the start was found to be near enough.
    n_passes_ : float
        How often X was read in all, parts of it as fractions.
    converged_ : bool
        Whether every fit is certified to lie within `tol` of its minimum.
    folds_converged_ : ndarray of bool, of shape (n_folds, n_l1_ratios, n_cs)
    history_ : list of float
        Cost of the last fit of all rows, by iteration; empty without `refit`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X names its columns.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from fusedlogit import LogisticRegressionCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegressionCV(scaling="standard", scoring="neg_log_loss").fit(X, y)
    >>> model.scores_.shape
    (5, 1, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like", None],
        "fit_intercept": ["boolean"],
        "cv": ["cv_object", StrOptions({"loo"})],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "solver": [StrOptions({"auto", *SOLVERS}), Hidden(StrOptions({*FOREIGN}))],
        "scaling": [None, StrOptions({"standard"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "refit": ["boolean"],
        "threshold": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        Cs: int | ArrayLike = 10,
        l1_ratios: ArrayLike | None = (0.0,),
        fit_intercept: bool = True,
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        solver: str = "auto",
        scaling: float | str | None = None,
        max_iter: int = 1000,
        tol: float = 1e-8,
        class_weight: dict[Any, float] | str | None = None,
        refit: bool = True,
        threshold: float = 0.5,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.scoring = scoring
        self.solver = solver
        self.scaling = scaling
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.refit = refit
        self.threshold = threshold
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @unchanged_by_errors
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> LogisticRegressionCV:
        """Fit every fold with every penalty, and all rows with the best.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            As `LogisticRegression.fit` takes it.
        y : array of shape (n_samples,)
            Two or more classes of any type.
        sample_weight : array of shape (n_samples,), optional
            Of fits and, without metadata routing, of scores.
        **params
            Passed to the splitter and the scorer, with metadata routing.

        Returns
        -------
        LogisticRegressionCV
            self.

        Raises
        ------
        TypeError
            If X holds objects that are no numbers.
        ValueError
            As `LogisticRegression.fit`; if the training rows of a fold lack a class, `cv` yields
            no folds or rows that X does not have, or `Cs` or `l1_ratios` is empty or out of range.
            After any error the model is as it was before.

        Warns
        -----
        ConvergenceWarning
            Once, if any fit is not certified to lie within `tol` of its minimum.
        """
        _raise_for_params(params, self, "fit")
        self.Cs_, self.l1_ratios_ = strengths_of(self.Cs), ratios_of(self.l1_ratios)
        for ratio in self.l1_ratios_:
            choose(self.solver, bool(ratio > 0 and np.isfinite(self.Cs_).any()))
        X, y, sample_weight = self._given(X, y, sample_weight)
        matrix, values = training_data(self, X, y, self.n_jobs, dense=SharedMatrix)
        labels = Labels.of(values, "LogisticRegressionCV")
        weight, unit = weights_of(labels, values, sample_weight, self.class_weight)
        labels.require_weight(weight, "LogisticRegressionCV")
        labels = replace(labels, codes=fetched(labels.codes))  # splitters and scorers ask for all
        values, weight, sample_weight = (fetched(told) for told in (values, weight, sample_weight))
        routed = self._routed("fit", sample_weight, params)
        splits = self._splits(X, values, routed.splitter.split)
        grid = self._grid(matrix, labels, weight, unit, splits)
        scorer, everything = self._get_scorer(), [np.arange(len(values))]
        scores = [
            Scores(scorer, X, values, labels.codes, labels.classes, rows, routed.scorer.score)
            for rows in ([split.test for split in splits] or everything)
        ]
        self.classes_ = labels.classes
        whole = self._fit_grid(grid, scores)
        self._choose(grid, whole)
        self.n_passes_ = matrix.n_passes + sum(
            costs.n_passes for costs in (grid.whole, *grid.folds)
        )
        return self

    def _splits(self, X: Any, y: NDArray[Any], params: dict[str, Any]) -> list[Split]:
        """The folds; none for leave-one-out."""
        if isinstance(self.cv, str):
            if isinstance(X, Blocks):
                raise ValueError("cv='loo' needs all rows in one process; use cv=5")
            return []
        if isinstance(self.cv, Iterable) and not hasattr(self.cv, "split"):
            return splits_of(self.cv, len(y))
        splitter = check_cv(self.cv, y, classifier=True)
        if isinstance(X, Parts | Blocks):  # splitters look at the number of rows alone
            X = np.empty((len(y), 0))
        return splits_of(splitter.split(X, y, **params), len(y))

    def _grid(
        self,
        matrix: Data,
        labels: Labels,
        weight: Doubles | None,
        unit: float,
        splits: list[Split],
    ) -> Grid:
        """All rows and the folds as costs to minimise."""
        target, targets = targets_of(labels, weight, splits)
        parameters = labels.n_classes, self.scaling, self.fit_intercept, unit
        costs = partial(Costs, in_frame=solver_of(self.solver, labels.n_classes, l1=False).in_frame)
        whole = costs(matrix, target, *parameters)
        like = None if self.scaling == "standard" else whole  # else folds have means of their own
        folds = [costs(matrix, own, *parameters, like=like) for own in targets]
        seed = seed_of(self.random_state)
        settings = Settings(self.max_iter, self.tol, LEARNING_RATE, None, seed)
        return Grid(whole, folds, self.solver, settings)

    def _fit_grid(self, grid: Grid, scores: list[Scores]) -> dict[tuple[int, int], Fit]:
        """Fit and score all folds; the fits of all rows by number of l1_ratio and C."""
        shape = len(scores), len(self.l1_ratios_), len(self.Cs_)
        self.scores_ = np.empty(shape)
        self.n_iter_ = np.empty(shape, dtype=np.int32)
        self.folds_converged_ = np.empty(shape, dtype=bool)
        n_features, n_classes = grid.whole.data.n_features, len(self.classes_)
        n_rows = 1 if n_classes == 2 else n_classes
        self.coefs_paths_ = np.empty((*shape, n_rows, n_features + self._has_intercept))
        whole = {}
        fits = grid.along if grid.folds else grid.leaving_one_out
        order = np.argsort(self.Cs_, kind="stable")
        for i, ratio in enumerate(self.l1_ratios_.tolist()):
            penalties = [Penalty(float(self.Cs_[j]), ratio) for j in order]
            for j, (penalty, of_all, folds) in zip(order, fits(penalties), strict=True):
                whole[i, int(j)] = of_all
                for k, ((fit, decisions), score) in enumerate(zip(folds, scores, strict=True)):
                    self._keep_fold((k, i, int(j)), fit, score, penalty, decisions)
                if self.verbose:
                    mean = self.scores_[:, i, j].mean()
                    print(f"C {penalty.C:.4g}, l1_ratio {ratio:.4g}: mean score {mean:.6f}")
        self.cv_results_ = table_of(self.Cs_, self.l1_ratios_, self.scores_)
        return whole

    def _keep_fold(
        self,
        place: tuple[int, int, int],
        fit: Fit,
        score: Scores,
        penalty: Penalty,
        decisions: Doubles,
    ) -> None:
        """What becomes of the fit of a fold."""
        model = FoldModel(C=penalty.C, l1_ratio=penalty.l1_ratio)
        share_parameters(model, self, leaving={"verbose"})
        fitted = {
            "coef_": fit.coef.copy(),
            "intercept_": fit.intercept.copy(),
            "classes_": self.classes_,
            "n_features_in_": self.n_features_in_,
            "n_iter_": np.array([fit.result.n_iter], dtype=np.int32),
            "converged_": fit.result.converged,
            "_only_seen": isinstance(self.cv, str),
        }
        if hasattr(self, "feature_names_in_"):
            fitted["feature_names_in_"] = self.feature_names_in_
        self.scores_[place] = score.of(model, fitted, decisions)
        self.n_iter_[place] = max(1, fit.result.n_iter)
        self.folds_converged_[place] = fit.result.converged
        self._keep_path(place, fit)

    @property
    def _has_intercept(self) -> bool:
        """Whether coefficients of X in its own units come with one: centred features do."""
        return self.fit_intercept or self.scaling == "standard"

    def _keep_path(self, place: tuple[int, int, int], fit: Fit) -> None:
        """The coefficients of a fold."""
        self.coefs_paths_[place][:, : fit.coef.shape[1]] = fit.coef
        if self._has_intercept:
            self.coefs_paths_[place][:, -1] = fit.intercept

    def _choose(self, grid: Grid, whole: dict[tuple[int, int], Fit]) -> None:
        """The best penalty, and the coefficients that come with it."""
        shape = len(self.Cs_), len(self.l1_ratios_)
        by_penalty = self.scores_.swapaxes(1, 2).reshape(len(self.scores_), -1)
        if not self.refit:
            self._average([np.unravel_index(place_of_best(row), shape) for row in by_penalty])
            self.history_: list[float] = []
            self.converged_ = bool(self.folds_converged_.all())
            self._warn_of(None)
            return
        j, i = divmod(place_of_best(by_penalty.sum(axis=0)), len(self.l1_ratios_))
        self.C_, self.l1_ratio_ = float(self.Cs_[j]), float(self.l1_ratios_[i])
        fit = grid.refit(Penalty(self.C_, self.l1_ratio_), whole[i, j])
        self.coef_, self.intercept_ = fit.coef, fit.intercept
        self.history_ = fit.result.history
        self.converged_ = bool(fit.result.converged and self.folds_converged_.all())
        self._warn_of(fit)

    def _average(self, best: list[Any]) -> None:
        """Means over folds of what scored best in each."""
        paths = np.stack([self.coefs_paths_[k, i, j] for k, (j, i) in enumerate(best)])
        mean = paths.mean(axis=0)
        self.C_ = float(np.mean([self.Cs_[j] for j, _ in best]))
        self.l1_ratio_ = float(np.mean([self.l1_ratios_[i] for _, i in best]))
        self.coef_ = np.ascontiguousarray(mean[:, : self.n_features_in_])
        self.intercept_ = mean[:, -1].copy() if self._has_intercept else np.zeros(len(mean))

    def _warn_of(self, refit: Fit | None) -> None:
        """One warning of all fits that did not converge."""
        if self.converged_:
            return
        failed = [
            f"fold {k} at C={self.Cs_[j]:.4g}, l1_ratio={self.l1_ratios_[i]:.4g}"
            for k, i, j in np.argwhere(~self.folds_converged_)
        ]
        if refit is not None and not refit.result.converged:
            failed.insert(0, f"all rows at C={self.C_:.4g}, l1_ratio={self.l1_ratio_:.4g}")
        rest = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        n_fits = self.folds_converged_.size + (refit is not None)
        warnings.warn(
            f"LogisticRegressionCV: {len(failed)} of {n_fits} fits are not certified to lie within "
            f"tol={self.tol:.3g} of their minimum: {'; '.join(failed[:NAMED])}{rest}. Raise "
            "max_iter or tol, or leave out the largest Cs.",
            ConvergenceWarning,
            stacklevel=6,
        )

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> float:
        """The score by `scoring`.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        sample_weight : array of shape (n_samples,), optional
        **params
            Passed to the scorer, with metadata routing.

        Returns
        -------
        float
        """
        _raise_for_params(params, self, "score")
        routed = self._routed("score", sample_weight, params)
        return float(self._get_scorer()(self, X, y, **routed.scorer.score))

    def _routed(
        self, caller: str, sample_weight: ArrayLike | None, params: dict[str, Any]
    ) -> Bunch:
        """What splitter and scorer are given."""
        if sample_weight is not None:
            params = params | {"sample_weight": sample_weight}
        if _routing_enabled():
            return process_routing(self, caller, **params)
        return Bunch(splitter=Bunch(split={}), scorer=Bunch(score=params))

    def get_metadata_routing(self) -> MetadataRouter:
        """Who is given which parameters, for scikit-learn's metadata routing."""
        to_splitter = MethodMapping().add(caller="fit", callee="split")
        to_scorer = MethodMapping().add(caller="score", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=None if isinstance(self.cv, str) else self.cv, method_mapping=to_splitter)
            .add(
                scorer=self._get_scorer(),
                method_mapping=to_scorer.add(caller="fit", callee="score"),
            )
        )

    def _get_scorer(self) -> Callable[..., float]:
        scorer: Callable[..., float] = get_scorer(self.scoring or "accuracy")
        return scorer
