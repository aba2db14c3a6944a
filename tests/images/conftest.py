"""Small made-up photographs of cats (dark) and dogs (bright)."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fusedlogit.photographs.features import LayerShape, PatchFeatures
from fusedlogit.photographs.loading import SplitImages, load_images
from fusedlogit.photographs.training import TrainingOptions, TrainingResult, train

BRIGHTNESS = {"cat": 80, "dog": 170}


def photograph(label: str, number: int) -> Image.Image:
    """A noisy picture, always the same for the same label and number."""
    generator = np.random.default_rng([len(label), ord(label[0]), number])
    pixels = generator.normal(BRIGHTNESS.get(label, 128), 30, (20, 24, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write_photographs(
    folder: Path,
    pattern: str = "{label}.{number}.png",
    count: int = 12,
    labels: tuple[str, ...] = ("cat", "dog"),
) -> Path:
    for label in labels:
        for number in range(count):
            path = folder / pattern.format(label=label, number=number)
            path.parent.mkdir(parents=True, exist_ok=True)
            photograph(label, number).save(path)
    return folder


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """make_folder(pattern="{label}.{number}.png", count=12, labels=..., name="photos")."""

    def make(*arguments: Any, name: str = "photos", **options: Any) -> Path:
        return write_photographs(tmp_path / name, *arguments, **options)

    return make


@pytest.fixture
def folder(make_folder: Callable[..., Path]) -> Path:
    """A folder of 12 cats and 12 dogs, labelled by name."""
    return make_folder()


@pytest.fixture
def zip_file(folder: Path) -> Path:
    """The same images in a zip file, compressed."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


@pytest.fixture
def images(folder: Path) -> SplitImages:
    """The folder's images, decoded and split."""
    return load_images(folder, size=4)


@pytest.fixture
def few_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let features have few filters by default, which are learnt in no time."""
    layers = (
        LayerShape(patch_size=5, stride=3, n_filters=8, n_components=20, grid=10, n_channels=5),
        LayerShape(patch_size=3, stride=1, n_filters=24, n_components=10, grid=2),
    )
    monkeypatch.setitem(PatchFeatures.__init__.__kwdefaults__, "layers", layers)


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """What a short training on them gives."""
    images = load_images(write_photographs(tmp_path_factory.mktemp("photos")), size=4)
    options = TrainingOptions(solver="gd", learning_rates=(0.001, 0.05), max_iter=30)
    return train(images, options)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a store is made."""
    return tmp_path / "store"


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    """Where it is while it grows."""
    return tmp_path / "store.partial"
