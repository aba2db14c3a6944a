"""The public functions: the reference's twins, with errors that name the culprit."""

import inspect

import numpy as np
import pytest
from scipy.sparse import csr_array

import fusedlogit
from fusedlogit import functions, reference

from .problems import Problem

NAMES = sorted(set(reference.__all__) - {"Descent"})


def parameters(function):
    """Names, kinds and defaults."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", NAMES)
def test_signatures_agree(name):
    assert parameters(getattr(functions, name)) == parameters(getattr(reference, name))


@pytest.mark.parametrize("module", [functions, reference], ids=["functions", "reference"])
def test_all_that_is_public_is_in_both(module):
    defined = {
        name
        for name, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__.startswith(module.__name__) and not name.startswith("_")
    }
    assert defined == set(functions.__all__) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_documented(name):
    assert "\nRaises\n------\n" in inspect.getdoc(getattr(functions, name))


def test_the_agreed_signature():
    problem = Problem(40, 5, weights="fractions")
    arguments = problem.X, problem.y, problem.coef[0], 0.5, problem.weight, 1
    actual = fusedlogit.loss_and_gradient(*arguments)
    for one, other in zip(actual, reference.loss_and_gradient(*arguments), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"loss_and_gradient"}))
def test_threads_are_given_by_name(name):
    n_threads = inspect.signature(getattr(functions, name)).parameters.get("n_threads")
    assert n_threads is None or n_threads.kind is inspect.Parameter.KEYWORD_ONLY


def test_loss_and_gradient_is_at_the_top_of_the_package():
    assert fusedlogit.loss_and_gradient is functions.loss_and_gradient


@pytest.fixture
def problem():
    return Problem(40, 5, weights="fractions")


# Every function that reads X, with everything but X bound.
READERS = {
    "decision_values": lambda X, p: functions.decision_values(X, p.coef[0], 0.0),
    "loss": lambda X, p: functions.loss(X, p.y, p.coef[0], 0.0),
    "loss_and_gradient": lambda X, p: functions.loss_and_gradient(X, p.y, p.coef[0], 0.0),
    "hessian_product": lambda X, p: functions.hessian_product(X, p.weight, p.coef[0], 0.0),
    "sandwich": lambda X, p: functions.sandwich(X, p.weight),
    "moments": lambda X, p: functions.moments(X),
    "gradient_descent": lambda X, p: functions.gradient_descent(
        X, p.y, learning_rate=0.1, max_iter=3
    ),
}


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_value_that_is_not_finite_is_named_by_row_and_column(reader, problem, dtype, bad):
    X = problem.X.astype(dtype)
    X[31, 2] = X[33, 0] = bad
    with pytest.raises(ValueError, match=f"{bad} in row 31, column 2"):
        reader(X, problem)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(40), "Expected 2D array"),
        (np.zeros((40, 5, 1)), "dim 3"),
        (np.zeros((0, 5)), "0 sample"),
        (np.zeros((40, 0)), "0 feature"),
        (np.full((40, 5), "a"), "^X must hold numbers, not text such as 'a'; encode it as numbers"),
        (
            np.full((40, 5), "1.5"),
            r"^X must hold numbers, not text such as '1.5'.*\(astype\(float\), if",
        ),
        (np.full((40, 5), b"1"), "^X must hold numbers, not text such as b'1'"),
        ([["1", "2"]] * 40, "^X must hold numbers, not text such as '1'"),
        (np.array([[0.5, "b"]] * 40, dtype=object), "^X must hold numbers, not text such as 'b'"),
        (np.zeros((40, 5), dtype=complex), "^Complex data not supported in X; take its real part"),
        ([[1, 2j]] * 40, "^Complex data not supported in X; take its real part"),
        (np.zeros((40, 5), dtype="M8[D]"), "^X holds dates or times; subtract one and divide"),
        ([[1, 2], [3]], "inhomogeneous"),
        (np.zeros(40, [("a", float), ("b", int)]), "^X is a structured array: make it a table"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(reader, problem, X, message):
    with pytest.raises(ValueError, match=message):
        reader(X, problem)


def test_objects_that_are_no_numbers_are_refused_by_name(reader, problem):
    X = np.array([[0.5, {}]] * 40, dtype=object)
    with pytest.raises(TypeError, match=r"^X must hold numbers; .*'dict'; encode it as numbers"):
        reader(X, problem)


def test_text_in_a_data_frame_is_refused_by_name(reader, problem):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"number": np.arange(40), "name": ["1"] * 40})
    with pytest.raises(ValueError, match=r"^X must hold numbers, not text such as '1'"):
        reader(X, problem)


def test_sparse_is_read_as_dense(reader, problem):
    results = [reader(X, problem) for X in (problem.X, csr_array(problem.X))]
    dense, sparse = (r if isinstance(r, tuple) else (getattr(r, "coef", r),) for r in results)
    for one, other in zip(dense, sparse, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_samples", [39, 41])
@pytest.mark.parametrize("name", sorted(set(READERS) - {"decision_values", "moments"}))
def test_rows_that_do_not_fit_are_refused(name, problem, n_samples):
    with pytest.raises(ValueError, match=rf"has shape \(40,\); expected \({n_samples},\)"):
        READERS[name](np.zeros((n_samples, 5)), problem)


@pytest.mark.parametrize("n_features", [4, 6])
@pytest.mark.parametrize(
    "name", ["decision_values", "loss", "loss_and_gradient", "hessian_product"]
)
def test_columns_that_do_not_fit_are_refused(name, problem, n_features):
    with pytest.raises(ValueError, match=rf"has shape \(5,\); expected \({n_features},\)"):
        READERS[name](np.zeros((40, n_features)), problem)


# Every function of (X, y, coef, intercept, sample_weight), or of some of them.
def all_arguments(name, problem, **changes):
    given = {
        "X": problem.X,
        "y": problem.y,
        "coef": problem.coef[0],
        "intercept": 0.0,
        "sample_weight": problem.weight,
        "learning_rate": 0.1,
        "max_iter": 3,
        "curvature": problem.weight,
        "row_weight": problem.weight,
        "vector": problem.coef[0],
        "vector_intercept": 0.0,
    } | changes
    function = getattr(functions, name)
    taken = inspect.signature(function).parameters
    assert changes.keys() <= taken.keys()
    return function(**{key: value for key, value in given.items() if key in taken})


def takers(*names):
    """The functions that take a parameter, each with it."""
    return [
        (function, name)
        for name in names
        for function in READERS
        if name in inspect.signature(getattr(functions, function)).parameters
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("function", "name"),
    takers("y", "coef", "sample_weight", "curvature", "row_weight", "vector"),
)
def test_vectors_that_are_not_finite_are_refused_by_name(problem, function, name, bad):
    vector = np.ones(5 if name in {"coef", "vector"} else 40)
    vector[3] = bad
    with pytest.raises(ValueError, match=rf"{name} contains ({bad}|NaN or infinity)"):
        all_arguments(function, problem, **{name: vector})


@pytest.mark.parametrize("bad", [-0.5, 1.5, 2.0, -1.0])
@pytest.mark.parametrize(("function", "name"), takers("y"))
def test_labels_outside_0_to_1_are_refused(problem, function, name, bad):
    y = problem.y.copy()
    y[7] = bad
    with pytest.raises(ValueError, match=rf"y contains {bad} in row 7; it must lie in \[0, 1\]"):
        all_arguments(function, problem, y=y)


@pytest.mark.parametrize("weight", [np.full(40, -1.0), np.r_[np.ones(39), -1e-9], np.zeros(40)])
@pytest.mark.parametrize(("function", "name"), takers("sample_weight"))
def test_negative_weights_and_all_zero_ones_are_refused(problem, function, name, weight):
    with pytest.raises(ValueError, match="sample_weight must not be negative, and must not be"):
        all_arguments(function, problem, sample_weight=weight)


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "2"])
@pytest.mark.parametrize("function", READERS)
def test_threads_are_a_positive_number(problem, function, n_threads):
    with pytest.raises(ValueError, match=rf"^n_threads={n_threads!r} must be a whole number of at"):
        all_arguments(function, problem, n_threads=n_threads)


#: what NumPy would silently take for real numbers, and what it is refused as
NO_NUMBERS = {
    "text": (np.array(["1"]), ValueError, "must hold numbers, not text such as '1'"),
    "bytes": (np.array([b"0"]), ValueError, "must hold numbers, not text such as b'0'"),
    "text in objects": (np.array(["1"], object), ValueError, "must hold numbers, not text such as"),
    "complex": (np.array([1 + 0j]), ValueError, "Complex data not supported in {}"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), ValueError, "holds dates or times"),
    "objects": (np.array([{}], object), TypeError, "{} must hold numbers; NumPy says: .*'dict'"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize(
    ("function", "name"),
    takers("y", "coef", "sample_weight", "curvature", "row_weight", "vector", "unit"),
)
def test_vectors_of_what_is_no_number_are_refused_by_name(problem, function, name, kind):
    value, error, message = NO_NUMBERS[kind]
    vector = np.repeat(value, 5 if name in {"coef", "vector", "unit"} else 40)
    for given in (vector, vector.tolist()):
        message_of = message.format(name) if "{}" in message else f"{name} {message}"
        if kind != "dates" or given is vector:
            with pytest.raises(error, match=f"^{message_of}"):
                all_arguments(function, problem, **{name: given})


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("name", ["sigmoid", "log_loss", "residual", "curvature"])
def test_link_functions_of_what_is_no_number(name, kind):
    value, error, _ = NO_NUMBERS[kind]
    takes_y = name in {"log_loss", "residual"}
    with pytest.raises(error, match=r"\bz\b"):
        getattr(functions, name)(value, *([0.5] if takes_y else []))
    if takes_y:
        with pytest.raises(error, match=r"\by\b"):
            getattr(functions, name)([0.5], value)


@pytest.mark.parametrize("bad", ["0.5", 1j, None, [0.5, 0.5]])
def test_an_intercept_that_is_no_number_is_refused_by_name(problem, bad):
    with pytest.raises((TypeError, ValueError), match="intercept"):
        functions.decision_values(problem.X, problem.coef[0], bad)


@pytest.mark.parametrize("bad", [2.7, 3.0, -1, "3", None])
def test_numbers_of_steps_are_whole(problem, bad):
    with pytest.raises(
        ValueError, match=rf"^max_iter={bad!r} must be a whole number of at least 0"
    ):
        functions.gradient_descent(problem.X, problem.y, learning_rate=0.1, max_iter=bad)
    with pytest.raises(ValueError, match=rf"^max_sweeps={bad!r} must be a whole number"):
        functions.coordinate_descent(np.eye(2), [1, 1], 0.1, [0, 0], tol=0.0, max_sweeps=bad)


def test_numbers_of_steps_may_be_numpys(problem):
    descent = functions.gradient_descent(
        problem.X, problem.y, learning_rate=0.1, max_iter=np.int32(3)
    )
    assert descent.n_iter == 3


def test_decision_values_that_overflow_are_refused(problem):
    with pytest.raises(ValueError, match=r"decision values X w \+ b overflow"):
        functions.decision_values(1e200 * problem.X, np.full(5, 1e200), 0.0)


@pytest.mark.parametrize("name", ["sigmoid", "curvature"])
@pytest.mark.parametrize("z", [0.5, [1, -2], np.zeros((2, 3, 4)), np.zeros((0, 2))])
def test_link_functions_of_any_shape(name, z):
    out = getattr(functions, name)(z)
    assert out.shape == np.shape(z)
    np.testing.assert_allclose(out, getattr(reference, name)(z), rtol=1e-15)


@pytest.mark.parametrize("name", ["log_loss", "residual"])
def test_link_functions_broadcast_labels(name):
    z = np.linspace(-3, 3, 12).reshape(3, 4)
    out = getattr(functions, name)(z, [0, 1, 0.5, 1])
    np.testing.assert_allclose(out, getattr(reference, name)(z, [0, 1, 0.5, 1]), rtol=1e-14)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "float32"), ("float64", "float64"), (">f8", "float64"), ("int8", "float64")],
)
def test_link_functions_keep_float32(dtype, expected):
    z = np.array([-1, 0, 2], dtype=dtype)
    out = functions.sigmoid(z)
    assert out.dtype == np.dtype(expected)
    np.testing.assert_allclose(out, reference.sigmoid(z), rtol=1e-6)


def test_gradient_descent_results_are_the_references(problem):
    settings = {"learning_rate": 0.2, "max_iter": 30, "penalty": 0.1, "scaling": 2.0}
    actual = functions.gradient_descent(problem.X, problem.y, **settings)
    expected = reference.gradient_descent(problem.X, problem.y, **settings)
    assert isinstance(actual.history, list)
    assert (actual.n_iter, actual.outcome) == (expected.n_iter, expected.outcome)
    for name in ("history", "coef", "intercept", "gradient_norm"):
        np.testing.assert_allclose(
            getattr(actual, name), getattr(expected, name), rtol=1e-10, err_msg=name
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"max_iter": 0},
        {"max_iter": 500, "tol": 1e-2},
        {"max_iter": 50, "learning_rate": 1e200, "scaling": 1e-200},
    ],
    ids=["no iterations", "converged", "diverged"],
)
def test_gradient_descent_ends_as_the_reference_does(problem, settings):
    settings = {"learning_rate": 0.5} | settings
    actual = functions.gradient_descent(problem.X, problem.y, **settings)
    with np.errstate(all="ignore"):
        expected = reference.gradient_descent(problem.X, problem.y, **settings)
    assert (actual.n_iter, actual.outcome) == (expected.n_iter, expected.outcome)
    np.testing.assert_allclose(actual.gradient_norm, expected.gradient_norm, rtol=1e-10)
