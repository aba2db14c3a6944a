"""The text command: logistic regression on words."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .delivery import check_targets, deliver
from .options import (
    PLACE,
    encoding_option,
    given,
    json_option,
    max_iter_option,
    out_option,
    parse_penalties,
    quiet_option,
    report_option,
    seed_option,
    test_fraction_option,
    threads_option,
)

if TYPE_CHECKING:
    from ..text.documents import Documents
    from ..text.training import TextResult


@click.command(short_help="Train on texts: a CSV or Parquet file, or a folder.")
@click.argument("data", required=False, type=PLACE)
@click.option(
    "--text",
    "text_column",
    default="text",
    show_default=True,
    metavar="COLUMN",
    help="Column of the texts.",
)
@click.option(
    "--label",
    "label_column",
    default="label",
    show_default=True,
    metavar="COLUMN",
    help="Column of the labels.",
)
@encoding_option
@click.option("--demo", is_flag=True, help="Train on generated letters instead of DATA.")
@click.option(
    "--hashed",
    is_flag=True,
    help="Hash words to columns instead of choosing them first: reads DATA once less, keeps all "
    "words, and takes more memory.",
)
@click.option(
    "--columns",
    "n_columns",
    type=click.IntRange(1, 1 << 24),
    metavar="N",
    help="Columns: of words and runs of words that most texts have, at most; of hashes.  "
    "[default: 100000, or 1048576 hashed]",
)
@click.option(
    "--min-texts",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="Leave out words in fewer training texts; not with --hashed.",
)
@click.option(
    "--ngrams",
    type=click.IntRange(1, 5),
    default=2,
    show_default=True,
    metavar="N",
    help="Words that are counted together, at most: 1 for single words.",
)
@click.option(
    "--C",
    "C",
    multiple=True,
    callback=parse_penalties,
    metavar="NUMBER[,...]",
    help="Inverse strength of the L2 penalty: smaller is stronger, inf is none. Of several, the "
    "one of least log loss in cross-validation is kept.  [default: 0.3,1,3,10,30]",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    metavar="N",
    help="Folds of the cross-validation.",
)
@max_iter_option
@test_fraction_option
@seed_option
@threads_option
@out_option
@report_option
@json_option
@quiet_option
@click.pass_context
def text(
    ctx: click.Context,
    /,
    data: Path | None,
    text_column: str,
    label_column: str,
    encoding: str,
    demo: bool,
    out: Path | None,
    report_folder: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train on DATA, a .csv, .tsv, .jsonl or .parquet file with a text and a label in each row.

    Or on a folder with a subfolder of text files for each label. DATA may be larger than memory:
    they are read several times and never kept, and counts of their words lie in temporary files, of
    some two times DATA, in the folder that the environment variable TMPDIR names.
    """
    if (data is None) != demo:
        raise click.UsageError("give either DATA or --demo")
    if ctx.params["hashed"] and given(ctx, "min_texts"):
        raise click.UsageError("--min-texts does not go with --hashed: give one")
    for name in ("text", "label"):
        if (data is None or data.is_dir()) and given(ctx, f"{name}_column"):
            raise click.UsageError(f"--{name} names a column, but there are none: leave it out")
    if demo and given(ctx, "encoding"):
        raise click.UsageError("--encoding is of files, but there are none: leave it out")
    check_targets(out, report_folder, inputs=[data])

    from ..text.training import train
    from .progress import TextProgress, error_console

    with ExitStack() as stack:
        listener = None if quiet else stack.enter_context(TextProgress(error_console()))
        documents = _documents(data, text_column, label_column, encoding)
        result = train(documents, _options(**options), listener)
    _deliver(result, out, report_folder, as_json=as_json)


def _documents(
    data: Path | None, text_column: str, label_column: str, encoding: str
) -> "Documents":
    from ..text.columns import Columns
    from ..text.demo import GeneratedLetters
    from ..text.documents import open_documents

    if data is None:
        return GeneratedLetters()
    columns = Columns(text_column, label_column)
    return open_documents(data, columns, encoding=encoding)


def _options(C: tuple[float, ...], **options: Any) -> Any:
    from ..text.training import TextOptions

    return TextOptions(C=C or TextOptions.C, **options)


def _deliver(
    result: "TextResult", out: Path | None, report_folder: Path | None, *, as_json: bool
) -> None:
    from ..reporting.text import as_dict, print_result, write_report
    from ..text.classifier import save_text_model

    deliver(
        out,
        report_folder,
        as_json=as_json,
        save=lambda path: save_text_model(path, result.classifier),
        as_dict=lambda files: as_dict(result, files),
        print_result=lambda console, files: print_result(console, result, files),
        write_report=lambda folder: write_report(folder, result),
    )
