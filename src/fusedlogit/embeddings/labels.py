"""Labels of embeddings: read from .npy, .csv or .txt files, numbered by class."""

import csv
import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelFileError, printable
from ..evaluation.labels import ClassLabels, class_labels
from ..files.inputs import read_at_most, refused_as
from .features import map_array

# Bytes of a text file, at most: ten million labels of a hundred letters.
_MOST_TEXT = 2**30

# Whole numbers up to which each has a float64 of its own.
_WHOLE = 2.0**53


def read_labels(
    path: str | os.PathLike[str], n_samples: int, *, column: str | None = None
) -> ClassLabels:
    """Read a label for each sample.

    Parameters
    ----------
    path : path-like
        An .npy file of whole numbers, bool or text; a .csv file; or a text file with a label in
        each line. The first line of a .csv file is a head if it names the column, or holds there
        what no other line does.
    n_samples : int
        Labels that there must be.
    column : str, optional
        The column of a .csv file, by its name or its number from 1 on; needed where there are
        several.

    Raises
    ------
    LabelFileError
        If the file cannot be read, or does not hold so many labels.
    LabelError
        If they are not of two classes or more, with enough samples of each.
    """
    name, suffix = printable(path), Path(path).suffix.lower()
    if column is not None and suffix != ".csv":
        raise LabelFileError(f"{name} is no .csv file, which alone has columns: leave out --column")
    below = ""
    values: Sequence[str] | NDArray[Any]
    if suffix == ".npy":
        values = _of_array(name, map_array(path))
    elif suffix == ".csv":
        head, values = _of_table(name, _text(path, name), column)
        below = "" if head is None else f" below its head '{printable(head)}'"
    else:
        # Not by splitlines, which divides at signs within labels too.
        values = StringIO(_text(path, name), None).readlines()
    if len(values) != n_samples:
        raise LabelFileError(
            f"{name} holds {len(values):,} labels{below}, the features have {n_samples:,} rows: "
            "give one label for each row"
        )
    return _numbered(name, values)


def _of_array(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise LabelFileError(
            f"{name} holds an array of shape {array.shape}: give one label for each row"
        )
    if array.dtype.kind == "f" and (np.abs(array) <= _WHOLE).all():
        whole = array.astype(np.int64)
        array = whole if (array == whole).all() else array
    if array.dtype.kind not in "iubU":
        raise LabelFileError(
            f"{name} holds {array.dtype}, which does not name classes: save whole numbers or text"
        )
    return np.asarray(array)


def _text(path: str | os.PathLike[str], name: str) -> str:
    """What a file holds, but for blank lines at its end."""
    with refused_as(LabelFileError, name, "give a .npy, .csv or .txt file"):
        content = read_at_most(path, _MOST_TEXT)
    if content is None:
        raise LabelFileError(f"{name} holds more than {_MOST_TEXT:,} bytes: give an .npy file")
    try:
        return content.rstrip().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{name} is no text in UTF-8: save it as such") from error


def _of_table(name: str, text: str, column: str | None) -> tuple[str | None, list[str]]:
    """What the head calls the labels, None if there is no head, and the labels."""
    try:
        rows = [row or [""] for row in csv.reader(StringIO(text, newline=""))]
    except csv.Error as error:
        raise LabelFileError(f"{name} is no table of labels ({error}): repair it") from error
    place, headed = _place(name, rows, column)
    for number, row in enumerate(rows, start=1):
        if len(row) <= place:
            raise LabelFileError(f"{name} has no column {place + 1} in row {number}: repair it")
    head = rows.pop(0)[place] if headed else None
    return head, [row[place] for row in rows]


def _place(name: str, rows: Sequence[Sequence[str]], column: str | None) -> tuple[int, bool]:
    """Where in each row its label is, and whether the first row is a head."""
    first = [cell.strip() for cell in rows[0]] if rows else []
    n_columns = max(map(len, rows), default=0)

    def is_name(place: int) -> bool:
        own = first[place : place + 1]  # a label would be that of other rows too
        return own != [] and all(
            [cell.strip() for cell in row[place:][:1]] != own for row in rows[1:]
        )

    number = int(column) if column is not None and column.isdecimal() else 0
    if column in first and (not number or is_name(first.index(column))):
        if first.count(column) > 1:
            raise LabelFileError(
                f"{name} has two columns {printable(column)}: rename one, or give its number"
            )
        return first.index(column), True
    if column is None and n_columns <= 1:
        return 0, first != [""] and is_name(0)
    if 1 <= number <= n_columns:
        return number - 1, is_name(number - 1)
    head = first if all(map(is_name, range(len(first)))) else []
    named = f" ({', '.join(printable(one) for one in head[:8])})" if head else ""
    missing = "several columns" if column is None else f"no column {printable(column)}"
    raise LabelFileError(
        f"{name} has {missing}{named}: name one of the {n_columns} by --column, or give its number"
    )


def _numbered(name: str, values: Sequence[str] | NDArray[Any]) -> ClassLabels:
    if isinstance(values, np.ndarray) and values.dtype.kind != "U":
        classes, codes = np.unique(values, return_inverse=True)
        return class_labels(name, [str(one) for one in classes.tolist()], codes)
    # One by one, for in an array of text each takes as much as the longest.
    numbers: dict[str, int] = {}
    found = (numbers.setdefault(label.strip(), len(numbers)) for label in values)
    codes = np.fromiter(found, np.intp, len(values))
    if "" in numbers:
        row = np.flatnonzero(codes == numbers[""])[0]
        raise LabelFileError(f"{name} has no label in row {row}: fill it in")
    return class_labels(name, [*numbers], codes)
