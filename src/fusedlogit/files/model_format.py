"""Model files: .npz files that say what they are, written whole, checked field by field."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, OutputError, printable
from .array_file import ArrayFile, open_arrays
from .model_errors import model_errors
from .outputs import write_whole

Model = TypeVar("Model")

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ModelFormat:
    """A kind of model file of one version.

    Attributes
    ----------
    kind : str
        What such a model is.
    command : str
        That writes such files.
    format : str
        What the file says that it is.
    version : int
    max_bytes : int
        Of a file, at most.
    """

    kind: str
    command: str
    format: str
    version: int = 1
    max_bytes: int = 2**32

    def save(
        self,
        path: str | os.PathLike[str],
        model: Model,
        to_arrays: Callable[[Model], Mapping[str, Any]],
        check: Callable[[Model], None],
    ) -> None:
        """Write a model to a file; the file is whole or untouched, never half-written.

        Parameters
        ----------
        path : path-like
        model : object
        to_arrays : callable
            Returns what to write of the model, by name.
        check : callable
            Raises a ValueError if the model could not be used.

        Raises
        ------
        OutputError
            If the file cannot be written, or the model could not be used.
        """
        try:
            check(model)
        except ValueError as error:
            raise OutputError(
                f"{printable(path)} is not written, no model could be used whose {error}: "
                "train with a stronger penalty"
            ) from error
        content = BytesIO()
        np.savez(content, format=self.format, format_version=self.version, **to_arrays(model))
        write_whole(Path(path), content.getvalue())

    def load(
        self,
        path: str | os.PathLike[str],
        of_arrays: Callable[[Arrays], Model],
        check: Callable[[Model], None],
    ) -> Model:
        """Read a model that `save` wrote; nothing is unpacked, and nothing executed.

        Parameters
        ----------
        path : path-like
        of_arrays : callable
            Returns the model that the arrays make; raises if one does not fit.
        check : callable
            Raises a ValueError if the model could not be used.

        Raises
        ------
        ModelFileError
            If the file does not exist, is no such model, is damaged, or of another version.
        """
        name = printable(path)
        with (
            model_errors(name, self.command, lambda error: self._no_model(name)),
            open_arrays(path, self.max_bytes) as arrays,
        ):
            return self._whole(name, arrays, of_arrays, check)

    def is_said_by(self, path: str | os.PathLike[str]) -> bool:
        """Whether a file says that it is of this kind; False of what cannot be read."""
        try:
            with open_arrays(path, self.max_bytes) as arrays:
                return self._says(arrays)
        except Exception:
            return False

    def _says(self, arrays: ArrayFile) -> bool:
        return "format" in arrays and str(arrays["format"]) == self.format

    def _no_model(self, name: str) -> ModelFileError:
        return ModelFileError(
            f"{name} is not a fusedlogit {self.kind}: give a file written by {self.command!r}"
        )

    def _whole(
        self,
        name: str,
        arrays: ArrayFile,
        of_arrays: Callable[[Arrays], Model],
        check: Callable[[Model], None],
    ) -> Model:
        if not self._says(arrays):
            raise self._no_model(name)
        version = arrays.get("format_version")
        if version is None or version.tolist() != self.version:
            raise ModelFileError(
                f"{name} has another model format version than {self.version}, which this "
                "fusedlogit reads: train it again, or use the fusedlogit that wrote it"
            )
        try:
            model = of_arrays(arrays)
            check(model)
            if arrays.unread:
                raise ValueError(f"unknown member {arrays.unread[0]}")
        # A damaged member raises nearly every type of error.
        except Exception as error:
            raise ModelFileError(
                f"{name} is damaged ({printable(str(error))[:200]}): train the model again"
            ) from error
        return model
