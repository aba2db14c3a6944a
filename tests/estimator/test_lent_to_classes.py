"""What folds of many classes share near the fit of all rows, and that they end where each would."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.model_selection import ShuffleSplit, StratifiedKFold

from fusedlogit import LogisticRegression, LogisticRegressionCV
from fusedlogit.data.shared import SharedMatrix
from fusedlogit.data.sparse import SparseMatrix
from fusedlogit.fitting import Labels
from fusedlogit.problems.multinomial import MOST_COEFS
from fusedlogit.selection.costs import Costs
from fusedlogit.selection.folds import splits_of, targets_of
from fusedlogit.selection.penalties import Penalty
from fusedlogit.solvers import Settings
from fusedlogit.solvers.multinomial import SOLVERS
from fusedlogit.solvers.multinomial.hessian import class_hessian
from fusedlogit.solvers.multinomial.lent import LentBlocks, LentHessians
from fusedlogit.solvers.scheduler import run

NEWTON = SOLVERS["newton"]
SETTINGS = Settings(max_iter=1000, tol=1e-9, learning_rate=0.05, callback=None)


def pictures(n_classes, n_features=64, dtype="float64"):
    X, y = load_digits(return_X_y=True)
    rows = y < n_classes
    X = np.hstack([X, X[:, ::-1] % 7])[rows, :n_features]
    return X.astype(dtype), y[rows]


def folds_of(X, y, splitter, C=0.1, weight=None, scaling=None):
    """The fit of all rows, near its minimum, and the problems of the folds."""
    data = SparseMatrix.of(X, 2) if sparse.issparse(X) else SharedMatrix(X, 2)
    labels = Labels.of(y, "a test")
    target, targets = targets_of(labels, weight, splits_of(splitter.split(y, y), len(y)))
    parameters = labels.n_classes, scaling, True, 1.0
    whole = Costs(data, target, *parameters)
    like = None if scaling == "standard" else whole
    problem = whole.under(Penalty(C, 0.0))
    fits = [Costs(data, own, *parameters, like=like).under(Penalty(C, 0.0)) for own in targets]
    start = np.zeros(problem.n_coefs)
    loose = replace(SETTINGS, tol=1e-4, certify=False)
    (near,) = run([NEWTON.solve(problem, start, loose)])
    return problem, near, fits


def lend(problem, near, fits):
    return run([NEWTON.lend(problem, near, fits, 0, None)])[0]


@pytest.mark.parametrize("kind", ["float64", "float32", "uint8", "csr"])
@pytest.mark.parametrize("n_splits", [2, 5])
def test_sums_of_other_folds_are_a_hessian_of_ones_own(n_splits, kind):
    X, y = pictures(4, 20, "float64" if kind == "csr" else kind)
    X = sparse.csr_array(X) if kind == "csr" else X
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    problem, near, fits = folds_of(X, y, StratifiedKFold(n_splits), weight=weight)
    before = problem.data.n_passes
    lent = lend(problem, near, fits)
    assert isinstance(lent, LentHessians)
    for fit in [*fits, problem]:
        margins = near.margins.held_to(fit.target)
        (own,) = run([class_hessian(fit, margins)])
        vector = np.random.default_rng(1).normal(size=fit.n_coefs)
        found = lent.lent(fit).solve(vector)
        np.testing.assert_allclose(found, own.solve(vector), rtol=0, atol=1e-3 * np.ptp(found))
    assert problem.data.n_passes > before


def test_sums_in_float32_are_taken_for_no_others():
    """Whether or not a fit has gone on to float64."""
    problem, near, fits = folds_of(*pictures(4, 20, "float32"), StratifiedKFold(2))
    lent = lend(problem, near, fits)
    assert not lent.lent(fits[0]).sharp
    assert not lent.lent(fits[0].sharpened()).sharp


@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("n_classes", "n_features"), [(4, 64), (10, 80)])
def test_folds_end_where_they_end_alone(n_classes, n_features, C):
    X, y = (part[::2] for part in pictures(n_classes, n_features))
    problem, near, fits = folds_of(X, y, StratifiedKFold(3), C)
    lent = lend(problem, near, fits)
    assert isinstance(lent, LentHessians if n_classes == 4 else LentBlocks)
    settings = replace(SETTINGS, lent=lent)
    together = run([NEWTON.solve(fit, near.point, settings) for fit in fits])
    for fit, result in zip(fits, together, strict=True):
        (alone,) = run([NEWTON.solve(fit, near.point, SETTINGS)])
        assert result.converged
        assert result.history[-1] == pytest.approx(alone.history[-1], rel=2e-9)


def test_hessians_of_all_coefficients_are_lent_up_to_as_many_as_have_one():
    kinds = {}
    for n_features in (MOST_COEFS // 10 - 1, MOST_COEFS // 10):
        X, y = pictures(10, n_features)
        kinds[n_features] = type(lend(*folds_of(X, y, StratifiedKFold(2))))
    assert list(kinds.values()) == [LentHessians, LentBlocks]


def test_nothing_is_lent_where_it_would_be_wrong_or_large(monkeypatch):
    X, y = pictures(3, 20)
    assert lend(*folds_of(X, y, ShuffleSplit(3, test_size=0.5, random_state=0))) is None
    problem, near, fits = folds_of(X, y, StratifiedKFold(3))
    free = replace(fits[0], one=replace(fits[0].one, penalty=0.0))
    elsewhere = replace(fits[0], one=replace(fits[0].one, about=np.ones(20)))
    other = replace(fits[0], one=replace(fits[0].one, data=SharedMatrix(X, 2)))
    for fit in (free, elsewhere, other):
        assert lend(problem, near, [*fits[1:], fit]) is None
    numbers = 3 * (3 * 21) ** 2
    monkeypatch.setattr("fusedlogit.solvers.multinomial.lent.MOST_NUMBERS", numbers)
    assert lend(problem, near, fits) is not None
    monkeypatch.setattr("fusedlogit.solvers.multinomial.lent.MOST_NUMBERS", numbers - 1)
    assert lend(problem, near, fits) is None


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_a_search_is_that_of_separate_fits(scaling):
    X, y = pictures(5, 30)
    X[:, 0] += 1e4  # means of its own in each fold
    cv = StratifiedKFold(3)
    search = LogisticRegressionCV(Cs=[1e-2, 1.0, 1e2], cv=cv, scaling=scaling, tol=1e-10).fit(X, y)
    assert search.folds_converged_.all()
    for j, C in enumerate(search.Cs_):
        for k, (train, test) in enumerate(cv.split(X, y)):
            model = LogisticRegression(C=C, scaling=scaling, tol=1e-10).fit(X[train], y[train])
            assert search.scores_[k, 0, j] == model.score(X[test], y[test])
            found = search.coefs_paths_[k, 0, j]
            z = X[train] @ found[:, :-1].T + found[:, -1]
            np.testing.assert_allclose(z, model.decision_function(X[train]), rtol=0, atol=1e-2)
