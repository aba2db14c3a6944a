"""Gradient descent on real photographs, against the reference."""

import io
import zipfile

import numpy as np
import pytest

from fusedlogit import LogisticRegression, reference

PHOTOGRAPHS_OF_EACH = 150
SIZE = 32


@pytest.fixture(scope="module")
def photographs(dogs_vs_cats_zip):
    """A few hundred photographs as rows of uint8, and whether each is of a dog."""
    image = pytest.importorskip("PIL.Image")
    with zipfile.ZipFile(dogs_vs_cats_zip) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        cats = [name for name in names if "cat." in name][:PHOTOGRAPHS_OF_EACH]
        dogs = [name for name in names if "dog." in name][:PHOTOGRAPHS_OF_EACH]
        rows = []
        for name in cats + dogs:
            with image.open(io.BytesIO(archive.read(name))) as photograph:
                photograph.draft("RGB", (SIZE, SIZE))
                rows.append(np.asarray(photograph.convert("RGB").resize((SIZE, SIZE))).ravel())
    return np.stack(rows), np.arange(2 * PHOTOGRAPHS_OF_EACH) >= PHOTOGRAPHS_OF_EACH


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_cost_of_each_iteration_is_the_references(photographs):
    pixels, is_dog = photographs
    assert pixels.dtype == np.uint8
    model = LogisticRegression(
        solver="gd", C=np.inf, scaling=255, learning_rate=0.005, max_iter=200, tol=0.0
    ).fit(pixels, is_dog)
    expected = reference.gradient_descent(
        pixels, is_dog, learning_rate=0.005, max_iter=200, scaling=255
    )
    assert expected.history[-1] < expected.history[0]
    np.testing.assert_allclose(model.history_, expected.history, rtol=1e-5)
    np.testing.assert_allclose(
        model.coef_[0] * 255, expected.coef, rtol=0, atol=1e-5 * np.abs(expected.coef).max()
    )


def test_the_optimum_is_that_of_float64(photographs):
    pixels, is_dog = photographs
    model = LogisticRegression(C=0.01, scaling=255, tol=1e-5)
    expected = model.fit(pixels.astype(np.float64), is_dog).predict_proba(pixels)
    actual = model.fit(pixels, is_dog).predict_proba(pixels)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-3)
