"""Time to the optimum: fusedlogit beside other libraries, each with its best settings.

python tests/benchmarks/peers.py run results.jsonl [--problem NAME] [--method NAME]
python tests/benchmarks/peers.py report results.jsonl --write docs

Each method runs on each problem in a process of its own, with data converted beforehand to what it
reads fastest, once for every tolerance of a list, until a fit takes longer than it may. Costs are
computed afterwards by one NumPy routine in float64. Methods that are not installed are left out
(pip install "fusedlogit[bench]" installs those that can be).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from peer_methods import METHODS, THREADS, converted
from peer_problems import PROBLEMS, cost
from peer_tables import draw, page


def measure(problem_name, method_name, limit, out):
    """Fit with one tolerance after the other, and write a line for each."""
    problem, method = PROBLEMS[problem_name], METHODS[method_name]
    X, y = problem.make()
    data, divisor = converted(method, problem, X)
    warnings.simplefilter("ignore")
    if method.module != "sklearn":  # what is compiled or looked up at the first call
        few = replace(problem, l2=97 * problem.l2, l1=97 * problem.l1)
        method.fit(data[::97].copy(), y[::97], few, 1e-2)
    for tol in method.tols:
        rounds = 50 if problem_name == "small" else 3
        seconds, spent = [], 0.0
        before = begin_memory()
        while len(seconds) < rounds and spent < limit / 10:
            begin = time.perf_counter()
            coef, intercept, passes = method.fit(data, y, problem, tol)
            seconds.append(time.perf_counter() - begin)
            spent += seconds[-1]
        line = {
            "problem": problem_name, "method": method_name, "tol": tol,
            "seconds": float(np.median(seconds)), "rounds": len(seconds), "passes": passes,
            "extra_bytes": peak_memory() - before,
            "cost": cost(X, y, problem, np.asarray(coef) / divisor, intercept),
        }  # fmt: skip
        with out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        click.echo(
            f"{problem_name:12} {method_name:30} tol {tol:.0e} {line['seconds']:9.4f} s "
            f"passes {passes} cost {line['cost']:.12f}"
        )
        if seconds[0] > limit / 3:
            break


def begin_memory():
    """The memory in use, from where its peak counts anew: of this process, where Linux tells."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS:")


def peak_memory():
    """The most that was in use since then."""
    return _memory("VmHWM:")


def _memory(name):
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return 1024 * int(line.split()[1])
    return 0


@click.group(help=__doc__.splitlines()[0])
def main():
    pass


@main.command(help="Fit, and append the results to OUT.")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--problem", "problems", multiple=True, type=click.Choice(list(PROBLEMS)))
@click.option("--method", "methods", multiple=True, type=click.Choice(list(METHODS)))
@click.option("--limit", default=300.0, help="Seconds for all fits of a method on a problem.")
@click.option("--here", is_flag=True, help="In this process.")
def run(out, problems, methods, limit, here):
    for problem in problems or PROBLEMS:
        for name in methods or METHODS:
            method = METHODS[name]
            if problem not in method.problems or not importlib.util.find_spec(method.module):
                continue
            if here:
                measure(problem, name, limit, out)
                continue
            command = [sys.executable, __file__, "run", str(out), "--here", "--limit", str(limit)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}
            try:
                subprocess.run(
                    [*command, "--problem", problem, "--method", name],
                    env=environment, timeout=2 * limit + 60, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                click.echo(f"{problem} {name}: not within {limit:.0f} s")


@main.command(help="Write the page and its picture. Of what was measured again, the last counts.")
@click.argument("results", type=click.Path(exists=True, path_type=Path))
@click.option("--write", "folder", type=click.Path(path_type=Path), required=True)
def report(results, folder):
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    by_problem = defaultdict(lambda: defaultdict(list))
    last = {(line["problem"], line["method"], line["tol"]): line for line in lines}
    for line in last.values():
        by_problem[line["problem"]][line["method"]].append(line)
    folder.mkdir(exist_ok=True)
    draw(by_problem, folder / "peers.png")
    (folder / "peers.md").write_text(page(by_problem))


if __name__ == "__main__":
    main()
