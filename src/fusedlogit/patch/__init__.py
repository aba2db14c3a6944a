"""Our estimators in the place of scikit-learn's, for code that imports them from there."""

from __future__ import annotations

from sklearn import linear_model

from .classes import LogisticRegression
from .cross_validation import LogisticRegressionCV

#: What each name of `sklearn.linear_model` becomes.
OURS = {
    "LogisticRegression": LogisticRegression,
    "LogisticRegressionCV": LogisticRegressionCV,
}

_THEIRS = {name: getattr(linear_model, name) for name in OURS}

__all__ = ["OURS", "patch_sklearn", "unpatch_sklearn"]


def patch_sklearn() -> None:
    """Let ``LogisticRegression`` and ``LogisticRegressionCV`` of ``sklearn.linear_model`` be ours.

    They are subclasses of scikit-learn's own: arguments, defaults, attributes, clones and pickles
    are as they were, and fits are ours. What ours does not do goes on to scikit-learn with a line
    in the log ``"fusedlogit"``, of level INFO, that says why: ``solver="liblinear"``, which
    penalises the intercept, callbacks, arrays of other libraries, folds that lack a class, and
    values that scikit-learn itself refuses, so that its errors are its own.

    ``tol`` bounds the distance to the minimum of the cost, relative to it, by ``tol ** 2``
    (scikit-learn's bounds the gradient, whose square that distance follows), but not below 1e-12;
    ``max_iter`` bounds iterations of our solvers, which are fewer; ``n_jobs`` is a number of
    threads.

    Call it before others import the class: a module that has imported it by name
    (``from sklearn.linear_model import LogisticRegression``) keeps what it has, and processes that
    are started later are not patched unless they call it. Models that were pickled before are
    loaded as scikit-learn's, and are no instances of ours; those fitted by ours need fusedlogit to
    be loaded, patched or not.

    See Also
    --------
    unpatch_sklearn : Undo it.

    Notes
    -----
    ``python -m fusedlogit.patch script.py [arguments]`` runs a script as it is.

    Examples
    --------
    >>> import fusedlogit
    >>> fusedlogit.patch_sklearn()
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> bool(LogisticRegression().fit(*load_iris(return_X_y=True)).converged_)
    True
    >>> fusedlogit.unpatch_sklearn()
    """
    for name, cls in OURS.items():
        setattr(linear_model, name, cls)


def unpatch_sklearn() -> None:
    """Give ``sklearn.linear_model`` its own classes back; models of ours go on as they are."""
    for name, cls in _THEIRS.items():
        setattr(linear_model, name, cls)
