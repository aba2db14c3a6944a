"""What a solver is given, what it returns, and what it declares of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cause import Cause
from .requests import Steps

Doubles = NDArray[np.float64]

#: callback(iteration, coef, intercept, loss, gradient_norm) -> true to stop. coef and intercept
#: are in X's own units, loss is the cost J, gradient_norm the largest entry of its gradient (with
#: an L1 penalty, of its subgradient of least length).
Callback = Callable[[int, Doubles, float, float, float], object]


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
    """

    max_iter: int
    tol: float
    learning_rate: float
    callback: Callback | None
    seed: int = 0
    certify: bool = True


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
    margins : Margins or ClassMargins, optional
        At the point, if they are known there.
    """

    point: Doubles
    history: list[float]
    n_iter: int
    converged: bool
    suboptimality: float
    cause: Cause
    margins: Any = None


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
    of_link, of_data : tuple of str
        The methods of `data.target.Link` and verbs of `data.protocol.Data` that it calls, besides
        what every evaluation does.
    """

    name: str
    solve: Callable[[Any, Doubles, Settings], Steps[Result]]
    smooth: bool = True
    l1: bool = False
    of_link: tuple[str, ...] = ()
    of_data: tuple[str, ...] = ()
