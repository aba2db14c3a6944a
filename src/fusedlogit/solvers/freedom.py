"""Effective degrees of freedom of a minimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from ..problems.multinomial import Multinomial, one_of
from ..problems.objective import Evaluation, Objective
from .hessian import DENSE_FEATURES, CenteredHessian
from .metric import TINY
from .multinomial.hessian import about_mean, class_sandwiches, inverse_of_intercepts
from .requests import Steps, sandwich
from .settings import Doubles

#: Eigenvalues of correlations up to which a column is taken to be determined by others.
ROUNDING = 1e-10


def degrees_of_freedom(problem: Objective | Multinomial, here: Evaluation) -> Steps[float]:
    """The trace of H (H + penalty I)^-1, H the loss's Hessian in the coefficients not zero.

    The intercept is eliminated from H, and does not count. Without an L1 norm all coefficients take
    part (Park and Hastie, 2008, Biostatistics 9); without an L2 penalty H counts them (Zou, Hastie
    and Tibshirani, 2007, Annals of Statistics 35), but for those that others determine where
    nothing is penalised. NaN if H is too large to be formed: for two classes, beyond 2,048 columns
    and, with an L2 penalty, rows; for more, where their coefficients are so many that decision
    values are not kept.

    Parameters
    ----------
    problem : Objective or Multinomial
        Whose passes multiply in float64.
    here : Evaluation
        At the minimum.
    """
    one = one_of(problem)
    nonzero = here.point.reshape(-1, one.data.n_features + 1)[:, :-1] != 0
    if one.l1_penalty and not one.penalty:
        return float(nonzero.sum())
    if not one.l1_penalty:
        nonzero[:] = True
    if isinstance(problem, Objective):
        hessian = yield from _of_two_classes(problem, here, np.flatnonzero(nonzero[0]))
    else:
        hessian = yield from _of_many(problem, here, nonzero.ravel())
    if hessian is None:
        return np.nan
    if not len(hessian):
        return 0.0
    if not one.penalty:
        size = np.sqrt(np.maximum(hessian.diagonal(), 0))
        size[size == 0] = np.inf
        return float((eigvalsh(hessian / size / size[:, None]) > ROUNDING).sum())
    values = np.maximum(eigvalsh(hessian), 0)
    return float((values / (values + one.penalty)).sum())


def _of_two_classes(
    objective: Objective, here: Evaluation, features: NDArray[np.intp]
) -> Steps[Doubles | None]:
    few_rows = objective.data.n_samples < len(features) and objective.penalty > 0
    if (objective.data.n_samples if few_rows else len(features)) > DENSE_FEATURES:
        return None
    if not len(features):
        return np.empty((0, 0))
    if len(features) < objective.data.n_features:
        part = objective.columns(features)
        objective.data.count(part.data)
        objective = part
    if few_rows:
        return _product_of_rows(objective, here.margins.curvature())
    objective = replace(objective, penalty=0.0)
    product = yield from sandwich(objective, here.margins.curvature())
    return CenteredHessian(objective, product).matrix


def _product_of_rows(objective: Objective, row_weight: Doubles) -> Doubles:
    """Of a matrix A such that the Hessian is A^T A: A A^T, which has its eigenvalues but zeros."""
    center = objective.scaling.center
    if objective.fit_intercept:
        total = max(float(row_weight.sum()), TINY)
        center = objective.data.row_sum((row_weight / total)[None], precise=True)[0][0]
    unit = 1 / objective.scaling.scale
    return np.asarray(objective.data.gram(center, unit, np.sqrt(row_weight), np.float64))


def _of_many(
    problem: Multinomial, here: Evaluation, nonzero: NDArray[np.bool_]
) -> Steps[Doubles | None]:
    if here.margins is None:
        return None
    blocks = yield from class_sandwiches(problem, here.margins)
    about_mean(problem, blocks)
    if problem.one.fit_intercept:
        across = blocks[:, :, :-1, -1]
        inverse = inverse_of_intercepts(blocks[..., -1, -1])
        own = np.einsum("kmi,mn,lnj->klij", across, inverse, across, optimize=True)
        matrix = blocks[..., :-1, :-1] - own
    else:
        matrix = blocks[..., :-1, :-1]
    matrix = matrix.transpose(0, 2, 1, 3).reshape(len(nonzero), len(nonzero))
    return np.asarray(matrix[np.ix_(nonzero, nonzero)])
