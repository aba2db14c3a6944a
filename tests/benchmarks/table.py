"""Print the README's speed table from the results of pytest-benchmark.

pytest tests/benchmarks --benchmark-only --benchmark-json=results.json
python tests/benchmarks/table.py results.json [--write README.md]
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

BEGIN = "<!-- speed table: made by tests/benchmarks/table.py -->"
END = "<!-- end of speed table -->"

STORAGE = ("float64", "float32", "float16", "uint16", "uint8", "int8")


class Results:
    """Medians by work, data and storage type."""

    def __init__(self, document):
        self.machine = document["machine_info"]
        self.kernel = defaultdict(dict)
        self.numpy = {}
        for benchmark in document["benchmarks"]:
            info = benchmark["extra_info"]
            if "engine" not in info:
                continue
            entry = {**info, "seconds": benchmark["stats"]["median"]}
            case = info["work"], info["data"], info["storage"]
            if info["engine"] == "numpy":
                self.numpy[case] = entry["seconds"]
            else:
                self.kernel[case][info["n_threads"]] = entry

    def works(self):
        """The kinds of work, in the order they were measured."""
        return list(dict.fromkeys(work for work, _, _ in self.kernel))

    def threads(self):
        """The numbers of threads measured, from the least to the most."""
        return sorted({n for entries in self.kernel.values() for n in entries})


def milliseconds(seconds):
    """Three significant digits, or nothing where nothing was measured."""
    if seconds is None:
        return ""
    value = 1e3 * seconds
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def heading(results, work):
    """The first two lines of a table."""
    threads = [f"{n} thread{'s' * (n > 1)}" for n in results.threads()]
    left = [work.replace("_", " "), "stored as"]
    right = [*threads, "NumPy", "faster", "of X", "of the roof"]
    return [row(left + right), row(["---"] * len(left) + ["---:"] * len(right))]


def row(cells):
    return f"| {' | '.join(cells)} |"


def line(results, case):
    """One storage type of one kind of work: all threads against NumPy, and against the roof."""
    work, data, storage = case
    by_threads = results.kernel[case]
    best = by_threads[max(by_threads)]
    numpy_type = "float64" if storage == "float64" else "float32"
    numpy = results.numpy.get((work, data, numpy_type))
    rows, columns = best["shape"]
    rate = best["n_bytes"] * best["n_passes"] / best["seconds"] / 1e9
    return row(
        [
            f"{data}, {rows:,} x {columns:,}",
            storage,
            *(milliseconds(by_threads.get(n, {}).get("seconds")) for n in results.threads()),
            f"{milliseconds(numpy)} ({numpy_type})" if numpy else "",
            f"{numpy / best['seconds']:.1f}x" if numpy else "",
            f"{rate:.1f} GB/s",
            f"{best['share_of_roof']:.0%}",
        ]
    )


def tables(results):
    """All tables, and a line on the machine, in Markdown."""
    lines = [machine(results.machine), ""]
    for work in results.works():
        cases = sorted((case for case in results.kernel if case[0] == work), key=order)
        lines += [*heading(results, work), *(line(results, case) for case in cases), ""]
    return "\n".join(lines).rstrip()


def order(case):
    """By data, then from the widest storage type to the narrowest."""
    _, data, storage = case
    return data, STORAGE.index(storage)


def machine(info):
    """What it was measured on."""
    build = info["fusedlogit"]
    return (
        f"{info['cpu']['brand_raw']}, {info['cpu']['count']} cores, {build['level']} kernels, "
        f"{build['compiler']}, NumPy {build['numpy']}; medians."
    )


def replace_between_markers(text, content):
    """The text with what stands between the markers replaced."""
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"the markers '{BEGIN}' and '{END}' are not there to write between")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="JSON file of pytest-benchmark")
    parser.add_argument("--write", type=Path, help="Markdown file to put the tables into")
    arguments = parser.parse_args()
    content = tables(Results(json.loads(arguments.results.read_text())))
    if arguments.write:
        arguments.write.write_text(replace_between_markers(arguments.write.read_text(), content))
    else:
        print(content)


if __name__ == "__main__":
    main()
