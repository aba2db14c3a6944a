"""Splits of rows by their classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusedlogit.evaluation.splits import split_rows


@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=12),
    test_fraction=st.floats(0.01, 0.99),
    validation_fraction=st.floats(0.01, 0.99),
    folds=st.none() | st.integers(2, 6),
    seed=st.integers(0, 2**32),
)
def test_every_class_tests_and_trains(counts, test_fraction, validation_fraction, folds, seed):
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    split = split_rows(
        codes, test_fraction=test_fraction, validation_fraction=validation_fraction, folds=folds,
        seed=seed,
    )  # fmt: skip
    classes = set(range(len(counts)))
    assert set(codes[split.test]) == classes
    held_out = [split.held_out(fold) for fold in range(split.n_folds)]
    assert set(codes[np.concatenate(held_out)]) == classes
    for fold, rows in enumerate(held_out):
        assert set(codes[split.trains(fold)]) == classes
        assert not split.trains(fold)[rows].any()
        assert not split.trains(fold)[split.test].any()
    if folds is None:
        assert (split.seen.sum() - split.trains(0).sum()) == len(held_out[0])
    else:
        assert sum(map(len, held_out)) == split.seen.sum()


def test_fractions_are_of_each_class_and_the_seed_decides():
    codes = np.repeat([0, 1], [100, 50])

    def split(seed):
        return split_rows(codes, test_fraction=0.2, validation_fraction=0.25, seed=seed)

    one = split(1)
    assert np.bincount(codes[one.test]).tolist() == [20, 10]
    assert np.bincount(codes[one.held_out(0)]).tolist() == [20, 10]
    np.testing.assert_array_equal(one.part, split(1).part)
    assert (one.part != split(2).part).any()


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_are_nearly_equal(folds):
    codes = np.arange(300) % 60
    split = split_rows(codes, test_fraction=0.2, validation_fraction=0.1, folds=folds)
    sizes = [len(split.held_out(fold)) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1
