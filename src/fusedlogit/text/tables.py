"""Files with a document in each row: CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import TextDataError, printable
from .columns import Columns
from .lines import MOST_BYTES, Lines, check_encoding, opened

# Column names that an error tells; rows, and bytes, of a Parquet file that are read together.
_NAMES_SHOWN = 8
_ROWS = 1000
_BUFFER = 1 << 20

Row = tuple[str, str, float]


def open_table(path: str | os.PathLike[str], columns: Columns, encoding: str) -> TextTable:
    """Open a file of one of the `KINDS`, and read its first row.

    Raises
    ------
    TextDataError
        If it is no such file, holds no rows, or does not have the columns.
    """
    check_encoding(encoding)
    table = TextTable(path, columns, encoding)
    if next(table.read(), None) is None:
        raise TextDataError(f"{table.name} holds no rows: give some texts")
    return table


class TextTable:
    """The documents of a file, a row each; see `open_table`."""

    passed_over: Sequence[str] = ()

    def __init__(self, path: str | os.PathLike[str], columns: Columns, encoding: str) -> None:
        self.name, self.column = printable(path), columns.text
        self._path, self._columns, self._encoding = Path(path), columns, encoding
        self._stamp: tuple[int, int] | None = None

    def read(self) -> Iterator[Row]:
        """Yield the text and label of each row, and what share of the file has then been read.

        Raises
        ------
        TextDataError
            If the file cannot be read, has changed since it was read before, or a row has no
            label or is damaged; the row is named.
        """
        rows = KINDS[self._path.suffix.lower()]
        with opened(self._path) as file:
            status = os.fstat(file.fileno())
            stamp = status.st_size, status.st_mtime_ns
            if self._stamp not in (None, stamp):
                raise TextDataError(f"{self.name} has changed while it was read: start again")
            self._stamp = stamp
            yield from rows(file, self.name, self._columns, self._encoding)


def _rows_of_csv(file: BinaryIO, name: str, columns: Columns, encoding: str) -> Iterator[Row]:
    lines = Lines(file, name, encoding)
    # The default is shorter than a long text. It is the module's own, so it is only raised.
    csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))
    yield from _rows_of_cells(csv.reader(lines, strict=True), lines, file, columns)


def _rows_of_tsv(file: BinaryIO, name: str, columns: Columns, encoding: str) -> Iterator[Row]:
    """Yield a row for each line: quotes are only taken off where they enclose a whole cell."""
    lines = Lines(file, name, encoding)
    cells = ([_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")] for line in lines)
    yield from _rows_of_cells((row for row in cells if row != [""]), lines, file, columns)


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _rows_of_cells(
    rows: Iterator[list[str]], lines: Lines, file: BinaryIO, columns: Columns
) -> Iterator[Row]:
    """Yield rows of cells by the columns that the first of them names."""
    size = os.fstat(file.fileno()).st_size
    try:
        head = [cell.strip() for cell in next(filter(None, rows), [])]
        if not head:
            return
        places = _places(lines.name, head, columns)
        for row in rows:
            if not row:
                continue
            if len(row) != len(head):
                raise TextDataError(
                    f"{lines.place}: {len(row)} columns, the first line names {len(head)}: "
                    "repair it"
                )
            text, *label = (row[place] for place in places)
            yield text, _label(label, lines.place), lines.n_bytes / size
    except csv.Error as error:
        raise TextDataError(f"{lines.place}: {error}: repair the file") from error


def _places(name: str, head: Sequence[str], columns: Columns) -> list[int]:
    """Return where the columns are among those that a file has."""
    for option, wanted in zip(("--text", "--label"), columns.wanted, strict=False):
        if head.count(wanted) == 1:
            continue
        shown = printable(wanted)
        if wanted in head:
            raise TextDataError(f"{name} has two columns '{shown}': rename one of them")
        names = ", ".join(printable(one)[:40] for one in head[:_NAMES_SHOWN])
        more = ", ..." * (len(head) > _NAMES_SHOWN)
        raise TextDataError(
            f"{name} has no column '{shown}', only {names or 'none'}{more}: name another by "
            f"{option}"
        )
    return [head.index(wanted) for wanted in columns.wanted]


def _rows_of_json(file: BinaryIO, name: str, columns: Columns, encoding: str) -> Iterator[Row]:
    lines, size = Lines(file, name, encoding), os.fstat(file.fileno()).st_size
    begun = False
    for line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TextDataError(
                f"{lines.place}: no JSON ({error}): give an object in each line"
            ) from error
        if not isinstance(row, dict):
            raise TextDataError(
                f"{lines.place}: no JSON object but {type(row).__name__}: give an object in each "
                "line"
            )
        missing = [wanted for wanted in columns.wanted if wanted not in row]
        if begun and missing:
            raise TextDataError(
                f"{lines.place} has no column '{printable(missing[0])}', which lines before it "
                "have: fill it in, or leave the row out"
            )
        _places(lines.place, [*row], columns)
        begun = True
        values = [row[wanted] for wanted in columns.wanted]
        yield _row(values, lines.place, lines.n_bytes / size)


def _rows_of_parquet(file: BinaryIO, name: str, columns: Columns, _encoding: str) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise TextDataError(
            f'{name} cannot be read without pyarrow: run pip install "fusedlogit[parquet]"'
        ) from error
    try:
        # Buffered ahead, all row groups read so far would stay in memory.
        table = parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER)
        _places(name, table.schema_arrow.names, columns)
        total = table.metadata.num_rows
        batches = table.iter_batches(_ROWS, columns=columns.wanted)
        lists = ([batch[wanted].to_pylist() for wanted in columns.wanted] for batch in batches)
        rows = chain.from_iterable(zip(*own, strict=True) for own in lists)
        for number, values in enumerate(rows, start=1):
            yield _row(values, f"{name}, row {number:,}", number / total)
    except (ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise TextDataError(
            f"{name} is no whole Parquet file ({printable(reason)}): save or copy it again"
        ) from error


def _row(values: Sequence[Any], place: str, share: float) -> Row:
    """Return a row of typed values as texts."""
    text, *label = values
    if text is not None and not isinstance(text, str):
        raise TextDataError(
            f"{place}: the text is no text but {type(text).__name__}: name another column by --text"
        )
    text = _whole_text(text or "")
    return text, _label([_whole_text(_name_of(value, place)) for value in label], place), share


def _whole_text(text: str) -> str:
    """Replace halves of characters, which JSON may escape and no file can hold."""
    return text.encode(errors="replace").decode()


def _name_of(value: Any, place: str) -> str:
    """Return a label as text; whole numbers are named alike however they are stored."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, str | int):
        return str(value)
    raise TextDataError(
        f"{place}: the label is {type(value).__name__}, which does not name a class: give text or "
        "whole numbers"
    )


def _label(label: Sequence[str], place: str) -> str:
    """Return the label without spaces around it; empty only if none was asked for."""
    if not label:
        return ""
    if not label[0].strip():
        raise TextDataError(f"{place}: no label: fill it in, or leave the row out")
    return label[0].strip()


#: How files are read, by the end of their name.
KINDS: dict[str, Callable[[BinaryIO, str, Columns, str], Iterator[Row]]] = {
    ".csv": _rows_of_csv,
    ".tsv": _rows_of_tsv,
    ".jsonl": _rows_of_json,
    ".ndjson": _rows_of_json,
    ".parquet": _rows_of_parquet,
}
