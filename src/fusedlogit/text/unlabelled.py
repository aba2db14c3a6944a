"""Texts whose labels are asked for: rows of tables, files, lines of standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import TextDataError, printable
from .columns import Columns
from .folder import files_below, read_text
from .lines import Lines, check_encoding
from .tables import KINDS, open_table

#: What stands for standard input.
STANDARD_INPUT = "-"


class Unlabelled:
    """Texts of several sources, one after the other; each has its name in place of a label.

    Parameters
    ----------
    sources : sequence of str
        Tables (see `fusedlogit.text.tables.KINDS`) with a text in each row, other files with one
        text each, folders of such files, or `STANDARD_INPUT` with a text in each line.
    column : str
        Of the texts in tables.
    encoding : str
        Of all but Parquet files.

    Raises
    ------
    TextDataError
        If a table cannot be read, or has no such column, or a folder holds no files.
    """

    name = "the texts"
    passed_over: Sequence[str] = ()

    def __init__(self, sources: Sequence[str], column: str, encoding: str) -> None:
        check_encoding(encoding, whole=STANDARD_INPUT not in sources)
        self.column, self._encoding = column, encoding
        self._sources = [file for source in sources for file in _files_of(source)]
        columns = Columns(column, None)
        self._tables = {
            source: open_table(source, columns, encoding) for source in sources if is_table(source)
        }

    @property
    def numbered(self) -> bool:
        """Whether texts are rows or lines of one source, and so called by their number."""
        (source, *others) = self._sources
        return not others and (source == STANDARD_INPUT or source in self._tables)

    @property
    def n_bytes(self) -> int:
        """Of all sources that are files, about as many as characters."""
        files = [Path(source) for source in self._sources if source != STANDARD_INPUT]
        return sum(file.stat().st_size for file in files if file.is_file())

    def read(self) -> Iterator[tuple[str, str, float]]:
        """Yield each text, what it is called, and what share of the sources has been begun.

        Raises
        ------
        TextDataError
            If a text cannot be read; its file and line are named.
        """
        for begun, source in enumerate(self._sources, start=1):
            if source in self._tables:
                texts = (text for text, _, _ in self._tables[source].read())
            elif source == STANDARD_INPUT:
                lines = Lines(sys.stdin.buffer, "standard input", self._encoding)
                texts = (line.rstrip("\r\n") for line in lines)
            else:
                yield read_text(source, self._encoding), source, begun / len(self._sources)
                continue
            for row, text in enumerate(texts):
                called = f"{row}" if self.numbered else f"{source}:{row}"
                yield text, called, begun / len(self._sources)


def is_table(source: str) -> bool:
    """Whether a source is a file with a text in each row, by its name."""
    return Path(source).suffix.lower() in KINDS and not os.path.isdir(source)


def _files_of(source: str) -> list[str]:
    """The files of a folder, each one text; any other source as it is."""
    if source == STANDARD_INPUT or not os.path.isdir(source):
        return [source]
    files = [str(file) for file in files_below(Path(source))]
    if not files:
        raise TextDataError(f"{printable(source)} holds no files: give a file or folder of texts")
    return files
