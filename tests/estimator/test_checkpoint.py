"""A fit that is interrupted goes on from its checkpoint."""

import os
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning

from fusedlogit import LogisticRegression, Parts
from fusedlogit.solvers import checkpoint


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.npz"


class StoppedError(Exception):
    """What interrupts a fit."""


def interrupt(n_iter, error=StoppedError):
    def callback(iteration, *_):
        if iteration == n_iter:
            raise error

    return callback


def interrupted(path, X, y, n_iter=3, **parameters):
    """A file that a fit left behind, and the model that it was to become."""
    model = LogisticRegression(checkpoint=path, callback=interrupt(n_iter), **parameters)
    with pytest.raises(StoppedError):
        model.fit(X, y)
    assert path.exists()
    return model.set_params(callback=None)


PROBLEMS = {
    "two classes": (load_breast_cancer, {"scaling": "standard", "C": 1e4}, 3),
    "lbfgs": (load_breast_cancer, {"scaling": "standard", "solver": "lbfgs"}, 6),
    "L1": (load_breast_cancer, {"scaling": "standard", "l1_ratio": 1.0, "C": 100.0}, 3),
    "three classes": (load_iris, {"C": 1e4}, 3),
    "L1, three classes": (load_iris, {"C": 10.0, "l1_ratio": 0.5}, 3),
    "units": (lambda **_: (load_breast_cancer()["data"] * 1e-150, load_breast_cancer()["target"]),
              {"scaling": "standard"}, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_goes_on(path, name):
    load, parameters, n_iter = PROBLEMS[name]
    X, y = load(return_X_y=True)
    whole = LogisticRegression(**parameters).fit(X, y)
    model = interrupted(path, X, y, n_iter, **parameters).fit(X, y)
    assert model.converged_
    assert model.n_iter_[0] <= whole.n_iter_[0]
    assert model.history_[0] < whole.history_[0]
    assert model.history_[-1] == pytest.approx(whole.history_[-1], rel=1e-7)
    assert not path.exists()


def test_gradient_descent_is_the_same_as_in_one_go(path, cancer):
    X, y = cancer
    parameters = {"solver": "gd", "scaling": "standard", "max_iter": 50, "tol": 1e-3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = LogisticRegression(**parameters).fit(X, y)
        model = interrupted(path, X, y, 20, **parameters)
        model.set_params(max_iter=31).fit(X, y)  # the 20th cost is known before its step
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)
    np.testing.assert_allclose(model.history_, whole.history_[19:], rtol=1e-12)


def test_parts_and_another_solver(path):
    X, y = load_digits(return_X_y=True)
    X, y = X.astype(np.uint8), y % 2
    parts = Parts([X[:800], X[800:]])
    model = interrupted(path, parts, y, 4, solver="lbfgs", scaling=16.0)
    model.set_params(solver="auto").fit(parts, y)
    assert model.converged_
    assert not path.exists()


def test_ctrl_c(path, cancer):
    X, y = cancer
    model = LogisticRegression(scaling="standard", checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callback=interrupt(2, KeyboardInterrupt)).fit(X, y)
    assert path.exists()


@pytest.mark.parametrize(("interval", "n_written"), [(0.0, 3), (1e-9, 3), (3600.0, 1)])
def test_is_written_as_time_passes(path, cancer, monkeypatch, interval, n_written):
    X, y = cancer
    monkeypatch.setattr(checkpoint, "INTERVAL", interval)
    written = []
    write = checkpoint.write_whole
    monkeypatch.setattr(checkpoint, "write_whole", lambda *file: (written.append(1), write(*file)))
    interrupted(path, X, y, 3, scaling="standard")
    assert len(written) == n_written


def test_unconverged_stays(path, cancer):
    X, y = cancer
    model = LogisticRegression(scaling="standard", checkpoint=path, max_iter=2)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert path.exists()
    model.set_params(max_iter=100).fit(X, y)
    assert model.converged_
    assert not path.exists()


def test_fits_once_more_without_a_file(path, cancer):
    X, y = cancer
    model = LogisticRegression(scaling="standard", checkpoint=os.fspath(path)).fit(X, y)
    assert not path.exists()
    plain = LogisticRegression(scaling="standard").fit(X, y)
    assert (model.coef_ == plain.coef_).all()
    assert clone(model).checkpoint == os.fspath(path)
    assert (pickle.loads(pickle.dumps(model)).coef_ == plain.coef_).all()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"C": 2.0}, "C"),
        ({"l1_ratio": 0.5}, "l1_ratio"),
        ({"scaling": 2.0}, "scaling"),
        ({"fit_intercept": False}, "fit_intercept"),
        ({"class_weight": {0: 2.0}}, "weights of the classes"),
    ],
)
def test_of_another_fit(path, cancer, change, name):
    X, y = cancer
    model = interrupted(path, X, y, scaling="standard")
    content = path.read_bytes()
    with pytest.raises(ValueError, match=f"another {name} .*remove it"):
        model.set_params(**change).fit(X, y)
    assert path.read_bytes() == content


def test_of_other_data(path, cancer):
    X, y = cancer
    model = interrupted(path, X, y, scaling="standard")
    with pytest.raises(ValueError, match=r"another shape of X .*\[569, 30\]; here \[500, 30\]"):
        model.fit(X[:500], y[:500])
    with pytest.raises(ValueError, match="another classes"):
        model.fit(X, np.where(y == 1, "benign", "malignant"))
    with pytest.raises(ValueError, match="another weights of the classes"):
        model.fit(X, y, np.arange(len(y)))


@pytest.mark.parametrize(
    "content",
    [
        lambda whole: b"",
        lambda whole: b"no archive",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole.replace(b"fusedlogit".decode().encode("utf-32-le"), b"-" * 40),
        lambda whole: whole.replace(b"coef.npy", b"cofe.npy"),
        lambda whole: whole.replace(b"(30,)", b"(29,)"),
    ],
)
def test_damaged(path, cancer, content):
    X, y = cancer
    model = interrupted(path, X, y, scaling="standard")
    whole = path.read_bytes()
    path.write_bytes(content(whole))
    assert path.read_bytes() != whole
    with pytest.raises(ValueError, match="is no checkpoint of a fit that can be read"):
        model.fit(X, y)


def test_places_that_cannot_be_written(tmp_path, cancer):
    with pytest.raises(ValueError, match="make the folder"):
        LogisticRegression(checkpoint=tmp_path / "none" / "fit.npz").fit(*cancer)
    with pytest.raises(ValueError, match="is a folder"):
        LogisticRegression(checkpoint=tmp_path).fit(*cancer)


def test_a_full_disk_loses_no_fit(path, cancer, monkeypatch):
    def full(path, content):
        raise checkpoint.OutputError(f"{path} cannot be written (No space left on device)")

    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "write_whole", full)
    with pytest.warns(UserWarning, match="goes on without a checkpoint: .*No space left"):
        model = LogisticRegression(scaling="standard", checkpoint=path).fit(*cancer)
    assert model.converged_


def test_numbers_of_numpy_are_numbers(path, cancer):
    X, y = cancer
    model = interrupted(path, X, y, C=np.float32(1), scaling=np.int64(2))
    assert model.set_params(C=1.0, scaling=2).fit(X, y).converged_


def test_many_classes_are_named_in_a_line(path):
    X = np.arange(200.0)[:, None]
    y = np.arange(200) // 2
    model = interrupted(path, X, y, 2, max_iter=3)
    with pytest.raises(ValueError, match="another classes") as caught:
        model.fit(X, y + 1)
    assert len(str(caught.value)) < 400
