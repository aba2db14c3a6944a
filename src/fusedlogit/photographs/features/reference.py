"""The kernels of `fusedlogit.features` in plain NumPy: same signatures, same results."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def gather(
    even_map: Floats,
    odd_map: Floats,
    size: int,
    stride: int,
    first_row: int,
    centred: bool,
    floor: float,
    even: Floats,
    odd: Floats,
) -> None:
    """Fold the patches of some rows of a map, divided by their contrast.

    Parameters
    ----------
    even_map : ndarray of float32, shape (height, width, n_channels)
        Channels that a mirror leaves as they are.
    odd_map : ndarray of float32, shape (height, width, n_odd_channels)
        Channels whose sign a mirror turns.
    size, stride : int
        Width and height of a patch, and the distance from one to the next.
    first_row : int
        Row of patches to begin with.
    centred : bool
        Whether the contrast is sqrt(variance + floor) rather than sqrt(mean square + floor).
    floor : float
        Keeps flat patches from being blown up.
    even, odd : ndarray of float32, shape (n_rows, n_patches_in_row, n_even), (..., n_odd)
        Output: what a mirror leaves of each patch, and what it turns the sign of.
    """
    rows = slice(first_row * stride, None)
    patches = [
        sliding_window_view(part[rows], (size, size), (0, 1))[::stride, ::stride][: len(even)]
        .transpose(0, 1, 3, 4, 2)
        .astype(np.float64)
        for part in (even_map, odd_map)
    ]
    values = np.concatenate([part.reshape(*part.shape[:2], -1) for part in patches], axis=2)
    spread = values.var(axis=2) if centred else np.mean(values**2, axis=2)
    gain = 1 / np.sqrt(spread + floor)[:, :, None, None, None]
    (sums, differences), (odd_sums, odd_differences) = (_fold(part * gain) for part in patches)
    even[...] = _rows_joined(sums, odd_differences)
    odd[...] = _rows_joined(differences, odd_sums)


def pool(
    even: Floats,
    odd: Floats,
    offset: Floats,
    threshold: float,
    activation: int,
    cell: NDArray[np.intp],
    pooled: Floats,
) -> None:
    """Add the activated responses of filters and mirrored filters to the sums of their cells.

    Parameters
    ----------
    even, odd : ndarray of float32, shape (n_patches, n_filters)
        Responses of the filters to the even and the odd part of each patch.
    offset : ndarray of float32, shape (n_filters,)
        Taken from the even responses.
    threshold : float
        What "two-sided", "relu" and "abs" take from the size of a response.
    activation : int
        Number of the activation in `fusedlogit.features.ACTIVATIONS`.
    cell : ndarray of intp, shape (n_patches,)
        The cell that each patch lies in.
    pooled : ndarray of float32, shape (n_cells, n_outputs, 2, n_filters)
        Sums, added to; the third axis tells the filter from its mirror image.
    """
    middle = even.astype(np.float64) - offset
    z = np.stack([middle + odd, middle - odd], axis=1)
    if activation == 0:
        outputs = [np.maximum(z - threshold, 0), np.maximum(-z - threshold, 0)]
    else:
        outputs = [
            (
                lambda: np.maximum(z - threshold, 0),
                lambda: np.maximum(np.abs(z) - threshold, 0),
                lambda: np.tanh(z),
                lambda: 1 / (1 + np.exp(-z)),
                lambda: np.logaddexp(0, z),
            )[activation - 1]()
        ]
    np.add.at(pooled, cell, np.stack(outputs, axis=1))


def _fold(patches: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (with the middle column) and differences of the columns that mirror each other."""
    size = patches.shape[3]
    left, right = patches[:, :, :, : size // 2], patches[:, :, :, ::-1][:, :, :, : size // 2]
    middle = patches[:, :, :, size // 2 : size - size // 2]
    sums = np.concatenate([(left + right) / np.sqrt(2), middle], axis=3)
    return sums, (left - right) / np.sqrt(2)


def _rows_joined(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row of a patch: the values of the first, then those of the second."""
    shape = (*first.shape[:3], -1)
    joined = np.concatenate([first.reshape(shape), second.reshape(shape)], axis=3)
    return joined.reshape(*first.shape[:2], -1)
