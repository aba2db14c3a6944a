"""Where a store of decoded images can be, and where one is refused."""

import json
import os
import shutil

import pytest

from fusedlogit.errors import OutputError, StoreError
from fusedlogit.photographs.loading import load_images

from .stores import RAW, assert_same, counted_decoding, load, run


def test_an_empty_folder(folder, place):
    place.mkdir()
    assert_same(load(folder, place), load(folder))


def test_a_folder_of_something_else(folder, place):
    place.mkdir()
    (place / "mine.txt").write_bytes(b"mine")
    result = run("train", folder, *RAW, "--store", place)
    assert result.exit_code == 2
    assert "is not a store of images: give another folder" in result.stderr.splitlines()[-1]
    assert [path.name for path in place.iterdir()] == ["mine.txt"]


def test_the_folder_of_the_images(folder, place):
    result = run("train", folder, *RAW, "--store", folder)
    assert result.exit_code == 2
    assert "choose a place outside of it" in result.stderr.splitlines()[-1]
    assert len(list(folder.iterdir())) == 24


@pytest.mark.parametrize("option", ["--out", "--report"])
def test_results_are_not_put_into_a_store(folder, place, partial, option):
    for inside in (place / "pixels.npy", place, partial / "manifest.jsonl"):
        inside.parent.mkdir(exist_ok=True)
        result = run("train", folder, *RAW, "--store", place, option, inside)
        assert result.exit_code == 2
        assert str(place) in result.stderr
    load(folder, place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    for name in ("pixels.npy", "manifest.jsonl", "new"):
        result = run("train", folder, *RAW, "--store", place, option, place / name)
        assert result.exit_code == 2
        assert f"{option} {place / name} lies in the folder of --store" in result.stderr or (
            option == "--report" and "is a file: name a folder" in result.stderr
        )
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


def test_a_file(folder, place):
    place.write_bytes(b"mine")
    result = run("train", folder, *RAW, "--store", place)
    assert result.exit_code == 2
    assert "is a file: name a folder" in result.stderr
    assert place.read_bytes() == b"mine"


def test_a_partial_store_that_is_none(folder, place, partial):
    partial.mkdir()
    (partial / "pixels.npy").write_bytes(b"mine")
    with pytest.raises(StoreError, match=r"store\.partial is no store: delete"):
        load(folder, place)
    assert (partial / "pixels.npy").read_bytes() == b"mine"


def test_without_room(folder, place, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(OutputError, match="needs 0 MB more, 0 MB are free: make room"):
        load(folder, place)
    assert not place.exists()


def test_filled_by_another_run(folder, place, partial):
    fcntl = pytest.importorskip("fcntl")
    partial.mkdir()
    with open(partial / "pixels.npy", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="is being filled by another run"):
            load(folder, place)
    assert_same(load(folder, place), load(folder))


def test_the_working_folder_and_mount_points_are_refused_before_anything_is_decoded(
    folder, place, monkeypatch
):
    place.mkdir()
    decoded = counted_decoding(monkeypatch)
    with monkeypatch.context() as context:
        context.chdir(place)
        result = run("train", folder, *RAW, "--store", ".")
        assert result.exit_code == 2
        assert "the working folder, whose place a finished store cannot take" in result.stderr
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(place))
    with pytest.raises(OutputError, match=r"mount point .*: name a folder in it"):
        load(folder, place)
    assert not decoded
    load(folder, place / "inside")


def test_what_found_no_room_can_begin_anew_with_smaller_images(folder, place, monkeypatch):
    full = shutil.disk_usage(folder)._replace(free=100)
    with monkeypatch.context() as context:
        context.setattr(shutil, "disk_usage", lambda path: full)
        with pytest.raises(OutputError, match="smaller --size"):
            load_images(folder, size=8, store=place)
    assert len(load(folder, place).pixels) == 24


def test_a_finished_store_that_cannot_be_written(folder, place, tmp_path, monkeypatch):
    load(folder, place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    arguments = ["train", folder, *RAW, "--store", place, "--json"]
    expected = run(*arguments)
    ask = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != place and ask(path, mode))
    result = run(*arguments, "--out", tmp_path / "model.npz")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["scores"] == json.loads(expected.stdout)["scores"]
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    shutil.rmtree(place)
    place.mkdir()
    result = run(*arguments)
    assert result.exit_code == 2
    assert "is read-only: choose another place" in result.stderr
