"""Other libraries' solvers and ours: fit(X, y, problem, tol) -> coef of X, intercept, passes.

Where a library tells no passes, it is iterations, or None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

THREADS = 2


def strength(problem, n_samples):
    return 1 / (n_samples * (problem.l2 + problem.l1))


def fit_fusedlogit(solver):
    def fit(X, y, problem, tol):
        from fusedlogit import LogisticRegression

        model = LogisticRegression(
            C=strength(problem, len(y)),
            l1_ratio=float(problem.l1 > 0),
            scaling=problem.divisor,
            solver=solver,
            tol=tol,
            max_iter=2_000,
            n_jobs=THREADS,
        ).fit(X, y)
        return model.coef_, model.intercept_, model.n_passes_

    return fit


def fit_scikit_learn(solver, **settings):
    def fit(X, y, problem, tol):
        from sklearn.linear_model import LogisticRegression

        given = {"solver": solver, "tol": tol, "max_iter": 2_000} | settings
        model = LogisticRegression(C=strength(problem, len(y)), **given).fit(X, y)
        return model.coef_, model.intercept_, int(np.max(model.n_iter_))

    return fit


def fit_intelex(X, y, problem, tol):
    from sklearnex.linear_model import LogisticRegression

    model = LogisticRegression(
        C=strength(problem, len(y)), solver="lbfgs", tol=tol, max_iter=2_000
    ).fit(X, y)
    return model.coef_, model.intercept_, int(np.max(model.n_iter_))


def fit_cyanure(X, y, problem, tol):
    from cyanure.estimators import Classifier

    many = y.max() > 1
    model = Classifier(
        loss="multiclass-logistic" if many else "logistic",
        penalty="l1" if problem.l1 else "l2",
        lambda_1=problem.l1 or problem.l2,
        tol=tol,
        max_iter=2_000,
        n_threads=THREADS,
        fit_intercept=True,
        verbose=False,
    )
    model.fit(X, y)
    coef = np.asarray(model.coef_)
    return (coef.T if many else np.ravel(coef)), np.ravel(model.intercept_), None


def fit_snapml(X, y, problem, tol):
    from snapml import LogisticRegression

    model = LogisticRegression(
        regularizer=problem.l2 * len(y), tol=tol, max_iter=2_000, n_jobs=THREADS,
        fit_intercept=True, intercept_scaling=1.0 if issparse(X) else 100.0,
        dual=issparse(X) or X.shape[1] < len(y),
    )  # fmt: skip
    model.fit(X, y)
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), None


def fit_glum(X, y, problem, tol):
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="binomial", alpha=problem.l2, l1_ratio=0, solver="irls-ls", gradient_tol=tol,
        max_iter=500, copy_X=False,
    ).fit(X, y)  # fmt: skip
    return model.coef_, model.intercept_, int(model.n_iter_)


def fit_skglm(X, y, problem, tol):
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(alpha=problem.l1, tol=tol, max_iter=200).fit(X, y)
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), int(model.n_iter_)


@dataclass(frozen=True)
class Method:
    """A library's solver.

    Attributes
    ----------
    fit : callable
    module : str
        What must be installed.
    problems : tuple of str
    tols : tuple of float
        From loose to tight, in the method's own sense.
    order : str
        Of X in memory.
    floats : type, optional
        All that it takes; otherwise those of the problem.
    settings : str
        Told in the report.
    """

    fit: Any
    module: str
    problems: tuple[str, ...]
    tols: tuple[float, ...]
    order: str = "C"
    floats: type | None = None
    settings: str = ""


SMOOTH = ("images", "images-weak", "tall", "tall-units", "correlated")
CLASSES = ("digits", "digits-weak", "mixture", "texts-classes")
SPARSE = ("texts", "texts-weak", "pattern", "pattern-weak", "categories")
L1 = ("images-l1", "digits-l1", "texts-l1")
OURS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
METHODS = {
    "fusedlogit auto": Method(
        fit_fusedlogit("auto"), "fusedlogit", (*SMOOTH, "small", *CLASSES, *SPARSE, *L1), OURS,
        settings="X as stored, scaling=255 for images and digits",
    ),
    "fusedlogit lbfgs": Method(fit_fusedlogit("lbfgs"), "fusedlogit", SMOOTH, OURS[:6]),
    "scikit-learn lbfgs": Method(
        fit_scikit_learn("lbfgs"), "sklearn",
        ("images", "tall", "correlated", "small", *CLASSES, *SPARSE),
        (1e-4, 1e-5, 1e-6, 1e-7, 1e-9),
    ),
    "scikit-learn as it comes": Method(
        fit_scikit_learn("lbfgs", max_iter=100), "sklearn", ("small",), (1e-4,),
        settings="ends after 100 iterations, not converged",
    ),
    "scikit-learn newton-cg": Method(
        fit_scikit_learn("newton-cg"), "sklearn", ("images", "images-weak", *CLASSES, *SPARSE),
        (1e-4, 1e-5, 1e-6, 1e-8),
    ),
    "scikit-learn newton-cholesky": Method(
        fit_scikit_learn("newton-cholesky"), "sklearn",
        ("tall", "tall-units", "correlated", "small", "digits"), (1e-3, 1e-4, 1e-6, 1e-10),
    ),
    "scikit-learn saga": Method(
        fit_scikit_learn("saga", l1_ratio=1.0), "sklearn", ("digits-l1", "texts-l1"),
        (1e-2, 1e-3, 1e-4), settings="one thread",
    ),
    "scikit-learn-intelex lbfgs": Method(
        fit_intelex, "sklearnex", (*SMOOTH, *CLASSES, *SPARSE), (1e-4, 1e-5, 1e-6, 1e-8),
    ),
    "cyanure": Method(
        fit_cyanure, "cyanure",
        ("images", "images-weak", "tall", "correlated", *CLASSES, *SPARSE, *L1),
        (1e-1, 1e-2, 1e-3, 1e-5, 1e-7), settings="solver='auto' (QNing)",
    ),
    "snapml": Method(
        fit_snapml, "snapml", ("images", "tall", *SPARSE), (1e-2, 1e-3, 1e-4, 1e-6),
        settings="intercept_scaling=100, for it penalises the intercept; 1 for sparse rows",
    ),
    "glum irls-ls": Method(fit_glum, "glum", ("tall", "tall-units"), (1e-4, 1e-7, 1e-10)),
    "liblinear": Method(
        fit_scikit_learn("liblinear", intercept_scaling=100.0), "sklearn", SPARSE,
        (1e-2, 1e-4, 1e-6), floats=np.float64,
        settings="intercept_scaling=100, for it penalises the intercept; float64; one thread",
    ),
    "liblinear l1": Method(
        fit_scikit_learn("liblinear", l1_ratio=1.0, intercept_scaling=100.0), "sklearn",
        ("images-l1", "texts-l1"), (1e-2, 1e-3, 1e-4), floats=np.float64,
        settings="intercept_scaling=100, for it penalises the intercept; float64; one thread",
    ),
    "skglm": Method(
        fit_skglm, "skglm", ("images-l1", "texts-l1"), (1e-4, 1e-6, 1e-8), order="F",
        settings="X by columns; compiled before",
    ),
}  # fmt: skip


def converted(method, problem, X):
    """What the method is given, and what its coefficients are divided by."""
    floats = method.floats or problem.floats
    if method.module == "fusedlogit":
        return X, 1.0
    if issparse(X):
        data = csr_matrix(X, dtype=floats)  # peers want 32 bits of indices, and matrices
        data.indptr, data.indices = data.indptr.astype(np.int32), data.indices.astype(np.int32)
        return (data if method.order == "C" else data.tocsc()), 1.0
    data = np.array(X, dtype=floats, order=method.order)
    data /= floats(problem.divisor)
    return data, problem.divisor
