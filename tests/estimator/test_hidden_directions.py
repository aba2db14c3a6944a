"""Directions whose curvature a Hessian cannot tell from rounding: what is claimed of them."""

import numpy as np
import pytest

from fusedlogit import LogisticRegression

from .exact import Exact
from .test_hard_data import distance


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [7, 42])
@pytest.mark.parametrize("C", [1e3, 1e5])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_directions_of_hardly_any_curvature(seed, C, l1_ratio):
    # Nearly equal columns, whose differences few rows of much weight tell from rounding.
    rng = np.random.default_rng(seed)
    mixed = np.eye(12) * 10.0 ** -rng.integers(2, 5) + np.ones((12, 12))
    X = (rng.normal(size=(300, 12)) @ mixed).astype(np.float16)
    y, weight = rng.integers(0, 2, 300), 10 ** rng.uniform(-12, 12, 300)
    most = 200 if l1_ratio else 1000  # from the sixtieth on, none falls by much
    model = LogisticRegression(C=C, l1_ratio=l1_ratio, max_iter=most).fit(X, y, weight)
    assert not model.converged_ or distance(model, X, y, weight) <= 1.01e-8


def fits_of_what_rounding_hides():
    """Fits with a point known that may be far below: X, y, parameters, and its coefficients."""
    rng = np.random.default_rng(0)
    d = np.round(rng.normal(size=300) * 64) / 64
    y = (d + rng.normal(size=300) > 0).astype(int)
    a = np.round(rng.normal(size=300) * 8) / 8
    for gap in (2.0**-40, 2.0**-42, 2.0**-43):
        near = np.c_[a, a + d * gap]
        for parameters in (
            {"C": np.inf}, {"C": np.inf, "solver": "lbfgs"}, {"C": 10 / gap**2},
            {"C": 10 / gap**2, "scaling": "standard"}, {"C": 10 / gap, "l1_ratio": 1.0},
        ):  # fmt: skip
            yield near, y, parameters, np.array([-1, 1]) / gap
    begin = 1.7e18 + np.round(rng.uniform(0, 1e6, 300) / 256) * 256
    end = begin + 256 * 1024 * d
    for parameters in ({"C": np.inf}, {"C": 1.0}, {"C": 1.0, "l1_ratio": 1.0}):
        times = np.c_[begin, end]
        yield times, y, parameters | {"fit_intercept": False}, np.array([-1, 1]) / (256 * 1024)
    far = np.round(rng.normal(size=(300, 3)) * 64) / 64
    y = (far[:, 0] + rng.normal(size=300) > 0).astype(int)
    for mean in (1e12, 1e13):
        for l1_ratio in (0.0, 0.5, 1.0):
            parameters = {"fit_intercept": False, "l1_ratio": l1_ratio}
            yield far + mean, y, parameters, np.array([1.0, -0.5, -0.5])


exact_costs = pytest.mark.skipif(
    np.finfo(np.longdouble).eps == np.finfo(float).eps, reason="costs are no more exact than fits"
)


@exact_costs
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("number", range(24))
def test_what_rounding_hides_is_not_claimed(number):
    X, y, parameters, coef = list(fits_of_what_rounding_hides())[number]
    # The others end by themselves; of these no step after the thirtieth falls by much.
    most = 200 if parameters.get("l1_ratio") else 1000
    model = LogisticRegression(max_iter=most, **parameters).fit(X, y)
    assert not model.converged_
    exact = Exact(model, X, y, None)
    mine = exact.cost_of_model(model)
    model.coef_, model.intercept_ = coef[None], np.zeros(1)
    if parameters.get("solver") != "lbfgs":  # which may come to a point that is lower still
        assert exact.cost_of_model(model) < mine * (1 - 1e-3)


@exact_costs
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(40, 50))
def test_a_direction_that_few_rows_know_is_followed_to_its_end(seed):
    # A copy of a column but for six rows, one of which moves far before the others tell.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 3))
    y = (X @ [1, -1, 0.5] + rng.logistic(size=200) > 0).astype(int)
    change = np.zeros(200)
    rows = rng.choice(np.flatnonzero(y), 6, replace=False)
    change[rows[:5]], change[rows[5]] = 3e-8, rng.choice([1e-6, 1e-5, 1e-4, 1e-3])
    X = np.column_stack([X, X[:, 0] + change])
    model = LogisticRegression(C=np.inf, tol=1e-4).fit(X, y)
    exact, begin = Exact(model, X, y, None), model.coef_[0]
    mine = exact.cost_of_model(model)
    for size in 10 ** np.arange(3, 10, 0.25):
        model.coef_ = (begin + size * np.array([-1, 0, 0, 1]))[None]
        assert not model.converged_ or exact.cost_of_model(model) >= mine * (1 - 1.01e-4)


@exact_costs
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(12))
def test_a_flat_direction_far_from_zero_is_no_rounding(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 4)) + 10.0 ** rng.uniform(5.5, 7)
    X = np.column_stack([X, X[:, 0] + 1e-3 * rng.normal(size=100)])
    y = (rng.random(100) < 0.5).astype(int)
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-4).fit(X, y)
    exact, begin = Exact(model, X, y, None), model.coef_[0]
    mine, flattest = exact.cost_of_model(model), np.linalg.svd(X, full_matrices=False)[2][-1]
    for size in np.linspace(-2, 2, 41) / np.std(X @ flattest):
        model.coef_ = (begin + size * flattest)[None]
        assert not model.converged_ or exact.cost_of_model(model) >= mine * (1 - 1.01e-4)
