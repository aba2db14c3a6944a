"""Labelled texts, read chunk by chunk as often as is asked, and never kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import TextDataError, printable
from .columns import Columns
from .folder import TextFolder
from .tables import KINDS, open_table

# A chunk holds so many texts at most, and ends when it holds so many characters.
_TEXTS = 5000
_CHARACTERS = 1 << 21


class Documents(Protocol):
    """Texts that can be read again.

    Attributes
    ----------
    name : str
        As errors and reports call them, printable.
    column : str
        What their texts are called in tables.
    passed_over : sequence of str
        A sentence for each sort of thing that lies there and is not read.
    """

    name: str
    column: str
    passed_over: Sequence[str]

    def read(self) -> Iterator[tuple[str, str, float]]:
        """Yield the text and label of each document, and what share has then been read."""


@dataclass(frozen=True)
class Chunk:
    """Some documents that follow one another.

    Attributes
    ----------
    first : int
        Documents before them.
    texts, labels : list of str
        Of the same length.
    share : float
        Of all documents, what has been read with these; from 0 to 1.
    n_blank : int
        Documents left out so far.
    """

    first: int
    texts: list[str]
    labels: list[str]
    share: float
    n_blank: int


def open_documents(
    path: str | os.PathLike[str], columns: Columns, *, encoding: str = "utf-8"
) -> Documents:
    """Find out what holds the texts, and read the first of them.

    Parameters
    ----------
    path : path-like
        A file (see `fusedlogit.text.tables.KINDS`), or a folder with a subfolder of text files
        for each label.
    columns : Columns
        Those of a file.
    encoding : str
        Of all but Parquet files.

    Raises
    ------
    TextDataError
        If it is none of these, or does not have the columns.
    """
    if Path(path).is_dir():
        return TextFolder(path, encoding)
    if Path(path).suffix.lower() not in KINDS:
        raise TextDataError(
            f"{printable(path)} is no file of texts by its name: give a {', '.join(KINDS)} file, "
            "or a folder with a subfolder of text files for each label"
        )
    return open_table(path, columns, encoding)


def chunks_of(documents: Documents, *, blank: bool = False) -> Iterator[Chunk]:
    """Yield the documents chunk by chunk; those without a letter only if `blank` says so."""
    first, n_characters, n_blank, share = 0, 0, 0, 0.0
    texts: list[str] = []
    labels: list[str] = []
    for text, label, share in documents.read():
        if not blank and not text.strip():
            n_blank += 1
            continue
        texts.append(text)
        labels.append(label)
        n_characters += len(text)
        if len(texts) >= _TEXTS or n_characters >= _CHARACTERS:
            yield Chunk(first, texts, labels, share, n_blank)
            first += len(texts)
            texts, labels, n_characters = [], [], 0
    if texts:
        yield Chunk(first, texts, labels, share, n_blank)
