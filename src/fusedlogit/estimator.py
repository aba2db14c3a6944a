"""LogisticRegression: the scikit-learn contract around objective and solvers."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import functions
from .data.checks import NUMBER_TYPES, narrowed, numbers_alone, readable
from .data.dense import DenseMatrix
from .data.target import Target
from .problems.links import LOG_LOSS
from .problems.objective import Objective
from .solvers import SOLVERS, Callback, Result, Settings, choose, require
from .solvers.scheduler import run

Doubles = NDArray[np.float64]

#: Size of an intercept beside which float32 knows decision values to 1e-6 no more.
FAR_INTERCEPT = 16.0

#: Coefficients up to which, and down to whose inverse, products stay in float32's range.
LARGEST = 1e15


class LogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary logistic regression that reads data as it is stored.

    Minimises, as scikit-learn does,
    ``sum_i s_i L(y_i, w . x_i + b) + 1/C * (l1_ratio |w|_1 + (1 - l1_ratio) / 2 |w|_2^2)``
    with the log loss ``L(y, z) = log(1 + exp(z)) - y z``. The intercept b is not penalised.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty; ``np.inf`` for none.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalty, in [0, 1].
    solver : {"auto", "newton", "lbfgs", "gd", "proximal"}, default="auto"
        "newton" steps in the metric of the Hessian: of all rows where that costs little, else of
        a sample of rows, which is enough to start near the minimum and to get there in steps of
        one pass. "lbfgs" knows of the Hessian its diagonal. "gd" is batch gradient descent with a
        fixed `learning_rate`. "proximal" is for penalties with an L1 norm: proximal Newton steps
        on working sets of features. "auto" is "proximal" if `l1_ratio` is above 0 and `C` finite,
        else "newton".
    scaling : None, float or "standard", default=None
        None takes X as given; a number divides X by it (255 for pixels); "standard" centres each
        column and divides it by its standard deviation. X is never copied, the penalty acts on
        the coefficients of the scaled features, and `coef_` is in X's own units.
    learning_rate : float, default=0.005
        Step length of "gd".
    max_iter : int, default=1000
        Iterations at most.
    tol : float, default=1e-8
        Converged when the cost J (the objective divided by the sum of the weights) is certified to
        lie within `tol` of its minimum J*, relative to J. The certificate is the smaller of the
        duality gap and of the Newton decrement, half the gradient's square in the metric of the
        Hessian, with allowance for what the Hessian may change and for rounding; it is computed
        in float64 whatever X is stored as. Without a penalty and with more than 4,096 features
        there may be none: the fit is then not called converged.
    fit_intercept : bool, default=True
        Whether to fit b; without, b is 0 (before centring).
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`.
    threshold : float, default=0.5
        `predict` answers the second class above this probability, in (0, 1).
    warm_start : bool, default=False
        Start `fit` from the coefficients at hand, if these are of the same classes.
    random_state : int, RandomState or None, default=None
        Draws the rows of samples ("newton"). None draws the same ones in each fit.
    n_jobs : int or None, default=None
        Threads; None for all usable cores. The same number gives the same bits.
    verbose : int, default=0
        Print a line every `verbose` iterations.
    callback : callable or None, default=None
        ``callback(iteration, coef, intercept, loss, gradient_norm)`` after each iteration, with
        `coef` in X's own units, `loss` the cost J and `gradient_norm` the largest entry of its
        gradient ("proximal": of its subgradient of least length); returning true stops the fit.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        In X's own units: the decision is ``X @ coef_.T + intercept_``.
    intercept_ : ndarray of shape (1,)
    classes_ : ndarray of shape (2,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X names its columns.
    n_iter_ : ndarray of shape (1,)
    n_passes_ : float
        How often X was read, parts of it as fractions.
    converged_ : bool
    history_ : list of float
        Cost J by iteration: before each update for "gd", else from the start of the iterations
        on. ("newton" on many rows starts them at the minimum of a sample.)

    Notes
    -----
    Python threads may fit many estimators at once, on the same data too, and predict with one; but
    one estimator must not be fitted while another thread uses it.

    Examples
    --------
    >>> import numpy as np
    >>> from fusedlogit import LogisticRegression
    >>> pixels = np.array([[0, 10], [20, 5], [250, 240], [255, 200]], dtype=np.uint8)
    >>> model = LogisticRegression(scaling=255).fit(pixels, ["cat", "cat", "dog", "dog"])
    >>> model.predict(pixels).tolist()
    ['cat', 'cat', 'dog', 'dog']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "solver": [StrOptions({"auto", *SOLVERS})],
        "scaling": [None, StrOptions({"standard"}), Interval(Real, 0, None, closed="neither")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "threshold": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "callback": [None, callable],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        solver: str = "auto",
        scaling: float | str | None = None,
        learning_rate: float = 0.005,
        max_iter: int = 1000,
        tol: float = 1e-8,
        fit_intercept: bool = True,
        class_weight: dict[Any, float] | str | None = None,
        threshold: float = 0.5,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        callback: Callback | None = None,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.scaling = scaling
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.threshold = threshold
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> LogisticRegression:
        """Fit to data.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            float64, float32, float16, uint8, int8, uint16 and bool are read as they lie. Integers
            of other types are copied into the narrowest of these that holds their values (float32
            up to 2^24, else float64), any other numbers into float64.
        y : array of shape (n_samples,)
            Two classes of any type; the second in sorted order is the positive one.
        sample_weight : array of shape (n_samples,), optional
            Not negative. A weight of 2 is the row twice.

        Returns
        -------
        LogisticRegression
            self.

        Raises
        ------
        TypeError
            If X is sparse, or holds objects that are no numbers.
        ValueError
            If y has not two classes, X or y holds NaN or infinity, X holds text or complex numbers,
            shapes do not fit, or a parameter is out of range.

        Warns
        -----
        ConvergenceWarning
            If the cost is not certified to lie within `tol` of its minimum.
        UserWarning
            If `warm_start` cannot go on from coefficients of other classes, and starts afresh.
        """
        solver = choose(self.solver, self.l1_ratio > 0 and np.isfinite(self.C))
        with numbers_alone(X):
            data, labels = validate_data(
                self, X, y, dtype=list(NUMBER_TYPES), ensure_all_finite=False
            )
        classes, codes = self._encode(labels)
        weight, unit = self._weights(labels, classes, data, sample_weight)
        matrix = DenseMatrix(readable(narrowed(data)), self.n_jobs)
        self._require_weight_in_both(classes, codes, weight)
        target = Target(codes, weight, LOG_LOSS)
        penalty = 1 / (self.C * unit) / target.total_weight
        objective = Objective.of(
            matrix, target, self.scaling, (1 - self.l1_ratio) * penalty, self.l1_ratio * penalty,
            self.fit_intercept,
        )  # fmt: skip
        settings = Settings(
            self.max_iter, self.tol, self.learning_rate, self._reporter(), self._seed()
        )
        require(solver, objective)
        start = objective.from_data(*self._start(matrix.n_features, classes))
        (result,) = run([solver.solve(objective, start, settings)])
        coef, intercept = objective.to_data(result.point)
        if not np.isfinite(coef).all() and np.isfinite(result.point).all():
            raise ValueError(
                f"a coefficient is beyond float64: multiply column "
                f"{np.flatnonzero(~np.isfinite(coef))[0]} of X by a large number"
            )
        self.classes_ = classes
        self._keep(result, coef, intercept, objective.data.n_passes)
        return self

    def decision_function(self, X: ArrayLike) -> Doubles:
        """Decision values z = w . x + b, of shape (n_samples,)."""
        check_is_fitted(self)
        with numbers_alone(X):
            data = validate_data(
                self, X, reset=False, dtype=list(NUMBER_TYPES), ensure_all_finite=False
            )
        matrix = DenseMatrix(readable(narrowed(data)), self.n_jobs)
        coef, intercept = self.coef_[0], float(self.intercept_[0])
        precise = _beyond_float32(coef, intercept)
        decision: Doubles = matrix.decision_values(
            coef[None], np.array([intercept]), precise=precise
        )[0]
        return decision

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Class of each sample: the second one where its probability is above `threshold`."""
        limit = np.log(self.threshold / (1 - self.threshold))
        decision = self.decision_function(X)
        predicted: NDArray[Any] = self.classes_[(decision > limit).astype(np.intp)]
        return predicted

    def predict_proba(self, X: ArrayLike) -> Doubles:
        """Probabilities of the classes, of shape (n_samples, 2)."""
        decision = self.decision_function(X)
        return np.column_stack([functions.sigmoid(-decision), functions.sigmoid(decision)])

    def predict_log_proba(self, X: ArrayLike) -> Doubles:
        """Logarithms of the probabilities, of shape (n_samples, 2), exact for rare classes."""
        decision = self.decision_function(X)
        return -np.column_stack(
            [functions.log_loss(decision, 0.0), functions.log_loss(decision, 1.0)]
        )

    def _encode(self, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """The classes; and y as their numbers."""
        check_classification_targets(y)
        classes, index = np.unique(y, return_inverse=True)
        if len(classes) != 2:
            raise ValueError(
                "Only binary classification is supported. The number of classes in y is "
                f"{len(classes)}; LogisticRegression needs samples of exactly two classes."
                if len(classes) > 2
                else f"y holds one class only ({classes[0]!r}); "
                "LogisticRegression needs samples of two classes."
            )
        return classes, index.astype(np.uint8)

    def _weights(
        self,
        y: NDArray[Any],
        classes: NDArray[Any],
        X: NDArray[Any],
        sample_weight: ArrayLike | None,
    ) -> tuple[Doubles | None, float]:
        """Sample weights times class weights, in units of the largest; None where all are one."""
        if sample_weight is None and self.class_weight is None:
            return None, 1.0
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, copy=True, ensure_non_negative=True
        )
        if self.class_weight is not None:
            weight *= self._class_weights(y, classes, weight)[np.searchsorted(classes, y)]
        largest = float(weight.max())
        if largest == 0:
            raise ValueError("sample_weight (times class_weight) is zero for every sample")
        return np.ascontiguousarray(weight) / largest, largest

    def _require_weight_in_both(
        self, classes: NDArray[Any], codes: NDArray[np.uint8], weight: Doubles | None
    ) -> None:
        """Refuse weights that leave one class alone: it is as if y held no other."""
        if weight is None:
            return
        for label, of_class in zip(classes, (codes == 0, codes == 1), strict=True):
            if not weight[of_class].any():
                raise ValueError(
                    f"sample_weight (times class_weight) is zero for every sample of class "
                    f"{label}; LogisticRegression needs samples of two classes."
                )

    def _class_weights(
        self, y: NDArray[Any], classes: NDArray[Any], sample_weight: Doubles
    ) -> Doubles:
        """A finite weight for each class."""
        with np.errstate(all="ignore"):  # a class without weight cannot be balanced
            by_class: Doubles = compute_class_weight(
                self.class_weight, classes=classes, y=y, sample_weight=sample_weight
            )
        for label, weight in zip(classes.tolist(), by_class.tolist(), strict=True):
            if not 0 <= weight < np.inf:
                raise ValueError(
                    f"class_weight={self.class_weight!r} weighs class {label!r} by {weight}; "
                    "weights must be finite and not negative"
                )
        return by_class

    def _seed(self) -> int:
        """Of what solvers draw at random; the same for every fit unless random_state says more."""
        if self.random_state is None:
            return 0
        return int(check_random_state(self.random_state).randint(2**31))

    def _start(self, n_features: int, classes: NDArray[Any]) -> tuple[Doubles, float]:
        """Where to start, in X's own units."""
        if not (self.warm_start and hasattr(self, "coef_") and self.coef_.shape[1] == n_features):
            return np.zeros(n_features), 0.0
        if not np.array_equal(self.classes_, classes):
            warnings.warn(
                f"warm_start: the last fit had the classes {self.classes_.tolist()}, y has "
                f"{classes.tolist()}; starting afresh",
                UserWarning,
                stacklevel=4,
            )
            return np.zeros(n_features), 0.0
        return self.coef_[0], float(self.intercept_[0])

    def _reporter(self) -> Callback | None:
        """The user's callback, with a line printed now and then if verbose."""
        if not self.verbose:
            return self.callback
        every, callback = int(self.verbose), self.callback

        def report(
            iteration: int, coef: Doubles, intercept: float, loss: float, gradient_norm: float
        ) -> object:
            if iteration % every == 0:
                print(f"iteration {iteration}: cost {loss:.8f}, gradient norm {gradient_norm:.2e}")
            return callback and callback(iteration, coef, intercept, loss, gradient_norm)

        return report

    def _keep(self, result: Result, coef: Doubles, intercept: float, n_passes: float) -> None:
        """Set the fitted attributes; warn where the result is not the optimum."""
        self.coef_ = coef[None]
        self.intercept_ = np.array([intercept])
        self.n_iter_ = np.array([result.n_iter], dtype=np.int32)
        self.n_passes_ = n_passes
        self.converged_ = result.converged
        self.history_ = result.history
        if not result.converged:
            warnings.warn(
                f"LogisticRegression did not converge in {result.n_iter} iterations: the cost is "
                f"within {result.suboptimality:.3g} of the minimum (relative), tol is "
                f"{self.tol:.3g}. {result.cause.advice(self.scaling == 'standard')}",
                ConvergenceWarning,
                stacklevel=4,
            )


def _beyond_float32(coef: Doubles, intercept: float) -> bool:
    """Whether decision values would lose what matters in float32: columns far from zero, or far
    from one, have been fitted.
    """
    size = np.abs(coef[coef != 0])
    extreme = size.size and (size.max() > LARGEST or size.min() < 1 / LARGEST)
    return bool(abs(intercept) > FAR_INTERCEPT or extreme)
