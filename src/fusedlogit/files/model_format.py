"""Model files: .npz files that say what they are, written whole, checked field by field."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileError, OutputError, one_line, printable
from .array_file import ArrayFile, open_arrays
from .inputs import NotRegularFileError, refused_as
from .outputs import write_whole

Model = TypeVar("Model")

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ModelFormat:
    """A kind of model file.

    Attributes
    ----------
    kind : str
        What such a model is.
    command : str
        That writes such files.
    format : str
        What the file says that it is.
    versions : tuple of int
        That are read; the last one is written unless a model's arrays say another.
    max_bytes : int
        Of a file, at most.
    remedy : str
        Against a model that could not be used.
    """

    kind: str
    command: str
    format: str
    versions: tuple[int, ...] = (1,)
    max_bytes: int = 2**32
    remedy: str = "train with a stronger penalty"

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
                f"{self.remedy}"
            ) from error
        content = BytesIO()
        fields = {"format": self.format, "format_version": self.versions[-1], **to_arrays(model)}
        np.savez(content, **fields)
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
            self._errors(name),
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

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Turn what reading a file raises into a ModelFileError."""
        wanted = f"give a file written by {self.command!r}"
        with refused_as(ModelFileError, name, wanted, "check the model's path"):
            try:
                yield
            except (ModelFileError, FileNotFoundError, NotRegularFileError, PermissionError):
                raise
            # zipfile raises nearly every type of error on a file that is not its own.
            except Exception as error:
                raise self._no_model(name, error) from error

    def _no_model(self, name: str, error: Exception | None = None) -> ModelFileError:
        reason = f" ({one_line(error)})" if error else ""
        return ModelFileError(
            f"{name} is not a fusedlogit {self.kind}{reason}: give a file written by "
            f"{self.command!r}"
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
        if version is None or version.tolist() not in self.versions:
            readable = " and ".join(str(one) for one in self.versions)
            raise ModelFileError(
                f"{name} has model format version {one_line(version)}, this fusedlogit reads "
                f"{readable}: train it again, or use the fusedlogit that wrote it"
            )
        try:
            model = of_arrays(arrays)
            check(model)
            if arrays.unread:
                raise ValueError(f"unknown member {arrays.unread[0]}")
        # A damaged member raises nearly every type of error.
        except Exception as error:
            raise ModelFileError(
                f"{name} is damaged ({one_line(error)}): train the model again"
            ) from error
        return model
