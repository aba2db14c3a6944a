"""One error for all that may be wrong with a file that should hold a model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import ModelFileError
from .inputs import NotRegularFileError


@contextmanager
def model_errors(
    name: str, command: str, no_model: Callable[[Exception], ModelFileError]
) -> Iterator[None]:
    """Turn what reading a file raises into a ModelFileError.

    Parameters
    ----------
    name : str
        Of the file, printable.
    command : str
        That writes such files.
    no_model : callable
        What to say of a file that is none.
    """
    try:
        yield
    except ModelFileError:
        raise
    except FileNotFoundError as error:
        raise ModelFileError(f"{name} does not exist: check the model's path") from error
    except NotRegularFileError as error:
        raise ModelFileError(
            f"{name} {error.strerror}: give a file written by {command!r}"
        ) from error
    # zipfile raises nearly every type of error on a file that is not its own.
    except Exception as error:
        raise no_model(error) from error
