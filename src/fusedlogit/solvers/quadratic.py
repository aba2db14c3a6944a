"""The minimum of a quadratic plus an L1 norm: a proximal Newton step, without data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from .._kernels import coordinate
from .factored import solution
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

#: Coefficients up to which the minimum is found at any price, hundreds of factorisations: where
#: that is asked for, and where it is taken for better in the end.
MOST_EXACT, SMALL = 2048, 512

#: Of the L1 norm's factor, by how much a slope may be wrong at the minimum, and where sweeps and
#: signs that stand still are said to be far from it.
EXACT, FAR = 1e-12, 1.0


class Quadratic:
    """A quadratic that is minimised plus an L1 norm, again and again from other points.

    Sweeps of coordinate descent find which coefficients are not zero, where columns differ. Where
    they nearly repeat each other these sweeps stand still: the minimum under the signs at hand is
    solved for directly, and the signs change on the way there (Lee, Battle, Raina and Ng, 2007,
    Advances in Neural Information Processing Systems 19). Where that stands still too, far from
    the minimum, a point near it comes from inside.

    Parameters
    ----------
    hessian : ndarray of shape (n, n)
    """

    def __init__(self, hessian: Doubles) -> None:
        self.hessian = hessian
        self._nonzero = np.empty(0, dtype=np.intp)
        self._factor: NDArray[Any] | None = None

    def minimise(self, l1: float, coef: Doubles, slope: Doubles, *, roughly: bool = False) -> None:
        """Go to the minimum of it plus l1 |coef|_1; coef and its gradient `slope` change in place.

        It ends at the minimum, or where a round brings little more: `roughly`, of the fall so far,
        unless a small one is still far from the minimum then; so of very many coefficients too.
        """
        n_coefs = len(coef)
        roughly = roughly or n_coefs > MOST_EXACT
        wrong = self._descend(l1, coef, slope, ROUNDS, roughly=roughly)
        if roughly and (wrong <= FAR or n_coefs > SMALL):
            return
        if wrong > FAR:
            with np.errstate(all="ignore"):  # what is not finite there is not taken
                point = minimise_inside(self.hessian, l1, coef, slope)
            change = point - coef
            turn = self.hessian @ change
            norm = float(np.abs(point).sum() - np.abs(coef).sum())
            if float((slope + turn / 2) @ change) + l1 * norm < 0:
                coef += change
                slope += turn
        if wrong > EXACT:  # what is little of the fall so far may be much of what is left
            self._descend(l1, coef, slope, MAX_ROUNDS, roughly=False)

    def _descend(
        self, l1: float, coef: Doubles, slope: Doubles, rounds: int, *, roughly: bool
    ) -> float:
        """Rounds of sweeps and signs; by how much of l1 a slope is still wrong.

        Roughly, signs change until that brings little of the fall so far.
        """
        begin, pull, fallen, wrong = coef.copy(), slope.copy(), 0.0, 0.0

        def fall() -> float:
            norm = float(np.abs(begin).sum() - np.abs(coef).sum())
            return float((pull + slope) @ (begin - coef)) / 2 + l1 * norm

        for _ in range(rounds):
            coordinate.coordinate_descent(self.hessian, l1, 0.0, SWEEPS, coef, slope)
            before = fall()
            for _ in range(MAX_SIGNS):
                if not self._descend_under_signs(l1, coef, slope, roughly=roughly):
                    break
                if roughly:
                    before, last = fall(), before
                    if before - last <= LITTLE * before:
                        break
            rest = np.where(coef == 0, np.abs(slope), np.abs(slope + l1 * np.sign(coef)) + l1)
            wrong = float(rest.max()) / l1 - 1
            now = fall()
            if wrong <= EXACT or now - fallen <= LITTLE * now:
                break
            fallen = now
        return wrong

    def _descend_under_signs(
        self, l1: float, coef: Doubles, slope: Doubles, *, roughly: bool
    ) -> bool:
        """Towards the minimum under the signs of the coefficients that are not zero.

        Goes on beyond where coefficients change their sign, as long as the cost falls. Whether a
        sign has changed or a coefficient has become zero, so that there is another such minimum.
        """
        nonzero = np.flatnonzero(coef)
        factor = self._factored(nonzero, roughly=roughly) if len(nonzero) else None
        if factor is None:
            return False
        here = coef[nonzero]
        pull = slope[nonzero] + l1 * np.sign(here)
        step = np.zeros_like(coef)
        step[nonzero] = toward = -solution(factor, pull).astype(np.float64)
        turn = self.hessian @ step
        fall, curvature = float(pull @ toward), float(step @ turn)
        if not fall < 0 < curvature:
            return False
        crossings = np.full(len(here), np.inf)
        np.divide(-here, toward, out=crossings, where=here * toward < 0)
        share, stops = _lowest_along(fall, curvature, crossings, 2 * l1 * np.abs(toward))
        there = here + share * toward
        there[stops] = 0
        coef[nonzero] = there
        slope += share * turn
        if stops:
            places = nonzero[stops]
            slope -= self.hessian[places].T @ (here + share * toward)[stops]
        return bool((crossings <= share).any())

    def _factored(self, nonzero: NDArray[np.intp], *, roughly: bool) -> NDArray[Any] | None:
        """The factor among some coefficients, kept for the next time; None if there is none.

        In float32 for what is but rough, if that can be.
        """
        known = self._factor
        if not np.array_equal(nonzero, self._nonzero) or (
            not roughly and known is not None and known.dtype == np.float32
        ):
            among, failed = self.hessian[np.ix_(nonzero, nonzero)].T, 1
            if roughly:
                known, failed = lapack.spotrf(among, lower=1)
            if failed:
                known, failed = lapack.dpotrf(among, lower=1, overwrite_a=1)
            self._nonzero, self._factor = nonzero, None if failed else known
        return self._factor


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
