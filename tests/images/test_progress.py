"""Progress bars."""

import io

import pytest
from rich.console import Console

from fusedlogit.progress import ProgressBars
from fusedlogit.training import TrainingOptions


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_appear_on_a_terminal_only(terminal):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120, highlight=False)
    options = TrainingOptions(solver="gd", learning_rates=(0.1, 0.2), max_iter=10)
    with ProgressBars(console, options) as bars:
        bars.found({"cat": 3, "dog": 3}, 64, 1000)
        bars.decoded(6)
        bars.fitting(0.1, 10)
        bars.iterated(7, 0.5)
        bars.fitting(0.2, 10)
        bars.iterated(10, 0.25)
    shown = stream.getvalue()
    assert "one array of 1.0 kB" in shown
    for text in ("decoding", "training", "iteration 10 of at most 10", "cost 0.25000"):
        assert (text in shown) == terminal
