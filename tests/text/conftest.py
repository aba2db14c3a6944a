"""Small tables and folders of generated letters."""

import csv
import json

import pytest
from click.testing import CliRunner

from fusedlogit.command_line import cli
from fusedlogit.text.demo import GeneratedLetters

FAST = ("--C", "1,10", "--folds", "2", "--threads", "1")


@pytest.fixture(scope="session")
def run():
    """Run the command with some arguments, and what comes by standard input."""

    def run(*arguments, **options):
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], **options)

    return run


@pytest.fixture(scope="session")
def refused():
    """Check for one clear line on standard error, status 2, and nothing else."""

    def refused(result, *words):
        assert (result.exit_code, result.stdout) == (2, "")
        lines = [line for line in result.stderr.splitlines() if not line.startswith("Training on")]
        assert len(lines) == 1, lines
        assert lines[0].startswith("Error: ")
        for word in words:
            assert word in lines[0]

    return refused


@pytest.fixture(scope="session")
def letters():
    """Texts and labels of four kinds."""
    return [(text, label) for text, label, _ in GeneratedLetters(400, seed=1).read()]


def as_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "label", "text")])
        csv.writer(file).writerows((k, label, text) for k, (text, label) in enumerate(rows))


def as_tsv(path, rows):
    lines = [f'{label}\t"{text}"\n' for text, label in rows]
    path.write_text("".join(["label\ttext\n", *lines]), encoding="utf-8")


def as_json_lines(path, rows):
    lines = [json.dumps({"text": text, "label": label, "more": [1]}) for text, label in rows]
    path.write_text("\n".join(lines), encoding="utf-8")


def as_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts, labels = zip(*rows, strict=True)
    table = pyarrow.table({"text": texts, "label": pyarrow.array(labels).dictionary_encode()})
    parquet.write_table(table, path, row_group_size=150)


def as_folder(path, rows):
    for k, (text, label) in enumerate(rows):
        (path / label).mkdir(parents=True, exist_ok=True)
        (path / label / f"{k:04}.txt").write_text(text, encoding="utf-8")


KINDS = {
    "letters.csv": as_csv,
    "letters.tsv": as_tsv,
    "letters.jsonl": as_json_lines,
    "letters.parquet": as_parquet,
    "letters": as_folder,
}


@pytest.fixture
def table(letters, tmp_path):
    """A CSV file of the letters."""
    as_csv(tmp_path / "letters.csv", letters)
    return tmp_path / "letters.csv"
