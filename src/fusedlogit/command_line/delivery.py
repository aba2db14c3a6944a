"""What a training command ends with: the model, the result, the report."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import OutputError, printable
from ..files.outputs import REPORT_PAGE, check_apart, check_file, check_folder

if TYPE_CHECKING:
    from rich.console import Console


def check_targets(
    out: Path | None, *folders: Path | None, inputs: Sequence[Path | None] = ()
) -> None:
    """Refuse, before any work, what could not be written after it, or lies in its place."""
    read = [path for path in inputs if path is not None]
    if out is not None:
        check_file(out, read)
    for folder in folders:
        if folder is not None:
            if out is not None:
                check_apart(out, folder)
            check_folder(folder, read)


def deliver(
    out: Path | None,
    report_folder: Path | None,
    *,
    as_json: bool,
    save: Callable[[Path], None],
    as_dict: Callable[[Mapping[str, str]], dict[str, Any]],
    print_result: Callable[["Console", Mapping[str, str]], None],
    write_report: Callable[[Path], Path],
) -> None:
    """Save the model, print the result, and write the report: what fails loses nothing else.

    `as_dict` and `print_result` are told what was written, "model", and what will be, "report".
    """
    files = {}
    with ExitStack() as rest:  # done in any case, from the last on
        if report_folder is not None:
            if as_json:
                files["report"] = str(report_folder / REPORT_PAGE)
            rest.push(partial(_report, report_folder, write_report, as_json))
        rest.callback(_print, files, as_dict if as_json else None, print_result)
        if out is not None:
            save(out)
            files["model"] = str(out)


def _report(
    folder: Path,
    write: Callable[[Path], Path],
    quiet: bool,
    _kind: object,
    failure: BaseException | None,
    _trace: object,
) -> None:
    """Write the report at the end of a block, and tell of what failed before it too."""
    start = time.perf_counter()
    try:
        page = write(folder)
    except OutputError as error:
        if isinstance(failure, OutputError):
            raise OutputError(f"{failure}; {error}") from error
        raise
    if not quiet:
        seconds = time.perf_counter() - start
        click.echo(f"Report: {printable(page)} ({seconds:.2f} seconds)")


def _print(
    files: Mapping[str, str],
    as_dict: Callable[[Mapping[str, str]], dict[str, Any]] | None,
    print_result: Callable[["Console", Mapping[str, str]], None],
) -> None:
    from rich.console import Console

    if as_dict is not None:
        click.echo(json.dumps(as_dict(files), indent=2))
    else:
        print_result(Console(highlight=False, markup=False, emoji=False, soft_wrap=True), files)
