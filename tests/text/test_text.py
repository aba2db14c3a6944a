"""Texts and labels on disk in, a judged and saved classifier out."""

import csv
import errno
import io
import json
import os
from mmap import mmap

import numpy as np
import pytest
from rich.console import Console
from sklearn.feature_extraction.text import TfidfVectorizer

from fusedlogit.command_line.progress import TextProgress
from fusedlogit.command_line.text import text
from fusedlogit.errors import OutputError
from fusedlogit.text.classifier import load_text_model, save_text_model
from fusedlogit.text.columns import Columns
from fusedlogit.text.counting import commonest_words, weighted_counts
from fusedlogit.text.demo import GeneratedLetters
from fusedlogit.text.documents import open_documents
from fusedlogit.text.stages import Listener
from fusedlogit.text.survey import look_at
from fusedlogit.text.training import HASHED, MOST_TERMS, TextOptions, train
from fusedlogit.text.words import PATTERN

from .conftest import FAST, KINDS, as_csv, as_folder

OPTIONS = {"C": (1.0, 10.0), "folds": 2, "n_threads": 1}


@pytest.fixture(scope="module")
def saved(run, letters, tmp_path_factory):
    """A model of four kinds of letters with what came of its training."""
    folder = tmp_path_factory.mktemp("text")
    as_csv(folder / "letters.csv", letters)
    files = ["--out", folder / "m.npz", "--report", folder / "report", "--json"]
    result = run("text", folder / "letters.csv", *FAST, *files)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("Training on 400 texts (")
    return folder, json.loads(result.stdout, parse_constant=pytest.fail)


def test_letters_are_told_apart(saved):
    _, summary = saved
    assert summary["scores"]["test"]["accuracy"] > 0.6
    assert summary["scores"]["test"]["majority"] < 0.4
    assert [one["C"] for one in summary["candidates"]] == [1, 10]
    (kept,) = [one for one in summary["candidates"] if one["kept"]]
    assert kept["validation_log_loss"] == min(
        one["validation_log_loss"] for one in summary["candidates"]
    )
    assert np.sum(summary["test_confusion"]) == summary["scores"]["test"]["n_texts"]
    assert list(summary["words"]) == ["account", "delivery", "payment", "praise"]


def test_words_speak_for_the_class_whose_letters_have_them(saved):
    words = {kind: [one["words"] for one in words] for kind, words in saved[1]["words"].items()}
    assert "discount" in words["payment"]
    assert "cannot" in words["account"]
    assert all("discount" not in words[kind] for kind in ("account", "delivery", "praise"))


def test_the_report_is_one_page_with_its_pictures(saved):
    folder, summary = saved
    names = {path.stem for path in (folder / "report").glob("*.png")}
    assert names == {"confusion", "pairs", "roc", "reliability", "strengths"}
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == len(names)
    for heading in ("Words that speak for each kind", "Surest wrong answers", "Confusion",
                    "One kind against the rest", "How sure it may be", "Strength"):  # fmt: skip
        assert f"<h2>{heading}" in page
    assert page.count('<div class="mistake">') == len(summary["mistakes"]) > 0
    assert page.count("<mark ") >= len(summary["mistakes"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hashed", [False, True])
def test_every_kind_of_file_says_the_same(letters, tmp_path, kind, hashed):
    letters = sorted(letters, key=lambda one: one[1])  # as folders are read
    results = []
    for name in ("letters.csv", kind):
        KINDS[name](tmp_path / name, letters)
        documents = open_documents(tmp_path / name, Columns())
        assert [one[:2] for one in documents.read()] == letters
        results.append(train(documents, TextOptions(hashed=hashed, **OPTIONS)))
    np.testing.assert_array_equal(results[0].test.probability, results[1].test.probability)


def test_row_groups_of_parquet_do_not_pile_up_in_memory(letters, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    told = []
    opened = parquet.ParquetFile
    monkeypatch.setattr(
        parquet, "ParquetFile", lambda *file, **options: told.append(options) or opened(*file)
    )
    KINDS["letters.parquet"](tmp_path / "letters.parquet", letters)
    assert len(list(open_documents(tmp_path / "letters.parquet", Columns()).read())) == len(letters)
    assert all(options["pre_buffer"] is False for options in told)


def test_hashed_words_are_those_that_are_counted():
    counted, hashed = (
        train(GeneratedLetters(600), TextOptions(hashed=hashed, min_texts=1, **OPTIONS))
        for hashed in (False, True)
    )
    np.testing.assert_allclose(hashed.test.probability, counted.test.probability, atol=1e-4)
    coefs = counted.classifier.head.coef, hashed.classifier.head.coef
    for k, words in enumerate(hashed.words):
        assert len(words) > 5
        for term, one in words:
            own = counted.classifier.words.column(term)
            assert coefs[1][k, one.column] == pytest.approx(coefs[0][k, own], abs=1e-3)
    told = [[(one.truth, one.answer, [piece.text for piece in one.pieces])
             for one in result.mistakes] for result in (counted, hashed)]  # fmt: skip
    assert told[0] == told[1]


def test_two_classes_and_columns_by_name(run, tmp_path):
    rows = [
        (f"{word} film number {k}", word == "good") for k in range(30) for word in ("good", "bad")
    ]
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("Review", "Liked"), *((text, int(y)) for text, y in rows)])
    columns = ["--text", "Review", "--label", "Liked"]
    result = run("text", tmp_path / "reviews.csv", *columns, *FAST, "--out", tmp_path / "m.npz")
    assert result.exit_code == 0, result.stderr
    assert "60 texts (30 0, 30 1)" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("  1 ")]
    assert line.split()[1].startswith("good")
    answers = run("predict", tmp_path / "m.npz", tmp_path / "reviews.csv", "--csv").stdout
    table = list(csv.DictReader(io.StringIO(answers)))
    assert [row["label"] for row in table] == [str(int(liked)) for _, liked in rows]
    assert [row["row"] for row in table] == [str(k) for k in range(60)]


@pytest.mark.parametrize("hashed", [False, True])
def test_a_saved_model_answers_as_the_trained_one(tmp_path, hashed):
    result = train(GeneratedLetters(300), TextOptions(hashed=hashed, **OPTIONS))
    save_text_model(tmp_path / "m.npz", result.classifier)
    loaded = load_text_model(tmp_path / "m.npz")
    assert loaded.labels == result.classifier.labels
    assert loaded.words.terms == result.classifier.words.terms
    texts = [text for text, _, _ in GeneratedLetters(100, seed=2).read()]
    probability = loaded.probability(texts)
    np.testing.assert_array_equal(probability, result.classifier.probability(texts))
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    documents = [text for text, _, _ in GeneratedLetters(300).read()]
    tested = loaded.probability([documents[row] for row in result.split.test])
    np.testing.assert_allclose(tested, result.test.probability, rtol=1e-6)


def test_predict_answers_files_rows_and_lines(run, saved, tmp_path):
    folder, _ = saved
    letter = tmp_path / "letter.txt"
    letter.write_text("my card was charged twice\nplease help me")
    by_file = run("predict", folder / "m.npz", letter)
    assert by_file.stdout.split("\t")[:2] == [str(letter), "payment"]
    assert by_file.stderr.startswith("1 text in ")
    lines = run(
        "predict", folder / "m.npz", "-", "--quiet", input="I cannot log in\n\ngreat service"
    )
    assert [line.split("\t")[:2] for line in lines.stdout.splitlines()][::2] == [
        ["0", "account"], ["2", "praise"],
    ]  # fmt: skip
    both = run("predict", folder / "m.npz", letter, folder / "letters.csv", "--top", 2, "--json")
    answers = json.loads(both.stdout)
    assert [answer["text"] for answer in answers[:2]] == [str(letter), f"{folder}/letters.csv:0"]
    assert len(answers) == 401
    assert len(answers[0]["likeliest"]) == 2
    assert both.stderr.startswith("401 texts in ")


def test_what_lies_beside_the_texts_is_told(run, letters, tmp_path):
    as_folder(tmp_path / "letters", letters)
    told = run("text", tmp_path / "letters", *FAST).stdout
    assert "passed over" not in told
    (tmp_path / "letters" / "refund").mkdir()
    (tmp_path / "letters" / "README.md").write_text("of the letters")
    (tmp_path / "letters" / ".hidden").write_text("")
    told = run("text", tmp_path / "letters", *FAST).stdout
    assert "1 folder without files passed over (first: refund)." in told
    assert "1 file beside the folders of labels passed over (first: README.md)." in told


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n", b"PK\3\4\x14\0\xff"]
)
def test_an_image_is_no_text_in_another_encoding(run, refused, saved, tmp_path, content):
    (tmp_path / "cat.jpg").write_bytes(content)
    folder, _ = saved
    result = run("predict", folder / "m.npz", tmp_path / "cat.jpg")
    refused(result, "cat.jpg is no text but an image", "give a file or folder of texts")
    assert "--encoding" not in result.stderr


def test_a_best_penalty_at_the_end_is_told(run, table):
    told = "a larger --C may be better"
    assert told in run("text", table, *FAST[2:], "--C", "0.001,0.01").stdout
    assert told not in run("text", table, *FAST[2:], "--C", "10,1e6").stdout
    assert told not in run("text", table, *FAST[2:], "--C", "1").stdout


@pytest.mark.parametrize(
    ("limit", "told"),
    [(3, "a higher --max-iter or"), (10_000, "more iterations change nothing, a stronger penalty")],
)
def test_what_helps_fits_that_were_stopped(run, tmp_path, limit, told):
    rows = [(f"{('bad', 'good')[k % 2]} film {k % 7}", k % 2) for k in range(60)]
    as_csv(tmp_path / "films.csv", rows)
    result = run("text", tmp_path / "films.csv", "--C", "inf", "--max-iter", limit, *FAST[2:])
    assert f"as the tolerance asks: {told}" in result.stdout


def test_the_demo_says_that_its_letters_are_generated(run, tmp_path):
    result = run("text", "--demo", *FAST, "--report", tmp_path / "report")
    assert result.exit_code == 0, result.stderr
    assert "of generated letters" in result.stdout
    assert "generated letters" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert max(map(len, result.stdout.splitlines()[:3])) <= 160


def test_defaults_are_those_of_the_pipeline(run):
    told = " ".join(run("text", "--help").stdout.split())
    options = TextOptions()
    assert f"[default: {','.join(f'{C:g}' for C in options.C)}]" in told
    assert f"[default: {MOST_TERMS}, or {HASHED} hashed]" in told
    defaults = {parameter.name: parameter.default for parameter in text.params}
    for name in ("min_texts", "ngrams", "folds", "max_iter", "test_fraction", "seed"):
        assert defaults[name] == getattr(options, name)


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_appear_on_a_terminal_only(terminal):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, highlight=False)
    with TextProgress(console) as progress:
        train(GeneratedLetters(100), TextOptions(hashed=True, **OPTIONS), progress)
    shown = stream.getvalue()
    assert "Training on 100 texts (" in shown
    for shows in ("reading labels", "counting words", "fit 4 of 4, C 10", "finding words again"):
        assert (shows in shown) == terminal


def test_counts_lie_on_disk_in_the_order_of_how_many_texts_have_them(letters):
    documents = GeneratedLetters(600)
    survey = look_at(documents, Listener())
    split = survey.split(test_fraction=0.2, folds=3, seed=0)
    words = commonest_words(documents, split, Listener(), count=500, least=2, ngrams=2)
    counts = weighted_counts(documents, split, words, Listener())
    texts = np.array([text for text, *_ in documents.read()])
    expected = TfidfVectorizer(
        token_pattern=PATTERN, ngram_range=(1, 2), vocabulary=counts.words.terms,
        sublinear_tf=True, dtype=np.float32,
    ).fit(texts[split.seen])  # fmt: skip
    np.testing.assert_allclose(counts.idf, expected.idf_, rtol=1e-6)
    for found, rows in (counts.X, split.seen), (counts.X_test, ~split.seen):
        np.testing.assert_allclose(
            found.toarray(), expected.transform(texts[rows]).toarray(), rtol=1e-5
        )
        for array in (found.data, found.indices):
            while isinstance(array, np.ndarray):
                array = array.base
            assert isinstance(array, mmap)
    assert (np.diff(counts.X.getnnz(axis=0)) <= 0).all()


@pytest.mark.parametrize("hashed", [False, True])
def test_a_disk_too_full_for_counts_is_said(monkeypatch, hashed):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fusedlogit.text.rows_on_disk._Numbers.write", full)
    with pytest.raises(OutputError, match=r"no room for the counts .*No space left.* TMPDIR"):
        train(GeneratedLetters(100), TextOptions(hashed=hashed, **OPTIONS))


def test_no_folder_for_temporary_files_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match=r"no room for the counts .*missing"):
        train(GeneratedLetters(100), TextOptions(**OPTIONS))
