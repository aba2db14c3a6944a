"""The minimum of a quadratic plus an L1 norm: a proximal Newton step, without data."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from .._kernels import coordinate
from .interior import minimise_inside
from .settings import Doubles

#: Sweeps of coordinate descent before the coefficients it left nonzero are solved for; rounds of
#: both until they are taken to stand still.
SWEEPS = 32
ROUNDS = 8
MAX_ROUNDS = 200

#: Signs that are tried before coordinate descent has its say again.
MAX_SIGNS = 16

#: Share of its fall in all that a round must bring for another to follow.
LITTLE = 0.01

#: Of the L1 norm's factor, by how much a slope may be wrong at the minimum, and where sweeps and
#: signs that stand still are said to be far from it.
EXACT, FAR = 1e-12, 1.0


def minimise_quadratic(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles) -> None:
    """Minimise a quadratic plus l1 |coef|_1; coef and its gradient `slope` change in place.

    Sweeps of coordinate descent find which coefficients are not zero, where columns differ. Where
    they nearly repeat each other these sweeps stand still: the minimum under the signs at hand is
    solved for directly, and the signs change on the way there (Lee, Battle, Raina and Ng, 2007,
    Advances in Neural Information Processing Systems 19). Where that stands still too, far from
    the minimum, a point near it comes from inside. It ends at the minimum, or where a round brings
    little more.

    Parameters
    ----------
    hessian : ndarray of shape (n, n)
    l1 : float
    coef, slope : ndarray of shape (n,)
    """
    wrong = _descend(hessian, l1, coef, slope, ROUNDS)
    if wrong > FAR:
        with np.errstate(all="ignore"):  # what is not finite there is not taken
            point = minimise_inside(hessian, l1, coef, slope)
        change = point - coef
        turn = hessian @ change
        norm = float(np.abs(point).sum() - np.abs(coef).sum())
        if float((slope + turn / 2) @ change) + l1 * norm < 0:
            coef += change
            slope += turn
    if wrong > EXACT:  # what is little of the fall so far may be much of what is left
        _descend(hessian, l1, coef, slope, MAX_ROUNDS)


def _descend(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles, rounds: int) -> float:
    """Rounds of sweeps and signs; by how much of l1 a slope is still wrong."""
    begin, pull, fallen, wrong = coef.copy(), slope.copy(), 0.0, 0.0
    for _ in range(rounds):
        coordinate.coordinate_descent(hessian, l1, 0.0, SWEEPS, coef, slope)
        for _ in range(MAX_SIGNS):
            if not _descend_under_signs(hessian, l1, coef, slope):
                break
        rest = np.where(coef == 0, np.abs(slope), np.abs(slope + l1 * np.sign(coef)) + l1)
        wrong = float(rest.max()) / l1 - 1
        norm = float(np.abs(begin).sum() - np.abs(coef).sum())
        fall = float((pull + slope) @ (begin - coef)) / 2 + l1 * norm
        if wrong <= EXACT or fall - fallen <= LITTLE * fall:
            break
        fallen = fall
    return wrong


def _descend_under_signs(hessian: Doubles, l1: float, coef: Doubles, slope: Doubles) -> bool:
    """Towards the minimum under the signs of the coefficients that are not zero.

    Goes on beyond where coefficients change their sign, as long as the cost falls. Whether a sign
    has changed or a coefficient has become zero, so that there is another such minimum.
    """
    nonzero = np.flatnonzero(coef)
    among = hessian[np.ix_(nonzero, nonzero)]
    factor, failed = lapack.dpotrf(among, lower=1)
    if failed or not len(nonzero):
        return False
    here = coef[nonzero]
    pull = slope[nonzero] + l1 * np.sign(here)
    step = -lapack.dpotrs(factor, pull, lower=1)[0]
    fall, curvature = float(pull @ step), float(step @ among @ step)
    if not fall < 0 < curvature:
        return False
    crossings = np.full(len(here), np.inf)
    np.divide(-here, step, out=crossings, where=here * step < 0)
    share, stops = _lowest_along(fall, curvature, crossings, 2 * l1 * np.abs(step))
    there = here + share * step
    there[stops] = 0
    coef[nonzero] = there
    slope += (there - here) @ hessian[nonzero]
    return bool((crossings <= share).any())


def _lowest_along(
    fall: float, curvature: float, crossings: Doubles, bends: Doubles
) -> tuple[float, list[int]]:
    """Where on a line fall t + curvature t^2 / 2, bent at crossings, is lowest; which lie there."""
    for k in np.argsort(crossings):
        if fall + curvature * crossings[k] >= 0:
            break
        fall += bends[k]
        if fall + curvature * crossings[k] >= 0:
            return float(crossings[k]), [int(k)]
    return -fall / curvature, []
