"""The page and the picture of the comparison with other libraries."""

from __future__ import annotations

import os
from pathlib import Path

from peer_methods import METHODS
from peer_problems import PROBLEMS


def suboptimality(methods):
    """Of each line, relative to the least cost that any method reached."""
    least = min(line["cost"] for lines in methods.values() for line in lines)
    return {
        name: [{**line, "gap": (line["cost"] - least) / least} for line in lines]
        for name, lines in methods.items()
    }


def time_to(lines, target):
    reached = [line["seconds"] for line in lines if line["gap"] <= target]
    return min(reached, default=None)


def page(by_problem):
    """Tables in Markdown."""
    text = [
        "# Time to the optimum",
        "",
        "Made by `tests/benchmarks/peers.py`. Seconds of one fit, from data in hand (as stored for",
        "fusedlogit, converted beforehand for the others) until the cost is within the given share",
        "of the least that any method reached, with the loosest tolerance that gets there; costs",
        "by one NumPy routine in float64; medians of up to three fits; two threads each. A dash:",
        "not reached with any tolerance tried; none tighter was, once a fit took too long. Memory:",
        "what the process took at most during fits, beyond the data that it was given.",
        "",
        f"{processor()}, {os.cpu_count()} cores.",
        "",
        "![suboptimality against seconds and against passes](peers.png)",
        "",
    ]
    for name, problem in PROBLEMS.items():
        if name not in by_problem:
            continue
        methods = suboptimality(by_problem[name])
        heads = [f"to {target:.0e}" for target in problem.targets]
        text += [f"## {problem.title}", "", row(["method", *heads, "memory", "passes", "settings"])]
        text += [row(["---", *["---:"] * (len(heads) + 2), "---"])]
        for method in METHODS:
            if method in methods:
                text.append(row(table_line(method, methods[method], problem)))
        text.append("")
    return "\n".join(text)


def table_line(method, lines, problem):
    cells = []
    for target in problem.targets:
        seconds = time_to(lines, target)
        cells.append("-" if seconds is None else f"{seconds:.3g} s")
    middle = [line for line in lines if line["gap"] <= problem.targets[1] and line["passes"]]
    passes = f"{min(line['passes'] for line in middle):.0f}" if middle else ""
    if METHODS[method].module != "fusedlogit" and passes:
        passes += " iterations"
    return [method, *cells, memory_of(lines), passes, METHODS[method].settings]


def memory_of(lines):
    """The most of what fits took beside their data."""
    most = max((line.get("extra_bytes", 0) for line in lines), default=0)
    return f"{most / 1e6:,.0f} MB" if most else ""


def row(cells):
    return f"| {' | '.join(cells)} |"


def processor():
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else "Unknown processor"


def draw(by_problem, path):
    """Suboptimality against seconds (left) and passes or iterations (right), a row a problem."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = [name for name in PROBLEMS if name in by_problem]
    figure, axes = plt.subplots(
        len(names), 2, figsize=(11, 3.1 * len(names)), squeeze=False, layout="constrained"
    )
    colors = dict(zip(METHODS, plt.colormaps["tab20"].colors, strict=False))
    for (left, right), name in zip(axes, names, strict=True):
        for method, lines in suboptimality(by_problem[name]).items():
            gaps = [max(line["gap"], 1e-14) for line in lines]
            ours = METHODS[method].module == "fusedlogit"
            style = {
                "color": colors[method], "marker": "o", "markersize": 3,
                "linewidth": 2.2 if ours else 1.0, "label": method,
            }  # fmt: skip
            left.loglog([line["seconds"] for line in lines], gaps, **style)
            if all(line["passes"] for line in lines):
                right.loglog([line["passes"] for line in lines], gaps, **style)
        left.set(title=PROBLEMS[name].title, ylabel="(J - J*) / J*", xlabel="seconds")
        right.set(xlabel="passes (of a peer: iterations)")
        left.legend(fontsize=6)
    figure.savefig(path, dpi=110)
