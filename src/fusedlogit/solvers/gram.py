"""The Gram product of rows as a metric: for more features than a Hessian could have."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import brentq, minimize_scalar

from ..data.margins import Margins
from ..errors import PassOverflowError
from ..problems.cost import Cost
from ..problems.objective import Evaluation, Objective
from .factored import solution
from .metric import EPS, TINY
from .requests import Steps
from .settings import Doubles

#: Smallest ridge of a Gram product in float32, in units of its mean diagonal; and in float64.
LEAST_RIDGE = 1e-4
LEAST_RIDGE_IN_FLOAT64 = 1e-13

#: Of a slope that a few rows change, relative to it: by compute in float64.
ROUNDING = {True: 1e-13, False: 1e-6}

#: Roots of curvature, in units of the largest, of rows whose margins a step can be seen to move.
SEEN = 1e-4

#: Of a probability, what may be taken from it.
MOST = 0.9

#: Shift of the margins at most, in which the mean of their residuals is brought to zero.
FARTHEST = 100.0


class SampledGram:
    """The Hessian of a few rows of an objective of more features, by Woodbury's identity.

    With A the centred rows times the square root of their curvature,
    ``(penalty I + A^T A)^-1 = (I - A^T (penalty I + A A^T)^-1 A) / penalty``. The Gram product
    A A^T and its factor are float32, or float64 where all rows take part and the penalty is too
    small for float32, or that is asked for; A itself is never formed: the rows stay as they are
    stored.

    `damping` tells how much a few rows leave to the penalty. In the limit of many rows and
    features the inverse acts as that of the whole Hessian with a larger penalty k,
    ``(penalty + A^T A)^-1 ~ k / penalty (k + H)^-1`` with
    ``1 / k = trace((penalty I + A A^T)^-1) / n_rows``
    (Silverstein and Bai, 1995, Journal of Multivariate Analysis 54). It is penalty / k.

    Parameters
    ----------
    objective : Objective
        Of the whole.
    margins : Margins
        Where its Hessian is meant.
    rows : ndarray of int, optional
        Which rows take part; all if None.
    exact : bool
        Whether float32 will not do; of all rows.
    """

    final = False

    def __init__(
        self,
        objective: Objective,
        margins: Margins,
        rows: NDArray[np.intp] | None = None,
        *,
        exact: bool = False,
    ) -> None:
        self.whole = whole = rows is None
        self.rows: NDArray[np.intp] | slice = slice(None) if rows is None else rows
        if whole:
            objective = objective.in_memory()
        own = margins.sample(self.rows)
        self.share = 1.0
        if rows is not None:
            total, objective = objective.target.total_weight, objective.sample(rows)
            self.share = objective.target.total_weight / total
        self.objective = objective
        self.vouches = self.previews = objective.penalty > 0
        self.curvature = objective.target.link.curvature(own)
        weight = objective.target.weighted(self.curvature)
        self.total = max(float(weight.sum()), TINY)
        self.root = np.sqrt(weight)
        scaling = objective.scaling
        if objective.fit_intercept:
            self.center = objective.data.row_sum((weight / self.total)[None])[0][0]
            self.mean = (self.center - scaling.center) / scaling.scale
        else:
            self.center = scaling.center
            self.mean = np.zeros(len(scaling.center))
        if not exact:
            try:
                self._factor(np.float32, LEAST_RIDGE)
            except PassOverflowError:  # products of columns that are large for float32
                exact = True
        if exact or (whole and self.ridge > objective.penalty > 0):
            self.objective = objective.sharpened()
            self._factor(np.float64, LEAST_RIDGE_IN_FLOAT64)
        self.damping = 1.0 if whole else self._damping()
        self.sharp = self.objective.sharp

    def _factor(self, dtype: type, least_ridge: float) -> None:
        """The Gram product with a ridge: the penalty, or else what the type tells from zero."""
        n_rows = self.objective.data.n_samples
        scale = self.objective.scaling.scale
        gram = self.objective.data.gram(self.center, 1 / scale, self.root, dtype)
        least = least_ridge * float(gram.trace()) / n_rows
        least = max(least, float(np.finfo(np.float32).tiny))
        self.ridge = max(self.objective.penalty, least)
        self.own_ridge = max(self.objective.penalty / self.share, least)
        self._kept = gram.copy(order="F") if self.own_ridge > self.ridge else None
        cholesky = _factor(gram, self.ridge)
        if cholesky is None:  # by rounding alone
            self._factor(dtype, 10 * least_ridge)
        else:
            self.cholesky = cholesky

    @cached_property
    def own_cholesky(self) -> NDArray[Any]:
        """That of A A^T + penalty / share I, once it is asked for."""
        if self._kept is None:
            return self.cholesky
        cholesky = _factor(self._kept, self.own_ridge)
        assert cholesky is not None  # its ridge is larger than one that did
        self._kept = None
        return cholesky

    def _damping(self) -> float:
        """penalty / k, with the trace estimated by a few random signs (Hutchinson)."""
        n_rows = len(self.root)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (n_rows, 8))
        trace = float((signs * solution(self.cholesky, signs)).sum()) / signs.shape[1]
        return float(np.clip(self.ridge * trace / n_rows, 1e-6, 1.0))

    def count_passes(self, objective: Cost) -> None:
        """Add what was read of a sample to the passes over the whole."""
        if self.objective.data is not objective.data:
            objective.data.count(self.objective.data)

    def _image(self, slope: Doubles) -> Doubles:
        """A times slopes, (K, n_features)."""
        data_slope = slope / self.objective.scaling.scale
        rows: Doubles = self.objective.data.decision_values(
            data_slope, -(data_slope @ self.center), precise=self.objective.precise
        )
        rows *= self.root
        return rows

    def solve(self, vector: Doubles) -> Doubles:
        objective, scaling = self.objective, self.objective.scaling
        table = np.atleast_2d(vector)
        result = np.zeros_like(table)
        slope = table[:, :-1] - self.mean * table[:, -1:]
        rows = solution(self.cholesky, self._image(slope).T).T * self.root
        back, total = objective.data.row_sum(np.ascontiguousarray(rows), precise=objective.precise)
        back -= self.center * total[:, None]
        back /= scaling.scale
        slope -= back
        slope /= self.ridge
        result[:, :-1] = slope
        if objective.fit_intercept:
            result[:, -1] = table[:, -1] / self.total - slope @ self.mean
        return result.reshape(vector.shape)

    def solve_together(self, vectors: Doubles, *, sharp: bool) -> Doubles:
        """See `requests.Solve`.

        Where one of several fits has gone on to float64 they all do: to read apart takes longer.
        """
        self.sharp |= sharp
        return self.solve(vectors)

    def lent(self, objective: Objective) -> LentGram:
        """The same for a near objective of the same data."""
        return LentGram(self, objective)

    def bound(self, objective: Objective, here: Evaluation) -> Steps[float]:
        """The duality gap of a better dual point than the residuals r of the margins z.

        That of its own rows is moved to r', the residuals of margins z'. With slope' the gradient
        that r' gives,

            J - D = sum_i s_i (L(z_i) - L(z'_i) - r'_i (z_i - z'_i)) + |slope'|^2 / (2 penalty),

        where rows that stay add nothing. Any r' gives a bound that is the residual of some margin
        and has the mean zero that the minimum over the intercept asks for. This one lies between
        the nearest such and that of a Newton step in the Hessian of the penalty and of these rows
        with their own weight among all, penalty I + share A^T A.
        """
        yield from ()  # it reads its own rows alone
        own, penalty = self.objective, objective.penalty
        if penalty == 0:
            return np.inf
        margins = Margins(here.margins.sample(self.rows), own.target)
        weight = own.target.weighted(np.ones(len(margins.values))) * self.share
        other, chance = own.target.link.probabilities(margins.values)
        wanted = -self.curvature * self._own_step(here)
        least = self._change(here, np.zeros_like(wanted), chance, other, weight)
        most = self._change(here, wanted, chance, other, weight)
        if least is None or most is None:
            return np.inf
        change, slope = most - least, here.gradient[:-1]
        if least.any():
            slope = slope + own.pull(weight * least)[:-1]
        pull = own.pull(weight * change)[:-1]
        products = float(slope @ slope), float(slope @ pull), float(pull @ pull)
        rounding = ROUNDING[own.sharp] * (products[0] + products[2])
        residual, loss = margins.residual() * self.share, margins.loss() * self.share

        def gap(length: float) -> float:
            moved = least + length * change
            there = np.log(chance + moved) - np.log(other - moved)
            lost = loss - Margins(there, own.target).loss() * self.share
            lost -= float((residual + weight * moved) @ (margins.values - there))
            square = products[0] + length * (2 * products[1] + length * products[2])
            return max(lost, 0.0) + (max(square, 0.0) + rounding) / (2 * penalty)

        best = float(minimize_scalar(gap, bounds=(0.0, 1.0), method="bounded").fun)
        return min(best, gap(1.0)) + 16 * EPS * here.value

    def _change(
        self, here: Evaluation, wanted: Doubles, chance: Doubles, other: Doubles, weight: Doubles
    ) -> Doubles | None:
        """Of the residuals of its own rows, to none that no margin has; with the mean of all zero.

        As `wanted` but for that; None if it cannot be. `chance` and `other` are the probabilities
        of the two classes.
        """
        if not self.objective.fit_intercept:
            return np.clip(wanted, -MOST * chance, MOST * other)

        def shifted(shift: float) -> Doubles:
            return np.clip(wanted - shift * self.curvature, -MOST * chance, MOST * other)

        def excess(shift: float) -> float:
            return float(here.gradient[-1]) + float(weight @ shifted(shift))

        if excess(-FARTHEST) * excess(FARTHEST) > 0:
            return None
        return shifted(brentq(excess, -FARTHEST, FARTHEST, xtol=1e-15))

    def _own_step(self, here: Evaluation) -> Doubles:
        """By how much a Newton step in penalty I + share A^T A moves its own rows, but for a shift.

        With b = (A A^T + penalty / share I)^-1 A slope, A times the step is b / share.
        """
        slope = here.gradient[:-1] - self.mean * here.gradient[-1]
        solved = solution(self.own_cholesky, self._image(slope[None])[0])
        seen = self.root > SEEN * self.root.max()
        moved = np.zeros_like(self.root)
        moved[seen] = self.own_ridge / self.objective.penalty * solved[seen] / self.root[seen]
        return moved


class LentGram(SampledGram):
    """The Gram product of a near objective, for several fits; bounds are by the weights of its own.

    All else is the lender's, as it is then: also whether one of the fits has gone on to float64.

    Parameters
    ----------
    lender : SampledGram
        Of some rows.
    objective : Objective
        Of the same data.
    """

    def __init__(self, lender: SampledGram, objective: Objective) -> None:
        assert isinstance(lender.rows, np.ndarray)
        self.lender = lender
        target = objective.target.sample(lender.rows)
        self.objective = replace(objective, data=lender.objective.data, target=target)
        self.share = target.total_weight / objective.target.total_weight

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lender, name)

    @property
    def own_cholesky(self) -> NDArray[Any]:
        """The lender's."""
        return self.lender.own_cholesky

    def solve(self, vector: Doubles) -> Doubles:
        return self.lender.solve(vector)


def _factor(gram: NDArray[Any], ridge: float) -> NDArray[Any] | None:
    """The lower Cholesky factor of a Gram product with a ridge, in its place; None if it fails."""
    gram.flat[:: len(gram) + 1] += gram.dtype.type(ridge)
    # In one thread: unlike the product, it has other bits in more, and gains little by them.
    (factorise,) = lapack.get_lapack_funcs(("potrf",), (gram,))
    cholesky, failed = factorise(gram, lower=1, overwrite_a=1)
    return None if failed else cholesky
