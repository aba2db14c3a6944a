"""Where a fit stands, written to a file as it goes: one that is interrupted goes on from there."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError, OutputError, one_line, printable
from ..files.array_file import field, open_arrays
from ..files.outputs import check_file, write_whole
from .cause import Cause
from .settings import Callback, Result, Settings

Doubles = NDArray[np.float64]
Start = tuple[Doubles, Any]
Solve = Callable[[Start, Settings], Result]

#: Seconds between two writes, at least.
INTERVAL = 60.0

FORMAT = "fusedlogit checkpoint 1"

MAX_BYTES = 2**33


class Checkpoint:
    """A file that holds the coefficients of a fit that is on its way.

    Parameters
    ----------
    path : path-like
    fit : mapping of str to object
        What tells this fit from others, whose files are refused.

    Raises
    ------
    OutputError
        If the file could not be written.
    """

    def __init__(self, path: str | os.PathLike[str], fit: Mapping[str, object]) -> None:
        self.path = Path(path)
        check_file(self.path)
        self.fit: dict[str, object] = json.loads(json.dumps(fit, default=_plain))
        self._last: tuple[Doubles, Any] | None = None
        self._written = time.monotonic()

    def start(self, otherwise: Start) -> Start:
        """Coefficients and intercept of the file, of these shapes; these where there is no file.

        Raises
        ------
        CheckpointError
            If the file is no checkpoint, is damaged or of another fit.
        """
        if not self.path.exists():
            return otherwise
        name = printable(self.path)
        try:
            with open_arrays(self.path, MAX_BYTES) as arrays:
                if str(arrays["format"]) != FORMAT:
                    raise ValueError("it says that it is something else")
                fit = dict(json.loads(str(arrays["fit"])))
                if fit == self.fit:
                    coef, intercept = otherwise
                    return (
                        field(arrays, "coef", "f", np.shape(coef)),
                        field(arrays, "intercept", "f", np.shape(intercept)),
                    )
        # A file that numpy.savez has not written raises nearly every type of error.
        except Exception as error:
            raise CheckpointError(
                f"{name} is no checkpoint of a fit that can be read ({printable(str(error))})"
            ) from error
        key = next(key for key in self.fit | fit if fit.get(key) != self.fit.get(key))
        there, here = (one_line(of.get(key), 60) for of in (fit, self.fit))
        raise CheckpointError(
            f"{name} is the checkpoint of a fit with another {printable(key)} ({there}; here "
            f"{here})"
        )

    def keep(self, start: Start, settings: Settings, solve: Solve) -> Result:
        """Solve from the file's coefficients on, if there are any, and keep those it comes to.

        They are written when a minute has passed, and when the fit is interrupted by an error or by
        Ctrl-C or ends unconverged. The file of a fit that converges, or whose rows left out have it
        stop, is removed.
        """
        settings = replace(settings, callback=self._watching(settings.callback))
        start = self.start(start)
        try:
            result = solve(start, settings)
        except BaseException:
            self._write()
            raise
        if result.converged or result.cause == Cause.JUDGED:
            self.path.unlink(missing_ok=True)
        else:
            self._write()
        return result

    def _watching(self, callback: Callback | None) -> Callback:
        """A callback that takes what each iteration comes to, and calls another one."""

        def watch(
            iteration: int, coef: Doubles, intercept: Any, loss: float, gradient_norm: float
        ) -> object:
            if np.isfinite(loss):
                self._last = coef, intercept
            if time.monotonic() - self._written >= INTERVAL:
                self._write()
            return callback and callback(iteration, coef, intercept, loss, gradient_norm)

        return watch

    def _write(self) -> None:
        """Write the last iteration; a fit must not be lost to a disk that is full."""
        if self._last is None:
            return
        coef, intercept = self._last
        content = BytesIO()
        np.savez(content, format=FORMAT, fit=json.dumps(self.fit), coef=coef, intercept=intercept)
        try:
            write_whole(self.path, content.getvalue())
        except OutputError as error:
            warnings.warn(f"the fit goes on without a checkpoint: {error}", stacklevel=2)
        self._last, self._written = None, time.monotonic()


def _plain(value: Any) -> object:
    """What JSON has no word for: a number of NumPy's, or a label."""
    return value.item() if isinstance(value, np.number) else str(value)
