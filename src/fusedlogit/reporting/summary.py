"""Say what a training has come to: as a dictionary for JSON, as text for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import filesize
from rich.console import Console
from rich.table import Table

from ..errors import number_of, printable
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.score import Score
from ..photographs.training import TrainingResult
from .comparison import Comparison
from .rounding import counted, finite, percent

SKIPPED_SHOWN = 5
PAIRS_SHOWN = 5


def as_dict(
    result: TrainingResult,
    files: Mapping[str, str],
    comparison: Comparison | None = None,
) -> dict[str, Any]:
    """Return the result as plain types; numbers JSON does not know become None.

    Parameters
    ----------
    result : TrainingResult
        What was learnt.
    files : mapping of str to str
        What was written, "model", and what will be, "report".
    comparison : Comparison, optional
        Kernel against reference, if it was made.
    """
    images = result.images
    summary: dict[str, Any] = {
        "data": images.origin,
        "images": images.counts(),
        "size": images.size,
        "array_bytes": images.pixels.nbytes,
        "skipped": [{"name": file.name, "reason": file.reason} for file in images.skipped],
        "duplicates": [
            {"test": one.test.name, "seen": one.seen.name, "likeness": one.likeness}
            for one in images.duplicates
        ],
        "solver": result.best.solver,
        "C": finite(result.best.C),
        "n_features": result.n_features,
        "candidates": [
            {
                "C": finite(candidate.C),
                "learning_rate": candidate.learning_rate,
                "iterations": candidate.n_iter,
                "converged": bool(candidate.model.converged_),
                "cost": finite(candidate.cost[-1]),
                "validation_accuracy": candidate.validation and candidate.validation.accuracy,
                "seconds": candidate.seconds,
                "kept": candidate is result.best,
            }
            for candidate in result.candidates
        ],
        "scores": {part: score_as_dict(score, "n_images") for part, score in result.scores.items()},
        "test_roc_auc": result.test.roc_auc,
        "test_confusion": result.test.confusion.tolist(),
        "seconds": dict(result.seconds),
        **files,
    }
    if isinstance(result.test, ClassJudgement):
        summary["test_top_5_accuracy"] = result.test.top_accuracy(5)
    if comparison is not None:
        summary["kernel_against_reference"] = {
            "max_relative_difference": comparison.max_difference,
            "times_as_fast": comparison.speedup,
        }
    return summary


def score_as_dict(score: Score, counted: str) -> dict[str, Any]:
    """Return a score as plain types, its number of samples under the name of what they are."""
    fields = asdict(score)
    return {counted: fields.pop("n_samples"), **fields}


def judgement_as_dict(test: ClassJudgement, labels: Sequence[str], counted: str) -> dict[str, Any]:
    """Return how well classes are told apart as plain types, samples counted under a name."""
    return {
        "test_top_5_accuracy": test.top_accuracy(5),
        "test_roc_auc": test.roc_auc,
        "test_by_class": {
            name: {
                counted: one.n_samples,
                "accuracy": one.accuracy,
                "roc_auc": one.roc_auc,
                "precision": finite(one.precision),
            }
            for name, one in zip(labels, test.by_class, strict=True)
        },
        "test_confusion": test.confusion.tolist(),
    }


def print_result(
    console: Console,
    result: TrainingResult,
    files: Mapping[str, str],
    *,
    remedy: str,
    comparison: Comparison | None = None,
) -> None:
    """Print the result.

    Parameters
    ----------
    console : Console
        Where to.
    result, files, comparison
        As for `as_dict`.
    remedy : str
        What to do about a fit that was stopped early.
    """
    images = result.images
    console.print(
        f"{len(images.files):,} images ({counted(images.counts())}) "
        f"of {images.size} x {images.size} pixels in {filesize.decimal(images.pixels.nbytes)}"
    )
    _print_skipped(console, result)
    _print_duplicates(console, result)
    console.print()
    _print_candidates(console, result, remedy)
    console.print()
    _print_scores(console, result)
    console.print()
    if comparison is not None:
        console.print(
            f"Kernel and NumPy reference: the same cost curve within "
            f"{comparison.max_difference:.1e} (relative, at most); "
            f"the kernel {comparison.speedup:.1f} times as fast in this run"
        )
    print_end(console, result.seconds, files)


def print_end(console: Console, seconds: Mapping[str, float], files: Mapping[str, str]) -> None:
    """Print how long the stages took, and what was written."""
    stages = ", ".join(f"{stage} {time:.2f}" for stage, time in seconds.items())
    console.print(f"Seconds: {stages}")
    for kind, path in files.items():
        console.print(f"{kind.capitalize()}: {printable(path)}")


def _print_skipped(console: Console, result: TrainingResult) -> None:
    skipped = result.images.skipped
    if skipped:
        console.print(f"{number_of(len(skipped), 'file')} left out:")
    for file in skipped[:SKIPPED_SHOWN]:
        console.print(f"  {printable(file.name)} {file.reason}")
    if len(skipped) > SKIPPED_SHOWN:
        console.print(f"  ... and {len(skipped) - SKIPPED_SHOWN:,} more (see --report or --json)")


def _print_duplicates(console: Console, result: TrainingResult) -> None:
    duplicates = result.images.duplicates
    if duplicates:
        one = duplicates[0]
        console.print(
            f"{number_of(len(duplicates), 'test image')} nearly the same as one "
            f"seen in training (first: {printable(one.test.name)} and {printable(one.seen.name)}): "
            "remove them for an honest test"
        )


def _print_candidates(console: Console, result: TrainingResult, remedy: str) -> None:
    rows = table("model", "iterations", "cost", "validation", "seconds")
    for candidate in result.candidates:
        kept = candidate is result.best and len(result.candidates) > 1
        rows.add_row(
            candidate.name + (" (kept)" if kept else ""),
            f"{candidate.n_iter:,}",
            "diverged" if candidate.diverged else f"{candidate.cost[-1]:.6f}",
            percent(candidate.validation.accuracy, 2) if candidate.validation else "-",
            f"{candidate.seconds:.3f}",
        )
    console.print(rows)
    for candidate in result.candidates:
        if candidate.diverged:
            console.print(f"{candidate.name} is too high: the cost rose instead of falling")
    if not result.best.model.converged_:
        at_limit = result.best.n_iter >= result.options.max_iter
        console.print(
            f"Stopped {stopped_early(result.best.n_iter, at_limit=at_limit, remedy=remedy)}"
        )


def _print_scores(console: Console, result: TrainingResult) -> None:
    print_scores(console, "images", result.scores)
    if isinstance(result.test, ClassJudgement):
        print_judgement(console, result.test, result.images.labels)
        return
    console.print(
        f"Test: area under the ROC curve {result.test.roc_auc:.4f}; always giving the commoner "
        f"answer scores {percent(result.scores['test'].majority, 2)}"
    )


def print_scores(console: Console, samples: str, scores: Mapping[str, Score]) -> None:
    """Print the scores by part of the samples."""
    rows = table("part", samples, "accuracy", "log loss")
    for part, score in scores.items():
        rows.add_row(
            part, f"{score.n_samples:,}", percent(score.accuracy, 2), f"{score.log_loss:.4f}"
        )
    console.print(rows)


def print_judgement(console: Console, test: ClassJudgement, labels: Sequence[str]) -> None:
    """Print how well many classes are told apart, besides accuracy and log loss."""
    top = f"right kind among the likeliest five {percent(test.top_accuracy(5), 2)}; "
    console.print(
        f"Test: {top * (test.n_classes > 5)}mean area under the ROC curves of one kind against the "
        f"rest {test.roc_auc:.4f}; always giving the commonest answer scores "
        f"{percent(test.score.majority, 2)}"
    )
    pairs = [
        f"{printable(labels[pair.truth])} for {printable(labels[pair.answer])} ({pair.count:,})"
        for pair in test.most_confused(PAIRS_SHOWN)
    ]
    if pairs:
        console.print(f"Most often mistaken: {', '.join(pairs)}")


def stopped_early(
    n_iter: int | None = None,
    *,
    at_limit: bool,
    remedy: str = "a higher --max-iter or a stronger penalty helps",
) -> str:
    """Return when a fit was stopped, what it has missed, and what to do about it.

    Parameters
    ----------
    n_iter : int, optional
        Iterations of the fit, if it is one.
    at_limit : bool
        Whether it was stopped by the limit of iterations: else the cost no longer fell.
    remedy : str
        What helps then.
    """
    if not at_limit:
        remedy = "more iterations change nothing, a stronger penalty may"
    after = "" if n_iter is None else f"after {number_of(n_iter, 'iteration')}, "
    return f"{after}before the cost was as close to its lowest as the tolerance asks: {remedy}"


def table(first: str, *others: str) -> Table:
    """Return a table without lines: names in the first column, numbers in the others."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
