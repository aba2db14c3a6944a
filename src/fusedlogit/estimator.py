"""LogisticRegression: the scikit-learn contract around objective and solvers."""

from __future__ import annotations

import warnings
from copy import copy
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call

from .classifier import LinearClassifier
from .data.per_row import PerRow
from .data.protocol import Walked, walked
from .fitting import (
    Judge,
    Labels,
    check_offers,
    coefficients_of,
    left_out,
    problem_of,
    seed_of,
    solver_of,
    weights_of,
)
from .solvers import FOREIGN, SGD, SOLVERS, Callback, Result, Settings, choose
from .solvers.cause import Cause
from .solvers.checkpoint import Checkpoint
from .solvers.scheduler import run
from .streaming import Fitted, LazyStream, Stream, weighing
from .validation import training_data, unchanged_by_errors, validate_parameters

Doubles = NDArray[np.float64]

#: Attributes that are made of a stream when they are asked for.
MADE = ("coef_", "intercept_", "history_")


class LogisticRegression(LinearClassifier):
    """Logistic regression that reads data as it is stored, for two classes or many.

    Minimises, as scikit-learn does,
    ``sum_i s_i L(y_i, w . x_i + b) + 1/C * (l1_ratio |w|_1 + (1 - l1_ratio) / 2 |w|_2^2)``
    with the log loss ``L(y, z) = log(1 + exp(z)) - y z``. The intercept b is not penalised.
    Of K > 2 classes each has its w_k and b_k, and the loss is the softmax's,
    ``L(y, z) = log sum_k exp(z_k) - z_y``.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty; ``np.inf`` for none.
    l1_ratio : float, default=0.0
        Share of the L1 norm in the penalty, in [0, 1].
    solver : {"auto", "newton", "lbfgs", "gd", "proximal", "sgd"} or SGD, default="auto"
        "newton" steps in the metric of the Hessian: of all rows where that costs little, else of
        a sample of rows, which is enough to start near the minimum and to get there in steps of
        one pass. "lbfgs" knows of the Hessian its diagonal. "gd" is batch gradient descent with a
        fixed `learning_rate`. "proximal" is for penalties with an L1 norm: proximal Newton steps
        on working sets of features. "sgd" takes a step after each batch of rows; an `SGD` says how.
        "auto" is "proximal" if `l1_ratio` is above 0 and `C` finite, else "newton".
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
        `predict` answers the second of two classes above this probability, in (0, 1). Of more
        classes the likeliest is predicted.
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
        gradient ("proximal": of its subgradient of least length; of columns far from zero in units
        of their spread, but for "gd"); returning true stops the fit.
    checkpoint : path-like or None, default=None
        A file that `fit` writes the coefficients to as it goes: once a minute, and when it is
        interrupted or ends unconverged. A fit of the same problem that finds the file goes on from
        it, whatever its solver, `tol` and `max_iter`; one that converges removes it.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features), or (n_classes, n_features) for more than two
        In X's own units: the decision is ``X @ coef_.T + intercept_``.
    intercept_ : ndarray of shape (1,) or (n_classes,)
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X names its columns.
    n_iter_ : ndarray of shape (1,)
    n_passes_ : float
        How often X was read, parts of it as fractions.
    converged_ : bool
    history_ : list of float
        Cost J by iteration: before each update for "gd", else from the start of the iterations
        on. ("newton" on many rows starts them at the minimum of a sample.) With early stopping,
        the mean loss of the rows left out; after `partial_fit`, of the rows of each call.

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

    #: Whether users can set `scaling`, and how many calls lie between theirs and a warning.
    _scalable, _n_frames = True, 5

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "solver": [StrOptions({"auto", *SOLVERS}), SGD, Hidden(StrOptions({*FOREIGN}))],
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
        "checkpoint": [None, str, PathLike],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        solver: str | SGD = "auto",
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
        checkpoint: str | PathLike[str] | None = None,
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
        self.checkpoint = checkpoint

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    @unchanged_by_errors
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> LogisticRegression:
        """Fit to data.

        Parameters
        ----------
        X : array, sparse matrix or Parts, of shape (n_samples, n_features)
            float64, float32, float16, uint8, int8, uint16 and bool are read as they lie. Integers
            of other types are copied into the narrowest of these that holds their values (float32
            up to 2^24, else float64), any other numbers into float64. Sparse X is read by rows
            (CSR), where all values are one without reading these; other formats are converted
            once, and unordered or repeated indices put in order, in a copy.
        y : array of shape (n_samples,)
            Two or more classes of any type; of two, the second in sorted order is the positive
            one.
        sample_weight : array of shape (n_samples,), optional
            Not negative. A weight of 2 is the row twice.

        Returns
        -------
        LogisticRegression
            self.

        Raises
        ------
        TypeError
            If X holds objects that are no numbers.
        ValueError
            If y has one class only, X or y holds NaN or infinity, X holds text or complex numbers,
            a sparse X indices out of place, shapes do not fit, or a parameter is out of range; if
            `checkpoint` cannot be written, or is a file of another fit or none at all. After any
            error the model is as it was before.

        Warns
        -----
        ConvergenceWarning
            If the cost is not certified to lie within `tol` of its minimum.
        UserWarning
            If `warm_start` cannot go on from coefficients of other classes, and starts afresh.
        """
        l1 = self.l1_ratio > 0 and bool(np.isfinite(self.C))
        name, sgd = self._solver()
        choose(name, l1)  # before anything is read
        X, y, sample_weight = self._given(X, y, sample_weight)
        data, target_values = training_data(self, X, y, self.n_jobs)
        labels = Labels.of(target_values, "LogisticRegression")
        weight, unit = weights_of(labels, target_values, sample_weight, self.class_weight)
        labels.require_weight(weight, "LogisticRegression")
        target, judge, seed = labels.target(weight), None, seed_of(self.random_state)
        if name == "sgd" and sgd.early_stopping and not isinstance(labels.codes, PerRow):
            rows = left_out(labels, weight, sgd.validation_fraction, seed)
            judge, target = Judge.apart(data, target, rows)
            labels.require_weight(target.sample_weight, "LogisticRegression")
        penalty = target.strength(self.C * unit)
        solver = solver_of(name, labels.n_classes, l1)
        problem = problem_of(
            data, target, labels.n_classes, self.scaling,
            ((1 - self.l1_ratio) * penalty, self.l1_ratio * penalty), self.fit_intercept,
            in_frame=solver.in_frame,
        )  # fmt: skip
        rate, told = self.learning_rate, self._reporter()
        settings = Settings(self.max_iter, self.tol, rate, told, seed, sgd=sgd, judge=judge)
        check_offers(solver, problem)

        def solve(start: tuple[Doubles, Any], settings: Settings) -> Result:
            (result,) = run([solver.solve(problem, problem.from_data(*start), settings)])
            return result

        start = self._start(data.n_features, labels.classes)
        if self.checkpoint is None:
            result = solve(start, settings)
        else:
            fit = self._fit_told_apart(data, labels.classes, labels.totals(weight) * unit)
            result = Checkpoint(self.checkpoint, fit).keep(start, settings, solve)
        coef, intercept = coefficients_of(problem, result)
        self._stream: Stream | LazyStream | None = None
        self._fitted = Fitted(data.n_samples, float(labels.totals(weight).sum()) * unit)
        self.classes_ = labels.classes
        self._keep(result, coef, intercept, problem.data.n_passes)
        return self

    @unchanged_by_errors
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> LogisticRegression:
        """Learn from some more rows, each of which counts once, in the order in which they come.

        Whatever `solver` is, a stochastic descent takes a step after each batch of rows, as `SGD`
        says if it is one; `coef_` is the average of its points. The more rows, the nearer it comes
        to the minimum over these: of dense rows of equal weight to some times the distance of the
        law behind them, of sparse rows or unequal weights to some tens; `fit` gets there. A stream
        may be pickled between two calls and go on. What is kept of rows is a sample of 4,096. A
        call with sparse rows costs time in their entries, whatever the number of columns; units of
        `scaling="standard"` are then renewed now and then, after a look at all columns each call.
        After a `fit` it goes on from there: `coef_` is the mean of what that found and of what rows
        since have led to, by their weight. The penalty is of all, units and steps of what comes.

        Parameters
        ----------
        X : array, sparse matrix or Parts, of shape (n_samples, n_features)
            As for `fit`; all calls of the same kind, dense or sparse.
        y : array of shape (n_samples,)
        classes : array of shape (n_classes,), optional
            All that will ever come, at the first call.
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        LogisticRegression
            self, with the mean loss of the rows of each call, each before the step that it took
            part in, in `history_`. `converged_` is False.

        Raises
        ------
        TypeError, ValueError
            As by `fit`; if `classes` is missing at the first call, or y holds another class; if
            `scaling` is "standard" and no intercept is fitted. The model is then as it was before.
        """
        validate_parameters(self)
        _, sgd = self._solver()
        if sgd.early_stopping:
            raise ValueError("SGD(early_stopping=True) is for fit: partial_fit has but one pass")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once: give partial_fit a dict instead"
            )
        known = getattr(self, "classes_", None)
        first = known is None or not (classes is None or np.array_equal(known, classes))
        first = first and _check_partial_fit_first_call(self, classes)  # longer than ten rows take
        X, y, sample_weight = self._given(X, y, sample_weight)
        data, target_values = training_data(self, X, y, self.n_jobs, reset=first)
        rows = walked(data, by="partial_fit", instead="fit")
        labels = Labels.among(self.classes_, target_values)
        weight, unit = weights_of(labels, target_values, sample_weight, self.class_weight)
        stream = self._stream_on(rows)
        stream.learn(
            *weighing(rows, labels.target(weight), unit), self.scaling,
            ((1 - self.l1_ratio) / self.C, self.l1_ratio / self.C), sgd, self.fit_intercept,
            seed_of(self.random_state),
        )  # fmt: skip
        self._stream = stream
        for name in MADE:
            self.__dict__.pop(name, None)
        self.n_iter_ = np.array([stream.losses.n_calls], dtype=np.int32)
        self.n_passes_, self.converged_ = float(stream.losses.n_calls), False
        return self

    def _stream_on(self, data: Walked) -> Stream | LazyStream:
        """A copy of the stream so far; one from the coefficients at hand if there is none."""
        kind = Stream if data.centres_freely else LazyStream
        stream: Stream | LazyStream | None = getattr(self, "_stream", None)
        if stream is not None:
            if not isinstance(stream, kind):
                raise TypeError(
                    "partial_fit began with rows of the other kind, dense or sparse: go on with "
                    "such, or fit first"
                )
            return copy(stream)
        n_vectors = len(self.classes_) if len(self.classes_) > 2 else 1
        if not hasattr(self, "coef_"):
            return kind.beginning(np.zeros((n_vectors, data.n_features + 1)), Fitted())
        point = np.column_stack(self._coefficients(data.n_features))
        return kind.beginning(point, getattr(self, "_fitted", Fitted()))

    def __getstate__(self) -> Any:
        """Of copies and pickles, whose stream is to go on apart from this one's."""
        state: dict[str, Any] = super().__getstate__()
        stream = state.get("_stream")
        return state | {"_stream": stream.apart()} if isinstance(stream, LazyStream) else state

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """What `partial_fit` leaves in its stream, made of it once it is asked for."""
            stream = self.__dict__.get("_stream")
            if name not in MADE or stream is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            if name == "history_":
                self.history_ = stream.losses.listed()
            else:
                self.coef_, self.intercept_ = stream.coefficients()
            return self.__dict__[name]

    def _solver(self) -> tuple[str, SGD]:
        """The name of the solver, and how it goes if it is "sgd"."""
        return ("sgd", self.solver) if isinstance(self.solver, SGD) else (self.solver, Settings.sgd)

    def _start(self, n_features: int, classes: NDArray[Any]) -> tuple[Doubles, Any]:
        """Where to start, in X's own units."""
        binary = len(classes) == 2
        of_classes = () if binary else (len(classes),)
        zero = np.zeros((*of_classes, n_features)), np.zeros(of_classes)
        if not (self.warm_start and hasattr(self, "coef_") and self.coef_.shape[1] == n_features):
            return zero
        if not np.array_equal(self.classes_, classes):
            warnings.warn(
                f"warm_start: the last fit had the classes {self.classes_.tolist()}, y has "
                f"{classes.tolist()}; starting afresh",
                stacklevel=self._n_frames,
            )
            return zero
        coef, intercept = self._coefficients(n_features)
        return (coef[0], intercept[0]) if binary else (coef, intercept)

    def _fit_told_apart(
        self, data: Any, classes: NDArray[Any], totals: Doubles
    ) -> dict[str, object]:
        """What a checkpoint of this fit must have been of."""
        of = ("C", "l1_ratio", "scaling", "fit_intercept")
        return {name: getattr(self, name) for name in of} | {
            "shape of X": (data.n_samples, data.n_features),
            "classes": classes.tolist(),
            "weights of the classes": totals.tolist(),
        }

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

    def _keep(self, result: Result, coef: Doubles, intercept: Doubles, n_passes: float) -> None:
        """Set the fitted attributes; warn where the result is not the optimum."""
        self.coef_ = coef
        self.intercept_ = intercept
        self.n_iter_ = np.array([result.n_iter], dtype=np.int32)
        self.n_passes_ = n_passes
        self.converged_ = result.converged
        self.history_ = result.history
        if not result.converged and result.cause != Cause.JUDGED:
            said = result.cause.said(
                result.suboptimality, self.tol, penalised=np.isfinite(self.C),
                scalable=self._scalable and self.scaling != "standard",
            )  # fmt: skip
            text = f"LogisticRegression did not converge in {result.n_iter} iterations{said}"
            warnings.warn(text, ConvergenceWarning, stacklevel=self._n_frames)
