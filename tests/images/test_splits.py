"""Splitting into train, validation and test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit.errors import ImageDataError
from fusedlogit.photographs.images import ImageFile
from fusedlogit.photographs.splits import PARTS, split_images


def image_files(n_cats, n_dogs):
    return [
        ImageFile(f"{label}.{number}.jpg", label, number)
        for label, count in (("cat", n_cats), ("dog", n_dogs))
        for number in range(count)
    ]


def parts(split):
    return {name: getattr(split, name) for name in PARTS}


fractions = st.floats(0.01, 0.99)


@given(
    n_cats=st.integers(3, 60),
    n_dogs=st.integers(3, 60),
    validation_fraction=fractions,
    test_fraction=fractions,
    seed=st.integers(0, 2**32),
)
def test_every_image_is_in_one_part_and_every_label_in_each(
    n_cats, n_dogs, validation_fraction, test_fraction, seed
):
    files = image_files(n_cats, n_dogs)
    split = split_images(
        files, validation_fraction=validation_fraction, test_fraction=test_fraction, seed=seed
    )
    assert sorted(split.order.tolist()) == list(range(len(files)))
    for rows in parts(split).values():
        assert {files[row].label for row in rows} == {"cat", "dog"}
        assert np.all(np.diff(rows) > 0)


def test_fractions_are_of_each_label():
    files = image_files(100, 50)
    split = split_images(files, validation_fraction=0.25, test_fraction=0.2)
    counts = {
        name: [sum(files[row].label == label for row in rows) for label in ("cat", "dog")]
        for name, rows in parts(split).items()
    }
    assert counts == {"train": [60, 30], "validation": [20, 10], "test": [20, 10]}


def test_the_seed_decides():
    files = image_files(100, 100)

    def test_rows(seed):
        split = split_images(files, validation_fraction=0.1, test_fraction=0.2, seed=seed)
        return split.test.tolist()

    assert test_rows(1) == test_rows(1)
    assert test_rows(1) != test_rows(2)


def test_images_numbered_from_a_number_on_are_the_test_images():
    files = image_files(30, 40)
    split = split_images(files, validation_fraction=0.1, test_fraction=0.5, test_from=25)
    assert [files[row].number for row in split.test] == [*range(25, 30), *range(25, 40)]


@pytest.mark.parametrize("test_from", [0, 1, 30, 1000])
def test_a_number_that_leaves_too_few_is_refused(test_from):
    with pytest.raises(ImageDataError, match=r"numbered 0 to 29.*choose a number from 2 to 29"):
        split_images(
            image_files(30, 40), validation_fraction=0.1, test_fraction=0.5, test_from=test_from
        )


@pytest.mark.parametrize("test_from", [2, 29])
def test_a_number_that_leaves_enough(test_from):
    split = split_images(
        image_files(30, 30), validation_fraction=0.1, test_fraction=0.5, test_from=test_from
    )
    assert len(split.test) == 2 * (30 - test_from)


def test_where_no_number_divides_none_is_named():
    files = [ImageFile(f"{label}.{i}/7.jpg", label, 7) for label in ("a", "b") for i in range(9)]
    with pytest.raises(ImageDataError, match="no number does, or split by test-fraction"):
        split_images(files, validation_fraction=0.1, test_fraction=0.5, test_from=7)


def test_an_image_without_number_cannot_be_placed_by_number():
    files = [*image_files(5, 5), ImageFile("cat/tom.jpg", "cat", None)]
    with pytest.raises(ImageDataError, match=r"cat/tom\.jpg has no number"):
        split_images(files, validation_fraction=0.1, test_fraction=0.5, test_from=3)


@given(data=st.data())
def test_bounds_follow_skipped_images(data):
    files = image_files(20, 20)
    split = split_images(files, validation_fraction=0.2, test_fraction=0.3)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, 39)))), dtype=np.int64)
    rows = split.order[kept]
    for name, bounds in split.bounds(kept).items():
        own = set(parts(split)[name].tolist())
        assert rows[bounds].tolist() == [row for row in rows.tolist() if row in own]
