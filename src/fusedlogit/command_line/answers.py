"""Answers of a model, as lines, JSON or CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from ..errors import printable


def answer_of(labels: Sequence[str], probabilities: Sequence[float]) -> dict[str, Any]:
    """Return an answer as plain types: the likeliest label, and of several, all that were asked."""
    answer: dict[str, Any] = {"label": labels[0], "probability": probabilities[0]}
    if len(labels) > 1:
        answer["likeliest"] = [
            {"label": label, "probability": probability}
            for label, probability in zip(labels, probabilities, strict=True)
        ]
    return answer


def print_answers(answers: Sequence[Mapping[str, Any]], *, as_json: bool, as_csv: bool) -> None:
    """Print answers, each of which begins with what it is about."""
    if as_json:
        click.echo(json.dumps(answers, indent=2))
    elif as_csv:
        click.echo(_as_csv(answers), nl=False)
    else:
        for answer in answers:
            subject = printable(str(next(iter(answer.values()))))
            cells = [f"{printable(one['label'])}\t{one['probability']:.4f}" for one in _all(answer)]
            click.echo("\t".join([subject, *cells]))


def _all(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    one = {"label": answer["label"], "probability": answer["probability"]}
    return list(answer.get("likeliest", [one]))


def _as_csv(answers: Sequence[Mapping[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for number, answer in enumerate(answers):
        subject, value = next(iter(answer.items()))
        if number == 0:
            names = ["label", "probability"]
            others = range(2, len(_all(answer)) + 1)
            writer.writerow([subject, *names, *(f"{name}_{i}" for i in others for name in names)])
        writer.writerow([value, *(cell for one in _all(answer) for cell in one.values())])
    return stream.getvalue()
