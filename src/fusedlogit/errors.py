"""Errors about what the user gave: each message names the culprit and the way out."""

import os
from dataclasses import dataclass


class BeyondFloatError(ValueError):
    """What is given is finite, but what it leads to is beyond float64."""


class PassOverflowError(BeyondFloatError):
    """X and the coefficients are finite, but too large together."""


class InputError(ValueError):
    """A file, folder or value given by the user cannot be used.

    The command line prints the message as its one line and exits with status 2.
    """


class ImageDataError(InputError):
    """A zip file or folder of images cannot be trained on."""


@dataclass(frozen=True)
class SkippedFile:
    """A file that was left out: its name as the user knows it, why, and what to do about it."""

    name: str
    reason: str
    fix: str = "repair or remove it"

    def __str__(self) -> str:
        return f"{printable(self.name)} {self.reason}: {self.fix}"


class UnreadableImageError(ImageDataError):
    """One image is damaged, truncated, missing, or in no known format.

    Parameters
    ----------
    file : SkippedFile
        The image and what is wrong with it.
    """

    def __init__(self, file: SkippedFile) -> None:
        super().__init__(str(file))
        self.file = file


class DecompressionBombError(ImageDataError):
    """A file would unpack to far more memory than a photograph needs."""


class ModelFileError(InputError):
    """A file is not a model that this version can read."""


class FeatureFileError(InputError):
    """A file of embeddings cannot be used."""


class LabelError(InputError):
    """Samples are of one class only, or of one class there are too few."""


class LabelFileError(InputError):
    """A file of labels cannot be used."""


class TextDataError(InputError):
    """A file or folder of texts cannot be used."""


class StoreError(InputError):
    """A store of decoded images is incomplete, changed, or of other images than is asked for."""


class CheckpointError(InputError):
    """What is in the place of a checkpoint is none, is damaged, or of another fit.

    Parameters
    ----------
    problem : str
        Naming the file, and what is wrong with it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}: remove it, or name another file")
        self.problem = problem


class OutputError(InputError):
    """A result cannot be written where the user asked."""


class KilledError(InputError):
    """A process that was to help has been killed."""


def number_of(count: int, sort: str) -> str:
    """Return how many there are of what one of is called so."""
    ending = "" if count == 1 else "es" if sort.endswith("s") else "s"
    return f"{count:,} {sort}{ending}"


def printable(name: str | os.PathLike[str]) -> str:
    """Return a file's name as one harmless line: control and undecodable characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in os.fspath(name)
    )


def one_line(said: object, limit: int = 200) -> str:
    """Return what an error or a value says, harmless and no longer than a limit."""
    text = printable(str(said) or type(said).__name__)
    return text if len(text) <= limit else text[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
