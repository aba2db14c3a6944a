"""Photographs at another size, as maps of float32."""

import numpy as np
from numpy.typing import NDArray


def resizing_matrix(size: int, new_size: int) -> NDArray[np.float32]:
    """Return the weights that resize a line of pixels, each row adding up to 1.

    A triangle as wide as two pixels of the coarser line: what Pillow calls BILINEAR.

    Parameters
    ----------
    size, new_size : int
        Pixels of the line, and of the line wanted.

    Returns
    -------
    ndarray of float32, shape (new_size, size)
    """
    ratio = size / new_size
    centre = (np.arange(new_size) + 0.5) * ratio
    distance = np.abs(np.arange(size) + 0.5 - centre[:, None]) / max(ratio, 1.0)
    weight = np.maximum(1.0 - distance, 0.0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)


def resized(
    photograph: NDArray[np.uint8], matrix: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return a square photograph as a map, resized in both directions.

    Parameters
    ----------
    photograph : ndarray of uint8, shape (size, size, 3)
    matrix : ndarray of float32, shape (new_size, size), or None
        See `resizing_matrix`; None leaves the size as it is.

    Returns
    -------
    ndarray of float32, shape (new_size, new_size, 3)
    """
    pixels = photograph.astype(np.float32)
    if matrix is None:
        return pixels
    size, channels = pixels.shape[1:]
    by_rows = (matrix @ pixels.reshape(size, -1)).reshape(-1, size, channels)
    return np.ascontiguousarray(matrix @ by_rows)
