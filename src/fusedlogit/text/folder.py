"""Folders with a document in each file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import TextDataError, number_of, printable
from .columns import Columns
from .lines import MOST_BYTES, check_encoding, decoded, opened


class TextFolder:
    """A folder of text files, one subfolder for each label.

    Hidden files and folders are passed over, and files beside the subfolders, which
    `passed_over` tells of.

    Parameters
    ----------
    path : path-like
    encoding : str

    Raises
    ------
    TextDataError
        If there are no files in subfolders.
    """

    def __init__(self, path: str | os.PathLike[str], encoding: str) -> None:
        check_encoding(encoding, whole=True)
        self.column = Columns.text
        self.name, self._encoding = printable(path), encoding
        try:
            inside = sorted(one for one in Path(path).iterdir() if _seen(one))
            folders = [one for one in inside if one.is_dir()]
            self._files = [(file, one.name) for one in folders for file in files_below(one)]
        except OSError as error:
            raise TextDataError(
                f"{self.name} cannot be listed ({error.strerror}): allow it"
            ) from error
        if not self._files:
            raise TextDataError(
                f"{self.name} has no files in subfolders: put the texts of each label in a folder "
                "of its name"
            )
        labels = {label for _, label in self._files}
        empty = [one for one in folders if one.name not in labels]
        beside = sorted(set(inside) - set(folders))
        self.passed_over: Sequence[str] = [
            *_told("folder", "without files", empty),
            *_told("file", "beside the folders of labels", beside),
        ]

    def read(self) -> Iterator[tuple[str, str, float]]:
        """Yield the text and label of each file, and what share of the files has then been read.

        Raises
        ------
        TextDataError
            If a file cannot be read; it is named.
        """
        for number, (file, label) in enumerate(self._files, start=1):
            yield read_text(file, self._encoding), label, number / len(self._files)


def _told(sort: str, where: str, paths: Sequence[Path]) -> Iterator[str]:
    """Yield how many are passed over, if any."""
    if paths:
        first = printable(paths[0].name)
        yield f"{number_of(len(paths), sort)} {where} passed over (first: {first})."


def read_text(path: str | os.PathLike[str], encoding: str) -> str:
    """Read a file that is one document.

    Raises
    ------
    TextDataError
        If it cannot be read, is larger than `MOST_BYTES`, or no text in the encoding.
    """
    with opened(path) as file:
        content = file.read(MOST_BYTES + 1) or b""
    if len(content) > MOST_BYTES:
        raise TextDataError(f"{printable(path)} is longer than {MOST_BYTES:,} bytes: divide it")
    return decoded(content, encoding, printable(path), 1)


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and those below it, in order, but hidden ones."""
    inside = [one for one in folder.rglob("*") if all(map(_seen, one.relative_to(folder).parents))]
    return sorted(one for one in inside if _seen(one) and not one.is_dir())


def _seen(path: Path) -> bool:
    return path.name == "" or not path.name.startswith(".")
