"""Features kept on disk, found again by the content of the images and the parameters."""

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .. import __version__
from ..errors import OutputError, printable
from ..files.array_file import open_arrays
from ..files.inputs import open_regular
from ..files.outputs import make_folder
from ..runtime.stages import timed
from .features import PatchFeatures, from_arrays, to_arrays
from .loading import SplitImages
from .model_file import MAX_BYTES
from .stages import Listener


def learn_and_compute(
    features: PatchFeatures,
    images: SplitImages,
    listener: Listener,
    seconds: dict[str, float],
    cache: Path | None = None,
) -> tuple[PatchFeatures, NDArray[np.float16]]:
    """Learn features from the training images and compute those of all images.

    Parameters
    ----------
    features : PatchFeatures
        What to learn; not changed.
    images : SplitImages
        All images.
    listener : Listener
        Hears of progress.
    seconds : dict of str to float
        Seconds of each stage are noted here.
    cache : Path, optional
        Folder to take the features from, or else to keep them in, as a memory map.

    Returns
    -------
    PatchFeatures
        Fitted.
    ndarray of float16, shape (n_images, n_features)

    Raises
    ------
    OutputError
        If the cache cannot be written.
    """
    place = None if cache is None else cache / _key(features, images)
    kept = None if place is None else _read(place)
    if kept is not None:
        return kept
    listener.learning_features(len(images.files))
    with timed(seconds, "learning features"):
        fitted = clone(features).fit(images.part("train")[0], on_share=listener.learned)
    with timed(seconds, "features"):
        if place is None:
            return fitted, fitted.transform(images.pixels, on_done=listener.featured)
        return fitted, _computed_on_disk(place, fitted, images, listener)


def _key(features: PatchFeatures, images: SplitImages) -> str:
    """Return a name that the same images, split and parameters alone share."""
    parameters = {k: v for k, v in features.get_params().items() if k != "n_jobs"}
    split = (images.size, sorted((part, str(rows)) for part, rows in images.bounds.items()))
    content = hashlib.sha256(np.ascontiguousarray(images.pixels).data)
    content.update(repr((__version__, sorted(parameters.items()), split)).encode())
    return content.hexdigest()[:32]


def _read(place: Path) -> tuple[PatchFeatures, NDArray[np.float16]] | None:
    """Return what is kept under a name, None if there is nothing or it is damaged."""
    try:
        with open_arrays(place.with_suffix(".npz"), MAX_BYTES) as arrays:
            fitted = from_arrays(arrays)
        open_regular(place.with_suffix(".npy")).close()
        values = np.load(place.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
    except Exception:
        return None
    wanted = values.ndim == 2 and values.shape[1] == fitted.n_features_out_
    return (fitted, values) if wanted and values.dtype == np.float16 else None


def _computed_on_disk(
    place: Path, fitted: PatchFeatures, images: SplitImages, listener: Listener
) -> NDArray[np.float16]:
    """Compute features into a memory map under a temporary name, then rename it into place."""
    make_folder(place.parent)
    temporary = place.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        values = np.lib.format.open_memmap(
            temporary, "w+", np.float16, (len(images.files), fitted.n_features_out_)
        )
        fitted.transform(images.pixels, out=values, on_done=listener.featured)
        values.flush()
        os.replace(temporary, place.with_suffix(".npy"))
        with open(temporary, "wb") as file:
            np.savez(file, **dict(to_arrays(fitted)))  # type: ignore[arg-type]
        os.replace(temporary, place.with_suffix(".npz"))
    except OSError as error:
        raise OutputError(
            f"{printable(place.parent)} cannot keep the features ({error.strerror}): "
            "choose another place for --cache"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return values
