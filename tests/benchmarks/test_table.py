"""The script that prints the speed table, on made-up results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("table.py")


def entry(seconds, **info):
    return {"stats": {"median": seconds}, "extra_info": info}


def measured(seconds, engine, n_threads, storage):
    return entry(
        seconds,
        work="loss_and_gradient",
        data="photographs",
        shape=[20_000, 12_288],
        storage=storage,
        n_bytes=245_760_000,
        engine=engine,
        n_threads=n_threads,
        n_passes=1,
        share_of_roof=0.75,
    )


@pytest.fixture
def results(tmp_path):
    document = {
        "machine_info": {
            "cpu": {"brand_raw": "A processor", "count": 2},
            "fusedlogit": {"level": "avx2", "compiler": "gcc 12", "numpy": "2.4"},
        },
        "benchmarks": [
            entry(0.1, probe="read"),
            measured(0.105, "numpy", 2, "float32"),
            measured(0.04, "kernel", 1, "uint8"),
            measured(0.02, "kernel", 2, "uint8"),
        ],
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document))
    return path


def run(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False
    )


def test_ratio_rate_and_share(results):
    assert run(results).stdout.splitlines()[-1] == (
        "| photographs, 20,000 x 12,288 | uint8 | 40.0 ms | 20.0 ms | 105 ms (float32) | 5.2x "
        "| 12.3 GB/s | 75% |"
    )


def test_writes_between_the_markers_twice_the_same(results, tmp_path):
    page = tmp_path / "README.md"
    begin = "<!-- speed table: made by tests/benchmarks/table.py -->"
    end = "<!-- end of speed table -->"
    page.write_text(f"before\n{begin}\n{end}\nafter\n")
    run(results, "--write", page)
    once = page.read_text()
    run(results, "--write", page)
    assert page.read_text() == once
    assert once.startswith(f"before\n{begin}\n\nA processor")
    assert once.endswith(f"75% |\n\n{end}\nafter\n")


def test_refuses_a_page_without_markers(results, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("nothing")
    outcome = run(results, "--write", page)
    assert outcome.returncode == 1
    assert "markers" in outcome.stderr
    assert page.read_text() == "nothing"
