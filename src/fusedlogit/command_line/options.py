"""The options and arguments that commands share, and how their texts become numbers."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..photographs.images import MAX_SIZE, MINIMUM_PER_LABEL

MAX_ITER = 1000


class Place(click.Path):
    """A path that is told: an empty one, of a variable that is not set, is the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("an empty path names nothing", param, ctx)
        return super().convert(value, param, ctx)


PLACE = Place(path_type=Path)


def given(ctx: click.Context, name: str) -> bool:
    """Whether the user said anything of a parameter."""
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def refuse_nan(_ctx: click.Context, _param: click.Parameter, number: float) -> float:
    """Refuse what passes every comparison with a range's ends."""
    if math.isnan(number):
        raise click.BadParameter("nan is not a number")
    return number


def parse_numbers(texts: tuple[str, ...]) -> tuple[float, ...]:
    """Convert numbers, repeated or separated by commas; each one once."""
    try:
        numbers = [float(number) for text in texts for number in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"'{','.join(texts)}' is not numbers with commas") from None
    return tuple(dict.fromkeys(numbers))


def parse_rates(
    _ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]
) -> tuple[float, ...]:
    """Convert learning rates."""
    rates = parse_numbers(texts)
    if not all(0 < rate < math.inf for rate in rates):
        raise click.BadParameter("a learning rate must be above 0 and finite")
    return rates


def parse_penalties(
    _ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]
) -> tuple[float, ...]:
    """Convert inverse strengths of the penalty."""
    penalties = parse_numbers(texts)
    if not all(C > 0 for C in penalties):
        raise click.BadParameter("an inverse strength must be above 0")
    return penalties


threads_option = click.option(
    "--threads",
    "n_threads",
    type=click.IntRange(1),
    help="Number of threads.  [default: all cores]",
)
out_option = click.option(
    "--out",
    type=PLACE,
    metavar="FILE",
    help="Save the model, an .npz file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of text.")
top_option = click.option(
    "--top",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Tell the N likeliest labels of each, likeliest first.",
)
quiet_option = click.option("--quiet", is_flag=True, help="Print results only, no progress.")
report_option = click.option(
    "--report",
    "report_folder",
    type=PLACE,
    metavar="DIR",
    help="Write report.html and its pictures to this folder.",
)
encoding_option = click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    metavar="NAME",
    help="Encoding of texts, but of Parquet files.",
)
between_0_and_1 = click.FloatRange(0, 1, min_open=True, max_open=True)

data_argument = click.argument("data", type=PLACE)
features_option = click.option(
    "--features",
    type=click.Choice(["patches", "raw"]),
    help="What the neuron is given: patches compared with a dictionary learnt from the training "
    "images, or raw pixels.  [default: patches, but raw for --solver gd]",
)


def parse_scaling(_ctx: click.Context, _param: click.Parameter, text: str) -> float | str | None:
    """Convert what features are divided by."""
    if text in {"standard", "none"}:
        return None if text == "none" else text
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise click.BadParameter(f"'{text}' is neither standard nor none nor a number above 0")
    return number


penalty_option = click.option(
    "--C",
    "C",
    multiple=True,
    callback=parse_penalties,
    metavar="NUMBER[,...]",
    help="Inverse strength of the L2 penalty: smaller is stronger, inf is none. Of several, the "
    "one best on validation is kept.  [default: a choice of four, but 0.01 for raw pixels]",
)
max_iter_option = click.option(
    "--max-iter",
    type=click.IntRange(1),
    default=MAX_ITER,
    show_default=True,
    help="Most iterations of one fit.",
)
test_fraction_option = click.option(
    "--test-fraction",
    type=between_0_and_1,
    callback=refuse_nan,
    default=0.2,
    show_default=True,
    help="Share of each label's samples to test on, drawn at random.",
)
validation_fraction_option = click.option(
    "--validation-fraction",
    type=between_0_and_1,
    callback=refuse_nan,
    default=0.1,
    show_default=True,
    help="Share of the samples not tested on that choose between models.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the draw.",
)
store_option = click.option(
    "--store",
    type=PLACE,
    metavar="DIR",
    help="Decode into a memory map in this folder and train from there, on more than memory holds. "
    "The same images, size and split find it again; an interrupted run goes on, its fit too.",
)
_DATA_OPTIONS = (
    click.option(
        "--size",
        type=click.IntRange(1, MAX_SIZE),
        default=64,
        show_default=True,
        help="Width and height that images are resized to, in pixels.",
    ),
    click.option(
        "--limit",
        type=click.IntRange(MINIMUM_PER_LABEL),
        metavar="N",
        help="Use N images of each label, drawn at random.",
    ),
    click.option(
        "--test-from",
        type=click.IntRange(0),
        metavar="N",
        help="Test on the images numbered N and above; cat.12.jpg is number 12.",
    ),
    test_fraction_option,
    validation_fraction_option,
    seed_option,
    click.option(
        "--cache",
        type=PLACE,
        metavar="DIR",
        help="Keep computed features in this folder; the same images and options find them again.",
    ),
    click.option(
        "--strict", is_flag=True, help="Stop at an unreadable image instead of skipping it."
    ),
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which images are loaded and how they are split."""
    for option in reversed(_DATA_OPTIONS):
        command = option(command)
    return command
