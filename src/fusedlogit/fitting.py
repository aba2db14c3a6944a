"""From labels, weights and parameters to a problem, a solver and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from .data.checks import refuse_masked
from .data.per_row import PerRow, each, stored, summed
from .data.protocol import Data, walked
from .data.target import Target
from .errors import BeyondFloatError, PassOverflowError
from .problems.links import LOG_LOSS, SOFTMAX
from .problems.multinomial import Multinomial, one_of
from .problems.objective import Objective
from .reference import log_loss
from .solvers import Result, choose, multinomial, require
from .solvers.settings import Solver

Doubles = NDArray[np.float64]
Problem = Objective | Multinomial


@dataclass(frozen=True)
class Labels:
    """y as the numbers of its classes.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        In sorted order.
    codes : ndarray of uint8 or int32, of shape (n_samples,)
    """

    classes: NDArray[Any]
    codes: NDArray[Any]

    @classmethod
    def of(cls, y: NDArray[Any], name: str) -> Labels:
        """Number the classes of y.

        Raises
        ------
        ValueError
            If y is no target of a classifier, or holds one class only.
        """
        try:
            if isinstance(y, PerRow):
                classes, index = summed(np.unique, (y,), combine=np.union1d), None
                # Once each they would seem to be numbers to predict: it warns of those.
                check_classification_targets(classes.repeat(min(2, len(y) // len(classes))))
            else:
                check_classification_targets(y)
                classes, index = np.unique(y, return_inverse=True)
        except TypeError as error:
            raise ValueError(
                f"y holds labels that have no order ({error}): give all as numbers or all as text, "
                "and none that is missing"
            ) from None
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class only ({classes.tolist()[0]!r}); {name} needs samples of two "
                "classes."
            )
        if index is None:
            return cls(classes, each(partial(_codes, classes), y).stored())
        return cls._numbered(classes, index)

    @classmethod
    def among(cls, classes: NDArray[Any], y: NDArray[Any]) -> Labels:
        """Number the classes of y among those that were announced, in sorted order.

        Raises
        ------
        ValueError
            If y holds another, or one class alone was announced.
        """
        if len(classes) < 2:
            raise ValueError(
                f"classes={classes.tolist()} names no two classes: announce all that will come"
            )
        if y.dtype.kind not in "biu":  # these name classes in any case
            check_classification_targets(y)
        if len(classes) == 2:
            places = y == classes[1]
            unknown = ~(places | (y == classes[0]))
        else:
            places = np.searchsorted(classes, y)
            unknown = classes.take(places, mode="clip") != y
        if unknown.any():
            first = np.unique(y[unknown]).tolist()[0]
            raise ValueError(
                f"y holds class {first!r}, which is none of the announced "
                f"classes {classes.tolist()}: announce all at the first call"
            )
        return cls._numbered(classes, places)

    @classmethod
    def _numbered(cls, classes: NDArray[Any], codes: NDArray[np.intp]) -> Labels:
        return cls(classes, codes.astype(_type_of_codes(classes)))

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    def target(self, weight: Doubles | None) -> Target:
        """What decision values are held to."""
        return Target(self.codes, weight, LOG_LOSS if self.n_classes == 2 else SOFTMAX)

    def totals(self, weight: Doubles | None) -> Doubles:
        """Of the weights of each class, (n_classes,)."""
        totals: Doubles = summed(np.bincount, (self.codes, weight), self.n_classes)
        return totals

    def require_weight(self, weight: Doubles | None, name: str) -> None:
        """Refuse weights that leave a class without any: it is as if y did not hold it."""
        if weight is None:
            return
        for label, of_class in zip(self.classes, total := self.totals(weight), strict=True):
            if of_class == 0:
                rest = np.count_nonzero(total)
                needs = "two classes" if self.n_classes == 2 else "every class in y"
                raise ValueError(
                    f"sample_weight (times class_weight) is zero for every sample of class "
                    f"{label}; {name} needs samples of {needs}."
                    + (" Leave such rows out." if rest > 1 else "")
                )


def weights_of(
    labels: Labels,
    y: NDArray[Any],
    sample_weight: ArrayLike | None,
    class_weight: dict[Any, float] | str | None,
) -> tuple[Doubles | None, float]:
    """Sample weights times class weights, in units of the largest; None where all are one."""
    if sample_weight is None and class_weight is None:
        return None, 1.0
    weight: Any = sample_weight
    if isinstance(labels.codes, PerRow):
        weight = each(_ones, labels.codes) if weight is None else weight
    else:
        refuse_masked(weight, "sample_weight")
        weight = _check_sample_weight(
            weight, y, dtype=np.float64, copy=True, ensure_non_negative=True
        )
    if class_weight is not None:
        by_class = _class_weights(labels, weight, class_weight)
        weight = weight * each(by_class.__getitem__, labels.codes)
    largest = float(weight.max())
    if largest == 0:
        raise ValueError("sample_weight (times class_weight) is zero for every sample")
    return stored(each(np.ascontiguousarray, weight) / largest), largest


def _ones(codes: NDArray[Any]) -> Doubles:
    return np.ones(len(codes))


def _type_of_codes(classes: NDArray[Any]) -> type:
    return np.uint8 if len(classes) <= 256 else np.int32


def _codes(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    return np.searchsorted(classes, y).astype(_type_of_codes(classes))


def _class_weights(
    labels: Labels, sample_weight: Doubles, class_weight: dict[Any, float] | str
) -> Doubles:
    """A finite weight for each class."""
    for label, weight in class_weight.items() if isinstance(class_weight, dict) else ():
        if not isinstance(weight, Real):
            raise TypeError(
                f"class_weight={class_weight!r} weighs class {label!r} by {weight!r}; "
                "weights must be numbers"
            )
    with np.errstate(all="ignore"):  # a class without weight cannot be balanced
        by_class: Doubles = compute_class_weight(
            class_weight,
            classes=labels.classes,
            y=labels.classes,  # as if each were one sample
            sample_weight=labels.totals(sample_weight),
        )
    for label, weight in zip(labels.classes.tolist(), by_class.tolist(), strict=True):
        if not 0 <= weight < np.inf:
            raise ValueError(
                f"class_weight={class_weight!r} weighs class {label!r} by {weight}; "
                "weights must be finite and not negative"
            )
    return by_class


def left_out(
    labels: Labels, weight: Doubles | None, fraction: float, seed: int
) -> NDArray[np.intp]:
    """Rows that are to judge a fit of the others: so many of each class, drawn at random.

    Rows of no weight are not among them.

    Raises
    ------
    ValueError
        If a class has too few rows to leave one out and keep one.
    """
    weighing = True if weight is None else weight > 0
    generator = np.random.default_rng([seed, 1])
    rows = []
    for code, label in enumerate(labels.classes.tolist()):
        own = np.flatnonzero((labels.codes == code) & weighing)
        n_rows = round(fraction * len(own))
        if not 0 < n_rows < len(own):
            raise ValueError(
                f"validation_fraction={fraction} leaves out {n_rows} of the {len(own)} rows of "
                f"class {label!r} with a weight; each class needs rows on both sides"
            )
        rows.append(generator.choice(own, n_rows, replace=False))
    return np.sort(np.concatenate(rows))


@dataclass(frozen=True)
class Judge:
    """The mean loss of rows that were left out of a fit.

    Attributes
    ----------
    data : Data
        Of these rows alone.
    target : Target
    """

    data: Data
    target: Target

    @classmethod
    def apart(cls, data: Data, target: Target, rows: NDArray[np.intp]) -> tuple[Judge, Target]:
        """The judge by some rows, which are copied, and the target in which they weigh nothing."""
        weight = target.row_weight.copy()
        weight[rows] = 0
        rest = Target(target.y, weight, target.link)
        return cls(data.sample(rows), target.sample(rows)), rest

    def __call__(self, coef: Doubles, intercept: Any) -> float:
        """At coefficients in X's own units; infinite where decision values overflow."""
        coef = np.ascontiguousarray(np.atleast_2d(coef))
        intercept = np.ascontiguousarray(np.atleast_1d(intercept))
        try:
            z = self.data.decision_values(coef, intercept, precise=True)
        except PassOverflowError:
            return np.inf
        if len(z) == 1:
            return self.target.mean(log_loss(z[0], self.target.y))
        own = np.take_along_axis(z, self.target.y[None].astype(np.intp), axis=0)[0]
        return self.target.mean(np.logaddexp.reduce(z, axis=0) - own)


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Of what solvers draw at random; the same for every fit unless random_state says more."""
    if random_state is None:
        return 0
    return int(check_random_state(random_state).randint(2**31))


def problem_of(
    data: Data,
    target: Target,
    n_classes: int,
    scaling: float | str | None,
    penalty: tuple[float, float],
    fit_intercept: bool,
    *,
    in_frame: bool = True,
) -> Problem:
    """The cost of two classes or of many; `penalty` is that of L2 and that of L1."""
    objective = Objective.of(data, target, scaling, *penalty, fit_intercept, in_frame=in_frame)
    return objective if n_classes == 2 else Multinomial(objective, n_classes)


def solver_of(name: str, n_classes: int, l1: bool) -> Solver:
    """The solver of this name for so many classes, checked against the penalty."""
    solver = choose(name, l1)
    return solver if n_classes == 2 else multinomial.SOLVERS[solver.name]


def check_offers(solver: Solver, problem: Problem) -> None:
    """Check that link and data offer what a solver calls.

    Raises
    ------
    TypeError
        If they do not.
    """
    one = one_of(problem)
    if "walk" in solver.of_data:
        walked(one.data, by=f"solver={solver.name!r}", instead="solver='auto'")
    require(solver, one)


def coefficients_of(problem: Problem, result: Result) -> tuple[Doubles, Doubles]:
    """What a solver found, in X's own units: (1 or n_classes, n_features), and intercepts.

    Of many classes, fitted intercepts sum to zero: no loss knows of what all have in common.

    Raises
    ------
    BeyondFloatError
        If a coefficient is too large for float64.
    """
    coef, intercept = problem.to_data(result.point)
    coef, intercept = np.atleast_2d(coef), np.atleast_1d(np.asarray(intercept))
    if not np.isfinite(coef).all() and np.isfinite(result.point).all():
        column = np.flatnonzero(~np.isfinite(coef).all(axis=0))[0]
        raise BeyondFloatError(
            f"a coefficient is beyond float64: multiply column {column} of X by a large number"
        )
    if isinstance(problem, Multinomial) and problem.one.fit_intercept:
        intercept = intercept - intercept.mean()
    return np.ascontiguousarray(coef), intercept
