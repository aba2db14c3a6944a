"""Labels, probabilities, and what is refused."""

import doctest
import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_digits

from fusedlogit import LogisticRegression, Parts, estimator, loss_and_gradient, reference

from ..kernels.problems import DTYPES
from ..kernels.zoo import ZOO, numbers


@pytest.mark.parametrize(
    "labels",
    [["cat", "dog"], [False, True], [-1, 1], [3, 10], [0.0, 1.0]],
    ids=str,
)
def test_any_two_labels(flowers, labels):
    X, y = flowers
    named = np.array(labels)[y - 1]
    model = LogisticRegression().fit(X, named)
    plain = LogisticRegression().fit(X, y)
    assert model.classes_.tolist() == labels
    assert model.predict(X).dtype == named.dtype
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.predict(X), np.array(labels)[plain.predict(X) - 1])


def test_labels_as_lists_and_objects(flowers):
    X, y = flowers
    names = np.array(["no", "yes"], dtype=object)[y - 1]
    for labels in (names, names.tolist()):
        assert LogisticRegression().fit(X.tolist(), labels).score(X, names) > 0.9


def test_shapes_and_types_of_fitted_attributes(cancer):
    model = LogisticRegression(tol=1.0).fit(*cancer)
    assert (model.coef_.shape, model.intercept_.shape) == ((1, 30), (1,))
    assert model.coef_.dtype == model.intercept_.dtype == np.float64
    assert model.n_features_in_ == 30
    assert isinstance(model.converged_, bool)
    assert isinstance(model.history_, list)


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.9])
def test_threshold(flowers, threshold):
    X, y = flowers
    model = LogisticRegression(threshold=threshold).fit(X, y)
    above = model.predict_proba(X)[:, 1] > threshold
    np.testing.assert_array_equal(model.predict(X), np.where(above, 2, 1))


@pytest.fixture
def steep(flowers):
    """A model of one feature whose decision value is that feature."""
    model = LogisticRegression().fit(flowers[0][:, :1], flowers[1])
    model.coef_, model.intercept_ = np.ones((1, 1)), np.zeros(1)
    return model


EXTREME_DECISIONS = np.array([0, 1e-300, 1e-10, 1, 37, 40, 700, 745, 1e4, 1e300])
EXTREME_DECISIONS = np.concatenate([-EXTREME_DECISIONS[::-1], EXTREME_DECISIONS])


def test_log_probabilities_are_exact_at_extremes(steep):
    log_proba = steep.predict_log_proba(EXTREME_DECISIONS[:, None])
    expected = -np.column_stack(
        [reference.log_loss(EXTREME_DECISIONS, label) for label in (0.0, 1.0)]
    )
    np.testing.assert_allclose(log_proba, expected, rtol=1e-14, atol=1e-307)
    assert log_proba[-1, 0] == -1e300


def test_probabilities_at_extremes(steep):
    proba = steep.predict_proba(EXTREME_DECISIONS[:, None])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(
        proba[:, 1], reference.sigmoid(EXTREME_DECISIONS), rtol=1e-14, atol=1e-307
    )
    assert proba.min() >= 0
    assert np.all(np.diff(proba[:, 1]) >= 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
@pytest.mark.parametrize("scaling", [None, 4.0, "standard"])
def test_a_value_that_is_not_finite_is_refused_by_row_and_column(flowers, solver, scaling, bad):
    X, y = flowers[0].copy(), flowers[1]
    model = LogisticRegression(solver=solver, scaling=scaling)
    X[42, 3] = bad
    with pytest.raises(ValueError, match=f"Input X contains.*{bad} in row 42, column 3"):
        model.fit(X, y)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_a_value_that_is_not_finite_is_refused_at_prediction(flowers, method):
    X, y = flowers
    model = LogisticRegression().fit(X, y)
    spoilt = X.copy()
    spoilt[7, 1] = np.nan
    with pytest.raises(ValueError, match="nan in row 7, column 1"):
        getattr(model, method)(spoilt)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(100), "one class"),
        (np.linspace(0, 1, 100), "Unknown label type"),
        (np.array(["a", None] * 50, dtype=object), "no order"),
        (np.array(["a", 1] * 50, dtype=object), "no order"),
        (np.r_[np.nan, np.ones(99)], "NaN"),
        (np.ones(99), "inconsistent"),
        (np.ones((100, 2)), "1d array|multilabel"),
        (np.ma.masked_equal([0, 1, 2, 1] * 25, 2), "^y has masked values"),
    ],
    ids=["one class", "continuous", "None", "mixed", "NaN", "too short", "two columns", "masked"],
)
def test_labels_that_are_no_classes_are_refused(flowers, y, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression().fit(flowers[0], y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("C", 0), ("C", -1.0), ("C", np.nan), ("C", "1"),
        ("l1_ratio", -0.1), ("l1_ratio", 1.1),
        ("solver", "adam"), ("scaling", 0), ("scaling", -1.0), ("scaling", "minmax"),
        ("learning_rate", 0), ("learning_rate", -1), ("max_iter", 0), ("max_iter", 1.5),
        ("tol", -1e-9), ("fit_intercept", "yes"), ("class_weight", "heavy"),
        ("threshold", 0.0), ("threshold", 1.0), ("warm_start", 2), ("n_jobs", 0.5),
        ("verbose", -1), ("callback", 1), ("random_state", "seed"),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_by_name(flowers, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of LogisticRegression must be"):
        LogisticRegression(**{name: value}).fit(*flowers)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
def test_a_penalty_the_solver_cannot_do_is_refused(flowers, solver):
    with pytest.raises(ValueError, match="minimises smooth penalties only; set l1_ratio=0"):
        LogisticRegression(solver=solver, l1_ratio=0.5).fit(*flowers)


def test_no_threads_at_all_are_refused(flowers):
    with pytest.raises(ValueError, match="n_jobs=0"):
        LogisticRegression(n_jobs=0).fit(*flowers)


def test_class_weights_of_unknown_classes_are_refused(flowers):
    with pytest.raises(ValueError, match="not in"):
        LogisticRegression(class_weight={1: 1.0, 7: 2.0}).fit(*flowers)


@pytest.mark.parametrize("class_weight", [
    {1: -1.0}, {1: 1.0, 2: -1e-9}, {2: np.nan}, {1: np.inf}, {1: -np.inf, 2: 1.0},
])  # fmt: skip
def test_class_weights_that_mean_nothing_are_refused_by_name(flowers, class_weight):
    message = r"^class_weight=\{.*\} weighs class [12] by .*must be finite and not negative$"
    with pytest.raises(ValueError, match=message):
        LogisticRegression(class_weight=class_weight).fit(*flowers)


def test_class_weights_that_are_no_numbers_are_refused_by_name(flowers):
    with pytest.raises(TypeError, match=r"class_weight=\{.*\} weighs class 1 by 'a'"):
        LogisticRegression(class_weight={1: "a"}).fit(*flowers)


@pytest.mark.parametrize("name", ["coef_", "intercept_"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_coefficients_that_are_no_numbers_are_not_predicted_with(flowers, name, bad):
    X, y = flowers
    model = LogisticRegression().fit(X, y)
    getattr(model, name)[0] = bad
    with pytest.raises(ValueError, match="coef_ or intercept_ holds NaN or infinity"):
        model.predict(X)


def test_a_class_without_weight_cannot_be_balanced(flowers):
    X, y = flowers
    with pytest.raises(ValueError, match=r"^class_weight='balanced' weighs class 1 by inf"):
        LogisticRegression(class_weight="balanced").fit(X, y, np.where(y == 1, 0.0, 1.0))


def test_class_weights_may_leave_classes_out(flowers):
    X, y = flowers
    named = LogisticRegression(class_weight={1: 1.0, 2: 3.0}).fit(X, y)
    partly = LogisticRegression(class_weight={2: 3.0}).fit(X, y)
    np.testing.assert_array_equal(named.coef_, partly.coef_)


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("narrow", ["uint8", "uint16", "float32", "float64"])
def test_integers_are_read_as_the_narrowest_type_that_holds_them(digits, dtype, narrow):
    size = {"uint8": 1, "uint16": 256, "float32": 1 << 16, "float64": 1 << 24}[narrow]
    if size * 16 > np.iinfo(dtype).max:
        pytest.skip("no room in the type")
    X, y = digits[0].astype(dtype) * np.array(size, dtype), digits[1]
    model = LogisticRegression(scaling=16.0 * size).fit(X, y)
    expected = LogisticRegression(scaling=16.0 * size).fit(X.astype(narrow), y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(
        model.decision_function(X), expected.decision_function(X.astype(narrow))
    )


@pytest.mark.parametrize("X", [
    np.full((100, 4), "1"), [["1", "2", "3", "4"]] * 100, np.array([[1, "a", 2, 3]] * 100, object),
])  # fmt: skip
def test_text_is_refused_by_name(flowers, X):
    model = LogisticRegression().fit(*flowers)
    for method in (lambda: model.fit(X, flowers[1]), lambda: model.predict(X)):
        with pytest.raises(ValueError, match=r"^X must hold numbers, not text such as '[1a]'"):
            method()


@pytest.mark.parametrize(
    ("coef_shape", "intercept_shape", "classes"),
    [
        ((1, 3), (1,), [1, 2]),
        ((1, 5), (1,), [1, 2]),
        ((4,), (1,), [1, 2]),
        ((2, 4), (2,), [1, 2]),
        ((3, 4), (1,), [1, 2, 3]),
        ((1, 4), (1,), [1, 2, 3]),
        ((2, 4), (2,), [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_coefficients_of_other_shapes_are_refused(
    flowers, coef_shape, intercept_shape, classes, make
):
    """Set by hand: what lay behind them in memory was taken for the rest."""
    X, y = make(flowers[0]), flowers[1]
    model = LogisticRegression()
    model.coef_, model.intercept_ = np.ones(coef_shape), np.ones(intercept_shape)
    model.classes_ = np.array(classes)
    for method in (lambda: model.predict_proba(X), lambda: model.partial_fit(X, y, classes)):
        with pytest.raises(ValueError, match=r"coef_ has shape .*4 features and \d classes call"):
            method()


def test_coefficients_may_be_set(flowers):
    X, y = flowers
    fitted, model = LogisticRegression().fit(X, y), LogisticRegression()
    model.coef_, model.intercept_ = fitted.coef_.astype(np.float32), float(fitted.intercept_[0])
    model.classes_ = fitted.classes_
    np.testing.assert_allclose(model.decision_function(X), fitted.decision_function(X), rtol=1e-4)
    assert model.set_params(warm_start=True).fit(X, y).n_iter_ < fitted.n_iter_


@pytest.mark.parametrize("dtype", ["string", "category", "Int64"])
def test_missing_labels_of_pandas_are_refused_by_name(flowers, dtype):
    pandas = pytest.importorskip("pandas")
    y = pandas.Series([1, 2, None, 2] * 25).astype("Int64").astype(dtype)
    with pytest.raises(ValueError, match=r"^y has missing labels"):
        LogisticRegression().fit(flowers[0], y)


def test_masked_values_are_refused_by_name(flowers):
    """They were read as what lay below the mask."""
    X, y = flowers
    model = LogisticRegression().fit(np.ma.masked_array(X, mask=False), y)
    masked = np.ma.masked_less(X, 2.0)
    for method in (
        lambda: model.fit(masked, y),
        lambda: model.predict(masked),
        lambda: loss_and_gradient(masked, y == 1, model.coef_[0], 0.0),
    ):
        with pytest.raises(ValueError, match=r"^X has masked values"):
            method()
    weight = np.ma.masked_greater(np.arange(100.0), 90)
    with pytest.raises(ValueError, match=r"^sample_weight has masked values"):
        model.fit(X, y, weight)


@pytest.mark.parametrize("labels", [["no", "yes"], [1, 3], [0, 2], [-1, 1]])
def test_a_warm_start_with_other_classes_starts_afresh(flowers, labels):
    X, y = flowers
    cold = LogisticRegression().fit(X, np.array(labels)[y - 1])
    model = LogisticRegression(warm_start=True).fit(X, 3 - y)
    with pytest.warns(UserWarning, match=r"had the classes \[1, 2\], y has \[.*; starting afresh"):
        model.fit(X, np.array(labels)[y - 1])
    assert model.classes_.tolist() == labels
    np.testing.assert_array_equal(model.coef_, cold.coef_)
    assert model.history_ == cold.history_


def test_a_fit_that_fails_leaves_the_classes_of_its_coefficients(flowers):
    X, y = flowers
    model = LogisticRegression(warm_start=True).fit(X, y)

    def stop(*_):
        raise LookupError

    with pytest.raises(LookupError), pytest.warns(UserWarning, match="starting afresh"):
        model.set_params(callback=stop).fit(X, y + 5)
    assert model.classes_.tolist() == [1, 2]
    assert set(model.predict(X)) == {1, 2}


def test_a_warm_start_with_the_same_classes_goes_on(flowers, recwarn):
    X, y = flowers
    model = LogisticRegression(warm_start=True).fit(X, y)
    start = model.history_[0]
    model.fit(X, y.astype(np.int8))
    assert model.history_[0] < start
    assert not recwarn.list


@pytest.mark.parametrize("animal", sorted(set(ZOO) - {"one row"}))
def test_zoo(animal, tmp_path):
    X = ZOO[animal](numbers(), tmp_path)
    values = np.array(X, dtype=np.float64)
    y = np.arange(len(values)) % 2
    model = LogisticRegression(scaling="standard" if values.std(axis=0).all() else 200)
    expected = LogisticRegression(**model.get_params()).fit(values, y)
    model.fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), expected.predict_proba(values), rtol=0, atol=1e-4
    )
    np.testing.assert_array_equal(np.array(X, dtype=np.float64), values, "X was changed")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scaling", [None, 255, "standard"])
@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fit_and_predict_do_not_copy_x(dtype, solver, scaling):
    X = np.zeros((2_000, 4_000), dtype=dtype)
    X[1::3, ::7] = 1
    y = np.arange(len(X)) % 2
    model = LogisticRegression(solver=solver, scaling=scaling, max_iter=2, n_jobs=1)
    tracemalloc.start()
    try:
        model.fit(X, y).predict_proba(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 4


def test_examples_in_the_documentation():
    failed, attempted = doctest.testmod(estimator)
    assert attempted > 0
    assert failed == 0


@pytest.mark.parametrize("method", ["decision_function", "predict_proba", "predict_log_proba"])
def test_outputs_of_many_classes_take_their_own_memory_alone(method):
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression(tol=1e-2).fit(X, y)
    many = np.tile(X.astype(np.float32), (30, 1))
    tracemalloc.start()
    try:
        output = getattr(model, method)(many)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert output.dtype == np.float64
    assert peak < 1.4 * output.nbytes + 4e6


@pytest.mark.parametrize("n_samples", [1, 26_214, 26_215])  # one block of ten classes, and more
def test_many_rows_are_predicted_as_a_few(n_samples):
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression(tol=1e-2).fit(X, y)
    rows = np.arange(n_samples) % len(X)
    np.testing.assert_array_equal(model.predict(X[rows]), model.predict(X)[rows])
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X[rows])), model.predict_proba(X)[rows], rtol=1e-9
    )


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 1.5])
def test_a_threshold_out_of_range_is_refused_at_prediction(flowers, threshold):
    X, y = flowers
    model = LogisticRegression().fit(X, y).set_params(threshold=threshold)
    with pytest.raises(ValueError, match="threshold"):
        model.predict(X)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd", "proximal", "sgd"])
def test_a_callback_may_change_what_it_is_given(flowers, solver):
    X, y = flowers

    def spoil(iteration, coef, intercept, cost, norm):
        coef[:] = 1e6

    parameters = {"solver": solver, "max_iter": 20, "learning_rate": 0.1}
    parameters["l1_ratio"] = 0.5 if solver == "proximal" else 0.0
    spoilt = LogisticRegression(callback=spoil, **parameters).fit(X, y)
    np.testing.assert_array_equal(spoilt.coef_, LogisticRegression(**parameters).fit(X, y).coef_)


@pytest.mark.parametrize("size", [1e2, 1e3, 1e5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_values_of_float32_columns_that_cancel_each_other(size, n_classes):
    rng = np.random.default_rng(0)
    base, noise = size * rng.normal(size=2_000), rng.normal(size=2_000)
    X = np.column_stack([base, base + noise * max(1, 1e-6 * size)]).astype(np.float32)
    exact = X.astype(np.float64)
    difference = exact[:, 1] - exact[:, 0] + rng.logistic(size=len(X))
    y = np.digitize(difference, np.quantile(difference, np.arange(1, n_classes) / n_classes))
    model = LogisticRegression(C=1e6).fit(X, y)
    expected = np.squeeze(exact @ model.coef_.T + model.intercept_)
    np.testing.assert_allclose(model.decision_function(X), expected, rtol=0, atol=1e-4)
    parts = Parts([X[:900], X[900:]])
    np.testing.assert_allclose(model.decision_function(parts), expected, rtol=0, atol=1e-4)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 2 has it")
def test_text_that_scikit_learn_does_not_know_is_refused_by_name(flowers):
    X, y = flowers
    text = y.astype(str).astype(np.dtypes.StringDType())
    with pytest.raises(TypeError, match=r"^y holds NumPy's StringDType.*; give y\.astype"):
        LogisticRegression().fit(X, text)
    assert LogisticRegression().fit(X, text.astype(object)).classes_.tolist() == sorted(set(text))
