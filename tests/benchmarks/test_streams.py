"""Stochastic descent beside scikit-learn's and river's, with one thread: rows as they come."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from fusedlogit import SGD, LogisticRegression

from ..conftest import data_folder

MODELS = {
    "fusedlogit": partial(LogisticRegression, C=1.0, n_jobs=1),
    "scikit-learn": partial(SGDClassifier, loss="log_loss", alpha=1e-5, random_state=0),
}


@pytest.fixture(scope="module")
def dense(full_size):
    """Rows of 100 features, and their classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300_000 if full_size else 400, 100))
    return X, (X @ rng.normal(size=100) + rng.logistic(size=len(X)) > 0).astype(np.uint8)


@pytest.fixture(scope="module")
def texts(full_size):
    """Words in 300,000 releases, hashed to 2^20 columns, in random order."""
    path = data_folder() / "text-releases.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there; FUSEDLOGIT_DATA may name its folder")
    with np.load(path) as stored:
        arrays = [stored[name].astype(np.int32) for name in ("indices", "indptr")]  # as it asks for
        y = stored["y"]
        shape = tuple(stored["shape"])
    X = sparse.csr_array((np.ones(len(arrays[0])), *arrays), shape=shape)
    rows = np.random.default_rng(0).permutation(len(y))[: None if full_size else 400]
    return X[rows], y[rows]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("chunk", [10_000, 1_000, 10])
@pytest.mark.parametrize("data", ["dense", "texts"])
def test_partial_fit(benchmark, request, data, chunk, model, full_size):
    X, y = request.getfixturevalue(data)
    n_rows = min(len(y), 3_000 if chunk < 1_000 else 300_000)
    chunks = [slice(begin, begin + chunk) for begin in range(0, n_rows, chunk)]
    given = [(X[rows], y[rows]) for rows in chunks]

    def stream():
        learner = MODELS[model]()
        for rows, target in given:
            learner.partial_fit(rows, target, classes=[0, 1])
        return learner

    benchmark.group = f"partial_fit of {data}, {chunk:,} rows a call"
    learner = benchmark.pedantic(stream, rounds=3 if full_size else 1)
    benchmark.extra_info.update(data=data, n_rows=n_rows, chunk=chunk, model=model)
    assert learner.predict_proba(X[:10]).shape == (10, 2)


def by_rows(learner, given):
    """river's way: a dictionary of each row."""
    for rows, target in given:
        for row, label in zip(rows, target, strict=True):
            learner.learn_one(row, label)


def by_frames(learner, given):
    """river's way for several rows: a data frame, and one step for all of them."""
    for frame, target in given:
        learner.learn_many(frame, target)


def dictionaries(X, y):
    """Rows as `learn_one` takes them."""
    rows = sparse.csr_array(X)
    bounds = zip(rows.indptr, rows.indptr[1:], strict=False)
    given = [
        dict(zip(rows.indices[i:j].tolist(), rows.data[i:j].tolist(), strict=True))
        for i, j in bounds
    ]
    return given, y.astype(bool).tolist()


def frames(X, y):
    """Rows as `learn_many` takes them."""
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X), pandas.Series(y.astype(bool))


@pytest.mark.parametrize(
    ("data", "chunk", "as_given", "learn"),
    [
        ("dense", 1, dictionaries, by_rows),
        ("texts", 1, dictionaries, by_rows),
        ("dense", 10, frames, by_frames),
        ("dense", 1_000, frames, by_frames),
    ],
)
def test_river(benchmark, request, data, chunk, as_given, learn, full_size):
    """Its dictionaries and frames are made before the clock runs."""
    river = pytest.importorskip("river.linear_model", reason="river is compared if it is there")
    X, y = request.getfixturevalue(data)
    n_rows = min(len(y), 300_000 if chunk == 1_000 else 3_000)
    step = 1_000 if chunk == 1 else chunk
    chunks = [slice(begin, begin + step) for begin in range(0, n_rows, step)]
    given = [as_given(X[rows], y[rows]) for rows in chunks]
    model = river.LogisticRegression(l2=1e-5)
    benchmark.group = f"river, {data}, {chunk:,} rows a call"
    benchmark.pedantic(learn, (model, given), rounds=3 if full_size else 1)
    benchmark.extra_info.update(data=data, n_rows=n_rows, chunk=chunk, model="river")
    assert model.weights


def by_early_stopping(X, y, n_passes, unseen):
    """Ours: penalties and the step are found by the data but for C."""
    model = LogisticRegression(
        C=1 / (1e-5 * len(y)), n_jobs=1, max_iter=n_passes, solver=SGD(early_stopping=True)
    )
    return model.fit(X, y).predict_proba(unseen)


def by_the_best_step(X, y, n_passes, unseen):
    """scikit-learn's, with what was the best of some penalties and steps."""
    model = SGDClassifier(
        loss="log_loss", alpha=1e-5, average=True, learning_rate="invscaling", eta0=0.3,
        power_t=0.1, max_iter=n_passes, tol=None, random_state=0,
    )  # fmt: skip
    return model.fit(X, y).predict_proba(unseen)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("fit", "n_passes"),
    [(by_early_stopping, 4), (by_the_best_step, 5)],
    ids=["fusedlogit", "scikit-learn"],
)
def test_loss_on_unseen_texts(benchmark, texts, fit, n_passes, full_size):
    X, y = texts
    n_rows = len(y) * 9 // 10
    benchmark.group = "loss on unseen texts"
    rounds = 3 if full_size else 1
    found = benchmark.pedantic(
        fit, (X[:n_rows], y[:n_rows], n_passes, X[n_rows:]), rounds=rounds
    )  # fmt: skip
    loss = log_loss(y[n_rows:], found)
    benchmark.extra_info.update(loss=loss, n_passes=n_passes)
    assert loss < (0.5 if full_size else 0.8)
