"""Model files of texts that somebody, or a bad disk, has changed: each is refused in one line."""

import numpy as np
import pytest

from fusedlogit.errors import ModelFileError, OutputError
from fusedlogit.text.classifier import (
    TextClassifier,
    is_text_model,
    load_text_model,
    save_text_model,
)
from fusedlogit.text.demo import GeneratedLetters
from fusedlogit.text.training import TextOptions, train

FIELDS = (
    "format", "format_version", "labels", "coef", "intercept", "calibration", "terms", "idf",
    "ngrams", "n_hashed", "columns", "column",
)  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A counted and a hashed model as their arrays."""
    arrays = {}
    for hashed in (False, True):
        options = TextOptions(hashed=hashed, C=(1.0,), folds=2, n_threads=1)
        path = tmp_path_factory.mktemp("whole") / "m.npz"
        save_text_model(path, train(GeneratedLetters(120), options).classifier)
        with np.load(path) as archive:
            arrays[hashed] = dict(archive)
    return arrays


def refused(path, *words):
    with pytest.raises(ModelFileError) as caught:
        load_text_model(path)
    for word in ("m.npz", *words):
        assert word in str(caught.value)


def changed(models, path, hashed, **changes):
    fields = models[hashed] | changes
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})


def test_every_field_is_known(models, tmp_path):
    for hashed in (False, True):
        assert set(models[hashed]) == set(FIELDS)
        changed(models, tmp_path / "m.npz", hashed)
        assert load_text_model(tmp_path / "m.npz").words.n_hashed == (2**20 if hashed else 0)
        assert is_text_model(tmp_path / "m.npz")


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("name", FIELDS)
def test_a_damaged_field_is_refused(models, tmp_path, name, hashed):
    whole = models[hashed][name]
    for wrong in (None, whole[None], np.full(whole.shape, 1j), np.full(whole.shape, b"x")):
        changed(models, tmp_path / "m.npz", hashed, **{name: wrong})
        refused(tmp_path / "m.npz")
    if whole.size > 1:
        more = np.frombuffer(b"\nx", np.uint8) if name == "terms" else whole[-1:]
        changed(models, tmp_path / "m.npz", hashed, **{name: np.append(whole, more, axis=0)})
        refused(tmp_path / "m.npz", "is damaged")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("coef", np.nan), ("coef", np.inf), ("coef", 1e200), ("intercept", np.nan),
        ("intercept", -1e200), ("calibration", -1.0), ("calibration", np.nan), ("idf", 0.5),
        ("idf", 1e6), ("idf", np.nan), ("ngrams", 0), ("ngrams", 6), ("ngrams", -1),
        ("n_hashed", -1), ("n_hashed", 2**40), ("labels", ""), ("labels", "praise"),
        ("terms", 10), ("terms", 255),
    ],
)  # fmt: skip
def test_a_value_out_of_all_bounds_is_refused(models, tmp_path, name, value):
    array = models[False][name].copy()
    if array.ndim:
        array.flat[: 2 if name in ("terms", "labels") else 1] = value
    else:
        array = np.asarray(value)
    changed(models, tmp_path / "m.npz", False, **{name: array})
    refused(tmp_path / "m.npz", "is damaged")


@pytest.mark.parametrize("place", [0, -1])
def test_columns_beyond_the_hashes_are_refused(models, tmp_path, place):
    columns = models[True]["columns"].copy()
    columns[place] = -1 if place == 0 else 2**20
    changed(models, tmp_path / "m.npz", True, columns=columns)
    refused(tmp_path / "m.npz", "is damaged", "columns")
    changed(models, tmp_path / "m.npz", True, columns=columns[::-1])
    refused(tmp_path / "m.npz", "is damaged", "columns")


def test_unknown_members_and_other_versions_are_refused(models, tmp_path):
    changed(models, tmp_path / "m.npz", False, extra=np.zeros(3))
    refused(tmp_path / "m.npz", "unknown member extra")
    changed(models, tmp_path / "m.npz", False, format_version=2)
    refused(tmp_path / "m.npz", "model format version")
    changed(models, tmp_path / "m.npz", False, format="fusedlogit linear probe")
    refused(tmp_path / "m.npz", "is not a fusedlogit text model", "fusedlogit text --out")
    assert not is_text_model(tmp_path / "m.npz")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_off_file_is_refused(models, tmp_path, share):
    changed(models, tmp_path / "m.npz", False)
    content = (tmp_path / "m.npz").read_bytes()
    (tmp_path / "m.npz").write_bytes(content[: int(share * len(content))])
    refused(tmp_path / "m.npz", "is not a fusedlogit text model")


def test_what_could_not_be_loaded_is_not_saved(models, tmp_path):
    changed(models, tmp_path / "m.npz", False)
    model = load_text_model(tmp_path / "m.npz")
    wrong = TextClassifier(("a", "a", "b", "c"), model.words, model.idf, model.head)
    with pytest.raises(OutputError, match=r"other\.npz is not written"):
        save_text_model(tmp_path / "other.npz", wrong)
    assert not (tmp_path / "other.npz").exists()
