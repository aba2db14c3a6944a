"""Labels of embeddings: read from .npy, .csv or .txt files, numbered by class."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelFileError, printable
from ..files.inputs import NotRegularFileError, read_at_most
from .features import map_array

#: Each of training, validation and test needs a sample of each class.
MINIMUM_PER_CLASS = 3

# Bytes of a text file, at most: ten million labels of a hundred letters.
_MOST_TEXT = 2**30


@dataclass(frozen=True)
class ClassLabels:
    """The classes of samples.

    Attributes
    ----------
    names : tuple of str
        Of the classes: by number where all are whole numbers, else in alphabetical order.
    codes : ndarray of int, shape (n_samples,)
        The number of each sample's class among `names`.
    """

    names: tuple[str, ...]
    codes: NDArray[np.intp]

    def counts(self) -> dict[str, int]:
        """Return the number of samples of each class."""
        return dict(zip(self.names, np.bincount(self.codes).tolist(), strict=True))


def read_labels(
    path: str | os.PathLike[str], n_samples: int, *, column: str | None = None
) -> ClassLabels:
    """Read a label for each sample.

    Parameters
    ----------
    path : path-like
        An .npy file of whole numbers, bool or text; a .csv file; or a text file with a label in
        each line. A .csv file with a line more than there are samples has a head.
    n_samples : int
        Labels that there must be.
    column : str, optional
        The column of a .csv file, by its name or its number from 1 on; needed where there are
        several.

    Raises
    ------
    LabelFileError
        If the file cannot be read, or does not hold so many labels of two classes or more, each
        of which occurs `MINIMUM_PER_CLASS` times at least.
    """
    name, suffix = printable(path), Path(path).suffix.lower()
    if suffix == ".npy":
        values = _of_array(name, map_array(path))
    elif suffix == ".csv":
        values = _of_table(name, _text(path, name), n_samples, column)
    else:
        values = np.array(_text(path, name).splitlines())
    if len(values) != n_samples:
        raise LabelFileError(
            f"{name} holds {len(values):,} labels, the features have {n_samples:,} rows: give one "
            "label for each row"
        )
    return _numbered(name, values)


def _of_array(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise LabelFileError(
            f"{name} holds an array of shape {array.shape}: give one label for each row"
        )
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iubU":
        raise LabelFileError(
            f"{name} holds {array.dtype}, which does not name classes: save whole numbers or text"
        )
    return np.asarray(array)


def _text(path: str | os.PathLike[str], name: str) -> str:
    try:
        content = read_at_most(path, _MOST_TEXT)
    except FileNotFoundError as error:
        raise LabelFileError(f"{name} does not exist: give a .npy, .csv or .txt file") from error
    except NotRegularFileError as error:
        raise LabelFileError(f"{name} {error.strerror}: give a .npy, .csv or .txt file") from error
    except OSError as error:
        raise LabelFileError(
            f"{name} cannot be read ({error.strerror}): allow reading it"
        ) from error
    if content is None:
        raise LabelFileError(f"{name} holds more than {_MOST_TEXT:,} bytes: give an .npy file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{name} is no text in UTF-8: save it as such") from error


def _of_table(name: str, text: str, n_samples: int, column: str | None) -> NDArray[Any]:
    rows = [row for row in csv.reader(StringIO(text, newline="")) if row]
    head = rows[0] if len(rows) == n_samples + 1 else []
    place = _place(name, head, max(map(len, rows), default=0), column)
    for number, row in enumerate(rows, start=1):
        if len(row) <= place:
            raise LabelFileError(f"{name} has no column {place + 1} in row {number}: repair it")
    return np.array([row[place] for row in rows[len(rows[:1]) if head else 0 :]])


def _place(name: str, head: Sequence[str], n_columns: int, column: str | None) -> int:
    if column is None and n_columns <= 1:
        return 0
    if column in head:
        return head.index(column)
    if column is not None and column.isdecimal() and 1 <= int(column) <= n_columns:
        return int(column) - 1
    named = f" ({', '.join(printable(one) for one in head[:8])})" if head else ""
    missing = "several columns" if column is None else f"no column {printable(column)}"
    raise LabelFileError(
        f"{name} has {missing}{named}: name one of the {n_columns} by --column, or give its number"
    )


def _numbered(name: str, values: NDArray[Any]) -> ClassLabels:
    if values.dtype.kind == "U":
        values = np.char.strip(values)
        empty = np.flatnonzero(values == "")
        if empty.size:
            raise LabelFileError(f"{name} has no label in row {empty[0]}: fill it in")
    classes, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if values.dtype.kind == "U" and all(_is_whole(one) for one in classes):
        order = np.argsort([int(one) for one in classes], kind="stable")
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order))
        classes, codes, counts = classes[order], rank[codes], counts[order]
    names = tuple(str(one) for one in classes.tolist())
    if len(names) < 2:
        raise LabelFileError(
            f"{name} holds one class only ('{printable(names[0])}'): two or more can be told apart"
        )
    rarest = int(np.argmin(counts))
    if counts[rarest] < MINIMUM_PER_CLASS:
        raise LabelFileError(
            f"label '{printable(names[rarest])}' occurs only {counts[rarest]} times in {name}: "
            f"leave its rows out, or give at least {MINIMUM_PER_CLASS} samples of each class"
        )
    return ClassLabels(names, codes.reshape(-1).astype(np.intp))


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
