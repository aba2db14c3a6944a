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
import tempfile
import time
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

THREADS = 2
ROOT = Path(__file__).resolve().parents[2]
IMAGE_SIZE = 64


@dataclass(frozen=True)
class Problem:
    """Mean log loss + l2 / 2 |w|^2 + l1 |w|_1 over X / divisor, with a free intercept.

    Attributes
    ----------
    title : str
    make : callable
        () -> X, y with y 0 or 1.
    divisor : float
    l2, l1 : float
    floats : type
        What peers are given.
    targets : tuple of float
        Relative suboptimalities to report.
    """

    title: str
    make: Any
    divisor: float
    l2: float
    l1: float
    floats: type
    targets: tuple[float, ...] = (1e-4, 1e-6, 1e-10)


def photographs():
    """Dogs and cats as 64 x 64 uint8 pixels, all of them; decoded once."""
    kept = Path(tempfile.gettempdir()) / f"fusedlogit-peers-{IMAGE_SIZE}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return arrays["X"], arrays["y"]
    from fusedlogit.photographs.loading import load_images

    folder = Path(os.environ.get("FUSEDLOGIT_DATA", ROOT.parent / "shared" / "data"))
    images = load_images(folder / "dogs-vs-cats-train.zip", size=IMAGE_SIZE)
    y = np.array([file.label == images.labels[1] for file in images.files], dtype=np.float64)
    np.savez(kept, X=images.pixels, y=y)
    return images.pixels, y


def tall(n_samples=1_000_000, n_features=50):
    """A tall table of normal columns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return X, labels(X, rng.standard_normal(n_features) / np.sqrt(n_features) * 2, rng)


def tall_in_units():
    """The same table in units from a thousandth to a thousand, shifted."""
    X, y = tall()
    rng = np.random.default_rng(1)
    X *= 10 ** rng.uniform(-3, 3, X.shape[1])
    X += 10 ** rng.uniform(-3, 3, X.shape[1])
    return X, y


def correlated(n_samples=300_000, n_features=200):
    """Columns mixed from directions whose deviations fall as 1 / k."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    X = rng.standard_normal((n_samples, n_features)) / np.arange(1, n_features + 1)
    X = X @ directions
    return X.astype(np.float32), labels(X, 3 * directions.T @ rng.standard_normal(n_features), rng)


def labels(X, coef, rng):
    return (X @ coef + rng.logistic(size=len(X)) > 0).astype(np.float64)


def cancer():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X, y.astype(np.float64)


PROBLEMS = {
    "images": Problem(
        "dogs-vs-cats, 20,000 x 12,288 uint8, l2 0.03", photographs, 255, 0.03, 0, np.float32
    ),
    "images-weak": Problem(
        "dogs-vs-cats, 20,000 x 12,288 uint8, l2 3e-4",
        photographs, 255, 3e-4, 0, np.float32, (1e-5, 1e-6, 1e-10),
    ),
    "images-l1": Problem(
        "dogs-vs-cats, 20,000 x 12,288 uint8, l1 1e-3",
        photographs, 255, 0, 1e-3, np.float32, (1e-5, 1e-6, 1e-10),
    ),
    "tall": Problem("tall, 1,000,000 x 50 float64, l2 1e-6", tall, 1, 1e-6, 0, np.float64),
    "tall-units": Problem(
        "tall, columns in other units and shifted, l2 1e-6", tall_in_units, 1, 1e-6, 0, np.float64
    ),
    "correlated": Problem(
        "correlated, 300,000 x 200 float32, l2 1e-6", correlated, 1, 1e-6, 0, np.float32
    ),
    "small": Problem("breast cancer, 569 x 30 float64, C=1", cancer, 1, 1 / 569, 0, np.float64),
}  # fmt: skip


# Methods: fit(X, y, problem, tol) -> coef of X, intercept, passes (or iterations, or None).


def strength(problem, n_samples):
    return 1 / (n_samples * (problem.l2 + problem.l1))


def fit_fusedlogit(solver):
    def fit(X, y, problem, tol):
        from fusedlogit import LogisticRegression

        model = LogisticRegression(
            C=strength(problem, len(y)),
            l1_ratio=float(problem.l1 > 0),
            scaling=problem.divisor,
            solver=solver,
            tol=tol,
            max_iter=2_000,
            n_jobs=THREADS,
        ).fit(X, y)
        return model.coef_[0], model.intercept_[0], model.n_passes_

    return fit


def fit_scikit_learn(solver, **settings):
    def fit(X, y, problem, tol):
        from sklearn.linear_model import LogisticRegression

        given = {"solver": solver, "tol": tol, "max_iter": 2_000} | settings
        model = LogisticRegression(C=strength(problem, len(y)), **given).fit(X, y)
        return model.coef_[0], model.intercept_[0], int(model.n_iter_[0])

    return fit


def fit_intelex(X, y, problem, tol):
    from sklearnex.linear_model import LogisticRegression

    model = LogisticRegression(
        C=strength(problem, len(y)), solver="lbfgs", tol=tol, max_iter=2_000
    ).fit(X, y)
    return model.coef_[0], model.intercept_[0], int(np.ravel(model.n_iter_)[0])


def fit_cyanure(X, y, problem, tol):
    from cyanure.estimators import LogisticRegression

    model = LogisticRegression(
        penalty="l1" if problem.l1 else "l2",
        lambda_1=problem.l1 or problem.l2,
        tol=tol,
        max_iter=2_000,
        n_threads=THREADS,
        fit_intercept=True,
    )
    model.fit(X, y)
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), None


def fit_snapml(X, y, problem, tol):
    from snapml import LogisticRegression

    model = LogisticRegression(
        regularizer=problem.l2 * len(y), tol=tol, max_iter=2_000, n_jobs=THREADS,
        fit_intercept=True, intercept_scaling=100.0, dual=X.shape[1] < len(y),
    )  # fmt: skip
    model.fit(X, y)
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), None


def fit_glum(X, y, problem, tol):
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="binomial", alpha=problem.l2, l1_ratio=0, solver="irls-ls", gradient_tol=tol,
        max_iter=500, copy_X=False,
    ).fit(X, y)  # fmt: skip
    return model.coef_, model.intercept_, int(model.n_iter_)


def fit_skglm(X, y, problem, tol):
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(alpha=problem.l1, tol=tol, max_iter=200).fit(X, y)
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), int(model.n_iter_)


@dataclass(frozen=True)
class Method:
    """A library's solver.

    Attributes
    ----------
    fit : callable
    module : str
        What must be installed.
    problems : tuple of str
    tols : tuple of float
        From loose to tight, in the method's own sense.
    order : str
        Of X in memory.
    settings : str
        Told in the report.
    """

    fit: Any
    module: str
    problems: tuple[str, ...]
    tols: tuple[float, ...]
    order: str = "C"
    settings: str = ""


SMOOTH = ("images", "images-weak", "tall", "tall-units", "correlated")
OURS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
METHODS = {
    "fusedlogit auto": Method(
        fit_fusedlogit("auto"), "fusedlogit", (*SMOOTH, "images-l1", "small"), OURS,
        settings="X as stored, scaling=255 for images",
    ),
    "fusedlogit lbfgs": Method(fit_fusedlogit("lbfgs"), "fusedlogit", SMOOTH, OURS[:5]),
    "scikit-learn lbfgs": Method(
        fit_scikit_learn("lbfgs"), "sklearn", ("images", "tall", "correlated", "small"),
        (1e-4, 1e-5, 1e-6, 1e-7, 1e-9),
    ),
    "scikit-learn as it comes": Method(
        fit_scikit_learn("lbfgs", max_iter=100), "sklearn", ("small",), (1e-4,),
        settings="ends after 100 iterations, not converged",
    ),
    "scikit-learn newton-cg": Method(
        fit_scikit_learn("newton-cg"), "sklearn", ("images", "images-weak"),
        (1e-4, 1e-5, 1e-6, 1e-8),
    ),
    "scikit-learn newton-cholesky": Method(
        fit_scikit_learn("newton-cholesky"), "sklearn",
        ("tall", "tall-units", "correlated", "small"), (1e-3, 1e-4, 1e-6, 1e-10),
    ),
    "scikit-learn-intelex lbfgs": Method(
        fit_intelex, "sklearnex", SMOOTH, (1e-4, 1e-5, 1e-6, 1e-8),
    ),
    "cyanure": Method(
        fit_cyanure, "cyanure", ("images", "images-weak", "images-l1", "tall", "correlated"),
        (1e-1, 1e-2, 1e-3, 1e-5, 1e-7), settings="solver='auto' (QNing)",
    ),
    "snapml": Method(
        fit_snapml, "snapml", ("images", "tall"), (1e-3, 1e-5, 1e-7),
        settings="intercept_scaling=100, for it penalises the intercept",
    ),
    "glum irls-ls": Method(fit_glum, "glum", ("tall", "tall-units"), (1e-4, 1e-7, 1e-10)),
    "liblinear": Method(
        fit_scikit_learn("liblinear", l1_ratio=1.0, intercept_scaling=100.0), "sklearn",
        ("images-l1",), (1e-2, 1e-3, 1e-4),
        settings="intercept_scaling=100, for it penalises the intercept; one thread",
    ),
    "skglm": Method(
        fit_skglm, "skglm", ("images-l1",), (1e-4, 1e-6, 1e-8), order="F",
        settings="X in Fortran order; compiled before",
    ),
}  # fmt: skip


def cost(X, y, problem, coef, intercept):
    """The objective in float64, a block of rows at a time."""
    coef = np.asarray(coef, dtype=np.float64)
    total, block = 0.0, max(1, 20_000_000 // X.shape[1])
    for begin in range(0, len(y), block):
        z = X[begin : begin + block].astype(np.float64) @ coef + intercept
        total += (np.logaddexp(0, z) - y[begin : begin + block] * z).sum()
    w = coef * problem.divisor
    return total / len(y) + problem.l2 / 2 * w @ w + problem.l1 * np.abs(w).sum()


def converted(method, problem, X):
    """What the method is given, and what its coefficients are divided by."""
    if method.module == "fusedlogit":
        return X, 1.0
    data = np.array(X, dtype=problem.floats, order=method.order)
    data /= problem.floats(problem.divisor)
    return data, problem.divisor


def measure(problem_name, method_name, limit, out):
    """Fit with one tolerance after the other, and write a line for each."""
    problem, method = PROBLEMS[problem_name], METHODS[method_name]
    X, y = problem.make()
    data, divisor = converted(method, problem, X)
    warnings.simplefilter("ignore")
    if method.module != "sklearn":  # what is compiled or looked up at the first call
        method.fit(data[::97].copy(order=method.order), y[::97], problem, 1e-2)
    for tol in method.tols:
        rounds = 50 if problem_name == "small" else 3
        seconds, spent = [], 0.0
        while len(seconds) < rounds and spent < limit / 10:
            begin = time.perf_counter()
            coef, intercept, passes = method.fit(data, y, problem, tol)
            seconds.append(time.perf_counter() - begin)
            spent += seconds[-1]
        line = {
            "problem": problem_name, "method": method_name, "tol": tol,
            "seconds": float(np.median(seconds)), "rounds": len(seconds), "passes": passes,
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
        "not reached with any tolerance tried.",
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
        text += [f"## {problem.title}", "", row(["method", *heads, "passes", "settings"])]
        text += [row(["---", *["---:"] * (len(heads) + 1), "---"])]
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
    return [method, *cells, passes, METHODS[method].settings]


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
    colors = {name: f"C{k % 10}" for k, name in enumerate(METHODS)}
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


if __name__ == "__main__":
    main()
