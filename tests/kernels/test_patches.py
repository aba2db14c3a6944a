"""Patches gathered, activated and pooled, against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusedlogit import _kernels
from fusedlogit.photographs.features import ACTIVATIONS, reference
from fusedlogit.photographs.features.layer import part_lengths

from .raw import Outputs

LEVELS = _kernels.built_levels()


def maps(rng, height, width, n_even, n_odd):
    return (
        rng.normal(100, 30, (height, width, n_even)).astype(np.float32),
        rng.normal(0, 30, (height, width, n_odd)).astype(np.float32),
    )


@settings(max_examples=60)
@given(
    level=st.sampled_from(LEVELS),
    size=st.integers(1, 6),
    stride=st.integers(1, 3),
    margin=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    channels=st.tuples(st.integers(1, 9), st.integers(0, 9)),
    centred=st.booleans(),
    seed=st.integers(0, 99),
)
def test_gathered_patches_equal_the_reference(level, size, stride, margin, channels, centred, seed):
    rng = np.random.default_rng(seed)
    parts = maps(rng, size + margin[0], size + margin[1], *channels)
    rows, columns = (extra // stride + 1 for extra in margin)
    first = int(rng.integers(rows))
    n_rows = int(rng.integers(1, rows - first + 1))
    shapes = [(n_rows, columns, length) for length in part_lengths(*channels, size)]
    expected = [np.empty(shape, np.float32) for shape in shapes]
    arguments = (*parts, size, stride, first, centred, 10.0)
    reference.gather(*arguments, *expected)
    with Outputs() as outputs:
        found = [outputs.new(*shape, dtype=np.float32) for shape in shapes]
        _kernels.load(level)["patches"].gather(*arguments, *found)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max(initial=1))


@settings(max_examples=60)
@given(
    level=st.sampled_from(LEVELS),
    activation=st.sampled_from(list(ACTIVATIONS)),
    n_patches=st.integers(0, 20),
    n_filters=st.integers(1, 40),
    n_cells=st.integers(1, 4),
    threshold=st.floats(0, 2),
    scale=st.sampled_from([1e-3, 1.0, 60.0]),
    seed=st.integers(0, 99),
)
def test_pooled_activations_equal_the_reference(
    level, activation, n_patches, n_filters, n_cells, threshold, scale, seed
):
    rng = np.random.default_rng(seed)
    even, odd = (scale * rng.normal(size=(2, n_patches, n_filters))).astype(np.float32)
    arguments = (
        even,
        odd,
        rng.normal(size=n_filters).astype(np.float32),
        threshold,
        list(ACTIVATIONS).index(activation),
        rng.integers(n_cells, size=n_patches).astype(np.intp),
    )
    before = rng.normal(size=(n_cells, ACTIVATIONS[activation], 2, n_filters)).astype(np.float32)
    expected = before.copy()
    reference.pool(*arguments, expected)
    with Outputs() as outputs:
        found = outputs.copy(before)
        _kernels.load(level)["patches"].pool(*arguments, found)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * scale + 2e-6)


@pytest.mark.parametrize("size", [4, 5])
def test_the_parts_are_another_basis_of_the_patch(kernels, size):
    """Products of patches are what they were; a mirror turns the sign of the odd part."""
    rng = np.random.default_rng(0)
    even_map, odd_map = maps(rng, size, 2 * size, 3, 2)
    patches = _kernels.load(kernels.level)["patches"]

    def parts(even_map, odd_map):
        shapes = [(1, size + 1, length) for length in part_lengths(3, 2, size)]
        found = [np.empty(shape, np.float32) for shape in shapes]
        patches.gather(even_map, odd_map, size, 1, 0, False, 0.0, *found)
        return [part[0] for part in found]

    even, odd = parts(even_map, odd_map)
    mirrored = parts(even_map[:, ::-1].copy(), -odd_map[:, ::-1])
    np.testing.assert_allclose(mirrored[0][::-1], even, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mirrored[1][::-1], -odd, rtol=1e-5, atol=1e-6)
    whole = np.concatenate([even_map, odd_map], axis=2)
    flat = np.array([whole[:, i : i + size].ravel() for i in range(size + 1)])
    flat /= np.sqrt(np.mean(flat**2, axis=1, keepdims=True))
    np.testing.assert_allclose(even @ even.T + odd @ odd.T, flat @ flat.T, rtol=1e-4)
