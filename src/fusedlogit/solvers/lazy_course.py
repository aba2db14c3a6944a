"""A walk over sparse rows: in a metric of the columns' own second moments, about the origin.

Centring would make rows dense, and the metric of a sample would know nothing of most columns. The
inverse of the metric is diagonal, 1 / sqrt(curvature square + l2): the square root, as of Duchi,
Hazan and Singer (2011, Journal of Machine Learning Research 12), for there steps that are stable in
rows of rare columns are not too short for common ones. With `top` the largest eigenvalue of the
features' second moments there, and tr their mean square, a step over B rows is stable up to about
2 / (top + tr / B).
"""

from __future__ import annotations

import numpy as np

from ..data.lazy_walk import GAIN, UNIT, LazyWalk
from ..data.sparse import SparseMatrix
from ..problems.links import SOFTMAX, by_class
from ..problems.objective import Objective
from .settings import SGD, Doubles

#: Rows that the length of a step is taken from.
ROWS = 2048

#: Of the loss, what its second derivative is at most for two classes; what of it is mixed into that
#: of each row: margins may come nearer to zero.
CURVATURE, MOST_SHARE = 0.25, 0.1

#: Products with second moments that show the largest eigenvalue nearly enough.
POWERS = 8


class LazyCourse:
    """A walk over sparse rows, whose length of step and gains are told by `renew`.

    Its metric does not follow the curvature, and `share` of the longest step is taken at first.

    Parameters
    ----------
    walk : LazyWalk
    squares : ndarray of shape (n_features,)
        Mean squares of the features.
    offset : ndarray of shape (n_features,)
        Of the features in which points are told, less those that the walk is over.
    rows : SparseMatrix
        A sample.
    step : float or None
        That the user asks for.
    """

    follows = False
    share = 0.25

    def __init__(
        self,
        walk: LazyWalk,
        squares: Doubles,
        offset: Doubles,
        rows: SparseMatrix,
        step: float | None,
    ) -> None:
        self.walk, self.squares, self.offset, self.step = walk, squares, offset, step
        self.sample = Sample(rows)
        self.longest: float | None = None

    @classmethod
    def of(
        cls, one: Objective, n_vectors: int, batch_rows: int, options: SGD,
        generator: np.random.Generator,
    ) -> LazyCourse:  # fmt: skip
        """At no place yet.

        Raises
        ------
        ValueError
            If the options or the scaling ask for what would make rows dense.
        """
        refuse_momentum(options)
        unit = 1 / one.scaling.scale
        offset = -one.scaling.center * unit
        require_intercept(bool(offset.any()), one.fit_intercept)
        walk = LazyWalk.beginning(
            unit, n_vectors, batch_rows, one.penalty, one.l1_penalty, averaged=options.average,
            fit_intercept=one.fit_intercept,
        )  # fmt: skip
        data, target = one.data, one.target
        squares = data.squares(target.row_weight)[1] * unit**2 / target.total_weight
        rows = generator.choice(data.n_samples, min(ROWS, data.n_samples), replace=False)
        sample: SparseMatrix = data.sample(np.sort(rows))  # type: ignore[assignment]
        return cls(walk, squares, offset, sample, options.step)

    def renew(self, table: Doubles, share: float) -> None:
        """Walk on from a point (K, n_features + 1) with a share of the longest step.

        Gains and step are taken at the first one: were they to follow the curvature, which falls
        on the way, steps would grow beyond what rows that are still far from their margins bear.
        """
        walk = self.walk
        walk.begin_again(*self._about_origin(table))
        if self.longest is None:
            self.longest = self._longest_step()
        walk.step = self.step or share * self.longest

    def _longest_step(self) -> float:
        """By the gains, which are taken where the walk is."""
        walk, sample = self.walk, self.sample
        curvature = sample.curvature(walk)
        mean = float(curvature.mean())
        seen = self.squares > 0
        least = float(self.squares[seen].min()) if seen.any() else 1.0
        walk.columns[:, GAIN] = walk.gains_by(mean, np.where(seen, self.squares, least))
        walk.intercept_gain = 1 / np.sqrt(mean)
        return sample.longest_step(walk, walk.columns[sample.columns, GAIN], curvature)

    def _about_origin(self, table: Doubles) -> tuple[Doubles, Doubles]:
        return table[:, :-1], table[:, -1] + table[:, :-1] @ self.offset

    def reached(self) -> Doubles:
        """The point that the walk has led to, (K, n_features + 1)."""
        coef, intercept = self.walk.reached()
        return np.column_stack([coef, intercept - coef @ self.offset])


class Sample:
    """Some sparse rows, of the columns that occur in them alone; of one if none does.

    Parameters
    ----------
    rows : SparseMatrix
    weight : ndarray of shape (n_rows,), optional
        Theirs; one is the mean of all rows.
    """

    def __init__(self, rows: SparseMatrix, weight: Doubles | None = None) -> None:
        self.weight = np.ones(rows.n_samples) if weight is None else weight
        columns, places = np.unique(rows.indices, return_inverse=True)
        self.columns = columns if len(columns) else np.zeros(1, columns.dtype)
        self.rows = SparseMatrix(
            rows.indptr, places.astype(np.int32), rows.values, len(self.columns), 1
        )

    def curvature(self, walk: LazyWalk) -> Doubles:
        """Of the loss in each row where a walk is: see `curvature_of`."""
        coef = walk.coef_of(self.columns) * walk.columns[self.columns, UNIT]
        decision = self.rows.decision_values(coef, walk.intercept)
        return curvature_of(decision)

    def squares(self) -> Doubles:
        """The sums of squares of the columns, each row's by its weight."""
        return self.rows.squares(self.weight)[1]

    def longest_step(self, walk: LazyWalk, gain: Doubles, curvature: Doubles) -> float:
        """That is stable, by what the rows are in the metric.

        In the steps of single rows weights count twice, as what these do and as how far they go.
        """
        n_rows = self.rows.n_samples
        curvature = curvature * self.weight
        single = curvature * self.weight
        root = np.sqrt(gain) * walk.columns[self.columns, UNIT]
        root_of_one = float(np.sqrt(walk.intercept_gain)) if walk.fit_intercept else 0.0
        trace = float(self.rows.squares(single)[1] @ root**2)
        trace = (trace + root_of_one**2 * float(single.sum())) / n_rows
        vector, vector_of_one, top = np.ones(len(root)), 1.0, 0.0
        for _ in range(POWERS):
            product, of_one = self.rows.hessian_product(
                curvature[None], (root * vector)[None], np.array([root_of_one * vector_of_one])
            )
            vector, vector_of_one = root * product[0], root_of_one * float(of_one[0])
            size = float(np.hypot(np.linalg.norm(vector), vector_of_one))
            if size == 0:
                break
            top = size / n_rows
            vector, vector_of_one = vector / size, vector_of_one / size
        bound = top + trace / walk.batch_rows
        return 2 / bound if bound > 0 else 1.0


def curvature_of(decision: Doubles) -> Doubles:
    """Of the loss in each row, (K, n_rows), with a share of the most that it may be."""
    p = SOFTMAX.probabilities(by_class(decision))
    curvature: Doubles = (p * (1 - p)).max(axis=0)
    return (1 - MOST_SHARE) * curvature + MOST_SHARE * CURVATURE


def refuse_momentum(options: SGD) -> None:
    """Raise a ValueError: under momentum all coefficients move at each step."""
    if options.momentum:
        raise ValueError(
            f"SGD(momentum={options.momentum}) moves every coefficient at each step, which over "
            "sparse rows costs too much: use momentum=0"
        )


def require_intercept(centred: bool, fit_intercept: bool) -> None:
    """Raise a ValueError: centring sparse rows makes them dense, and a stream's centre moves."""
    if centred and not fit_intercept:
        raise ValueError(
            "scaling='standard' centres these rows by way of the intercept: stochastic descent "
            "needs fit_intercept=True, or scaling by a number"
        )
