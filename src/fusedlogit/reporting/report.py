"""Write a training's report: one self-contained HTML page, and its pictures as PNG files."""

import base64
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich import filesize

from ..errors import printable
from ..evaluation.many_classes import ClassJudgement, ClassScore
from ..evaluation.two_classes import Judgement
from ..files.outputs import REPORT_PAGE, whole_folder
from ..photographs.classifier import ImageClassifier, ManyKindsClassifier
from ..photographs.decoding import decode_images
from ..photographs.images import CHANNELS, ImageSource
from ..photographs.model_file import Classifier
from ..photographs.training import TrainingResult
from . import figures
from .comparison import Comparison
from .many_kinds import draw_many_kinds
from .rounding import counted, percent
from .study import Study
from .two_kinds import draw_two_kinds


def write_report(
    folder: str | os.PathLike[str],
    result: TrainingResult,
    *,
    comparison: Comparison | None = None,
) -> Path:
    """Draw, render and write the report; nothing is written until all of it is ready.

    Parameters
    ----------
    folder : path-like
        Where to put ``report.html`` and the PNG files; made if missing.
    result : TrainingResult
        What to report on.
    comparison : Comparison, optional
        Kernel against reference, shown if given.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written.
    """
    pictures = draw_pictures(result, comparison)
    page = render_page(result, pictures, comparison=comparison)
    return write_page(Path(folder), REPORT_PAGE, page, pictures)


def write_evidence(
    folder: str | os.PathLike[str],
    classifier: Classifier,
    source: ImageSource,
    answers: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> None:
    """Draw what the regions of some images speak for, a PNG file each.

    Parameters
    ----------
    folder : path-like
        Where to put the files; made if missing.
    classifier : ImageClassifier or ManyKindsClassifier
        What has answered.
    source : ImageSource
        Where the images lie.
    answers : sequence of mappings
        "image", "label" and "probability" of each.
    names : sequence of str
        The files' names; see `fusedlogit.files.outputs.picture_names`.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written.
    """
    with whole_folder(Path(folder)) as temporary:
        for answer, name in zip(answers, names, strict=True):
            pixels = decode_images(source, [answer["image"]], classifier.size, strict=True).pixels
            evidence = classifier.evidence_for(pixels[0])
            picture = figures.evidence_figure(
                pixels.reshape(1, classifier.size, classifier.size, CHANNELS),
                evidence.log_odds[None],
                [f"{figures.short(answer['label'])}\n{percent(answer['probability'])}"],
                evidence.labels,
            )
            (temporary / name).write_bytes(figures.to_png(picture))


def draw_pictures(result: TrainingResult, comparison: Comparison | None = None) -> dict[str, bytes]:
    """Return the PNG of every picture by its name; see `write_report`."""
    drawn = {"cost": figures.cost_figure([(one.name, one.cost) for one in result.candidates])}
    classifier, test = result.classifier, result.test
    if isinstance(classifier, ImageClassifier) and isinstance(test, Judgement):
        drawn |= draw_two_kinds(result, classifier, test)
    elif isinstance(classifier, ManyKindsClassifier) and isinstance(test, ClassJudgement):
        drawn |= draw_many_kinds(result, classifier, test)
    if comparison is not None:
        drawn["twins"] = figures.twin_figure(comparison.kernel, comparison.reference)
    return {name: figures.to_png(figure) for name, figure in drawn.items()}


def render_page(
    result: TrainingResult,
    pictures: Mapping[str, bytes],
    *,
    comparison: Comparison | None = None,
) -> str:
    """Return the HTML page, pictures embedded; see `write_report`."""
    labels = [printable(label) for label in result.images.labels]
    if len(labels) == 2:
        template, title = "two_kinds.html.j2", f"Is it “{labels[0]}” or “{labels[1]}”?"
    else:
        template, title = "many_kinds.html.j2", f"Which of {len(labels):,} kinds is it?"
    return render(
        template,
        title,
        pictures,
        result=result,
        comparison=comparison,
        guessing=math.log(len(labels)),
    )


def write_study(folder: str | os.PathLike[str], study: Study, seconds: float) -> Path:
    """Draw, render and write the page of a study.

    Parameters
    ----------
    folder : path-like
        Where to put the page and its picture, named after the study; made if missing.
    study : Study
        What was found.
    seconds : float
        How long it took.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written.
    """
    picture = figures.to_png(study.figure)
    page = render("study.html.j2", study.title, {"study": picture}, study=study, seconds=seconds)
    return write_page(Path(folder), f"{study.name}.html", page, {study.name: picture})


def write_page(folder: Path, name: str, page: str, pictures: Mapping[str, bytes]) -> Path:
    """Write a page and its pictures to a folder, made if missing; return the page's path."""
    with whole_folder(folder) as temporary:
        for picture, content in pictures.items():
            (temporary / f"{picture}.png").write_bytes(content)
        (temporary / name).write_bytes(page.encode())
    return folder / name


def render(template: str, title: str, pictures: Mapping[str, bytes], **context: Any) -> str:
    """Return a page made from a template, pictures embedded."""
    environment = Environment(
        loader=PackageLoader("fusedlogit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "printable": printable,
        "filesize": filesize.decimal,
        "percent": percent,
        "counted": counted,
        "numbered": _numbered,
    }
    environment.globals |= {
        "n_shown": figures.CLASSES_SHOWN,
        "n_numbered": figures.CLASSES_NUMBERED,
    }
    return environment.get_template(template).render(
        title=title,
        pictures={
            name: "data:image/png;base64," + base64.b64encode(content).decode()
            for name, content in pictures.items()
        },
        **context,
    )


def _numbered(
    scores: Sequence[ClassScore], worst_first: bool = False
) -> list[tuple[int, ClassScore]]:
    """Return classes with their numbers, in their order or the least accurate first."""
    numbered = list(enumerate(scores))
    return sorted(numbered, key=lambda one: one[1].accuracy) if worst_first else numbered
