"""Pictures of fitted models."""

import matplotlib as mpl
import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import linear_model
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusedlogit import (
    CoefficientDisplay,
    HistoryDisplay,
    LogisticRegression,
    Parts,
    PathDisplay,
    logistic_path,
)

mpl.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def drawn():
    """Every figure is drawn to the end, and closed."""
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")


@pytest.fixture(scope="module")
def wine():
    data = load_wine()
    return data.data, data.target_names[data.target], data.feature_names


@pytest.fixture
def model(cancer):
    return LogisticRegression(scaling="standard").fit(*cancer)


def texts(labels):
    return [label.get_text() for label in labels]


def test_history_is_the_costs(model):
    display = HistoryDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.line_.get_ydata(), model.history_)
    assert display.ax_.get_xlabel() == "iteration"
    assert display.figure_ is display.ax_.figure


def test_excess_is_relative_to_the_last_and_in_logarithms(model):
    display = HistoryDisplay.from_estimator(model, excess=True)
    costs = np.array(model.history_)
    np.testing.assert_allclose(display.line_.get_ydata(), costs[:-1] / costs[-1] - 1, rtol=1e-6)
    assert display.ax_.get_yscale() == "log"
    assert texts(display.ax_.get_legend().get_texts()) == ["tol = 1e-08"]


def test_histories_share_axes_and_have_names(model, cancer):
    other = LogisticRegression(scaling="standard", solver="lbfgs").fit(*cancer)
    first = HistoryDisplay.from_estimator(model, excess=True, name="newton")
    second = HistoryDisplay.from_estimator(other, excess=True, name="lbfgs", ax=first.ax_)
    assert second.ax_ is first.ax_
    names = texts(second.ax_.get_legend().get_texts())
    assert sorted(names) == ["lbfgs", "newton", "tol = 1e-08"]


def test_a_display_is_drawn_again(model):
    display = HistoryDisplay.from_estimator(model)
    before = display.ax_
    assert display.plot(color="black") is display
    assert display.ax_ is not before
    assert display.line_.get_color() == "black"


def test_a_history_of_one_cost(cancer):
    start = LogisticRegression(scaling="standard", tol=1e-6, warm_start=True).fit(*cancer)
    again = start.fit(*cancer)
    for excess in (False, True):
        HistoryDisplay(again.history_[:1]).plot(excess=excess)


def test_models_without_coefficients_of_classes_are_refused(cancer):
    for model in linear_model.LinearRegression(), linear_model.Ridge():
        with pytest.raises(TypeError, match="no coefficients of classes"):
            CoefficientDisplay.from_estimator(model.fit(*cancer))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_path_without_a_finite_penalty_is_not_drawn(cancer):
    path = logistic_path(*cancer, Cs=[np.inf], scaling="standard", tol=1e-2, max_iter=3)
    with pytest.raises(ValueError, match="no C of the path is finite"):
        path.plot()


def test_models_without_a_history_are_refused(cancer):
    theirs = linear_model.LogisticRegression(solver="newton-cholesky").fit(*cancer)
    with pytest.raises(TypeError, match="LogisticRegression has no history_"):
        HistoryDisplay.from_estimator(theirs)
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(LogisticRegression())


def test_largest_coefficients_of_two_classes_on_top(model):
    display = CoefficientDisplay.from_estimator(model, max_features=5)
    largest = np.argsort(-np.abs(model.coef_[0]))[:5]
    assert texts(display.ax_.get_yticklabels()) == [f"x{j}" for j in largest]
    np.testing.assert_allclose(display.bars_.datavalues, model.coef_[0, largest])
    assert display.ax_.get_title() == "5 of 30 features"
    assert "log odds of class 1" in display.ax_.get_xlabel()
    assert display.ax_.yaxis_inverted()


def test_coefficients_by_standard_deviation(model, cancer):
    X, _ = cancer
    display = CoefficientDisplay.from_estimator(model, X, max_features=100)
    expected = model.coef_[0] * X.std(axis=0)
    np.testing.assert_allclose(display.bars_.datavalues, expected[np.argsort(-np.abs(expected))])
    assert display.ax_.get_title() == ""
    assert "standard deviation" in display.ax_.get_xlabel()
    sparse = CoefficientDisplay.from_estimator(model, csr_array(X), max_features=100)
    np.testing.assert_allclose(sparse.bars_.datavalues, display.bars_.datavalues)
    # Entries that are stored twice add up.
    rows = csr_array(X)
    halves = csr_array(
        (np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), 2 * rows.indptr), rows.shape
    )
    sparse = CoefficientDisplay.from_estimator(model, halves, max_features=100)
    np.testing.assert_allclose(sparse.bars_.datavalues, display.bars_.datavalues)
    assert halves.nnz == 2 * rows.nnz
    for other in (X[:, :3], Parts([X[:, :3]])):
        with pytest.raises(ValueError, match="the model has 30 features"):
            CoefficientDisplay.from_estimator(model, other)


def test_coefficients_of_many_classes_are_a_table(wine):
    X, y, names = wine
    model = LogisticRegression(scaling="standard").fit(X, y)
    display = CoefficientDisplay.from_estimator(model, feature_names=names)
    assert texts(display.ax_.get_xticklabels()) == model.classes_.tolist()
    order = [names.index(name) for name in texts(display.ax_.get_yticklabels())]
    np.testing.assert_allclose(display.image_.get_array(), model.coef_.T[order])


def test_names_of_features_through_a_pipeline(wine):
    pandas = pytest.importorskip("pandas")
    X, y, names = wine
    frame = pandas.DataFrame(X, columns=names)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, y)
    display = CoefficientDisplay.from_estimator(pipeline)
    assert set(texts(display.ax_.get_yticklabels())) == set(names)
    assert HistoryDisplay.from_estimator(pipeline).history == pipeline[-1].history_


def test_names_must_be_as_many_as_features(model):
    with pytest.raises(ValueError, match="feature_names holds 2 names; the model has 30"):
        CoefficientDisplay.from_estimator(model, feature_names=["a", "b"])


def test_scikit_learns_models_have_coefficients_too(cancer):
    theirs = linear_model.LogisticRegression(solver="liblinear").fit(*cancer).sparsify()
    display = CoefficientDisplay.from_estimator(theirs)
    assert display.coef.shape == (1, 30)


def test_a_path_of_two_classes_names_the_largest(cancer):
    path = logistic_path(*cancer, Cs=10, l1_ratio=1.0, scaling="standard", tol=1e-5)
    display = path.plot()
    assert isinstance(display, PathDisplay)
    above, below = display.axes_
    largest = np.argsort(-np.abs(path.scaled_coefs[-1, 0]), kind="stable")[:6]
    names = texts(above.get_legend().get_texts())
    assert names == [*(f"x{j}" for j in largest), "least BIC"]
    np.testing.assert_allclose(below.get_lines()[0].get_ydata(), path.deviance_explained)
    assert above.get_xscale() == below.get_xscale() == "log"
    assert "standard deviation" in above.get_ylabel()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # separable
@pytest.mark.parametrize("criteria", [True, False])
def test_a_path_of_many_classes_names_them(wine, criteria):
    X, y, _ = wine
    path = logistic_path(
        X, y, Cs=[0.1, 1.0, np.inf], scaling="standard", tol=1e-2, criteria=criteria
    )
    figure, axes = plt.subplots(1, 2)
    display = path.plot(axes)
    assert display.figure_ is figure
    names = texts(axes[0].get_legend().get_texts())
    assert names == [*path.classes.tolist(), *(["least BIC"] if criteria else [])]
    assert axes[1].get_lines()[0].get_xdata().tolist() == [0.1, 1.0]


def test_more_classes_than_colours(wine):
    digits = load_digits()
    labels = digits.target + 10 * (np.arange(len(digits.target)) % 2)
    logistic_path(digits.data, labels, Cs=[1e-4], tol=1e-2, criteria=False).plot()
    logistic_path(digits.data, digits.target, Cs=[1e-9], l1_ratio=1.0).plot()  # all are zero


WITHOUT = """
import sys
from fusedlogit.displays import HistoryDisplay, PathDisplay
print("matplotlib" in sys.modules)
sys.modules["matplotlib"] = None
for display in HistoryDisplay([1.0]), PathDisplay(None):
    try:
        display.plot()
    except ImportError as error:
        print(error)
"""


def test_matplotlib_is_imported_to_draw_alone_and_without_it_a_line_says_how_to_install(run_python):
    status, out, error = run_python(WITHOUT)
    assert status == 0, error
    imported, *refusals = out.splitlines()
    assert imported == "False"
    assert len(refusals) == 2
    assert all("needs matplotlib: pip install matplotlib" in line for line in refusals)


@pytest.mark.parametrize("max_features", [0, -3, 2.5, "x"])
def test_no_feature_at_all_is_refused(model, max_features):
    with pytest.raises(ValueError, match="max_features"):
        CoefficientDisplay.from_estimator(model, max_features=max_features)


def test_names_with_dollars_are_no_formulae(model, tmp_path):
    names = [rf"$\badcmd{j}$" for j in range(model.n_features_in_)]
    display = CoefficientDisplay.from_estimator(model, feature_names=names)
    display.figure_.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 0
