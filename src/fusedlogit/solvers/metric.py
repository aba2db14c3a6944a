"""Models of the Hessian that can be inverted: the metric of a quasi-Newton method.

Each knows the Hessian of J in scaled features, or an estimate of it, and solves with it. The
intercept has no penalty and is eliminated: with rows weighted by their curvature d_i and m the
weighted mean of the features, the Hessian in w alone is that of centred rows,

    H_ww = sum_i d_i (x_i - m)(x_i - m)^T + penalty I,

so that features far from zero cost no accuracy, whatever `scaling` says.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..problems.objective import Evaluation
from .requests import Steps

Doubles = NDArray[np.float64]

#: Spacing of float64 at one, and its least normal number.
EPS, TINY = float(np.finfo(float).eps), float(np.finfo(float).tiny)

#: Change of margins in a Newton step that a bound may rest on.
FARTHEST = 0.9


class Metric(Protocol):
    """A positive definite model P of the Hessian."""

    #: By which a first step along P^-1 gradient should be shortened.
    damping: float

    #: The weighted mean of the scaled features; zero if no intercept is fitted.
    mean: Doubles

    #: Whether no better metric is to follow.
    final: bool

    #: Whether its bound is worth a second try, from nearer the minimum.
    vouches: bool

    #: Whether its bound reads so little that it may be had in float32 first.
    previews: bool

    #: Whether it was summed in float64: because float32 would not do, or anyway.
    sharp: bool

    def solve(self, vector: Doubles) -> Doubles:
        """P^-1 vector, of shape (n_features + 1,)."""

    def bound(self, objective: Any, here: Evaluation) -> Steps[float]:
        """Of J - J*, as far as this metric can vouch for one; else infinite."""


def beyond(reach: float) -> float:
    """By how much J - J* may exceed half the square of a Newton step that moves margins so far.

    The curvature along the way falls by exp(-r), no faster, where r is the change of a margin: so
    J - J* is (r + (1 - r) log(1 - r)) / r^2 of the square, for r < 1 (Bach, 2010, Electronic
    Journal of Statistics 4), and that is less than half of exp(2 r). A step whose margins move
    further tells nothing of what lies beyond.
    """
    return math.exp(2 * reach) if reach <= FARTHEST else np.inf
