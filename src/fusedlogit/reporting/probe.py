"""Say what a linear probe has come to: as a dictionary for JSON, as text, as a page."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import filesize
from rich.console import Console

from ..embeddings.probing import ProbeResult
from ..files.outputs import REPORT_PAGE
from . import figures
from .many_kinds import draw_judgement, draw_strengths
from .report import render, write_page
from .rounding import counted, finite, percent
from .summary import (
    judgement_as_dict,
    print_end,
    print_judgement,
    print_scores,
    score_as_dict,
    stopped_early,
    table,
)


def as_dict(result: ProbeResult, origin: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the result as plain types; numbers JSON does not know become None.

    Parameters
    ----------
    result : ProbeResult
    origin : str
        Where the embeddings came from.
    files : mapping of str to str
        What was written, "model", and what will be, "report".
    """
    test, best = result.test, result.choice.best
    return {
        "data": origin,
        "rows": result.labels.counts(),
        "n_features": result.X.shape[1],
        "dtype": str(result.X.dtype),
        "scaling": result.options.scaling,
        "folds": None if result.options.folds is None else result.split.n_folds,
        "C": finite(best.C),
        "converged": result.converged,
        "candidates": [
            {
                "C": finite(trial.C),
                "iterations": trial.n_iter,
                "converged": trial.converged,
                "cost": trial.cost[-1],
                "validation_accuracy": trial.accuracy,
                "validation_log_loss": trial.log_loss,
                "seconds": trial.seconds,
                "kept": trial is best,
            }
            for trial in result.choice.trials
        ],
        "scores": {part: score_as_dict(score, "n_rows") for part, score in result.scores.items()},
        **judgement_as_dict(test, result.labels.names, "n_rows"),
        "seconds": dict(result.seconds),
        **files,
    }  # fmt: skip


def print_result(console: Console, result: ProbeResult, files: Mapping[str, str]) -> None:
    """Print the result.

    Parameters
    ----------
    console : Console
        Where to.
    result, files
        As for `as_dict`.
    """
    X = result.X
    console.print(
        f"{len(X):,} rows ({counted(result.labels.counts())}) of {X.shape[1]:,} {X.dtype} features "
        f"in {filesize.decimal(X.nbytes)}"
    )
    console.print()
    fits = table("C", "iterations", "cost", "validation", "log loss", "seconds")
    for trial in result.choice.trials:
        kept = trial is result.choice.best and len(result.choice.trials) > 1
        fits.add_row(
            f"{trial.C:g}" + " (kept)" * kept,
            f"{trial.n_iter:,}" + "*" * (not trial.converged),
            f"{trial.cost[-1]:.6f}",
            percent(trial.accuracy, 2),
            f"{trial.log_loss:.4f}",
            f"{trial.seconds:.3f}",
        )
    console.print(fits)
    if not all(trial.converged for trial in result.choice.trials):
        console.print("* stopped before the cost was as close to its lowest as the tolerance asks")
    if not result.converged:
        at_limit = result.n_iter >= result.options.max_iter
        told = stopped_early(result.n_iter, at_limit=at_limit)
        console.print(f"The last fit was stopped {told}")
    console.print()
    print_scores(console, "rows", result.scores)
    print_judgement(console, result.test, result.labels.names)
    console.print()
    print_end(console, result.seconds, files)


def write_report(folder: str | os.PathLike[str], result: ProbeResult, origin: str) -> Path:
    """Draw, render and write the report; nothing is written until all of it is ready.

    Parameters
    ----------
    folder : path-like
        Where to put ``report.html`` and the PNG files; made if missing.
    result : ProbeResult
    origin : str
        Where the embeddings came from.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written.
    """
    drawn = draw_judgement(result.test, result.labels.names, "test rows")
    drawn.update(draw_strengths(result.choice.trials))
    pictures = {name: figures.to_png(figure) for name, figure in drawn.items()}
    page = render(
        "probe.html.j2", f"A linear probe of {len(result.labels.names):,} classes", pictures,
        result=result, origin=origin, guessing=math.log(len(result.labels.names)),
    )  # fmt: skip
    return write_page(Path(folder), REPORT_PAGE, page, pictures)
