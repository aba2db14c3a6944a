"""Say what a training on texts has come to: as a dictionary for JSON, as text, as a page."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import filesize
from rich.cells import cell_len, set_cell_size
from rich.console import Console

from ..errors import printable
from ..files.outputs import REPORT_PAGE
from ..text.training import TextResult
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

# Classes whose words are printed, and those whose words the page shows.
CLASSES_PRINTED = 12
CLASSES_ON_PAGE = 40

# Characters of a line of words.
LINE = 78


def as_dict(result: TextResult, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the result as plain types; numbers JSON does not know become None.

    Parameters
    ----------
    result : TextResult
    files : mapping of str to str
        What was written, "model", and what will be, "report".
    """
    test, best, names = result.test, result.choice.best, result.labels.names
    return {
        "data": result.name,
        "texts": result.labels.counts(),
        "blank": result.survey.n_blank,
        "copies": result.survey.n_copies,
        "passed_over": [*result.passed_over],
        "hashed": result.options.hashed,
        "n_terms": len(result.classifier.words),
        "n_bytes": result.n_bytes,
        "folds": result.split.n_folds,
        "C": finite(best.C),
        "converged": bool(result.choice.model.converged_),
        "candidates": [
            {
                "C": finite(trial.C),
                "iterations": trial.n_iter,
                "converged": trial.converged,
                "validation_accuracy": trial.accuracy,
                "validation_log_loss": trial.log_loss,
                "seconds": trial.seconds,
                "kept": trial is best,
            }
            for trial in result.choice.trials
        ],
        "scores": {part: score_as_dict(score, "n_texts") for part, score in result.scores.items()},
        **judgement_as_dict(test, names, "n_texts"),
        "words": {
            name: [
                {"words": term, "log_odds": one.log_odds, "n_texts": one.n_texts}
                for term, one in words
            ]
            for name, words in zip(names, result.words, strict=True)
        },
        "mistakes": [
            {"label": names[one.truth], "answer": names[one.answer],
             "probability": one.confidence,
             "misled_by": [{"word": word.text, "log_odds": word.log_odds} for word in one.misled]}
            for one in result.mistakes
        ],
        "seconds": dict(result.seconds),
        **files,
    }  # fmt: skip


def print_result(console: Console, result: TextResult, files: Mapping[str, str]) -> None:
    """Print the result.

    Parameters
    ----------
    console : Console
        Where to.
    result, files
        As for `as_dict`.
    """
    survey, n_terms = result.survey, len(result.classifier.words)
    counts = counted(result.labels.counts())
    console.print(
        f"{len(survey.first):,} texts ({counts}) of {result.name}\n"
        f"{n_terms:,} {'hashed columns' if result.options.hashed else 'words and runs of words'}, "
        f"counts of them in {filesize.decimal(result.n_bytes)}"
    )
    for sentence in notes(result):
        console.print(sentence)
    console.print()
    _print_trials(console, result)
    console.print()
    print_scores(console, "texts", result.scores)
    print_judgement(console, result.test, result.labels.names)
    _print_words(console, result)
    console.print()
    print_end(console, result.seconds, files)


def notes(result: TextResult) -> list[str]:
    """Return what must be said of the texts before what came of them."""
    survey, said = result.survey, [*result.passed_over]
    if survey.n_blank:
        said.append(f"{survey.n_blank:,} left out that are blank.")
    if survey.n_copies:
        said.append(
            f"{survey.n_copies:,} are copies of others: none trains where another one tests."
        )
    return said


def _print_trials(console: Console, result: TextResult) -> None:
    fits = table("C", "iterations", "validation", "log loss", "seconds")
    for trial in result.choice.trials:
        kept = trial is result.choice.best and len(result.choice.trials) > 1
        fits.add_row(
            f"{trial.C:g}" + " (kept)" * kept,
            f"{trial.n_iter:,}" + "*" * (not trial.converged),
            percent(trial.accuracy, 2),
            f"{trial.log_loss:.4f}",
            f"{trial.seconds:.3f}",
        )
    console.print(fits)
    best, weakest = result.choice.best, result.choice.trials[-1]
    if len(result.choice.trials) > 1 and best is weakest and math.isfinite(best.C):
        console.print("The weakest penalty is best of these: a larger --C may be better still")
    model = result.choice.model
    if not model.converged_:
        n_iter = max(int(model.n_iter_.max()), len(model.history_) - 1)
        console.print(f"* stopped {stopped_early(at_limit=n_iter >= result.options.max_iter)}")


def _print_words(console: Console, result: TextResult) -> None:
    console.print()
    shown = result.words[:CLASSES_PRINTED]
    console.print("Words that speak for")
    names = [figures.cut(name, 24) for name in result.labels.names[: len(shown)]]
    width = max(map(cell_len, names))
    for name, words in zip(names, shown, strict=True):
        line = f"  {set_cell_size(name, width)}"
        for number, (term, _) in enumerate(words):
            more = ("  " if number == 0 else ", ") + printable(term)
            if cell_len(line + more) > LINE:
                break
            line += more
        console.print(line)
    if len(result.words) > len(shown):
        console.print(f"  ... and {len(result.words) - len(shown):,} more (see --report or --json)")


def write_report(folder: str | os.PathLike[str], result: TextResult) -> Path:
    """Draw, render and write the report; nothing is written until all of it is ready.

    Parameters
    ----------
    folder : path-like
        Where to put ``report.html`` and the PNG files; made if missing.
    result : TextResult

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written.
    """
    names = result.labels.names
    drawn = draw_judgement(result.test, names, "test texts")
    drawn.update(draw_strengths(result.choice.trials))
    pictures = {name: figures.to_png(figure) for name, figure in drawn.items()}
    page = render(
        "text.html.j2", f"Which of {len(names):,} kinds of text is it?", pictures, result=result,
        guessing=math.log(len(names)), notes=notes(result),
        shown=list(zip(names, result.words, strict=True))[:CLASSES_ON_PAGE],
        strongest=max((one.log_odds for words in result.words for _, one in words), default=1.0),
    )  # fmt: skip
    return write_page(Path(folder), REPORT_PAGE, page, pictures)
