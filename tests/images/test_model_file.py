"""Saving and loading a trained classifier."""

import errno
import os

import numpy as np
import pytest

from fusedlogit.errors import ModelFileError, OutputError
from fusedlogit.evaluation.calibration import Calibration
from fusedlogit.photographs.classifier import ImageClassifier
from fusedlogit.photographs.features import LayerShape, PatchFeatures
from fusedlogit.photographs.model_file import (
    MANY_KINDS_VERSION,
    load_model,
    save_model,
)


@pytest.fixture
def classifier():
    coef = np.random.default_rng(0).normal(0, 1e-3, 2 * 2 * 3)
    return ImageClassifier(
        labels=("cat", "dög"),
        size=2,
        coef=coef,
        mean=np.full(12, 100.0),
        intercept=0.25,
        threshold=0.6,
        calibration=Calibration(0.5, 0.125),
    )


@pytest.fixture
def model(classifier, tmp_path):
    path = tmp_path / "model.npz"
    save_model(path, classifier)
    return path


def rewrite(path, **changes):
    with np.load(path) as archive:
        fields = dict(archive)
    for name, value in changes.items():
        if value is None:
            del fields[name]
        else:
            fields[name] = np.asarray(value)
    np.savez(path, **fields)


def test_what_is_saved_is_what_is_loaded(classifier, model):
    loaded = load_model(model)
    np.testing.assert_array_equal(loaded.coef, classifier.coef)
    np.testing.assert_array_equal(loaded.mean, classifier.mean)
    for name in ("labels", "size", "intercept", "threshold", "features", "calibration"):
        assert getattr(loaded, name) == getattr(classifier, name)


def test_the_name_is_kept_as_given(classifier, tmp_path):
    save_model(tmp_path / "model.bin", classifier)
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_probabilities_and_answers(classifier):
    pixels = np.random.default_rng(1).integers(0, 256, (50, 12), dtype=np.uint8)
    probability = classifier.probability(pixels)
    expected = 1 / (1 + np.exp(-0.5 * (pixels @ classifier.coef + 0.25) - 0.125))
    np.testing.assert_allclose(probability, expected, rtol=1e-5)
    assert classifier.probability(pixels[:0]).shape == (0,)
    answers = classifier.answers(np.array([0.0, 0.55, 0.65, 1.0]))
    assert answers.tolist() == ["cat", "cat", "dög", "dög"]
    np.testing.assert_allclose(
        classifier.confidence(np.array([0.0, 0.55, 0.65, 1.0])), [1.0, 0.45, 0.65, 1.0]
    )


def test_evidence_adds_up_to_the_decision(classifier):
    pixels = np.random.default_rng(1).integers(0, 256, 12, dtype=np.uint8)
    evidence = classifier.evidence(pixels)
    assert evidence.shape == (2, 2)
    assert evidence.sum() == pytest.approx(classifier.coef @ (pixels - 100.0))
    assert evidence[0, 1] == pytest.approx(classifier.coef[3:6] @ (pixels[3:6] - 100.0))


def test_features_are_saved_and_loaded(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12 * 12 * 3), dtype=np.uint8)
    layer = LayerShape(patch_size=3, stride=1, n_filters=8, n_components=20, grid=2)
    features = PatchFeatures(sizes=(12,), layers=(layer,)).fit(pixels)
    coef = np.random.default_rng(1).normal(size=features.n_features_out_)
    saved = ImageClassifier(("cat", "dog"), 12, coef, 0 * coef, 0.0, 0.5, features)
    save_model(tmp_path / "model.npz", saved)
    loaded = load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.values(pixels), saved.values(pixels))
    assert loaded.values(pixels[:0]).shape[0] == 0
    evidence = loaded.evidence(pixels[0]).sum()
    assert evidence == pytest.approx(loaded.values(pixels[:1])[0].astype(float) @ coef, abs=0.02)
    rewrite(tmp_path / "model.npz", size=13)
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(tmp_path / "model.npz")


@pytest.mark.parametrize("version", [MANY_KINDS_VERSION + 1, 0, "one", [1, 2], None])
def test_another_format_version_is_refused(model, version):
    rewrite(model, format_version=version)
    with pytest.raises(ModelFileError, match=r"model\.npz has model format version .*: train it"):
        load_model(model)


@pytest.mark.parametrize(
    "changes",
    [
        {"coef": None},
        {"labels": ["cat"]},
        {"labels": ["cat", "dog", "emu"]},
        {"coef": np.zeros(5)},
        {"coef": np.full(12, np.nan)},
        {"coef": ["x"] * 12},
        {"mean": np.zeros(5)},
        {"calibration": [1.0]},
        {"calibration": [1.0, np.inf]},
        {"intercept": [1.0, 2.0]},
        {"size": "big"},
    ],
)
def test_a_damaged_model_is_refused(model, changes):
    rewrite(model, **changes)
    with pytest.raises(ModelFileError, match=r"model\.npz is damaged .*: train the model again"):
        load_model(model)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.npz is not a fusedlogit model"):
        load_model(path)


def test_arrays_that_are_no_model_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=1)
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("other.npz", "array.npy"):
        with pytest.raises(ModelFileError, match=f"{name} is not a fusedlogit model"):
            load_model(tmp_path / name)


def test_a_cut_off_model_is_refused(model):
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(ModelFileError):
        load_model(model)


def test_nothing_pickled_is_ever_loaded(model, tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "trapped"),))

    rewrite(model, labels=np.array([Trap(), Trap()], dtype=object))
    with pytest.raises(ModelFileError):
        load_model(model)
    assert not (tmp_path / "trapped").exists()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"no\.npz does not exist"):
        load_model(tmp_path / "no.npz")


def test_a_failed_save_leaves_the_old_model_and_nothing_else(classifier, model, monkeypatch):
    before = model.read_bytes()

    def fail(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=r"model\.npz cannot be written .*No space left"):
        save_model(model, classifier)
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]


def test_saving_into_a_missing_folder_is_refused(classifier, tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written"):
        save_model(tmp_path / "missing" / "model.npz", classifier)


def test_a_model_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    def refuse(*_args):
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "m.npz").write_bytes(b"PK")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ModelFileError, match=r"m\.npz cannot be read \(Permission denied\): allow"):
        load_model(tmp_path / "m.npz")
