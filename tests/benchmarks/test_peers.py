"""The comparison with other libraries, run on its smallest problem."""

import json

import numpy as np
import peers
import pytest
from click.testing import CliRunner
from peer_methods import OURS
from peer_problems import PROBLEMS, Problem, cancer, cost
from peer_tables import suboptimality, time_to
from scipy import sparse
from sklearn.linear_model import LogisticRegression


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp("peers") / "results.jsonl"
    arguments = ["run", str(path), "--here", "--problem", "small", "--limit", "1"]
    for method in ("fusedlogit auto", "scikit-learn lbfgs"):
        done = CliRunner().invoke(peers.main, [*arguments, "--method", method])
        assert done.exit_code == 0, done.output
    return path


def test_every_line_tells_the_cost_reached(results):
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    X, y = cancer()
    theirs = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(X, y)
    least = cost(X, y, PROBLEMS["small"], theirs.coef_, theirs.intercept_)
    ours = [line for line in lines if line["method"] == "fusedlogit auto"]
    assert len(ours) == len(OURS)
    assert ours[-1]["cost"] == pytest.approx(least, rel=1e-10)
    assert all(line["cost"] >= least * (1 - 1e-10) for line in lines)


def test_the_page_has_the_table_and_the_picture(results, tmp_path):
    done = CliRunner().invoke(peers.main, ["report", str(results), "--write", str(tmp_path)])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "peers.md").read_text()
    assert "| fusedlogit auto |" in text
    assert (tmp_path / "peers.png").stat().st_size > 1000


def test_times_are_of_the_first_tolerance_that_gets_there():
    lines = [{"cost": cost, "seconds": seconds} for cost, seconds in ((1.1, 1), (1.001, 2), (1, 3))]
    gaps = suboptimality({"some": lines})["some"]
    assert time_to(gaps, 0.5) == 1
    assert time_to(gaps, 1e-2) == 2
    assert time_to(gaps, 1e-6) == 3
    assert time_to(gaps[:2], 1e-6) is None


def test_costs_are_those_of_the_problem():
    problem = Problem("", None, 2.0, 0.5, 0.25, np.float64, (1e-6,))
    X, y = np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([0.0, 1.0])
    coef = np.array([0.5, 1.0])  # of X; twice that of X / 2
    loss = (np.logaddexp(0, 1.0) + np.logaddexp(0, 4.0) - 4.0) / 2
    expected = loss + 0.25 * 3.0 + 0.5 / 2 * (1.0 + 4.0)
    assert cost(X, y, problem, coef, 0.0) == pytest.approx(expected, rel=1e-14)


def test_costs_of_many_classes_and_of_sparse_rows():
    problem = Problem("", None, 1.0, 0.5, 0.0, np.float64, (1e-6,))
    X, y = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), np.array([2, 0, 1])
    coef, intercept = np.array([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]]), np.array([0.1, 0.0, -0.1])
    scores = np.exp(X @ coef.T + intercept)
    loss = -np.log(scores[np.arange(3), y] / scores.sum(axis=1)).mean()
    expected = loss + 0.25 * (coef**2).sum()
    assert cost(X, y, problem, coef, intercept) == pytest.approx(expected, rel=1e-14)
    assert cost(sparse.csr_array(X), y, problem, coef, intercept) == pytest.approx(expected)
