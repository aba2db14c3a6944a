"""The kernels of the features beside NumPy, on the maps that the default layers see."""

import numpy as np
import pytest

from fusedlogit._kernels import patches
from fusedlogit.photographs.features import ACTIVATIONS, DEFAULT_LAYERS, reference
from fusedlogit.photographs.features.layer import cells_of, part_lengths

ENGINES = {"numpy": reference, "kernel": patches}

#: Width of the map, its even and its odd channels: a photograph, and half of each of what follows.
MAPS = {"pixels": (64, 3, 0), "channels": (20, 32, 32)}

engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.mark.parametrize(("seen", "layer"), list(zip(MAPS, DEFAULT_LAYERS, strict=True)), ids=MAPS)
@engines
def test_gather(benchmark, seen, layer, engine):
    """All patches of one map, folded and divided by their contrast."""
    width, n_even, n_odd = MAPS[seen]
    rng = np.random.default_rng(0)
    even_map, odd_map = (
        rng.normal(size=(width, width, n)).astype(np.float32) for n in (n_even, n_odd)
    )
    side = (width - layer.patch_size) // layer.stride + 1
    lengths = part_lengths(n_even, n_odd, layer.patch_size)
    even, odd = (np.zeros((side, side, n), np.float32) for n in lengths)
    benchmark.group = f"gather {seen}"
    benchmark.extra_info["n_bytes"] = even.nbytes + odd.nbytes
    benchmark.pedantic(
        ENGINES[engine].gather,
        (even_map, odd_map, layer.patch_size, layer.stride, 0, True, 0.1, even, odd),
        rounds=15,
        warmup_rounds=1,
    )
    assert 0.5 < np.mean(even**2) < 2  # contrast taken out


@pytest.mark.parametrize("activation", ACTIVATIONS)
@engines
def test_pool(benchmark, activation, engine, full_size):
    """The responses of the last default layer to one map, activated and pooled."""
    layer = DEFAULT_LAYERS[-1]
    side = MAPS["channels"][0] - layer.patch_size + 1
    pairs = layer.n_filters // 2 if full_size else 60
    rng = np.random.default_rng(0)
    even, odd = rng.normal(size=(2, side * side, pairs)).astype(np.float32)
    cell, _ = cells_of(side, side, layer.grid)
    pooled = np.zeros((layer.grid**2, ACTIVATIONS[activation], 2, pairs), np.float32)
    benchmark.group = f"pool {activation}"
    benchmark.extra_info["n_bytes"] = even.nbytes + odd.nbytes
    number = list(ACTIVATIONS).index(activation)
    benchmark.pedantic(
        ENGINES[engine].pool,
        (even, odd, np.zeros(pairs, np.float32), 1.0, number, cell, pooled),
        rounds=15,
        warmup_rounds=1,
    )
    assert np.isfinite(pooled).all()
    assert pooled.any()
