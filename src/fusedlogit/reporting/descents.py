"""Batch against stochastic descent: how far each has come after so many passes over the images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import number_of
from ..estimator import LogisticRegression
from ..evaluation.trials import fit_quietly
from ..photographs.loading import SplitImages
from ..photographs.splits import PARTS
from ..photographs.training import PIXEL_RANGE, TrainingOptions
from . import figures
from .rounding import percent
from .study import LEARNING_RATES, Setting, Study, described, percents

BATCH_PASSES = 300
STOCHASTIC_PASSES = 60
NEAR = 0.01


@dataclass(frozen=True)
class Descent:
    """A fitted model and what it took.

    Attributes
    ----------
    name : str
        What it is called.
    model : LogisticRegression
    accuracies : tuple of float
        On the images of each of `PARTS`.
    """

    name: str
    model: LogisticRegression
    accuracies: tuple[float, ...]

    @property
    def cost(self) -> NDArray[np.float64]:
        """Cost J by iteration."""
        return np.array(self.model.history_)

    @property
    def passes(self) -> NDArray[np.float64]:
        """Passes until each cost was known: one for the first, the others are taken as equal."""
        return np.linspace(1.0, self.model.n_passes_, len(self.model.history_))

    def passes_to(self, cost: float) -> float | None:
        """Passes until the cost was as low as this, about; None if it never was."""
        low = np.flatnonzero(self.cost <= cost)
        return float(self.passes[low[0]]) if len(low) else None


def stochastic_descent(setting: Setting) -> Study:
    """Compare descents of raw pixels: with all images a step, and with a few."""
    images = setting.load(setting.size)
    descents = _descents(setting, images)
    lowest = min(float(np.nanmin(descent.cost)) for descent in descents)
    reached = "; ".join(f"{one.name} {_reached(one, lowest)}" for one in descents)
    first, *others = ((one.name, percent(one.accuracies[-1])) for one in descents)
    right = "".join(f", {name} {share}" for name, share in others)
    return Study(
        name="sgd",
        title="Batch and stochastic descent compared",
        question="How far does a pass over the training images lead?",
        columns=("descent", "iterations", "passes", "cost", *PARTS),
        rows=tuple(_row(descent) for descent in descents),
        figure=figures.descent_figure(
            [(descent.name, descent.passes, descent.cost) for descent in descents], lowest
        ),
        images=described(images),
        sentences=(
            f"{reached[0].upper()}{reached[1:]}.",
            f"Of the test images {first[0]} answers {first[1]} correctly{right}.",
        ),
    )


def _descents(setting: Setting, images: SplitImages) -> tuple[Descent, Descent, Descent]:
    """Fit stochastic descent, Newton's method and gradient descent of the best learning rate."""

    def fitted(**parameters: object) -> LogisticRegression:
        raw = setting.options if setting.options.features is None else TrainingOptions()
        model = LogisticRegression(C=raw.C[0], scaling=PIXEL_RANGE, n_jobs=raw.n_threads)
        model.set_params(**parameters)
        return fit_quietly(model, *images.part("train"))

    def descent(name: str, model: LogisticRegression) -> Descent:
        return Descent(name, model, tuple(model.score(*images.part(part)) for part in PARTS))

    gradient = min(
        (fitted(solver="gd", learning_rate=r, max_iter=BATCH_PASSES) for r in LEARNING_RATES),
        key=lambda model: float(np.nan_to_num(model.history_[-1], nan=np.inf)),
    )
    newton = fitted(solver="newton", max_iter=BATCH_PASSES)
    # An iteration is a pass of steps, and one to see where they led.
    stochastic = fitted(solver="sgd", max_iter=STOCHASTIC_PASSES // 2)
    return (
        descent("stochastic descent", stochastic),
        descent("Newton's method", newton),
        descent(f"gradient descent (learning rate {gradient.learning_rate:g})", gradient),
    )


def _reached(descent: Descent, lowest: float) -> str:
    """Tell when it came near the lowest cost."""
    passes = descent.passes_to((1 + NEAR) * lowest)
    if passes is None:
        above = descent.cost[-1] / lowest - 1
        taken = number_of(round(descent.passes[-1]), "pass")
        return f"is {percent(above)} above the lowest cost after {taken}"
    taken = number_of(round(passes), "pass")
    return f"comes within {percent(NEAR, 0)} of the lowest cost in about {taken}"


def _row(descent: Descent) -> tuple[str, ...]:
    model = descent.model
    return (
        descent.name,
        f"{int(model.n_iter_[0]):,}",
        f"{model.n_passes_:,.0f}",
        f"{descent.cost[-1]:.4f}",
        *percents(descent.accuracies),
    )
