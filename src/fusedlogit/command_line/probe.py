"""The probe command: logistic regression on embeddings."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .delivery import check_targets, deliver
from .options import (
    PLACE,
    given,
    json_option,
    max_iter_option,
    out_option,
    parse_penalties,
    parse_scaling,
    quiet_option,
    report_option,
    seed_option,
    test_fraction_option,
    threads_option,
    validation_fraction_option,
)

if TYPE_CHECKING:
    from ..embeddings.probing import ProbeResult


@click.command(short_help="Train on embeddings: a linear probe.")
@click.argument("features", type=PLACE)
@click.argument("labels", type=PLACE)
@click.option(
    "--column",
    metavar="NAME",
    help="Column of LABELS that holds the labels, if it is a .csv file of several.",
)
@click.option(
    "--scaling",
    callback=parse_scaling,
    default="standard",
    show_default=True,
    metavar="standard|none|NUMBER",
    help="Centre the features and divide them by their standard deviations, take them as they "
    "are, or divide them by a number.",
)
@click.option(
    "--C",
    "C",
    multiple=True,
    callback=parse_penalties,
    metavar="NUMBER[,...]",
    help="Inverse strength of the L2 penalty: smaller is stronger, inf is none. Of several, the "
    "one best on validation is kept.  [default: up to six, by the number of rows, from the "
    "strongest on until two in a row are no better]",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    metavar="N",
    help="Choose C by N-fold cross-validation instead of on a validation part.",
)
@max_iter_option
@test_fraction_option
@validation_fraction_option
@seed_option
@threads_option
@out_option
@report_option
@json_option
@quiet_option
@click.pass_context
def probe(
    ctx: click.Context,
    /,
    features: Path,
    labels: Path,
    column: str | None,
    out: Path | None,
    report_folder: Path | None,
    as_json: bool,
    quiet: bool,
    n_threads: int | None,
    **options: Any,
) -> None:
    """Train on FEATURES, an .npy file with a row for each sample, and LABELS, one for each row.

    FEATURES (float16, float32, float64, uint8, int8, uint16) are mapped into memory and read as
    they lie there. LABELS are an .npy, .csv or .txt file.
    """
    if options["folds"] is not None and given(ctx, "validation_fraction"):
        raise click.UsageError("--validation-fraction does not go with --folds: give one")
    check_targets(out, report_folder, inputs=[features, labels])

    from ..embeddings.features import open_features
    from ..embeddings.labels import read_labels
    from ..embeddings.probing import ProbeOptions
    from ..embeddings.probing import probe as train_probe
    from .progress import ProbeProgress, error_console

    X = open_features(features, n_threads=n_threads)
    classes = read_labels(labels, len(X), column=column)
    with ExitStack() as stack:
        listener = None if quiet else stack.enter_context(ProbeProgress(error_console()))
        if listener is not None:
            listener.found(X, classes.counts())
        result = train_probe(X, classes, ProbeOptions(n_threads=n_threads, **options), listener)
    _deliver(result, str(features), out, report_folder, as_json=as_json)


def _deliver(
    result: "ProbeResult",
    origin: str,
    out: Path | None,
    report_folder: Path | None,
    *,
    as_json: bool,
) -> None:
    from ..embeddings.classifier import save_probe
    from ..reporting.probe import as_dict, print_result, write_report

    deliver(
        out,
        report_folder,
        as_json=as_json,
        save=lambda path: save_probe(path, result.probe),
        as_dict=lambda files: as_dict(result, origin, files),
        print_result=lambda console, files: print_result(console, result, files),
        write_report=lambda folder: write_report(folder, result, origin),
    )
