"""Embeddings in an .npy file, mapped into memory and used as they lie there."""

import os
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..data.checks import STORAGE_TYPES
from ..errors import FeatureFileError, printable
from ..files.inputs import open_regular, refused_as
from ..functions import first_nonfinite

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_features(path: str | os.PathLike[str], *, n_threads: int | None = None) -> NDArray[Any]:
    """Map the embeddings of an .npy file into memory; nothing is copied.

    Parameters
    ----------
    path : path-like
        A regular file that `numpy.save` wrote, or a link to one.
    n_threads : int, optional
        Threads that look for NaN and infinity; all cores by default.

    Returns
    -------
    memmap of shape (n_samples, n_features), read-only
        Of float64, float32, float16, uint8, int8, uint16 or bool.

    Raises
    ------
    FeatureFileError
        If it is no such file, of another shape or type, or holds NaN or infinity.
    """
    X = map_array(path)
    name = printable(path)
    if X.ndim != 2 or 0 in X.shape:
        raise FeatureFileError(
            f"{name} holds an array of shape {X.shape}: give a row of features for each sample, "
            "(n_samples, n_features)"
        )
    if X.dtype not in STORAGE_TYPES:
        raise FeatureFileError(
            f"{name} holds {X.dtype}, which would have to be converted: save it as one of "
            f"{', '.join(np.dtype(dtype).name for dtype in STORAGE_TYPES)}"
        )
    if X.dtype.kind == "f":
        row, column = first_nonfinite(X, n_threads=n_threads)
        if row >= 0:
            raise FeatureFileError(
                f"{name} holds {X[row, column]} in row {row}, column {column}: replace it, or "
                "leave the row out"
            )
    return X


def map_array(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Map the array of an .npy file into memory, of whatever shape and of any plain type.

    Raises
    ------
    FeatureFileError
        If it is no regular file, no whole .npy file, or would have to be unpickled.
    """
    name = printable(path)
    refused = refused_as(FeatureFileError, name, "give an .npy file")
    with refused, open_regular(path) as file:
        return _mapped(file, name)


def _mapped(file: BinaryIO, name: str) -> NDArray[Any]:
    try:
        shape, fortran_order, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    # A damaged header raises several types of error.
    except Exception as error:
        raise FeatureFileError(f"{name} is no .npy file: give one that numpy.save wrote") from error
    if dtype.hasobject:
        raise FeatureFileError(
            f"{name} holds pickled Python objects, which are never loaded: save it as an array of "
            "numbers, or of text with dtype=str"
        )
    start = file.tell()
    n_bytes = dtype.itemsize * int(np.prod(np.array(shape, dtype=object)))
    if min(shape, default=0) < 0 or os.fstat(file.fileno()).st_size != start + n_bytes:
        raise FeatureFileError(f"{name} is cut off or damaged: save or copy it again")
    if n_bytes == 0:
        return np.empty(shape, dtype)
    whole: Any = file
    return np.memmap(whole, dtype, "r", start, shape, "F" if fortran_order else "C")
