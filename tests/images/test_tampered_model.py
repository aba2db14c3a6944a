"""Model files that somebody, or a bad disk, has changed: each is refused in one line."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from fusedlogit.errors import ModelFileError, OutputError
from fusedlogit.photographs import model_file
from fusedlogit.photographs.classifier import ImageClassifier
from fusedlogit.photographs.features import LayerShape, PatchFeatures
from fusedlogit.photographs.model_file import load_model, save_model

SIZE = 12
LAYERS = (
    LayerShape(patch_size=3, stride=1, n_filters=8, n_components=20, grid=5, n_channels=5),
    LayerShape(patch_size=2, stride=1, n_filters=60, n_components=4, grid=2),
)

TEXTS = ("format", "labels", "features.activation")
WHOLE = ("format_version", "size", "features.n_features_in", "features.sizes", "features.layers")
FLAGS = ("features.chain0.layer0.centred", "features.chain0.layer1.centred")
NUMBERS = (
    "coef",
    "mean",
    "intercept",
    "threshold",
    "calibration",
    "features.threshold",
    "features.chain0.layer0.contrast_floor",
    "features.chain0.layer1.contrast_floor",
    "features.chain0.layer0.offset",
    "features.chain0.layer0.even0",
    "features.chain0.layer0.odd0",
    "features.chain0.layer1.offset",
    "features.chain0.layer1.even0",
    "features.chain0.layer1.even1",
    "features.chain0.layer1.odd0",
    "features.chain0.layer1.odd1",
    "features.chain0.reduction0.mean",
    "features.chain0.reduction0.even",
    "features.chain0.reduction0.odd",
)
FIELDS = (*TEXTS, *WHOLE, *FLAGS, *NUMBERS)


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """The arrays of a model with features."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, SIZE * SIZE * 3), dtype=np.uint8)
    features = PatchFeatures(sizes=(SIZE,), layers=LAYERS).fit(pixels)
    coef = np.random.default_rng(1).normal(size=features.n_features_out_)
    path = tmp_path_factory.mktemp("whole") / "model.npz"
    save_model(path, ImageClassifier(("cat", "dog"), SIZE, coef, coef, 0.5, 0.5, features))
    with np.load(path) as archive:
        return dict(archive)


@pytest.fixture
def model(fields, tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **fields)
    return path


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), **options)
    return stream.getvalue()


def claiming(array, shape):
    """An .npy file whose header claims another shape than its data has."""
    stream = io.BytesIO()
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + array.tobytes()


def rewrite(path, name, content, compression=zipfile.ZIP_STORED):
    """Replace a member (None removes it) or add one."""
    with zipfile.ZipFile(path) as archive:
        members = {one.filename: archive.read(one) for one in archive.infolist()}
    members.pop(f"{name}.npy", None)
    with zipfile.ZipFile(path, "w") as archive:
        for filename, kept in members.items():
            archive.writestr(filename, kept)
        if content is not None:
            archive.writestr(f"{name}.npy", content, compression)


def refused(path, *words):
    with pytest.raises(ModelFileError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500 + len(str(path))
    for word in ("model.npz", *words):
        assert word in message
    return message


class Trap:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return (os.mkdir, (str(self.place),))


DAMAGES = {
    "missing": lambda array, place: None,
    "empty": lambda array, place: b"",
    "no array": lambda array, place: b"hello",
    "cut off": lambda array, place: npy(array)[:-1],
    "too long": lambda array, place: npy(array) + b"x",
    "another version": lambda array, place: npy(array, version=(2, 0)),
    "header cut off": lambda array, place: npy(array)[:50],
    "header of nonsense": lambda array, place: npy(array).replace(b"descr", b"\n\x1b[1"),
    "absurd size": lambda array, place: claiming(array, (10**15,)),
    "overflowing size": lambda array, place: claiming(array, (2**62, 2**62, 4)),
    "negative size": lambda array, place: claiming(array, (-1, -1)),
    "one axis more": lambda array, place: npy(array[None]),
    "one element more": lambda array, place: npy(np.append(array, array.ravel()[-1:])),
    "nothing in it": lambda array, place: npy(array.ravel()[:0]),
    "complex": lambda array, place: npy(np.ones(array.shape, complex)),
    "dates": lambda array, place: npy(np.zeros(array.shape, "datetime64[s]")),
    "bytes": lambda array, place: npy(np.full(array.shape, b"x")),
    "records": lambda array, place: npy(np.zeros(array.shape, "f8,f8")),
    "pickled": lambda array, place: npy(np.full(array.shape, Trap(place / "trapped"), object)),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FIELDS)
def test_a_damaged_field_is_refused(model, fields, tmp_path, name, damage):
    rewrite(model, name, DAMAGES[damage](fields[name], tmp_path))
    message = refused(model)
    if not name.startswith("format"):
        assert "is damaged" in message
        # With more sizes than layers, it is the layers that are missing.
        more_sizes = (name, damage) == ("features.sizes", "one element more")
        assert more_sizes or name.rstrip("01") in message
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "largest", "-largest"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_all_bounds_is_refused(model, fields, name, value):
    array = fields[name].copy()
    if isinstance(value, str):
        value = float(np.finfo(array.dtype).max) * (-1 if value.startswith("-") else 1)
    array.flat[array.size // 2] = value
    rewrite(model, name, npy(array))
    assert name in refused(model, "is damaged")


@pytest.mark.parametrize("value", [-1, 0, 2**40, np.float64(12.0), "12", True])
@pytest.mark.parametrize("name", WHOLE[1:])
def test_a_count_that_makes_no_sense_is_refused(model, fields, name, value):
    rewrite(model, name, npy(np.full(fields[name].shape, value)))
    refused(model, "is damaged")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 64.5),
        ("size", 4097),
        ("size", 13),
        ("threshold", 0.0),
        ("threshold", 1.0),
        ("threshold", 2.0),
        ("threshold", -0.5),
        ("calibration", [-1.0, 0.0]),
        ("calibration", [1e300, 0.0]),
        ("calibration", [1.0, 1e9]),
        ("intercept", 1e300),
        ("labels", ["cat", "cat"]),
        ("labels", ["", "cat"]),
        ("labels", ["cat", "dog", "emu"]),
        ("features.activation", "sine"),
        ("features.threshold", -1.0),
        ("features.chain0.layer0.contrast_floor", 0.0),
        ("features.chain0.layer1.contrast_floor", -1.0),
        ("features.sizes", [SIZE, SIZE]),
        ("features.n_features_in", SIZE * SIZE * 3 + 1),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(model, name, value):
    rewrite(model, name, npy(value))
    refused(model, "is damaged")


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("patch_size", [-1, 0, 4, 99]),
        ("stride", [-1, 0]),
        ("n_filters", [-2, 0, 1, 10, 2**40]),
        ("n_components", [-1, 2**40]),
        ("grid", [-1, 0, 2**13, 2**40]),
        ("n_channels", [-1, 2**40]),
    ],
)
def test_a_layer_that_does_not_fit_is_refused(model, fields, layer, column, values):
    for value in values:
        layers = fields["features.layers"].copy()
        layers[layer, list(LayerShape.__dataclass_fields__).index(column)] = value
        rewrite(model, "features.layers", npy(layers))
        assert "features." in refused(model, "is damaged")


@pytest.mark.parametrize(
    ("name", "value"), [("coef", 1e34), ("mean", 7e4), ("features.chain0.reduction0.odd", 1.1)]
)
def test_values_that_could_overflow_together_are_refused(model, fields, name, value):
    rewrite(model, name, npy(np.full_like(fields[name], value)))
    assert name in refused(model, "is damaged")


def test_filters_whose_product_is_huge_are_refused(model, fields):
    for factor in ("even0", "even1"):
        name = f"features.chain0.layer1.{factor}"
        rewrite(model, name, npy(np.full_like(fields[name], 1e5)))
    refused(model, "layer1.even0")


def test_a_flipped_bit_is_noticed_by_the_checksum(model, fields):
    content = model.read_bytes()
    place = content.index(fields["coef"].tobytes(), content.index(b"coef.npy"))
    model.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    refused(model, "is damaged", "coef")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_file_is_refused(model, share):
    content = model.read_bytes()
    model.write_bytes(content[: int(share * len(content))])
    refused(model, "is not a fusedlogit model")


@pytest.mark.parametrize("name", ["extra", "features.extra", "features.chain1.layer0.offset"])
def test_an_unknown_member_is_refused(model, name):
    rewrite(model, name, npy(0.0))
    refused(model, "is damaged", f"unknown member {name}")


def test_features_of_a_model_without_any_are_refused(model, fields):
    for name in FIELDS:
        if name.startswith("features."):
            rewrite(model, name, None)
    rewrite(model, "features.sizes", npy([SIZE]))
    refused(model, "is damaged", "features.layers is missing")


def test_a_member_that_is_no_array_is_refused(model):
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("readme.txt", "hello")
    refused(model, "is not a fusedlogit model", "readme.txt")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(model):
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr("coef.npy", npy(np.zeros(3)))
    refused(model, "is not a fusedlogit model", "share a name")


@pytest.mark.parametrize("name", ["coef", "unused", "features.chain0.layer0.offset"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_nothing_is_unpacked(model, name, compression):
    rewrite(model, name, npy(np.zeros(2**22)), compression)
    tracemalloc.start()
    refused(model, "is not a fusedlogit model", name, "compressed")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_an_unused_member_is_not_read(model):
    rewrite(model, "unused", npy(np.zeros(2**22)))
    tracemalloc.start()
    refused(model, "unknown member unused")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_a_file_larger_than_any_model_is_not_read(model):
    os.truncate(model, model_file.MAX_BYTES + 1)
    refused(model, "is not a fusedlogit model", "allowed")


def test_members_that_claim_more_than_there_is_are_refused(model):
    content = bytearray(model.read_bytes())
    # In the list of members, both sizes stand 26 and 22 bytes before the name.
    place = content.rindex(b"coef.npy")
    content[place - 26 : place - 18] = (len(content) + 1).to_bytes(4, "little") * 2
    model.write_bytes(content)
    refused(model, "is not a fusedlogit model", "claim more")


def test_every_field_is_tampered_with(model, fields):
    assert set(FIELDS) == fields.keys()
    load_model(model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"coef": np.full(12, 1e300)},
        {"threshold": 1.0},
        {"labels": ("cat", "cat")},
        {"mean": np.full(12, 256.0)},
        {"coef": np.full(12, np.nan)},
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, wrong):
    right = {
        "labels": ("cat", "dog"), "size": 2, "coef": np.ones(12), "mean": np.ones(12),
        "intercept": 0.0, "threshold": 0.5,
    }  # fmt: skip
    save_model(tmp_path / "m.npz", ImageClassifier(**right))
    assert load_model(tmp_path / "m.npz").size == 2
    with pytest.raises(OutputError, match=r"other\.npz is not written"):
        save_model(tmp_path / "other.npz", ImageClassifier(**(right | wrong)))
    assert not (tmp_path / "other.npz").exists()
