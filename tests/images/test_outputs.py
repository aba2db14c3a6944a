"""Result files: whole or not at all, and never in the place of something else."""

import errno
import json
import os
import re
import shutil
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fusedlogit.command_line import cli, delivery
from fusedlogit.errors import OutputError
from fusedlogit.files.outputs import check_file, picture_names, whole_folder, write_whole
from fusedlogit.reporting import report

FAST = ["--size", "4", "--max-iter", "20", "--features", "raw", "--quiet"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def disk_full(*_args, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupt(*_args, **_options):
    raise KeyboardInterrupt


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to a device"])
def test_a_model_does_not_take_the_place_of_what_is_no_file(folder, tmp_path, monkeypatch, kind):
    path = tmp_path / "m.npz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    elif kind == "device":
        path = Path("/dev/null")
    else:
        path.symlink_to("/dev/null")
    before = os.lstat(path)
    result = run("train", folder, *FAST, "--out", path)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {path} is a {kind.split()[-1]}: name a file\n"
    with pytest.raises(OutputError, match="name a file"):
        write_whole(path, b"model")
    assert os.lstat(path).st_ino == before.st_ino


@posix
@pytest.mark.parametrize("option", ["--report", "--cache"])
def test_a_folder_does_not_take_the_place_of_a_pipe(folder, tmp_path, option):
    os.mkfifo(tmp_path / "pipe")
    result = run("train", folder, *FAST, option, tmp_path / "pipe")
    assert result.exit_code == 2
    assert "pipe is a pipe: name a folder" in result.stderr


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_model_is_written_through_links_to_what_they_point_to(folder, tmp_path, exists):
    (tmp_path / "models").mkdir()
    target, link, second = tmp_path / "models" / "cats.npz", tmp_path / "a", tmp_path / "b"
    link.symlink_to("models/cats.npz")
    second.symlink_to(link)
    if exists:
        target.write_bytes(b"old")
    assert run("train", folder, *FAST, "--out", second).exit_code == 0
    assert link.is_symlink()
    assert second.is_symlink()
    assert target.read_bytes().startswith(b"PK")
    assert list(target.parent.iterdir()) == [target]


@posix
def test_links_that_lead_nowhere_are_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost").symlink_to("missing/m.npz")
    with pytest.raises(OutputError, match="loop cannot be written"):
        check_file(tmp_path / "loop")
    with pytest.raises(OutputError, match=r"make the folder .*missing first"):
        check_file(tmp_path / "lost")


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(("failure", "status"), [(disk_full, 2), (interrupt, 130)])
def test_the_result_is_printed_whatever_becomes_of_the_report(
    folder, tmp_path, monkeypatch, failure, status, as_json
):
    monkeypatch.setattr(report.figures, "to_png", lambda _figure: b"drawn")
    monkeypatch.setattr(Path, "write_bytes", failure)
    arguments = ["train", folder, *FAST, "--report", tmp_path / "report"]
    result = run(*arguments, *(["--json"] * as_json))
    assert result.exit_code == status
    assert len(result.stderr.splitlines()) == 1
    if as_json:
        assert json.loads(result.stdout)["scores"]["test"]["n_images"] == 4
    else:
        assert re.search(r"\ntest +4 ", result.stdout)
    assert list(tmp_path.iterdir()) == [folder]


def test_the_result_is_printed_though_the_model_cannot_be_saved(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", disk_full)
    monkeypatch.setattr(report.figures, "to_png", lambda _figure: b"drawn")
    told = ["--out", tmp_path / "m.npz", "--report", tmp_path / "report"]
    result = run("train", folder, *FAST, *told)
    assert result.exit_code == 2
    assert re.search(r"\ntest +4 ", result.stdout)
    assert "Model:" not in result.stdout
    assert result.stderr.startswith(f"Error: {tmp_path / 'm.npz'} cannot be written")
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, "report"}


def test_a_model_and_a_report_that_cannot_be_written_are_both_told(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    monkeypatch.setattr(report.figures, "to_png", lambda _figure: b"drawn")
    model, page = tmp_path / "m.npz", tmp_path / "report"
    result = run("train", folder, *FAST, "--out", model, "--report", page)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    for path in model, page:
        assert f"{path} cannot be written ({os.strerror(errno.ENOSPC)})" in line
    assert re.search(r"\ntest +4 ", result.stdout)


def test_photographs_are_not_written_over(folder, tmp_path):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for option, name in ("--out", "cat.1.png"), ("--out", "m.npz"), ("--report", "report"):
        result = run("train", folder, *FAST, option, folder / name)
        assert result.exit_code == 2
        assert "choose a place outside of it" in result.stderr
    result = run("study", "sgd", folder, "--report", folder / "studies")
    assert result.exit_code == 2
    assert "choose a place outside of it" in result.stderr
    run("train", folder, *FAST, "--out", tmp_path / "m.npz")
    result = run("predict", tmp_path / "m.npz", folder, "--evidence", folder)
    assert result.exit_code == 2
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("option", ["--report", "--store", "--cache"])
def test_a_place_for_a_file_and_a_folder_is_refused_before_any_work(folder, tmp_path, option):
    result = run("train", folder, *FAST, "--out", tmp_path / "x", option, f"{tmp_path}/./x")
    assert result.exit_code == 2
    assert "x is named as a file and as a folder: name another" in result.stderr
    assert not (tmp_path / "x").exists()


def test_a_model_is_not_put_among_what_a_report_is_made_of(folder, tmp_path):
    report = tmp_path / "report"
    for out, told in (
        (report / "report.html", "might be written over"),
        (report / "roc.png", "might be written over"),
        (tmp_path, "is a folder"),
    ):
        report.mkdir(exist_ok=True)
        result = run("train", folder, *FAST, "--out", out, "--report", report)
        assert result.exit_code == 2
        assert told in result.stderr
    result = run("train", folder, *FAST, "--out", tmp_path / "x", "--report", tmp_path / "x" / "y")
    assert result.exit_code == 2
    assert "named as a file and as a folder" in result.stderr
    result = run("train", folder, *FAST, "--out", report / "m.npz", "--report", report)
    assert result.exit_code == 0
    assert (report / "m.npz").exists()


def test_answers_are_printed_whatever_becomes_of_the_pictures(folder, tmp_path, monkeypatch):
    model, cat = tmp_path / "m.npz", folder / "cat.1.png"
    run("train", folder, *FAST, "--out", model)
    monkeypatch.setattr(report.figures, "to_png", disk_full)
    result = run("predict", model, cat, "--evidence", tmp_path / "pictures")
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{cat}\tcat\t")
    assert not (tmp_path / "pictures").exists()


def test_what_a_study_found_is_printed_whatever_becomes_of_its_page(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(report.figures, "to_png", disk_full)
    arguments = ["--size", "4", "--features", "raw", "--quiet", "--report", tmp_path / "page"]
    result = run("study", "regularisation", folder, *arguments)
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 2
    assert "Best on validation" in result.stdout


def test_a_full_disk_under_standard_output_gets_one_line(folder, monkeypatch):
    monkeypatch.setattr(delivery, "_print", disk_full)
    result = run("train", folder, *FAST)
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: no space is left to write to: make room\n",
    )


@pytest.mark.parametrize("place", ["new", "deep/new", "old"])
@pytest.mark.parametrize("failure", [disk_full, interrupt])
def test_a_folder_half_written_leaves_all_as_it_was(tmp_path, place, failure):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "report.html").write_text("before")
    before = sorted(tmp_path.rglob("*"))

    def write():
        with whole_folder(tmp_path / place) as temporary:
            (temporary / "report.html").write_text("after")
            failure()

    with pytest.raises((OutputError, KeyboardInterrupt)):
        write()
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "old" / "report.html").read_text() == "before"


@pytest.mark.parametrize("place", ["new", "deep/new", "old", "link"])
def test_a_whole_folder_appears_beside_what_was_there(tmp_path, place):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "notes.txt").write_text("mine")
    (tmp_path / "old" / "report.html").write_text("before")
    (tmp_path / "link").symlink_to("old")
    with whole_folder(tmp_path / place) as temporary:
        (temporary / "report.html").write_text("after")
        (temporary / "cost.png").write_text("picture")
    assert (tmp_path / place / "report.html").read_text() == "after"
    written = {"report.html", "cost.png"} | ({"notes.txt"} if place in ("old", "link") else set())
    assert {path.name for path in (tmp_path / place).iterdir()} == written
    assert (tmp_path / "link").is_symlink()


def test_a_folder_in_the_way_of_a_picture_changes_nothing(tmp_path):
    (tmp_path / "cost.png").mkdir()
    (tmp_path / "a.html").write_text("before")

    def write():
        with whole_folder(tmp_path) as temporary:
            (temporary / "a.html").write_text("after")
            (temporary / "cost.png").write_text("picture")

    with pytest.raises(OutputError, match=r"cost\.png is a folder there"):
        write()
    assert (tmp_path / "a.html").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


def test_pictures_sort_in_the_order_of_their_images():
    names = picture_names([f"photos/cat.{number}.jpg" for number in range(120)])
    assert names == sorted(names)
    assert names[0] == "001-cat.0.png"
    assert names[119] == "120-cat.119.png"


@pytest.mark.parametrize("stem", ["a" * 251, "é" * 125, "喵" * 83])
def test_pictures_of_long_names_can_be_written(tmp_path, stem):
    (name,) = picture_names([f"{stem}.jpg"])
    (tmp_path / name).write_bytes(b"picture")
    assert name.startswith(f"1-{stem[:60]}")


def test_an_archive_is_not_written_over_by_its_model(folder, tmp_path):
    archive = shutil.make_archive(tmp_path / "images", "zip", folder)
    before = Path(archive).read_bytes()
    result = run("train", archive, *FAST, "--out", archive)
    assert result.exit_code == 2
    assert "name another file" in result.stderr
    assert Path(archive).read_bytes() == before
