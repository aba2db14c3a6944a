"""Answers are printed as they come, the same however many there are."""

import csv
import io
import json

import click
import pytest
from click.testing import CliRunner

from fusedlogit.command_line import answers as module
from fusedlogit.command_line.answers import answer_of, print_answers
from fusedlogit.text.classifier import save_text_model
from fusedlogit.text.demo import GeneratedLetters
from fusedlogit.text.training import TextOptions, train


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("answers") / "m.npz"
    result = train(GeneratedLetters(200), TextOptions(C=(1.0,), folds=2, n_threads=1))
    save_text_model(path, result.classifier)
    return path


def some(count):
    for row in range(count):
        yield {"row": row, **answer_of(["a\nb", "ü"], [0.75, 0.25])}


def printed(count, **kind):
    """What is printed of so many answers, and how many are said to be."""

    @click.command()
    def command():
        counts.append(print_answers(some(count), **{"as_json": False, "as_csv": False} | kind))

    counts = []
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    return result.stdout, counts[0]


TOGETHER = module._TOGETHER


@pytest.mark.parametrize("count", [0, 1, 2, TOGETHER - 1, TOGETHER, TOGETHER + 1])
def test_each_is_printed_once(count):
    answers = list(some(count))
    lines, told = printed(count)
    assert told == count
    assert lines.splitlines() == [f"{row}\ta\\nb\t0.7500\tü\t0.2500" for row in range(count)]
    text, told = printed(count, as_json=True)
    assert told == count
    assert text == json.dumps(answers, indent=2) + "\n"
    text, told = printed(count, as_csv=True)
    assert told == count
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"row": f"{row}", "label": "a\nb", "probability": "0.75", "label_2": "ü",
         "probability_2": "0.25"}
        for row in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [[], ["--csv"], ["--json"]])
def test_what_comes_before_damage_is_answered(run, saved_model, tmp_path, kind):
    rows = ["text,label\n", *("charged twice,x\n" for _ in range(5000)), "a,b,c\n"]
    (tmp_path / "long.csv").write_text("".join(rows))
    result = run("predict", saved_model, tmp_path / "long.csv", *kind)
    assert result.exit_code == 2
    assert "long.csv, line 5,002: 3 columns" in result.stderr
    assert result.stdout.count("payment") == 5000
    if kind == ["--json"]:
        assert len(json.loads(result.stdout)) == 5000


def test_folders_are_their_files(run, saved_model, tmp_path):
    named = {}
    for name in ("b/2.txt", "a.csv", "b/1.txt", "b/c/3"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("text,label\nmy card was charged twice,x\n")
        named[str(tmp_path / "in" / name)] = "payment"
    (tmp_path / "in" / "b" / ".hidden").write_bytes(b"\xff")
    result = run("predict", saved_model, tmp_path / "in", "--csv")
    assert result.exit_code == 0, result.stderr
    answers = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [answer["text"] for answer in answers] == sorted(named)
    assert {answer["text"]: answer["label"] for answer in answers} == named
    one = run("predict", saved_model, tmp_path / "in" / "b" / "c", "--csv")
    assert one.stdout.splitlines() == [result.stdout.splitlines()[i] for i in (0, -1)]


def test_folders_without_files(run, refused, saved_model, tmp_path):
    (tmp_path / "empty.csv" / "too").mkdir(parents=True)
    refused(run("predict", saved_model, tmp_path / "empty.csv"), "empty.csv holds no files: give a")


def test_a_column_of_what_has_none(run, saved_model, tmp_path):
    (tmp_path / "a.txt").write_text("great service")
    for source in (tmp_path / "a.txt", tmp_path, "-"):
        result = run("predict", saved_model, source, "--text", "body", input="great service")
        assert result.exit_code == 2
        assert "--text names a column, but there are none: leave it out" in result.stderr


@pytest.mark.parametrize("count", [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 1])
@pytest.mark.parametrize("as_json", [True, False])
def test_what_comes_before_an_error_is_printed(capsys, count, as_json):
    def failing():
        yield from some(count)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        print_answers(failing(), as_json=as_json, as_csv=False)
    out = capsys.readouterr().out
    if not as_json:
        assert len(out.splitlines()) == count
    elif count:
        assert len(json.loads(out)) == count
    else:
        assert out == ""
