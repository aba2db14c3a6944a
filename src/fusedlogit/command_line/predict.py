"""The predict command: what photographs show, or which classes embeddings are of."""

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import printable
from ..files.outputs import check_folder, picture_names
from .options import csv_option, json_option, quiet_option, threads_option, top_option

if TYPE_CHECKING:
    from ..photographs.images import ImageSource
    from ..photographs.model_file import Classifier
    from ..photographs.prediction import Prediction

BAD_INPUT = 2


@click.command(short_help="Tell what images show, or embeddings are.")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", metavar="{IMAGE...|FEATURES}", nargs=-1, required=True, type=click.Path())
@click.option(
    "--evidence",
    "maps_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a picture of each image to this folder: what its regions speak for.",
)
@top_option
@threads_option
@json_option
@csv_option
@quiet_option
@click.pass_context
def predict(
    ctx: click.Context,
    model: Path,
    images: tuple[str, ...],
    maps_folder: Path | None,
    top: int,
    n_threads: int | None,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> None:
    """Print a line for each IMAGE or row: its name or number, label, and the label's probability.

    MODEL is a file written by train --out, or by probe --out: then FEATURES is an .npy file.
    Images that cannot be read are named on standard error; the others are answered all the same,
    and the exit status is 2.
    """
    if maps_folder is not None:
        check_folder(maps_folder)

    from ..embeddings.classifier import is_probe

    if is_probe(model):
        if maps_folder is not None or len(images) > 1:
            raise click.UsageError("a probe answers one file of features, without --evidence")
        _predict_rows(model, Path(images[0]), top, n_threads, as_json, as_csv, quiet)
        return

    from ..photographs.images import FileSource
    from ..photographs.model_file import load_model
    from ..photographs.prediction import predict_images

    classifier = load_model(model)
    source = FileSource(images)
    predicted = predict_images(classifier, source, images, n_threads=n_threads)
    answers = _answers(classifier, predicted, images, top)
    pictures = picture_names([answer["image"] for answer in answers])
    if maps_folder is not None:
        for answer, picture in zip(answers, pictures, strict=True):
            answer["evidence"] = str(maps_folder / picture)
    print_answers(answers, as_json=as_json, as_csv=as_csv)
    for file in predicted.skipped:
        click.echo(f"Error: {file}", err=True)
    if not quiet:
        total = sum(predicted.seconds.values())
        stages = ", ".join(f"{stage} {time:.2f}" for stage, time in predicted.seconds.items())
        click.echo(
            f"{len(answers):,} images in {total:.2f} seconds ({stages}): "
            f"{len(answers) / total:,.0f} a second",
            err=True,
        )
    # After the answers, which take less time than their pictures and must not be lost with them.
    if maps_folder is not None:
        _write_evidence(maps_folder, classifier, source, answers, pictures, quiet=quiet)
    if predicted.skipped:
        ctx.exit(BAD_INPUT)


def _predict_rows(
    model: Path,
    features: Path,
    top: int,
    n_threads: int | None,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> None:
    """Print a line for each row of a file of features."""
    from ..embeddings.classifier import load_probe
    from ..embeddings.features import open_features

    probe = load_probe(model)
    X = open_features(features, n_threads=n_threads)
    probe.check(X, printable(features))
    start = time.perf_counter()
    answers: list[dict[str, Any]] = []
    for labels, probabilities in probe.ranked(X, top, n_threads):
        for names, chances in zip(labels.tolist(), probabilities.tolist(), strict=True):
            answers.append({"row": len(answers), **answer_of(names, chances)})
    seconds = time.perf_counter() - start
    print_answers(answers, as_json=as_json, as_csv=as_csv)
    if not quiet:
        click.echo(f"{len(answers):,} rows in {seconds:.2f} seconds", err=True)


def _answers(
    classifier: "Classifier", predicted: "Prediction", images: Sequence[str], top: int
) -> list[dict[str, Any]]:
    labels, probabilities = classifier.ranked(predicted.probability, top)
    return [
        {"image": images[row], **answer_of(names, chances)}
        for row, names, chances in zip(
            predicted.kept.tolist(), labels.tolist(), probabilities.tolist(), strict=True
        )
    ]


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


def _write_evidence(
    folder: Path,
    classifier: "Classifier",
    source: "ImageSource",
    answers: Sequence[Mapping[str, Any]],
    pictures: Sequence[str],
    *,
    quiet: bool,
) -> None:
    from ..reporting.report import write_evidence

    write_evidence(folder, classifier, source, answers, pictures)
    if not quiet:
        click.echo(f"Evidence: {len(pictures):,} pictures in {printable(folder)}", err=True)
