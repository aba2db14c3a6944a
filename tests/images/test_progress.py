"""Progress bars."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fusedlogit.command_line.progress import ProgressBars
from fusedlogit.photographs.features import PatchFeatures
from fusedlogit.photographs.stages import Listener
from fusedlogit.photographs.training import TrainingOptions, train
from fusedlogit.reporting.studies import run_study
from fusedlogit.reporting.study import Setting


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_appear_on_a_terminal_only(terminal):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120, highlight=False)
    options = TrainingOptions(solver="gd", learning_rates=(0.1, 0.2), max_iter=10)
    with ProgressBars(console, options) as bars:
        bars.found({"cat": 3, "dog": 3}, 64, 1000)
        bars.decoded(6)
        bars.learning_features(6)
        bars.learned(0.5)
        bars.featured(6)
        bars.fitting(0.1, 10)
        bars.iterated(7, 0.5)
        bars.fitting(0.2, 10)
        bars.iterated(10, 0.25)
    shown = stream.getvalue()
    assert "one array of 1.0 kB" in shown
    for text in (
        "decoding",
        "learning features",
        "training",
        "iteration 10 of at most 10",
        "cost 0.25000",
    ):
        assert (text in shown) == terminal


@pytest.fixture
def bars():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with ProgressBars(console, TrainingOptions(solver="gd", max_iter=10)) as bars:
        bars.found({"cat": 3, "dog": 3}, 64, 1000)
        yield bars


def shown(bars):
    """Name of each bar, and the share of it that is full."""
    return {task.description: task.percentage / 100 for task in bars._progress.tasks}


def test_a_store_that_is_checked_has_a_bar(bars):
    bars.checking(Path("photos.store"), 4)
    bars.checked(1)
    assert shown(bars) == {"decoding": 0, "checking": 0.25}
    bars.found({"cat": 3, "dog": 3}, 64, 1000, Path("photos.store"))
    bars.decoded(3)
    assert shown(bars) == {"checking": 0.25, "decoding": 0.5}


def test_learning_has_a_bar_of_its_own(bars):
    bars.decoded(6)
    bars.learning_features(6)
    assert shown(bars) == {"decoding": 1, "learning features": 0}
    bars.learned(0.25)
    assert shown(bars) == {"decoding": 1, "learning features": 0.25}
    bars.learned(1.0)
    bars.featured(3)
    assert shown(bars) == {"decoding": 1, "learning features": 1, "features": 0.5}


def test_the_bars_begin_again_with_the_next_model(bars):
    for _ in range(2):
        bars.learning_features(6)
        bars.learned(0.5)
        bars.featured(6)
        bars.fitting(None, 10)
        bars.iterated(5, 0.5)
        assert shown(bars) == {
            "decoding": 0, "learning features": 0.5, "features": 1, "training": 0.5,
        }  # fmt: skip


class Shares(Listener):
    def __init__(self):
        self.shares = []

    def learned(self, share):
        self.shares.append(share)


def test_training_tells_how_far_learning_has_come(images, few_filters):
    listener = Shares()
    train(images, TrainingOptions(features=PatchFeatures(), C=(0.01,)), listener)
    assert len(listener.shares) > 10
    assert listener.shares == sorted(listener.shares)
    assert listener.shares[-1] == pytest.approx(1)


@pytest.mark.parametrize("name", ["k-fold", "training-size", "activations"])
def test_studies_tell_how_far_learning_has_come(images, few_filters, name):
    listener = Shares()
    options = TrainingOptions(features=PatchFeatures(), C=(0.01,))
    run_study(name, Setting(lambda size: images, 4, options, listener))
    again = np.count_nonzero(np.diff(listener.shares) < 0)
    assert again == {"k-fold": 0, "training-size": 0, "activations": 5}[name]
    assert listener.shares[-1] == pytest.approx(1)
