"""Progress bars on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray
from rich import filesize
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..errors import printable
from ..photographs.stages import Listener
from ..photographs.training import TrainingOptions
from ..reporting.rounding import counted
from ..text.stages import Listener as TextListener


def error_console() -> Console:
    """Return what draws on standard error and takes no text for markup."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class _Drawn:
    """Bars that are drawn within a with statement, and gone at its end."""

    _progress: Progress

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()


class ProbeProgress(_Drawn):
    """One bar for the fits of a probe, gone at the end.

    Parameters
    ----------
    console : Console
        Where to draw; nothing but the note on the data appears unless it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = _bars(console)
        self._task: TaskID | None = None
        self._fit = ""

    def found(self, X: NDArray[Any], counts: Mapping[str, int]) -> None:
        """Say what is about to be trained on."""
        self._console.print(
            f"Training on {len(X):,} rows ({counted(counts)}) of {X.shape[1]:,} {X.dtype} features "
            f"in {filesize.decimal(X.nbytes)}",
            soft_wrap=True,
        )

    def fitting(self, number: int, total: int, C: float) -> None:
        """Move the bar to the fit that begins."""
        if self._task is None:
            self._task = self._progress.add_task("training", total=total + 1, detail="")
        self._fit = f"fit {number + 1:,} of {total + 1:,}, C {C:g}"
        self._progress.update(self._task, completed=number, detail=self._fit)

    def iterated(self, iteration: int, cost: float) -> None:
        """Tell of the current fit's cost."""
        if self._task is not None:
            detail = f"{self._fit}: iteration {iteration:,}, cost {cost:.5f}"
            self._progress.update(self._task, detail=detail)


class TextProgress(_Drawn, TextListener):
    """One bar for each look at the texts and one for the fits, gone at the end.

    Parameters
    ----------
    console : Console
        Where to draw; nothing but the note on the texts appears unless it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = _bars(console)
        self._tasks: dict[str, TaskID] = {}

    def reading(self, stage: str, share: float) -> None:
        """Move the bar of a look at the texts."""
        self._move(stage, share, "")

    def found(self, counts: Mapping[str, int]) -> None:
        """Say what is about to be trained on."""
        total = sum(counts.values())
        self._console.print(f"Training on {total:,} texts ({counted(counts)})", soft_wrap=True)

    def fitting(self, number: int, total: int, C: float) -> None:
        """Move the bar of the fits."""
        self._move("training", number / total, f"fit {number:,} of {total:,}, C {C:g}")

    def _move(self, stage: str, share: float, detail: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=1.0, detail="")
        self._progress.update(self._tasks[stage], completed=share, detail=detail)


class ProgressBars(_Drawn, Listener):
    """One bar each for decoding, learning features, features and training, gone at the end.

    Where several models are trained one after the other, the bars begin again.

    Parameters
    ----------
    console : Console
        Where to draw; nothing but the note on memory appears unless it is a terminal.
    options : TrainingOptions
        What will be trained.
    """

    def __init__(self, console: Console, options: TrainingOptions) -> None:
        self._console = console
        self._n_fits = options.n_fits
        self._fit = -1
        self._max_iter = 0
        self._n_images = 0
        self._tasks: dict[str, TaskID] = {}
        self._progress = _bars(console)

    def found(
        self, counts: Mapping[str, int], size: int, n_bytes: int, store: Path | None = None
    ) -> None:
        """Say how much memory, or of a disk, the images are about to fill."""
        total = sum(counts.values())
        place = "one array of" if store is None else f"{printable(store)} will take"
        self._console.print(
            f"Decoding {total:,} images ({counted(counts)}) to {size} x {size} pixels: "
            f"{place} {filesize.decimal(n_bytes)}",
            soft_wrap=True,
        )
        self._fit = -1
        self._begin("decoding", total)

    def decoded(self, count: int) -> None:
        """Move the bar of decoding."""
        self._progress.update(self._tasks["decoding"], advance=count)

    def checking(self, store: Path, n_blocks: int) -> None:
        """Say which store is checked, and start the bar of that."""
        self._console.print(f"Checking {printable(store)}", soft_wrap=True)
        self._begin("checking", n_blocks)

    def checked(self, count: int) -> None:
        """Move the bar of checking."""
        self._progress.update(self._tasks["checking"], advance=count)

    def learning_features(self, n_images: int) -> None:
        """Start the bar of learning features."""
        self._fit = -1
        self._n_images = n_images
        if "features" in self._tasks:
            self._progress.remove_task(self._tasks.pop("features"))
        self._begin("learning features", 1)

    def learned(self, share: float) -> None:
        """Move the bar of learning features."""
        self._progress.update(self._tasks["learning features"], completed=share)

    def featured(self, count: int) -> None:
        """Move the bar of features; start it first."""
        if "features" not in self._tasks:
            self._begin("features", self._n_images)
        self._progress.update(self._tasks["features"], advance=count)

    def fitting(self, learning_rate: float | None, max_iter: int) -> None:
        """Start the bar of training, or note that the next fit begins."""
        if self._fit < 0:
            self._begin("training", self._n_fits * max_iter)
        self._fit += 1
        self._max_iter = max_iter

    def iterated(self, iteration: int, cost: float) -> None:
        """Move the bar of training."""
        self._progress.update(
            self._tasks["training"],
            completed=self._fit * self._max_iter + iteration,
            detail=f"iteration {iteration:,} of at most {self._max_iter:,}, cost {cost:.5f}",
        )

    def _begin(self, name: str, total: int) -> None:
        """Put a bar below the others, at its beginning, in place of the one of its name."""
        if name in self._tasks:
            self._progress.remove_task(self._tasks[name])
        self._tasks[name] = self._progress.add_task(name, total=total, detail="")
