"""Text files: opened with care, decoded line by line."""

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ..errors import TextDataError, printable
from ..files.inputs import open_regular, refused_as

#: Bytes of a line or document, at most: a file of other content may have no line ends.
MOST_BYTES = 1 << 26

# How files begin that are no texts: JPEG, PNG, GIF, WebP, TIFF, PDF, zip, gzip.
_OF_OTHERS = (
    b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"%PDF", b"PK\3\4",
    b"\x1f\x8b",
)  # fmt: skip

# How files in UTF-16 and UTF-32 begin, of which lines are not read.
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file; what the system refuses is a TextDataError that names it."""
    refused = refused_as(
        TextDataError,
        printable(path),
        "give a file or folder of texts",
        "check the path of the texts",
    )
    with refused, open_regular(path) as file:
        yield file


def check_encoding(encoding: str, *, whole: bool = False) -> None:
    """Refuse what is no encoding, or one whose line ends are not those of ASCII.

    Of `whole` documents UTF-16 and UTF-32 are read too.

    Raises
    ------
    TextDataError
    """
    try:
        line, found = "a\n".encode(encoding).removeprefix(codecs.BOM_UTF8), codecs.lookup(encoding)
        read = line == b"a\n" and found._is_text_encoding
        read = read or (whole and found.name.startswith(("utf-16", "utf-32")))
    except (LookupError, UnicodeError):
        read = False
    if not read:
        raise TextDataError(
            f"{printable(encoding)} is no encoding that can be read line by line: save the texts "
            "as utf-8"
        )


def decoded(content: bytes, encoding: str, name: str, line: int) -> str:
    """Decode some lines, of which the first has a number.

    Raises
    ------
    TextDataError
        That names the file and the line, if it is no text in the encoding.
    """
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if line == 1 and content.startswith(_OF_OTHERS):
            raise TextDataError(
                f"{name} is no text but an image, a PDF or compressed: give a file or folder of "
                "texts"
            ) from error
        line += content[: error.start].count(b"\n")
        other = "" if content.startswith(_WIDE) else ", or name its --encoding"
        raise TextDataError(
            f"{name}, line {line:,}: byte 0x{content[error.start]:02x} is no text in {encoding}: "
            f"save the file as utf-8{other}"
        ) from error
    return text.removeprefix("\ufeff") if line == 1 else text


class Lines:
    """The lines of an open file.

    Parameters
    ----------
    file : binary file
    name : str
        Of the file, printable.
    encoding : str

    Attributes
    ----------
    number : int
        Of the line that was read last, from 1 on.
    n_bytes : int
        Read so far.
    """

    def __init__(self, file: BinaryIO, name: str, encoding: str) -> None:
        self._file, self._encoding, self.name = file, encoding, name
        self.number = 0
        self.n_bytes = 0

    @property
    def place(self) -> str:
        """Where the line is that was read last."""
        return f"{self.name}, line {self.number:,}"

    def __iter__(self) -> Iterator[str]:
        """Yield the lines with their ends.

        Raises
        ------
        TextDataError
            If a line is longer than `MOST_BYTES`, or no text in the encoding.
        """
        while line := self._file.readline(MOST_BYTES + 1):
            self.number += 1
            self.n_bytes += len(line)
            if len(line) > MOST_BYTES:
                raise TextDataError(
                    f"{self.place}: longer than {MOST_BYTES:,} bytes: is it a file of texts?"
                )
            yield decoded(line, self._encoding, self.name, self.number)
