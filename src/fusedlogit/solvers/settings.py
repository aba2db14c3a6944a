"""What a solver is given, what it returns, and what it declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._kernels.stochastic import MOST_ROWS
from .cause import Cause
from .requests import Steps

Doubles = NDArray[np.float64]

#: callback(iteration, coef, intercept, loss, gradient_norm) -> true to stop. coef and intercept
#: are in X's own units, loss is the cost J, gradient_norm the largest entry of its gradient (with
#: an L1 penalty, of its subgradient of least length).
Callback = Callable[[int, Doubles, float, float, float], object]


#: How the length of a step goes on.
SCHEDULES = ("adaptive", "constant", "invscaling")


@dataclass(frozen=True)
class SGD:
    """How `solver="sgd"` goes; `solver=SGD(momentum=0.9)` has it go otherwise than by default.

    Parameters
    ----------
    batch_size : int or None
        Rows of a batch, up to 64; by the number of rows if None.
    step : float or None
        Length of a step, as a share of that of Newton's method in the metric; by the data if None.
    schedule : {"adaptive", "constant", "invscaling"}
        "invscaling" divides the step by (1 + rows / 65,536) ** `power`; "adaptive" halves it,
        besides, after each pass that gains next to nothing.
    power : float
    momentum : float
        0 over sparse rows: with momentum, all coefficients move at each step.
    average : bool
        Whether to return the average of the way, and not its end.
    early_stopping : bool
        Whether `fit` leaves some rows out, judges each pass by the mean loss of these, stops when
        that falls no more, and returns the best. `history_` then holds this loss at the start and
        after each pass. `converged_`, which says that a cost is proven to be near its minimum, is
        False; there is no warning but if `max_iter` came first.
    validation_fraction : float
        Share of the rows of each class that are left out then, drawn by `random_state`.
    n_iter_no_change : int
        Passes in a row that must not bring the best of these losses down by `tol` of itself.
    """

    batch_size: int | None = None
    step: float | None = None
    schedule: str = "adaptive"
    power: float = 0.5
    momentum: float = 0.0
    average: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 5

    def __post_init__(self) -> None:
        size, step = self.batch_size, self.step
        patience = self.n_iter_no_change
        power, momentum, fraction = self.power, self.momentum, self.validation_fraction
        switch = "True or False"
        checks = {
            "batch_size": (
                size is None or (_is_a(size, Integral) and 1 <= size <= MOST_ROWS),
                f"None or a whole number from 1 to {MOST_ROWS}",
            ),
            "step": (
                step is None or (_is_a(step, Real) and 0 < step < np.inf),
                "None or a number above 0",
            ),
            "schedule": (self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            "power": (_is_a(power, Real) and 0 <= power < np.inf, "a number from 0 on"),
            "momentum": (
                _is_a(momentum, Real) and 0 <= momentum < 1, "a number from 0 on, below 1",
            ),
            "average": (isinstance(self.average, bool | np.bool_), switch),
            "early_stopping": (isinstance(self.early_stopping, bool | np.bool_), switch),
            "validation_fraction": (_is_a(fraction, Real) and 0 < fraction < 1, "between 0 and 1"),
            "n_iter_no_change": (
                _is_a(patience, Integral) and patience >= 1, "a whole number from 1 on",
            ),
        }  # fmt: skip
        for name, (fits, wanted) in checks.items():
            if not fits:
                raise ValueError(f"SGD({name}={getattr(self, name)!r}): {name} must be {wanted}")


def _is_a(value: object, kind: type) -> bool:
    """Whether it is a number of a kind, and no bool, which Python takes for one."""
    return isinstance(value, kind) and not isinstance(value, bool)


class Lent(Protocol):
    """What several fits of the same data share."""

    def lent(self, objective: Any) -> Any:
        """The metric of one of them; None if there is none for it."""

    def count_passes(self, objective: Any) -> None:
        """Add what fits have read of it to the passes over all rows, if they do read it."""
        return


@dataclass(frozen=True)
class Settings:
    """When to stop, and whom to tell.

    Attributes
    ----------
    max_iter : int
    tol : float
        Converged when J is certified to lie within tol times itself of its minimum.
    learning_rate : float
        Of gradient descent.
    callback : callable or None
    seed : int
        Of solvers that draw rows at random.
    certify : bool
        Whether to end by the certificate; else the solver's own estimate will do.
    sgd : SGD
    lent : Lent or None
        What `Solver.lend` made for several fits, of which this is one.
    known : Evaluation or None
        That of the start, which then takes no pass.
    judge : callable or None
        judge(coef, intercept), in X's own units: the mean loss of rows that were left out, by
        which "sgd" stops.
    """

    max_iter: int
    tol: float
    learning_rate: float
    callback: Callback | None
    seed: int = 0
    certify: bool = True
    sgd: SGD = SGD()
    lent: Lent | None = None
    known: Any = None
    judge: Callable[[Doubles, Any], float] | None = None

    def lent_to(self, objective: Any) -> Any:
        """The metric that is lent to a fit, or None."""
        return None if self.lent is None else self.lent.lent(objective)


@dataclass(frozen=True)
class Result:
    """Where a solver ended.

    Attributes
    ----------
    point : ndarray of shape (n_features + 1,)
        Coefficients of the scaled features, then the intercept.
    history : list of float
        The cost J by iteration.
    n_iter : int
    converged : bool
    suboptimality : float
        Certified bound of (J - J*) / J, where J* is the minimum.
    cause : Cause
        Why it ended where it did not converge.
    here : Evaluation, optional
        At the point, if it is known: in float64 if the certificate says that it converged.
    """

    point: Doubles
    history: list[float]
    n_iter: int
    converged: bool
    suboptimality: float
    cause: Cause
    here: Any = None

    @property
    def margins(self) -> Any:
        """Margins or ClassMargins at the point, if they are known there."""
        return None if self.here is None else self.here.margins


@dataclass(frozen=True)
class Solver:
    """An algorithm and what it can do.

    Attributes
    ----------
    name : str
    solve : callable
        solve(objective, start, settings), from that point: a generator (`requests`) that returns
        a Result.
    smooth, l1 : bool
        Whether it minimises smooth penalties, and those with an L1 norm.
    in_frame : bool
        Whether it may take its steps in a frame of X (`data.frame`); else they are the formulas'.
    lend : callable or None
        lend(objective, near, fits, seed, before), which asks as a solver does: what is worth its
        price to several fits of some of the rows, near a Result of all (`Settings.lent`), if there
        is such a thing; `before` is what was lent under the penalty before.
    of_link, of_data : tuple of str
        The methods of `data.target.Link` and verbs of `data.protocol.Data` that it calls, besides
        what every evaluation does.
    """

    name: str
    solve: Callable[[Any, Doubles, Settings], Steps[Result]]
    smooth: bool = True
    l1: bool = False
    in_frame: bool = True
    lend: Callable[[Any, Result, Sequence[Any], int, Any], Steps[Any]] | None = None
    of_link: tuple[str, ...] = ()
    of_data: tuple[str, ...] = ()
