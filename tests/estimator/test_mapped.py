"""Samples of rows of mapped files: what is read of these, and that it is what was asked for."""

import numpy as np
import pytest

from fusedlogit import Parts
from fusedlogit.data import mapped


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_some_rows_of_a_file(tmp_path, monkeypatch, order, beyond):
    """Where few are wanted only their pages are asked for; elsewhere all are read."""
    n_features = 3_001
    n_wanted = 7
    n_samples = n_wanted * (mapped.SEEK // n_features + 8)
    X = np.random.default_rng(0).integers(0, 255, (n_samples, n_features), dtype=np.uint8)
    path = tmp_path / "rows.npy"
    np.save(path, np.asarray(X, order=order))
    monkeypatch.setattr(mapped, "SEEK", X.nbytes // n_wanted - n_features + beyond)
    asked = []
    monkeypatch.setattr(mapped, "_ask_for", lambda rows, wanted, file: asked.append(wanted))
    rows = np.sort(np.random.default_rng(1).choice(n_samples, n_wanted, replace=False))
    rows[-1] = n_samples - 1
    np.testing.assert_array_equal(Parts([path]).taken(rows), X[rows])
    n_bytes = n_wanted * (mapped.SEEK + n_features)
    assert bool(asked) == (order == "C" and n_bytes < X.nbytes)


def test_rows_asked_for_are_those_wanted(tmp_path):
    """The first and the last of a file, and rows that share a page."""
    X = np.random.default_rng(0).normal(size=(600, 500)).astype(np.float32)
    path = tmp_path / "rows.npy"
    np.save(path, X)
    mapped_rows = np.load(path, mmap_mode="r")
    for source, rows in ((path, X), (mapped_rows, X), (mapped_rows[3:], X[3:])):
        wanted = np.array([0, 1, 2, 300, len(rows) - 1])
        np.testing.assert_array_equal(Parts([source]).taken(wanted), rows[wanted])
