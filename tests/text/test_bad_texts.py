"""Files and folders that cannot be used: each is refused in one line that says why."""

import json
import os
import sys

import pytest

from .conftest import FAST, as_csv, as_folder, as_parquet

HEAD = b"text,label\n"
GOOD = b"".join(b"good %d,a\nbad %d,b\n" % (k, k) for k in range(5))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"body,kind\nx,a\n", ["no column 'text'", "body, kind", "--text"]),
        ("t.csv", b"text,kind\nx,a\n", ["no column 'label'", "text, kind", "--label"]),
        ("t.csv", b"text,text,label\nx,y,a\n", ["two columns 'text'"]),
        ("t.csv", b"", ["holds no rows"]),
        ("t.csv", HEAD, ["holds no rows"]),
        ("t.csv", HEAD + GOOD + b"x,\n", ["line 12", "no label"]),
        ("t.csv", HEAD + GOOD + b"x,a,b\n", ["line 12", "3 columns"]),
        ("t.csv", HEAD + GOOD + b'"x,a\n', ["line 12", "unexpected end"]),
        ("t.csv", HEAD + GOOD + b'"x" y,a\n', ["line 12", "expected after"]),
        ("t.csv", HEAD + GOOD + b"caf\xe9,a\n", ["line 12", "0xe9", "utf-8", "--encoding"]),
        ("t.csv", HEAD + b"x,a\ny,a\nz,a\n", ["one class only ('a')"]),
        ("t.csv", HEAD + GOOD + b"x,c\ny,c\n", ["'c' occurs only 2 times"]),
        ("t.csv", HEAD + GOOD + b"x y,c\nX  y,c\nx Y,c\n", ["'c' has only 1 different"]),
        ("t.csv", HEAD + b" ,a\n,b\n", ["blank"]),
        ("t.csv", HEAD + b"! ? ,a\n...,b\n" + b"1,a\n2,a\n3,b\n4,b\n", ["no training text"]),
        ("t.tsv", b"text\tlabel\nx\ta\nline\nbreak\tb\n", ["line 3", "1 columns"]),
        ("t.jsonl", b'["a"]\n', ["line 1", "list"]),
        ("t.jsonl", b'{"text": "x", "label": 1}\n{"text"', ["line 2", "no JSON"]),
        ("t.jsonl", b'{"text": "x", "label": 1}\n\n{"text": "y"}', ["line 3", "no column 'label'"]),
        ("t.jsonl", b'{"text": "x", "label": 1}\n{"text": "y"}', ["leave the row out"]),
        ("t.jsonl", b'{"text": "x"}', ["line 1 has no column 'label'", "another by --label"]),
        ("t.jsonl", b'{"text": "x", "label": NaN}', ["line 1", "no label: fill it in"]),
        ("t.jsonl", b'{"text": 1, "label": 1}', ["line 1", "int"]),
        ("t.jsonl", b'{"text": "x", "label": null}', ["line 1", "no label"]),
        ("t.jsonl", b'{"text": "x", "label": 0.5}', ["line 1", "float"]),
        ("t.jsonl", b"[" * 200_000, ["line 1", "no JSON"]),
        ("t.parquet", b"hello", ["no whole Parquet file"]),
        ("t.pdf", b"hello", ["no file of texts by its name", ".csv"]),
    ],
)
def test_what_is_wrong_is_named(run, refused, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(run("text", tmp_path / name, *FAST), name, *words)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_off_parquet_file(run, refused, letters, tmp_path, share):
    as_parquet(tmp_path / "t.parquet", letters)
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[: int(share * len(content))])
    refused(run("text", tmp_path / "t.parquet", *FAST), "t.parquet", "no whole Parquet file")


def test_a_damaged_parquet_file(run, refused, letters, tmp_path):
    as_parquet(tmp_path / "t.parquet", letters)
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[4:200] = bytes(196)  # the first page; the end, which describes it, is whole
    (tmp_path / "t.parquet").write_bytes(content)
    refused(run("text", tmp_path / "t.parquet", *FAST), "t.parquet", "no whole Parquet file")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")
@pytest.mark.parametrize("name", ["odd.csv", "odd.parquet"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_regular_files_are_read(run, refused, tmp_path, name, kind):
    odd = tmp_path / name
    os.mkfifo(odd) if kind == "pipe" else odd.symlink_to("/dev/zero")
    refused(run("text", odd), f"{name} is a {kind}")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")
def test_folders_that_cannot_be_used(run, refused, letters, tmp_path):
    refused(run("text", tmp_path / "none.csv"), "does not exist")
    (tmp_path / "empty").mkdir()
    refused(run("text", tmp_path / "empty"), "no files in subfolders")
    as_folder(tmp_path / "f", letters[:40])
    (tmp_path / "f" / "praise" / "latin.txt").write_bytes(b"bon\nd\xe9j\xe0 vu")
    refused(run("text", tmp_path / "f"), "latin.txt, line 2", "0xe9")
    assert run("text", tmp_path / "f", "--encoding", "latin-1", *FAST).exit_code == 0
    (tmp_path / "f" / "praise" / "latin.txt").unlink()
    os.mkfifo(tmp_path / "f" / "praise" / "pipe.txt")
    refused(run("text", tmp_path / "f"), "pipe.txt is a pipe")


@pytest.mark.parametrize("encoding", ["utf-16", "nope", "hex", "punycode"])
def test_encodings_that_lines_cannot_be_read_in(run, refused, table, encoding):
    refused(run("text", table, "--encoding", encoding), encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
def test_what_is_not_read_line_by_line_is_to_be_saved_as_utf_8(run, refused, table, encoding):
    table.write_text("\ufeff" * (encoding == "utf-16-be") + table.read_text(), encoding)
    done = run("text", table)
    refused(done, "letters.csv, line 1: byte 0xf", "save the file as utf-8")
    assert "--encoding" not in done.stderr
    refused(run("text", table, "--encoding", encoding), "line by line: save the texts as utf-8")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be"])
def test_whole_documents_in_other_encodings(run, refused, letters, tmp_path, encoding):
    as_folder(tmp_path / "f", letters[:60])
    expected = run("text", tmp_path / "f", *FAST, "--out", tmp_path / "m.npz").stdout
    for file in (tmp_path / "f").rglob("*.txt"):
        file.write_text(file.read_text(), encoding)
    told = *FAST, "--encoding", encoding
    done = run("text", tmp_path / "f", *told, "--out", tmp_path / "m.npz")
    assert done.stdout.splitlines()[:2] == expected.splitlines()[:2]
    done = run("predict", tmp_path / "m.npz", tmp_path / "f", "--encoding", encoding)
    assert done.exit_code == 0, done.stderr
    refused(run("predict", tmp_path / "m.npz", "-", "--encoding", encoding), "line by line")
    file.write_bytes(b"\0")
    refused(run("text", tmp_path / "f", *told), file.name, f"no text in {encoding}")


def test_a_mark_of_utf_8_is_no_text(run, table):
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    for encoding in ("utf-8", "utf-8-sig"):
        done = run("text", table, "--encoding", encoding, *FAST)
        assert done.exit_code == 0, done.stderr


def test_arguments_that_exclude_each_other(run, refused, table):
    refused(run("text"), "either DATA or --demo")
    refused(run("text", table, "--demo"), "either DATA or --demo")


def test_words_that_are_too_rare(run, refused, table):
    refused(run("text", table, "--min-texts", 10_000), "10,000 training texts", "--min-texts")


def test_nothing_is_written_where_it_could_not_be(run, refused, table, tmp_path):
    refused(run("text", table, "--out", tmp_path), "is a folder")
    refused(run("text", table, "--report", table), "is a file")


def test_blank_texts_are_left_out_and_counted(run, tmp_path, letters):
    as_csv(tmp_path / "t.csv", [*letters[:60], (" \n", "praise"), ("", "payment")])
    result = run("text", tmp_path / "t.csv", *FAST)
    assert result.exit_code == 0, result.stderr
    assert "2 left out that are blank" in result.stdout
    assert result.stdout.startswith("60 texts ")


def test_predictions_that_cannot_be_made(run, refused, table, tmp_path):
    model = tmp_path / "m.npz"
    assert run("text", table, *FAST, "--out", model).exit_code == 0
    refused(run("predict", model, tmp_path / "none.txt"), "none.txt does not exist")
    refused(run("predict", model, table, "--text", "body"), "no column 'body'", "--text")
    refused(run("predict", model, table, "--evidence", tmp_path), "without --evidence")
    refused(run("predict", model, "-", input=b"fine\n\xff\n"), "standard input, line 2", "0xff")


def test_what_is_read_is_not_written_over(run, refused, tmp_path):
    table = tmp_path / "texts.csv"
    table.write_text("text,label\nred apple,fruit\nold coat,dress\n" * 20)
    before = table.read_bytes()
    refused(run("text", table, "--out", table), "texts.csv", "name another file")
    assert table.read_bytes() == before


@pytest.mark.parametrize("name", ["praise/0.txt", "praise/new.npz", "new.npz"])
def test_nothing_is_written_among_what_is_read(run, refused, letters, tmp_path, name):
    folder = tmp_path / "letters"
    as_folder(folder, letters)
    before = {path: path.read_bytes() for path in folder.rglob("*.txt")}
    told = "which is to be read: choose a place outside of it"
    refused(run("text", folder, *FAST, "--out", folder / name), told)
    refused(run("text", folder, *FAST, "--report", folder / "report"), told)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_columns_of_what_has_none(run, refused, letters, tmp_path):
    as_folder(tmp_path / "letters", letters)
    refused(run("text", tmp_path / "letters", "--text", "body"), "--text names a column")
    refused(run("text", "--demo", "--label", "kind"), "--label names a column")
    refused(run("text", "--demo", "--encoding", "latin-1"), "--encoding is of files")


@pytest.mark.parametrize("arguments", [[], ["--min-texts", "1"], ["--hashed"]])
def test_texts_without_words(run, refused, tmp_path, arguments):
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"{k},{k % 2}\n" for k in range(9)))
    result = run("text", tmp_path / "t.csv", *FAST, *arguments)
    refused(result, "words of two letters at least")
    assert "--min-texts" not in result.stderr


def test_options_that_exclude_each_other(run):
    result = run("text", "--demo", "--hashed", "--min-texts", "3")
    assert result.exit_code == 2
    assert "--min-texts" in result.stderr


def test_blank_lines_before_the_names_of_columns(run, tmp_path, letters):
    as_csv(tmp_path / "t.csv", letters[:60])
    (tmp_path / "t.csv").write_bytes(b"\n\r\n" + (tmp_path / "t.csv").read_bytes())
    result = run("text", tmp_path / "t.csv", *FAST)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("60 texts ")


def test_halves_of_characters_in_labels(run, tmp_path, letters):
    rows = [{"text": text, "label": label + "\ud800"} for text, label in letters[:80]]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run("text", tmp_path / "t.jsonl", *FAST, "--out", tmp_path / "m.npz")
    assert result.exit_code == 0, result.stderr
    answers = run("predict", tmp_path / "m.npz", tmp_path / "t.jsonl", "--csv")
    assert answers.exit_code == 0, answers.stderr
    assert answers.stdout.count("?") == 80
