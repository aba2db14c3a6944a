"""The command line: parse options, call the pipeline, print what it returns.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

import errno
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..errors import BeyondFloatError, InputError, printable
from ..files.outputs import check_outside_store
from .delivery import check_targets, deliver
from .options import (
    MAX_ITER,
    PLACE,
    data_argument,
    data_options,
    features_option,
    given,
    json_option,
    max_iter_option,
    out_option,
    parse_rates,
    penalty_option,
    quiet_option,
    report_option,
    store_option,
    threads_option,
)
from .predict import predict
from .probe import probe
from .text import text

if TYPE_CHECKING:
    from ..photographs.loading import SplitImages
    from ..photographs.training import TrainingOptions, TrainingResult
    from ..reporting.comparison import Comparison
    from .progress import ProgressBars

BAD_INPUT = 2

# Those of fusedlogit.reporting.studies, which takes long to import.
STUDIES = (
    "learning-rates", "regularisation", "k-fold", "image-sizes", "training-size", "activations",
    "sgd",
)  # fmt: skip

# Studies that have penalties, features or sizes of their own, or none.
WITHOUT_C = ("learning-rates", "regularisation")
WITHOUT_FEATURES = ("learning-rates", "sgd")
WITHOUT_SIZE = ("image-sizes",)

INTERRUPTED = 130


class Application(click.Group):
    """A group of commands that turns the user's mistakes into one line each."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; bad input ends it with status 2, Ctrl-C with 130."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else ctx.command_path
            line = f"Error: {error.format_message()} (see {command} --help)"
            status = error.exit_code
        except (InputError, BeyondFloatError) as error:
            line, status = f"Error: {error}", BAD_INPUT
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            line, status = "Error: no space is left to write to: make room", BAD_INPUT
        except MemoryError:
            line, status = (
                "Error: the data do not fit in memory: reduce --size, --columns or rows",
                BAD_INPUT,
            )
        except BaseException as error:
            if not _is_interrupt(error):
                raise
            line, status = "Interrupted.", INTERRUPTED
        click.echo(line, err=True)
        ctx.exit(status)


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: what it ends, such as an import, may raise another."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@click.group(cls=Application, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fusedlogit", message="%(prog)s %(version)s")
def app() -> None:
    """Logistic regression on photographs, embeddings and texts, by fused compiled kernels."""


@app.command(short_help="Train on a zip file or folder of images.")
@data_argument
@features_option
@penalty_option
@click.option(
    "--solver",
    type=click.Choice(["auto", "newton", "lbfgs", "gd"]),
    default="auto",
    show_default=True,
    help="gd is gradient descent with a fixed step; auto is newton, but gd with --learning-rate.",
)
@click.option(
    "--learning-rate",
    "learning_rates",
    multiple=True,
    callback=parse_rates,
    metavar="NUMBER[,...]",
    help="Step of gradient descent. Several, repeated or with commas, are each trained; "
    "the one best on validation is kept.  [default: 0.001]",
)
@max_iter_option
@data_options
@store_option
@threads_option
@out_option
@report_option
@json_option
@quiet_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    data: Path,
    features: str | None,
    solver: str,
    learning_rates: tuple[float, ...],
    max_iter: int,
    C: tuple[float, ...],
    n_threads: int | None,
    cache: Path | None,
    store: Path | None,
    out: Path | None,
    report_folder: Path | None,
    as_json: bool,
    quiet: bool,
    **loading: Any,
) -> None:
    """Train on DATA, a zip file or folder of images of two kinds or more.

    The label comes from the file's name (cat.12.jpg) or its folder (cat/12.jpg).
    """
    _check_split(ctx)
    from ..photographs.store import is_read_only

    written = None if store is not None and is_read_only(store) else store
    check_targets(out, report_folder, cache, written, inputs=[data])
    for option, path in (("--out", out), ("--report", report_folder)):
        if store is not None and path is not None:
            check_outside_store(path, option, store)

    from ..photographs.loading import load_images
    from ..photographs.training import train as train_images

    options = _training_options(features, solver, learning_rates, max_iter, C, n_threads, cache)
    with ExitStack() as stack:
        listener = None if quiet else stack.enter_context(_progress_bars(options))
        images = load_images(data, n_threads=n_threads, store=store, listener=listener, **loading)
        result = train_images(images, replace(options, checkpoints=written), listener)
    remedy = "a higher --max-iter lowers the cost further"
    _deliver(result, out, report_folder, as_json=as_json, remedy=remedy)


@app.command(short_help="Answer a question about training by a run, with a picture.")
@click.argument("name", type=click.Choice(STUDIES))
@data_argument
@features_option
@penalty_option
@data_options
@threads_option
@click.option(
    "--report",
    "report_folder",
    type=PLACE,
    metavar="DIR",
    default="fusedlogit-studies",
    show_default=True,
    help="Write the page and its picture to this folder.",
)
@quiet_option
@click.pass_context
def study(
    ctx: click.Context,
    /,
    name: str,
    data: Path,
    features: str | None,
    C: tuple[float, ...],
    n_threads: int | None,
    cache: Path | None,
    report_folder: Path,
    quiet: bool,
    size: int,
    **loading: Any,
) -> None:
    """Write a page on DATA with a picture, a table and what they show.

    learning-rates compares those of gradient descent on raw pixels; regularisation strengths of
    the penalty; k-fold cross-validates; image-sizes, training-size and activations compare these;
    sgd compares batch with stochastic descent of raw pixels.
    Most train several times: minutes on thousands of images, under a minute with --limit 100.
    """
    _check_split(ctx)
    without = {"C": WITHOUT_C, "features": WITHOUT_FEATURES, "size": WITHOUT_SIZE}
    for option, unheeding in without.items():
        if name in unheeding and given(ctx, option):
            raise click.UsageError(f"--{option} means nothing to the study {name}: leave it out")
    if name == "activations" and features == "raw":
        raise click.UsageError("raw features have no activations: leave --features out")
    check_targets(None, report_folder, cache, inputs=[data])

    from ..photographs.loading import load_images
    from ..photographs.stages import Listener
    from ..reporting.report import write_study
    from ..reporting.studies import run_study
    from ..reporting.study import Setting

    options = _training_options(features, "auto", (), MAX_ITER, C, n_threads, cache)
    with ExitStack() as stack:
        listener = Listener() if quiet else stack.enter_context(_progress_bars(options))

        def load(size: int) -> "SplitImages":
            return load_images(data, size=size, n_threads=n_threads, listener=listener, **loading)

        start = time.perf_counter()
        found = run_study(name, Setting(load, size, options, listener))
    seconds = time.perf_counter() - start
    for sentence in found.sentences:
        click.echo(sentence)
    page = write_study(report_folder, found, seconds)
    click.echo(f"Page: {printable(page)}")


app.add_command(probe)
app.add_command(text)
app.add_command(predict)


@app.command(short_help="See it work on bundled handwritten digits.")
@click.option(
    "--report",
    "report_folder",
    type=PLACE,
    metavar="DIR",
    default="fusedlogit-demo",
    show_default=True,
    help="Write report.html and its pictures to this folder.",
)
@out_option
@threads_option
@json_option
@quiet_option
def demo(
    report_folder: Path, out: Path | None, n_threads: int | None, as_json: bool, quiet: bool
) -> None:
    """Learn which of scikit-learn's handwritten digits are eights, and show it all.

    Needs no download. Also runs one gradient descent twice, in compiled code and in NumPy, to
    show that the costs agree and how much faster the kernel is.
    """
    check_targets(out, report_folder)

    from ..photographs.demo import demo_images, demo_options
    from ..photographs.training import train as train_images
    from ..reporting.comparison import compare_with_reference

    options = demo_options(n_threads)
    with ExitStack() as stack:
        listener = None if quiet else stack.enter_context(_progress_bars(options))
        result = train_images(demo_images(), options, listener)
    comparison = compare_with_reference(result.images, n_threads)
    _deliver(
        result,
        out,
        report_folder,
        as_json=as_json,
        remedy="more iterations would lower the cost further",
        comparison=comparison,
    )


def _check_split(ctx: click.Context) -> None:
    """Refuse two ways to choose the test images."""
    if ctx.params["test_from"] is not None and given(ctx, "test_fraction"):
        raise click.UsageError("--test-from and --test-fraction exclude each other: give one")


def _training_options(
    features: str | None,
    solver: str,
    rates: tuple[float, ...],
    max_iter: int,
    C: tuple[float, ...],
    n_threads: int | None,
    cache: Path | None,
) -> "TrainingOptions":
    from ..photographs.features import PatchFeatures
    from ..photographs.training import PATCHES_C, TrainingOptions

    if rates and solver in {"newton", "lbfgs"}:
        raise click.UsageError(f"--learning-rate means nothing to {solver}: give --solver gd")
    solver = "gd" if rates else solver
    if (features or ("raw" if solver == "gd" else "patches")) == "patches":
        chosen = TrainingOptions(features=PatchFeatures(n_jobs=n_threads), C=PATCHES_C)
    else:
        chosen = TrainingOptions()
    return replace(
        chosen,
        solver=solver,
        learning_rates=rates or chosen.learning_rates,
        max_iter=max_iter,
        C=C or chosen.C,
        n_threads=n_threads,
        cache=cache,
    )


def _progress_bars(options: "TrainingOptions") -> "ProgressBars":
    from .progress import ProgressBars, error_console

    return ProgressBars(error_console(), options)


def _deliver(
    result: "TrainingResult",
    out: Path | None,
    report_folder: Path | None,
    *,
    as_json: bool,
    remedy: str,
    comparison: "Comparison | None" = None,
) -> None:
    from ..photographs.model_file import save_model
    from ..reporting.summary import as_dict, print_result

    def report(folder: Path) -> Path:
        from ..reporting.report import write_report

        return write_report(folder, result, comparison=comparison)

    deliver(
        out,
        report_folder,
        as_json=as_json,
        save=lambda path: save_model(path, result.classifier),
        as_dict=lambda files: as_dict(result, files, comparison),
        print_result=lambda console, files: print_result(
            console, result, files, remedy=remedy, comparison=comparison
        ),
        write_report=report,
    )
