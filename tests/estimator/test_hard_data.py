"""Data that hides digits: far from zero, nearly collinear, with a common factor, in any unit."""

import re
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning

from fusedlogit import LogisticRegression

from .exact import Exact


def fit(X, y, weight=None, **parameters):
    """A fit that must converge, without any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(**parameters).fit(X, y, weight)
    assert model.converged_
    return model


def distance(model, X, y, weight=None):
    """(J - J*) / J in long double."""
    exact = Exact(model, X, y, weight)
    cost = exact.cost_of_model(model)
    return float((cost - exact.least(model)) / cost)


def labels(rng, features, strength=2.0):
    """Classes that no line separates."""
    coef = rng.normal(size=features.shape[1]) * strength / np.sqrt(features.shape[1])
    return (features @ coef + rng.logistic(size=len(features)) > 0).astype(int)


@pytest.mark.parametrize("ratio", [30, 100, 3e3, 1e5])
@pytest.mark.parametrize("scaling", [None, "standard"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_means_far_from_zero(ratio, scaling, l1_ratio):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4_000, 6))
    y = labels(rng, features)
    X = (features + ratio * rng.choice([-1, 1], 6)).astype(np.float32)
    model = fit(X, y, C=1.0, scaling=scaling, l1_ratio=l1_ratio)
    assert distance(model, X, y) <= 1e-8


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize(
    ("dtype", "far", "spread"),
    [("uint16", 40_000, 10), ("float16", 500, 1), ("float64", 1e7, 1), ("float64", 1e9, 1)],
)
def test_types_far_from_zero(dtype, far, spread, solver):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3_000, 5))
    y = labels(rng, features)
    values = far + spread * features
    X = (np.rint(values) if dtype == "uint16" else values).astype(dtype)
    model = fit(X, y, solver=solver)
    assert distance(model, X, y) <= 1e-8


def test_predictions_far_from_zero_are_as_good():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(500, 4))
    X = (1e5 + features).astype(np.float32)
    model = fit(X, labels(rng, features))
    z = X.astype(np.longdouble) @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.decision_function(X), z.astype(float), atol=1e-9)


@pytest.mark.parametrize("n_samples", [1_000, 120_000])
def test_data_near_zero_is_computed_in_float32_until_the_end(n_samples, monkeypatch):
    """At most a few of the passes are in float64: clean data keeps its speed."""
    from fusedlogit.data.dense import DenseMatrix

    precise, run = [], DenseMatrix._run

    def count(self, *arguments, **keywords):
        precise.append(keywords.get("precise", False))
        return run(self, *arguments, **keywords)

    monkeypatch.setattr(DenseMatrix, "_run", count)
    rng = np.random.default_rng(3)
    features = rng.normal(size=(n_samples, 8)).astype(np.float32)
    fit(features, labels(rng, features))
    assert 1 <= sum(precise) <= 3
    assert len(precise) > 2 * sum(precise) or n_samples == 1_000


@pytest.mark.parametrize("C", [1.0, 1e6, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nearly_collinear_columns(C, dtype):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 17)) + 1e-4 * rng.normal(size=(300, 17))
    X = X.astype(dtype)
    y = labels(rng, X[:, :2])
    model = fit(X, y, C=C, scaling="standard")
    assert distance(model, X, y) <= 1e-8


def common_factor(rng, n_samples, n_features, strength):
    return rng.normal(size=(n_samples, n_features)) + strength * rng.normal(size=(n_samples, 1))


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
def test_wide_data_with_a_common_factor(C, solver):
    rng = np.random.default_rng(2)
    X = common_factor(rng, 200, 3_000, 3)
    coef = rng.normal(size=3_000) * 2 / np.sqrt(3_000)
    y = (rng.random(200) < 1 / (1 + np.exp(-(X @ coef)))).astype(int)
    model = fit(X, y, C=C, solver=solver, max_iter=5_000)
    other = fit(X, y, C=C, solver="newton", tol=1e-10, random_state=1)
    assert model.history_[-1] <= other.history_[-1] * (1 + 1e-8) + 1e-14


def test_wide_bytes_with_a_common_factor():
    rng = np.random.default_rng(5)
    X = common_factor(rng, 400, 600, 10)
    X = np.clip(np.rint(128 + 5 * X), 0, 255).astype(np.uint8)
    y = labels(rng, X / 255.0 - 0.5)
    model = fit(X, y, C=100.0, scaling=255)
    assert distance(model, X, y) <= 1e-8


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("dtype", "exponent"),
    [("float32", e) for e in (-130, -80, -60, 60, 110)]
    + [("float64", e) for e in (-990, -560, -300, 300, 500, 980)],
)  # fmt: skip
@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"l1_ratio": 0.5}], ids=str)
def test_units_change_nothing(dtype, exponent, order, parameters):
    X, y = load_breast_cancer(return_X_y=True)
    X = np.asarray(X, dtype=dtype, order=order)
    # A power of two: but for denormals, the same digits.
    scaled = np.ldexp(X, exponent)
    back = np.ldexp(scaled.astype(float), -exponent)
    model = fit(scaled, y, scaling="standard", **parameters)
    same = fit(back, y, scaling="standard", **parameters)
    np.testing.assert_allclose(model.history_[-1], same.history_[-1], rtol=1e-8)
    np.testing.assert_allclose(model.predict_proba(scaled), same.predict_proba(back), atol=2e-3)


@pytest.mark.parametrize(
    ("dtype", "unit"), [("float64", 1e-300), ("float64", 1e300), ("float32", 1e-37)]
)
def test_one_column_of_extreme_units_spoils_none(dtype, unit):
    X, y = load_breast_cancer(return_X_y=True)
    mixed = X.copy()
    mixed[:, 3] *= unit
    model = fit(mixed.astype(dtype), y, scaling="standard")
    np.testing.assert_allclose(
        model.history_[-1], fit(X, y, scaling="standard").history_[-1], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        ((300, 12), {}),
        ((20_000, 4), {}),
        ((250_000, 22), {}),
        ((300, 600), {}),
        ((1_500, 2_100), {}),
        ((400, 500), {"l1_ratio": 1.0}),
        ((300, 12), {"solver": "lbfgs"}),
    ],
)
def test_every_read_of_x_is_counted(shape, parameters, monkeypatch):
    """Each pass over all of X, over a sample or a working set, and the copies these are."""
    from fusedlogit.data.dense import DenseMatrix

    read = []

    def note(name, copies):
        original = getattr(DenseMatrix, name)

        def noting(self, *arguments, **keywords):
            result = original(self, *arguments, **keywords)
            read.append((result if copies else self).X.nbytes)
            return result

        monkeypatch.setattr(DenseMatrix, name, noting)

    for name in ("_run", "sandwich", "gram", "moments"):
        note(name, copies=False)
    for name in ("sample", "columns"):
        note(name, copies=True)
    rng = np.random.default_rng(8)
    X = rng.normal(size=shape).astype(np.float32)
    model = fit(X, labels(rng, X[:, :4]), scaling="standard", C=1e-3, **parameters)
    np.testing.assert_allclose(model.n_passes_, sum(read) / X.nbytes, rtol=1e-9)


def test_a_coefficient_beyond_float64_is_refused():
    X = np.random.default_rng(0).normal(size=(50, 2)) * 1e-310
    with pytest.raises(ValueError, match="multiply column 0 of X"):
        LogisticRegression(scaling="standard", C=1e3).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("unit", [1e-300, 1e-30, 1.0, 1e300])
def test_separable_classes_without_a_penalty_have_no_minimum_in_any_unit(unit):
    rng = np.random.default_rng(6)
    X = np.concatenate([rng.normal(size=(50, 3)) - 4, rng.normal(size=(50, 3)) + 4]) * unit
    y = np.repeat([0, 1], 50)
    with pytest.warns(ConvergenceWarning, match="within 1 of the minimum.*without bound"):
        model = LogisticRegression(C=np.inf).fit(X, y)
    assert not model.converged_
    assert model.history_[-1] < 1e-5


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("absent", [0, 1])
def test_weights_that_leave_one_class_alone_are_refused(l1_ratio, absent):
    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(l1_ratio=l1_ratio)
    with pytest.raises(ValueError, match=f"zero for every sample of class {absent}"):
        model.fit(X, y, sample_weight=(y != absent).astype(float))
    with pytest.raises(ValueError, match="zero for every sample"):
        model.set_params(class_weight={absent: 0.0}).fit(X, y)


@pytest.mark.parametrize("scaling", [None, "standard"])
def test_advice_is_not_already_followed(scaling):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning) as warned:
        LogisticRegression(scaling=scaling, max_iter=1).fit(X, y)
    assert ("scaling='standard'" in str(warned[0].message)) == (scaling is None)


def test_a_step_too_long_is_no_reason_to_search_x():
    """Coefficients that overflow: X was seen to be finite before."""
    rng = np.random.default_rng(7)
    X = rng.standard_t(1.2, size=(2_000, 3))
    model = fit(X, labels(rng, np.tanh(X)), C=1e6)
    start = model.coef_.copy()
    model.set_params(warm_start=True)
    model.coef_ = 1e250 * start
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, labels(rng, np.tanh(X)))
    assert np.isfinite(model.history_[-1])


@pytest.mark.parametrize("size", [1e3, 1e4, 1e6, 1e9])
@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_features", [1, 5])
def test_one_row_far_out(size, tol, dtype, n_features):
    """A row of huge leverage, whose curvature vanishes at once when its margin moves."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, n_features))
    y = labels(rng, X, 0.5)
    X[0] = size
    y[0] = 1
    model = fit(X.astype(dtype), y, tol=tol)
    assert distance(model, X.astype(dtype), y) <= tol


@pytest.mark.parametrize("C", [1e3, np.inf])
@pytest.mark.parametrize("seed", range(3))
def test_a_direction_below_the_hessians_rounding(C, seed):
    """Seen by three rows, by a hundred millionth of a column: the gradient still shows it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3))
    X[:, 0], X[:, 2] = 1e6, 1e8
    X[rng.choice(400, 3, replace=False), 2] += 1
    y = (rng.random(400) < 0.4).astype(int)
    y[X[:, 2] > 1e8] = 1
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model = LogisticRegression(C=C, tol=1e-6, fit_intercept=False).fit(X, y)
    told = 1e-6
    if not model.converged_:
        told = float(re.search(r"within ([\d.e+-]+) of", str(warned[0].message))[1])
    assert distance(model, X, y) <= told * 1.001


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_column_that_a_sample_of_rows_misses(seed):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 30)).astype(np.float32)
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-X[:, 1]))).astype(int)
    X[:, 0] = 0
    rare = rng.choice(len(X), 12, replace=False)
    X[rare, 0] = 1
    y[rare] = np.arange(12) < 10
    model = fit(X, y, C=np.inf, tol=1e-6, random_state=seed)
    exact = fit(X, y, C=np.inf, tol=1e-10)
    assert model.history_[-1] <= exact.history_[-1] * (1 + 1.01e-6)


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize("tol", [1e-3, 1e-4, 1e-5])
def test_an_intercept_that_is_not_at_its_minimum(solver, tol):
    """The mean of the feature, weighted by curvature, is far from its mean by weight."""
    X = np.array([[0.24886681], [-0.85349816], [-1.3565929]], dtype=np.float32)
    y, weight = [1, 0, 0], np.array([30.85414129, 0.04228536, 0.16803018])
    model = fit(X, y, weight, C=260.80842030604117, scaling="standard", solver=solver, tol=tol)
    assert distance(model, X, np.array(y), weight) <= tol


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [8, 50, 161, 212])
def test_a_constant_column_does_not_blur_the_others(seed, dtype):
    # Its diagonal in the Hessian is rounding alone, and must not be made up for in all columns.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, 9)).astype(np.float32).astype(dtype)
    X[:, 1] = -3.3
    y, weight = np.array([0, 0, 0, 1, 0]), rng.random(5) ** 2
    model = fit(X, y, weight, C=1e3, l1_ratio=1.0, tol=1e-8)
    assert distance(model, X, y, weight) <= 1e-8


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_metric_at_zero_far_too_stiff_for_the_end(dtype):
    # The rows' weights differ by 10^5 and the classes are told apart: the curvature falls by 10^17.
    X, y = np.array([[53.0], [190.0]], dtype=dtype), np.array([1, 0])
    weight = np.array([46322328920.83659, 769393.0855616124])
    model = fit(X, y, weight, C=759998.641974008, solver="lbfgs", tol=1e-12)
    assert distance(model, X, y, weight) <= 1e-12


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_steps_too_short_to_move_leave_the_word_to_the_hessian(dtype):
    rows = [[27969, 31110, 26341, 27698, 29389], [30633, 28228, 29674, 30099, 28760]]
    X, y = np.array(rows, dtype=dtype), np.array([1, 0])
    weight = np.array([1.7727342032508147e-11, 6424121.065956728])
    model = fit(X, y, weight, C=5.615421898369897e-06, solver="lbfgs")
    assert model.n_iter_[0] < 200
    assert distance(model, X, y, weight) <= 1e-4


@pytest.mark.parametrize("constant", [0.0, 1.0, 3.3, 250.1, 1e6])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_constant_column_has_no_coefficient_to_run_away(constant, dtype):
    if dtype == "float16" and constant > 60_000:
        pytest.skip("not a float16")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    X[:, 2] = constant
    X = X.astype(dtype)
    y, weight = labels(rng, X[:, :2].astype(float)), 10 ** rng.uniform(-12, 12, 300)
    model = fit(X, y, weight, C=1e3, l1_ratio=1.0)
    assert model.coef_[0, 2] == 0
    assert distance(model, X, y, weight) <= 1e-8


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_l1_norm_on_columns_that_nearly_repeat_each_other(seed, dtype):
    # Hardly a norm to tell them apart: coordinates and signs trade them without end.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, 30)) @ (1e-3 * np.eye(30) + np.ones((30, 30)))
    X, y = X.astype(dtype), np.array([0, 1, 0, 1, 1])
    model = LogisticRegression(
        C=2e7, l1_ratio=1.0, scaling="standard", fit_intercept=False, max_iter=100
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # rounding may hide the proof
        model.fit(X, y)
    assert model.n_iter_[0] < 100
    assert distance(model, X, y) <= 1e-8


def test_an_l1_fit_goes_on_in_float64_where_float32_hides_the_fall():
    X = np.array(
        [
            [418.5, 1.0859375, 0.94580078125],
            [47.84375, 0.78515625, 1.80859375],
            [408.0, -0.469970703125, 2.271484375],
            [-936.5, 0.345947265625, 0.37646484375],
            [392.75, 1.26171875, 2.705078125],
        ],
        dtype=np.float16,
    )
    y, weight = np.array([0, 1, 1, 1, 0]), np.array([2.4, 0.9, 30.7, 23.8, 25.1])
    model = fit(X, y, weight, C=2.85e6, l1_ratio=1.0, tol=1e-10)
    assert model.n_iter_[0] < 100
    assert distance(model, X, y, weight) <= 1e-10


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_lbfgs_leaves_the_second_half_of_its_steps_to_the_hessian(dtype):
    rng = np.random.default_rng(0)
    size = (-4, 4) if dtype != "float16" else (-3, 3)
    X = (rng.normal(size=(20, 30)) * 10 ** rng.uniform(*size, 30)).astype(dtype)
    y, weight = rng.integers(0, 2, 20), 10 ** rng.uniform(-12, 12, 20)
    model = fit(X, y, weight, C=1e3, solver="lbfgs")
    assert model.n_iter_[0] > 500


def test_lbfgs_leaves_wide_data_to_gram_products():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2_100)) * 10 ** rng.uniform(-4, 4, 2_100)
    X += 3 * rng.normal(size=(200, 1))
    y, weight = rng.integers(0, 2, 200), 10 ** rng.uniform(-2, 2, 200)
    model = fit(X, y, weight, C=80, solver="lbfgs")
    assert model.n_iter_[0] > 500


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_weak_l1_norm_on_collinear_columns_is_proved(dtype):
    # Large coefficients round the margins: that moves no gradient where there is no curvature.
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 9)) @ (1e-5 * np.eye(9) + np.ones((9, 9)))
    X, y = X.astype(np.float16).astype(dtype), rng.integers(0, 2, 100)
    model = fit(X, y, C=7e6, l1_ratio=1.0, scaling="standard")
    assert distance(model, X, y) <= 1e-8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lbfgs_of_many_classes_leaves_the_second_half_to_the_hessian(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(100, 20)) * 10 ** rng.uniform(-4, 4, 20)).astype(dtype)
    y, weight = rng.integers(0, 5, 100), 10 ** rng.uniform(-12, 12, 100)
    model = fit(X, y, weight, C=1e6, solver="lbfgs")
    other = fit(X, y, weight, C=1e6)
    assert model.n_iter_[0] > 500
    assert model.history_[-1] == pytest.approx(other.history_[-1], rel=2e-8)


@pytest.mark.parametrize("seed", [527, 531, 731, 881, 883, 904, 1887])
@pytest.mark.parametrize("tol", [1e-10, 1e-12, 1e-13])
def test_a_large_intercept_beside_an_l1_norm(seed, tol):
    """A dual point has residuals of mean zero: what is left of it counts times the intercept."""
    rng = np.random.default_rng(seed)
    n_samples, far = int(rng.integers(10, 60)), 10 ** rng.uniform(2, 4.5)
    x = rng.standard_normal(n_samples) + far
    noise = rng.uniform(0.02, 0.6) * rng.standard_normal(n_samples)
    y = (x - far + noise > rng.uniform(-0.5, 1)).astype(int)
    weight = 10 ** rng.uniform(-4, 4, n_samples) if rng.random() < 0.5 else np.ones(n_samples)
    C = 10 ** rng.uniform(0, 4) / weight.mean()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=C, l1_ratio=0.5, tol=tol).fit(x[:, None], y, weight)
    assert not model.converged_ or distance(model, x[:, None], y, weight) <= tol * 1.001 + 3e-14
