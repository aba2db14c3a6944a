"""docs/coming_from_scikit_learn.md leaves nothing of scikit-learn's out."""

import inspect
import re
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

import fusedlogit
from fusedlogit.solvers import FOREIGN, SOLVERS

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from_scikit_learn.md").read_text("utf-8")


def section(title):
    """The part of the page under a heading."""
    return re.split(r"^## ", PAGE.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def named(text):
    return set(re.findall(r"`\"?([\w-]+)\"?`", text))


@pytest.mark.parametrize("theirs", [LogisticRegression, LogisticRegressionCV])
def test_every_parameter_is_named(theirs):
    missing = set(inspect.signature(theirs).parameters) - named(
        section(f"{theirs.__name__}: parameters")
    )
    assert not missing


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("model", "title"),
    [
        (LogisticRegression(tol=1.0), "LogisticRegression: attributes and methods"),
        (LogisticRegressionCV(Cs=1, cv=2, tol=1.0), "LogisticRegressionCV: attributes"),
    ],
)
def test_every_attribute_is_named(model, title):
    pytest.importorskip("pandas")
    model.fit(*load_iris(return_X_y=True, as_frame=True))
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert not fitted - named(section(title))


def test_every_method_is_named():
    public = {
        name
        for name in dir(LogisticRegression)
        if not name.startswith("_") and callable(getattr(LogisticRegression, name))
    }
    assert not public - named(section("LogisticRegression: attributes and methods"))


def test_what_is_said_to_be_the_same_is_there():
    rows = re.findall(
        r"^\| (.*?) \| (same.*?) \|", section("LogisticRegression: parameters"), re.MULTILINE
    )
    same = {name for names, _ in rows for name in named(names)}
    assert len(same) > 8
    assert same <= set(inspect.signature(fusedlogit.LogisticRegression).parameters)


def test_every_solver_is_named():
    (theirs,) = LogisticRegression._parameter_constraints["solver"]
    assert theirs.options <= named(section("Solvers"))
    assert theirs.options - set(SOLVERS) == set(FOREIGN)
