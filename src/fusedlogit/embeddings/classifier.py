"""A trained probe: from embeddings to answers, and the .npz file that keeps it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FeatureFileError, ModelFileError, OutputError, printable
from ..evaluation.calibration import Temperature
from ..evaluation.softmax import SoftmaxHead, ranked
from ..files.array_file import ArrayFile, field, open_arrays, require
from ..files.model_errors import model_errors
from ..files.outputs import write_whole

FORMAT = "fusedlogit linear probe"
COMMAND = "fusedlogit probe --out"
FORMAT_VERSION = 1

# Bytes of a model file, at most.
MAX_BYTES = 2**32

_LARGEST_SLOPE = 1e100

# Decision values in memory together.
_BLOCK = 1 << 22

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """All that is needed to tell which class an embedding is of.

    Attributes
    ----------
    labels : tuple of str
        The answers.
    head : SoftmaxHead
        From embeddings to the probabilities of the labels.
    """

    labels: tuple[str, ...]
    head: SoftmaxHead

    @property
    def n_features(self) -> int:
        """Numbers of an embedding."""
        return int(self.head.coef.shape[1])

    def check(self, X: NDArray[Any], name: str) -> None:
        """Refuse embeddings of another length than the probe was trained on."""
        if X.shape[1] != self.n_features:
            raise FeatureFileError(
                f"{name} holds {X.shape[1]:,} features a row, the model was trained on "
                f"{self.n_features:,}: give embeddings of the same kind"
            )

    def ranked(
        self, X: NDArray[Any], count: int, n_threads: int | None = None
    ) -> Iterator[tuple[NDArray[np.str_], Doubles]]:
        """Yield, block by block of rows, the likeliest labels and their probabilities.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        count : int
            Labels for each row, at most.
        n_threads : int, optional
            All cores by default.

        Yields
        ------
        two ndarrays of shape (n_rows, min(count, n_labels))
            Likeliest first.
        """
        labels = np.array(self.labels)
        length = rows_of_a_block(len(labels))
        for first in range(0, len(X), length):
            probability = self.head.probability(X[first : first + length], n_threads)
            order = ranked(probability, count)
            yield labels[order], np.take_along_axis(probability, order, axis=1)


def rows_of_a_block(n_classes: int) -> int:
    """Return how many rows may have their decision values in memory together."""
    return max(1, _BLOCK // n_classes)


def save_probe(path: str | os.PathLike[str], probe: Probe) -> None:
    """Write a probe to a file; the file is whole or untouched, never half-written.

    Raises
    ------
    OutputError
        If the file cannot be written, or `load_probe` would refuse the probe.
    """
    try:
        _check_plausible(probe)
    except ValueError as error:
        raise OutputError(
            f"{printable(path)} is not written, no model could be used whose {error}: "
            "train with a stronger penalty"
        ) from error
    content = BytesIO()
    np.savez(
        content,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        labels=probe.labels,
        coef=probe.head.coef,
        intercept=probe.head.intercept,
        calibration=np.float64(probe.head.calibration.slope),
    )
    write_whole(Path(path), content.getvalue())


def load_probe(path: str | os.PathLike[str]) -> Probe:
    """Read a probe that `save_probe` wrote; nothing is unpacked, and nothing executed.

    Raises
    ------
    ModelFileError
        If the file does not exist, is no probe, is damaged, or is of another format version.
    """
    name = printable(path)
    with (
        model_errors(name, COMMAND, lambda error: _no_probe(name)),
        open_arrays(path, MAX_BYTES) as arrays,
    ):
        return _whole_probe(name, arrays)


def _no_probe(name: str) -> ModelFileError:
    return ModelFileError(f"{name} is not a fusedlogit probe: give a file written by {COMMAND!r}")


def is_probe(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that it holds a probe; False of what cannot be read."""
    try:
        with open_arrays(path, MAX_BYTES) as arrays:
            return "format" in arrays and str(arrays["format"]) == FORMAT
    except Exception:
        return False


def _whole_probe(name: str, arrays: ArrayFile) -> Probe:
    if "format" not in arrays or str(arrays["format"]) != FORMAT:
        raise _no_probe(name)
    version = arrays.get("format_version")
    if version is None or version.tolist() != FORMAT_VERSION:
        raise ModelFileError(
            f"{name} has another model format version than {FORMAT_VERSION}, which this fusedlogit "
            "reads: train it again, or use the fusedlogit that wrote it"
        )
    try:
        probe = _probe(arrays)
        _check_plausible(probe)
        if arrays.unread:
            raise ValueError(f"unknown member {arrays.unread[0]}")
    # A damaged member raises nearly every type of error.
    except Exception as error:
        raise ModelFileError(
            f"{name} is damaged ({printable(str(error))[:200]}): train the model again"
        ) from error
    return probe


def _probe(arrays: Mapping[str, NDArray[Any]]) -> Probe:
    """Return what the arrays say, each of the right type and shape."""
    labels = tuple(str(label) for label in field(arrays, "labels", "U", (None,)))
    coef = field(arrays, "coef", "f", (len(labels), None))
    intercept = field(arrays, "intercept", "f", (len(labels),))
    slope = float(field(arrays, "calibration", "f", ()))
    head = SoftmaxHead(
        np.ascontiguousarray(coef, np.float64),
        np.ascontiguousarray(intercept, np.float64),
        Temperature(slope),
    )
    return Probe(labels, head)


def _check_plausible(probe: Probe) -> None:
    """Raise a ValueError unless the probe's numbers are finite and its labels differ."""
    labels, head = probe.labels, probe.head
    require(len(labels) > 1 and len(set(labels)) == len(labels) and all(labels), "labels")
    require(head.coef.shape[1] > 0 and bool(np.isfinite(head.coef).all()), "coef")
    require(bool(np.isfinite(head.intercept).all()), "intercept")
    require(0 <= head.calibration.slope <= _LARGEST_SLOPE, "calibration")
