"""Answers of a model, as lines, JSON or CSV."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any

import click

from ..errors import printable

Answer = Mapping[str, Any]

# Answers that are printed together: each time, what has been printed is flushed.
_TOGETHER = 1000


def answer_of(labels: Sequence[str], probabilities: Sequence[float]) -> dict[str, Any]:
    """Return an answer as plain types: the likeliest label, and of several, all that were asked."""
    answer: dict[str, Any] = {"label": labels[0], "probability": probabilities[0]}
    if len(labels) > 1:
        answer["likeliest"] = [
            {"label": label, "probability": probability}
            for label, probability in zip(labels, probabilities, strict=True)
        ]
    return answer


def print_answers(answers: Iterable[Answer], *, as_json: bool, as_csv: bool) -> int:
    """Print answers as they come, each of which begins with what it is about; how many.

    After an error in the midst of them those before it are printed, and what is begun is closed.
    """
    texts = (_as_json if as_json else _as_csv if as_csv else _as_lines)(answers)
    count, waiting = 0, list[str]()
    try:
        for text in texts:
            count += 1
            waiting.append(text)
            if len(waiting) == _TOGETHER:
                click.echo("".join(waiting), nl=False)
                waiting.clear()
    except BaseException:
        if count:
            click.echo("".join(waiting) + "\n]\n" * as_json, nl=False)
        raise
    if as_json:
        waiting.append("\n]\n" if count else "[]\n")
    click.echo("".join(waiting), nl=False)
    return count


def _as_lines(answers: Iterable[Answer]) -> Iterator[str]:
    for answer in answers:
        subject = printable(str(next(iter(answer.values()))))
        cells = [f"{printable(one['label'])}\t{one['probability']:.4f}" for one in _all(answer)]
        yield "\t".join([subject, *cells]) + "\n"


def _all(answer: Answer) -> list[dict[str, Any]]:
    one = {"label": answer["label"], "probability": answer["probability"]}
    return list(answer.get("likeliest", [one]))


def _as_csv(answers: Iterable[Answer]) -> Iterator[str]:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for number, answer in enumerate(answers):
        subject, value = next(iter(answer.items()))
        if number == 0:
            names = ["label", "probability"]
            others = range(2, len(_all(answer)) + 1)
            writer.writerow([subject, *names, *(f"{name}_{i}" for i in others for name in names)])
        writer.writerow([value, *(cell for one in _all(answer) for cell in one.values())])
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()


def _as_json(answers: Iterable[Answer]) -> Iterator[str]:
    """A list, an answer at a time, which is yet to be closed."""
    before = "["
    for answer in answers:
        yield before + "\n" + indent(json.dumps(answer, indent=2), "  ")
        before = ","
