"""Near-duplicates between test and training images."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from fusedlogit.photographs.loading import load_images

from .conftest import photograph


def smooth(label, number):
    """A photograph with a shape of its own that survives compression."""
    small = ImageOps.autocontrast(photograph(label, number).resize((6, 5)))
    return small.resize((90, 70), Image.Resampling.BICUBIC)


@pytest.fixture
def load(tmp_path):
    """Load ten photographs of each label and some more, those from number 100 on for testing."""

    def load(**more):
        for label in ("cat", "dog"):
            for number in [*range(8), 100, 101]:
                smooth(label, number).save(tmp_path / f"{label}.{number}.png")
        for name, picture in more.items():
            picture.save(tmp_path / f"{name.replace('_', '.')}.jpg", quality=60)
        return load_images(tmp_path, size=32, test_from=100)

    return load


def test_different_photographs_are_no_duplicates(load):
    assert load().duplicates == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture,
        ImageOps.mirror,
        lambda picture: picture.resize((50, 50)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
        lambda picture: picture.convert("L"),
    ],
)
def test_copies_are_found_whatever_became_of_them(load, change):
    (duplicate,) = load(cat_105=change(smooth("cat", 3))).duplicates
    assert duplicate.test.name == "cat.105.jpg"
    assert duplicate.seen.name == "cat.3.png"
    assert 0.95 < duplicate.likeness <= 1.0001


def test_the_most_alike_come_first(load):
    noisy = np.asarray(smooth("dog", 2), dtype=float)
    noisy += np.random.default_rng(0).normal(0, 25, noisy.shape)
    noisy = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    found = load(cat_105=noisy, dog_106=smooth("dog", 5)).duplicates
    assert [duplicate.test.name for duplicate in found] == ["dog.106.jpg", "cat.105.jpg"]


def test_flat_pictures_are_like_nothing(load):
    images = load(cat_9=Image.new("RGB", (20, 20), "red"), dog_107=Image.new("RGB", (9, 9), "red"))
    assert images.duplicates == ()
