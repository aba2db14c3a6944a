"""The predict command: what photographs show, or which classes embeddings and texts are of."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import number_of, printable
from ..files.outputs import check_folder, check_pictures, picture_names
from .answers import answer_of, print_answers
from .options import (
    PLACE,
    Place,
    csv_option,
    encoding_option,
    given,
    json_option,
    quiet_option,
    threads_option,
    top_option,
)

if TYPE_CHECKING:
    from ..photographs.images import ImageSource
    from ..photographs.model_file import Classifier
    from ..photographs.prediction import Prediction
    from ..text.classifier import TextClassifier
    from ..text.unlabelled import Unlabelled

BAD_INPUT = 2


@click.command(short_help="Tell what images show, or embeddings or texts are.")
@click.argument("model", type=PLACE)
@click.argument(
    "images", metavar="{IMAGE...|FEATURES|TEXTS...}", nargs=-1, required=True, type=Place()
)
@click.option(
    "--evidence",
    "maps_folder",
    type=PLACE,
    metavar="DIR",
    help="Write a picture of each image to this folder: what its regions speak for.",
)
@click.option(
    "--text",
    "text_column",
    metavar="COLUMN",
    help="Column of texts in a file of rows.  [default: that the model was trained on]",
)
@encoding_option
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
    text_column: str | None,
    encoding: str,
    top: int,
    n_threads: int | None,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> None:
    """Print a line for each image, row or text: its name or number, label, and the probability.

    MODEL is a file written by train --out, which answers each IMAGE; by probe --out, which answers
    the rows of FEATURES, an .npy file; or by text --out, which answers the rows of each TEXT that
    is a .csv, .tsv, .jsonl or .parquet file, any other TEXT, and each file of a folder, as a whole,
    and of - (standard input) each line. Answers to rows and texts are printed as these are read,
    some thousands at a time.

    Images that cannot be read are named on standard error; the others are answered all the same,
    and the exit status is 2.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other: give one")
    if maps_folder is not None:
        check_folder(maps_folder, [Path(image) for image in images])

    from ..embeddings.classifier import is_probe
    from ..text.classifier import is_text_model

    told = {"as_json": as_json, "as_csv": as_csv, "quiet": quiet}
    if not is_text_model(model):
        for name in ("text_column", "encoding"):
            if given(ctx, name):
                option = name.removesuffix("_column")
                raise click.UsageError(f"--{option} is for text models: leave it out")
    if is_probe(model):
        if maps_folder is not None or len(images) > 1:
            raise click.UsageError("a probe answers one file of features, without --evidence")
        _predict_rows(model, Path(images[0]), top, n_threads, **told)
    elif is_text_model(model):
        if maps_folder is not None:
            raise click.UsageError("a text model answers without --evidence")
        _predict_texts(model, images, text_column, encoding, top, n_threads, **told)
    elif _predict_images(model, images, maps_folder, top, n_threads, **told):
        ctx.exit(BAD_INPUT)


def _predict_images(
    model: Path,
    images: Sequence[str],
    maps_folder: Path | None,
    top: int,
    n_threads: int | None,
    *,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> bool:
    """Print a line for each image that can be read; whether there are others."""
    from ..photographs.images import FileSource
    from ..photographs.model_file import load_model
    from ..photographs.prediction import predict_images

    classifier = load_model(model)
    source = FileSource(images)
    predicted = predict_images(classifier, source, images, n_threads=n_threads)
    answers = _answers(classifier, predicted, images, top)
    pictures = picture_names([answer["image"] for answer in answers])
    if maps_folder is not None:
        check_pictures(maps_folder, pictures, [Path(image) for image in images])
        for answer, picture in zip(answers, pictures, strict=True):
            answer["evidence"] = str(maps_folder / picture)
    print_answers(answers, as_json=as_json, as_csv=as_csv)
    for file in predicted.skipped:
        click.echo(f"Error: {file}", err=True)
    if answers and not quiet:
        total = sum(predicted.seconds.values())
        stages = ", ".join(f"{stage} {time:.2f}" for stage, time in predicted.seconds.items())
        click.echo(
            f"{number_of(len(answers), 'image')} in {total:.2f} seconds ({stages}): "
            f"{len(answers) / total:,.0f} a second",
            err=True,
        )
    # After the answers, which take less time than their pictures and must not be lost with them.
    if maps_folder is not None:
        _write_evidence(maps_folder, classifier, source, answers, pictures, quiet=quiet)
    return bool(predicted.skipped)


def _predict_rows(
    model: Path,
    features: Path,
    top: int,
    n_threads: int | None,
    *,
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
    answers = (
        answer_of(names, chances)
        for labels, probabilities in probe.ranked(X, top, n_threads)
        for names, chances in zip(labels.tolist(), probabilities.tolist(), strict=True)
    )
    numbered = ({"row": row, **answer} for row, answer in enumerate(answers))
    count = print_answers(numbered, as_json=as_json, as_csv=as_csv)
    if not quiet:
        _tell(count, "row", start)


def _predict_texts(
    model: Path,
    sources: Sequence[str],
    column: str | None,
    encoding: str,
    top: int,
    n_threads: int | None,
    *,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> None:
    """Print a line for each text of several sources."""
    from ..text.classifier import load_text_model
    from ..text.unlabelled import Unlabelled, is_table

    if column is not None and not any(map(is_table, sources)):
        raise click.UsageError("--text names a column, but there are none: leave it out")
    classifier = load_text_model(model)
    start = time.perf_counter()
    texts = Unlabelled(sources, column or classifier.column, encoding)
    answers = _answers_to_texts(classifier, texts, top, n_threads)
    count = print_answers(answers, as_json=as_json, as_csv=as_csv)
    if not quiet:
        _tell(count, "text", start)


def _tell(count: int, sort: str, start: float) -> None:
    """Tell how many were answered, and the seconds since the start."""
    seconds = time.perf_counter() - start
    click.echo(f"{number_of(count, sort)} in {seconds:.2f} seconds", err=True)


def _answers_to_texts(
    classifier: "TextClassifier", texts: "Unlabelled", top: int, n_threads: int | None
) -> Iterator[dict[str, Any]]:
    from ..evaluation.softmax import ranked
    from ..runtime.processes import in_processes
    from ..text.counting import processes_for
    from ..text.documents import chunks_of

    chunks = ((chunk.labels, chunk.texts) for chunk in chunks_of(texts, blank=True))
    n_processes = processes_for(texts.n_bytes, n_threads)
    for names, counts in in_processes(classifier.words.counts, chunks, n_processes):
        probability = classifier.head.probability(classifier.weighted(counts), n_threads)
        for called, chances, order in zip(
            names, probability, ranked(probability, top), strict=True
        ):
            subject = {"row": int(called)} if texts.numbered else {"text": called}
            labels = [classifier.labels[k] for k in order]
            yield {**subject, **answer_of(labels, chances[order].tolist())}


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
        number = number_of(len(pictures), "picture")
        click.echo(f"Evidence: {number} in {printable(folder)}", err=True)
