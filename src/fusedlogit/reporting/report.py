"""Write a training's report: one self-contained HTML page, and its pictures as PNG files."""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from rich import filesize

from ..errors import printable
from ..files.outputs import REPORT_PAGE, whole_folder
from ..photographs.decoding import decode_images
from ..photographs.features import exemplars
from ..photographs.images import CHANNELS, ImageSource
from ..photographs.model_file import ImageClassifier
from ..photographs.training import TrainingResult
from . import figures
from .comparison import Comparison
from .rounding import percent
from .studies import Study

PHOTOGRAPHS_IN_ROW = 4

# Filters shown for each label, pieces of photographs for each filter, and test images searched.
FILTERS_SHOWN = 7
PIECES_SHOWN = 4
IMAGES_SEARCHED = 300


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
    return _write_page(Path(folder), REPORT_PAGE, page, pictures)


def write_evidence(
    folder: str | os.PathLike[str],
    classifier: ImageClassifier,
    source: ImageSource,
    answers: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> None:
    """Draw what the regions of some images speak for, a PNG file each.

    Parameters
    ----------
    folder : path-like
        Where to put the files; made if missing.
    classifier : ImageClassifier
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
            picture = figures.evidence_figure(
                pixels.reshape(1, classifier.size, classifier.size, CHANNELS),
                classifier.evidence(pixels[0])[None],
                [f"{figures.short(answer['label'])}\n{percent(answer['probability'])}"],
                classifier.labels,
            )
            (temporary / name).write_bytes(figures.to_png(picture))


def draw_pictures(result: TrainingResult, comparison: Comparison | None = None) -> dict[str, bytes]:
    """Return the PNG of every picture by its name; see `write_report`."""
    images, test, labels = result.images, result.test, result.images.labels
    drawn = {
        "cost": figures.cost_figure([(one.name, one.cost) for one in result.candidates]),
        "confusion": figures.confusion_figure(test.confusion, labels),
        "roc": figures.roc_figure(*test.roc_curve(), test.roc_auc, labels),
        "reliability": figures.reliability_figure(test, labels[1]),
    }
    if result.classifier.features is None:
        drawn["weights"] = figures.weights_figure(result.classifier.coef, images.size, labels)
    drawn.update(_filters(result))
    for name, right in (("right", True), ("wrong", False)):
        rows = _photographs(result, right=right)
        if rows:
            drawn[name] = figures.photographs_figure(rows, images.size, columns=PHOTOGRAPHS_IN_ROW)
    drawn["evidence"] = _evidence(result)
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
    first, second = (printable(label) for label in result.images.labels)
    title = f"Is it “{first}” or “{second}”?"
    return _render("report.html.j2", title, pictures, result=result, comparison=comparison)


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
    page = _render("study.html.j2", study.title, {"study": picture}, study=study, seconds=seconds)
    return _write_page(Path(folder), f"{study.name}.html", page, {study.name: picture})


def _write_page(folder: Path, name: str, page: str, pictures: Mapping[str, bytes]) -> Path:
    """Write a page and its pictures to a folder, made if missing; return the page's path."""
    with whole_folder(folder) as temporary:
        for picture, content in pictures.items():
            (temporary / f"{picture}.png").write_bytes(content)
        (temporary / name).write_bytes(page.encode())
    return folder / name


def _render(template: str, title: str, pictures: Mapping[str, bytes], **context: Any) -> str:
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
    }
    return environment.get_template(template).render(
        title=title,
        pictures={
            name: "data:image/png;base64," + base64.b64encode(content).decode()
            for name, content in pictures.items()
        },
        **context,
    )


def _evidence(result: TrainingResult) -> Figure:
    """Draw the evidence in the surest right and the surest wrong answer of each label."""
    pixels, _ = result.images.part("test")
    labels, size, test = result.images.labels, result.images.size, result.test
    chosen = [
        row
        for right in (True, False)
        for answer in (False, True)
        for row in test.surest(answer=answer, right=right, count=1)
    ]
    captions = [
        f"{figures.short(labels[int(test.answer[row])])}\n{percent(test.confidence[row])}"
        + ("" if test.answer[row] == test.truth[row] else " (wrong)")
        for row in chosen
    ]
    evidence = np.stack([result.classifier.evidence(pixels[row]) for row in chosen])
    photographs = pixels[chosen].reshape(-1, size, size, CHANNELS)
    return figures.evidence_figure(photographs, evidence, captions, labels)


def _filters(result: TrainingResult) -> dict[str, Figure]:
    """Draw what the filters that weigh most answer to; nothing if none weighs anything."""
    classifier = result.classifier
    if classifier.features is None:
        return {}
    pixels, _ = result.images.part("test")
    few = pixels[:: -(-len(pixels) // IMAGES_SEARCHED)]
    shown = exemplars(
        classifier.features, few, classifier.coef, count=FILTERS_SHOWN, n_pieces=PIECES_SHOWN
    )
    if not any(shown):
        return {}
    return {"filters": figures.exemplars_figure(shown, result.images.labels)}


def _photographs(result: TrainingResult, *, right: bool) -> list[figures.PhotographRow]:
    """Collect the surest right (or wrong) answers to test images, a row for each answer."""
    pixels, _ = result.images.part("test")
    labels = result.images.labels
    found = []
    for answer in (False, True):
        rows = result.test.surest(answer=answer, right=right, count=PHOTOGRAPHS_IN_ROW)
        if len(rows):
            truth = answer if right else not answer
            captions = [percent(confidence) for confidence in result.test.confidence[rows]]
            found.append(
                figures.PhotographRow(labels[answer], labels[truth], pixels[rows], captions)
            )
    return found
