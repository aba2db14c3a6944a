"""Stores of decoded images: the same as in memory, resumable, and never half taken for whole."""

import errno
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fusedlogit.errors import OutputError, SkippedFile, StoreError, UnreadableImageError
from fusedlogit.photographs import images, store
from fusedlogit.photographs.loading import load_images
from fusedlogit.photographs.stages import Listener
from fusedlogit.photographs.training import TrainingOptions, train

from .conftest import photograph
from .stores import RAW, assert_same, counted_decoding, load, run

HEADER = 128


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of five images: five of the 24, the last of four."""
    monkeypatch.setattr(store, "BLOCK_BYTES", 1)
    monkeypatch.setattr(store, "LEAST_IMAGES", 5)


def failing(function, call, error):
    """The same function, which raises an error at one call."""
    calls = []

    def failed(*arguments, **options):
        calls.append(arguments)
        if len(calls) == call:
            raise error
        return function(*arguments, **options)

    return failed


def interrupted(source, place, patch, error=KeyboardInterrupt):
    """Begin a store, and let something that is patched end that."""
    with pytest.MonkeyPatch.context() as patched:
        patch(patched)
        with pytest.raises(error):
            load(source, place)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_images_are_those_of_memory(folder, zip_file, place, kind):
    source = folder if kind == "folder" else zip_file
    memory = load(source)
    for _ in range(2):  # made, and found again
        stored = load(source, place)
        assert isinstance(stored.pixels, np.memmap)
        assert not stored.pixels.flags.writeable
        assert_same(stored, memory)
        np.testing.assert_array_equal(np.load(place / "pixels.npy"), memory.pixels)
        assert {path.name for path in place.iterdir()} == {"pixels.npy", "manifest.jsonl"}
    assert {path.name for path in place.parent.iterdir()} == {"photos", "photos.zip", "store"}


def test_unreadable_images_have_no_row(folder, place):
    (folder / "cat.3.png").write_bytes(b"no image")
    memory = load(folder)
    assert len(memory.skipped) == 1
    assert_same(load(folder, place), memory)
    assert_same(load(folder, place), memory)
    with pytest.raises(UnreadableImageError, match=r"cat\.3\.png"):
        load(folder, place, strict=True)


def test_an_image_that_could_not_be_read_is_tried_again(folder, place, monkeypatch):
    read_any = images._FolderSource.read

    def read(source, name):
        if name == "cat.3.png":
            raise UnreadableImageError(SkippedFile(name, "cannot be read", "allow it"))
        return read_any(source, name)

    with monkeypatch.context() as patch:
        patch.setattr(images._FolderSource, "read", read)
        for _ in range(2):
            assert len(load(folder, place).skipped) == 1
    with pytest.raises(StoreError, match=r"cat\.3\.png in .* has changed since it was stored"):
        load(folder, place)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "gd"])
@pytest.mark.parametrize("labels", [("cat", "dog"), ("ape", "cat", "dog")])
def test_the_model_is_that_of_memory(make_folder, place, solver, labels):
    source = make_folder(labels=labels)
    options = TrainingOptions(solver=solver, learning_rates=(0.05,), max_iter=50)
    memory, stored = (train(load(source, where), options) for where in (None, place))
    for one, other in zip(memory.candidates, stored.candidates, strict=True):
        np.testing.assert_allclose(one.model.coef_, other.model.coef_, rtol=1e-4, atol=1e-7)
    assert memory.scores.keys() == stored.scores.keys()
    assert memory.test.score.accuracy == stored.test.score.accuracy
    np.testing.assert_allclose(stored.classifier.mean, memory.classifier.mean)


class Interrupted(Listener):
    """Ctrl-C after so many iterations, if at all; their costs."""

    def __init__(self, after=None):
        self.after, self.losses = after, []

    def iterated(self, iteration, loss):
        if len(self.losses) == self.after:
            raise KeyboardInterrupt
        self.losses.append(loss)


@pytest.mark.parametrize("rates", [(), (0.05, 0.01)])
def test_a_fit_goes_on(folder, place, rates):
    solver = "gd" if rates else "lbfgs"
    options = TrainingOptions(
        solver=solver, learning_rates=rates, max_iter=20, C=(100.0,), checkpoints=place
    )
    whole, first, then = Interrupted(), Interrupted(after=3), Interrupted()
    train(load(folder, place), options, whole)
    assert {path.name for path in place.iterdir()} == {"pixels.npy", "manifest.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        train(load(folder, place), options, first)
    (kept,) = {path.name for path in place.iterdir()} - {"pixels.npy", "manifest.jsonl"}
    assert kept == ("fit-100-0.05.npz" if rates else "fit-100.npz")
    train(load(folder, place), options, then)
    assert {path.name for path in place.iterdir()} == {"pixels.npy", "manifest.jsonl"}
    assert then.losses[0] < whole.losses[1]


def test_a_fit_does_not_go_on_from_that_of_nearly_the_same_penalty(folder, place):
    near, other = (
        TrainingOptions(solver="lbfgs", max_iter=20, C=(C,), checkpoints=place)
        for C in (100.0, 100.0000000001)
    )
    with pytest.raises(KeyboardInterrupt):
        train(load(folder, place), near, Interrupted(after=3))
    train(load(folder, place), other)
    assert (place / "fit-100.npz").exists()


def test_a_checkpoint_that_cannot_be_read_is_to_be_removed(folder, place):
    load(folder, place)
    (place / "fit-0.01.npz").write_bytes(b"damaged")
    result = run("train", folder, *RAW, "--store", place, "--quiet")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {place / 'fit-0.01.npz'} is no checkpoint of a fit that can")
    assert line.endswith(": remove it, and the fit begins anew")


@pytest.mark.usefixtures("few_filters")
@pytest.mark.parametrize("features", ["raw", "patches"])
def test_the_command_says_the_same(zip_file, place, features):
    arguments = ["train", zip_file, *RAW[:4], "--features", features, "--json"]
    memory, made, found = (
        run(*arguments, *where) for where in ([], ["--store", place], ["--store", place])
    )
    assert made.stderr == (
        f"Decoding 24 images (12 cat, 12 dog) to 4 x 4 pixels: {place} will take 1.2 kB\n"
    )
    assert found.stderr == f"Checking {place}\n"
    for result in (made, found):
        scores = json.loads(result.stdout)["scores"]
        for part, score in json.loads(memory.stdout)["scores"].items():
            assert scores[part] == pytest.approx(score, rel=1e-5)


def test_what_is_stored_is_not_decoded_again(folder, place, monkeypatch):
    memory = load(folder, place)
    names = counted_decoding(monkeypatch)
    for path in folder.iterdir():  # later, but the same
        os.utime(path, ns=(0, 10**18))
    assert_same(load(folder, place), memory)
    assert names == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory was resident")
def test_little_of_it_is_resident(make_folder, place):
    """177 MB are trained on, with less than that in memory for all there is to do."""
    code = f"""
from pathlib import Path
from fusedlogit.data import part_kinds
from fusedlogit.photographs import mapped, store
from fusedlogit.photographs.loading import load_images
from fusedlogit.photographs.training import TrainingOptions, train
part_kinds.PART_BYTES = mapped.RUN_BYTES = store.BLOCK_BYTES = 1 << 22
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
folder, options = {str(make_folder(count=200))!r}, TrainingOptions(solver="gd", max_iter=3)
train(load_images(folder, size=4), options)
before = peak()
images = load_images(folder, size=384, store=Path({str(place)!r}), n_threads=2)
train(images, options)
print(peak() - before, images.pixels.nbytes)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    grown, n_bytes = map(int, done.stdout.split())
    assert n_bytes == 400 * 384 * 384 * 3
    assert grown < 0.75 * n_bytes


class TestInterrupted:
    """The next run goes on where the last one ended."""

    def test_finished_blocks_are_kept(self, folder, place, partial, monkeypatch):
        interrupted(folder, place, lambda patched: counted_decoding(patched, stop_before=13))
        assert not place.exists()
        assert len((partial / "manifest.jsonl").read_text().splitlines()) == 1 + 2
        names = counted_decoding(monkeypatch)
        stored = load(folder, place)
        assert names == [file.name for file in stored.files[10:]]
        assert_same(stored, load(folder))
        assert not partial.exists()

    def test_a_block_that_is_not_right_is_decoded_again(self, folder, place, partial, monkeypatch):
        interrupted(folder, place, lambda patched: counted_decoding(patched, stop_before=18))
        flip(partial / "pixels.npy", HEADER + 48 * 7)
        names = counted_decoding(monkeypatch)
        assert_same(load(folder, place), load(folder))
        assert len(names) == 19 + 24

    def test_a_torn_line_of_the_manifest_does_not_count(self, folder, place, partial, monkeypatch):
        interrupted(folder, place, lambda patched: counted_decoding(patched, stop_before=18))
        cut(partial / "manifest.jsonl", 9)
        names = counted_decoding(monkeypatch)
        assert_same(load(folder, place), load(folder))
        assert len(names) == 14 + 24

    # Rows and a line of each block, and the header.
    @pytest.mark.parametrize("call", range(1, 12))
    def test_at_any_write(self, folder, place, call):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        error, expected = ((full, OutputError), (KeyboardInterrupt(), KeyboardInterrupt))[
            call // 2 % 2
        ]
        failed = failing(os.fsync, call, error)
        interrupted(folder, place, lambda patched: patched.setattr(os, "fsync", failed), expected)
        assert not place.exists()
        assert_same(load(folder, place), load(folder))

    @pytest.mark.parametrize("function", ["rename", "replace"])
    def test_at_a_renaming(self, folder, place, function):
        failed = failing(getattr(os, function), 1, KeyboardInterrupt())
        interrupted(folder, place, lambda patched: patched.setattr(os, function, failed))
        assert not place.exists()
        assert_same(load(folder, place), load(folder))

    def test_by_a_kill(self, folder, place):
        code = f"""
import os
from fusedlogit.photographs import store
from fusedlogit.photographs.loading import load_images
store.BLOCK_BYTES, store.LEAST_IMAGES = 1, 5
wrote, calls = os.fsync, []
def kill(file):
    wrote(file)
    calls.append(file)
    if len(calls) == 5:  # the rows of the third block are there, their line is not
        os.kill(os.getpid(), 9)
os.fsync = kill
load_images({str(folder)!r}, size=4, store={str(place)!r})
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert done.returncode != 0
        assert not place.exists()
        assert_same(load(folder, place), load(folder))

    def test_but_not_with_other_images(self, folder, place, partial):
        interrupted(folder, place, lambda patched: counted_decoding(patched, stop_before=13))
        before = (partial / "manifest.jsonl").read_bytes()
        with pytest.raises(StoreError, match=r"store\.partial holds the images in the order of"):
            load(folder, place, seed=1)
        assert (partial / "manifest.jsonl").read_bytes() == before


def flip(path, position):
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def cut(path, count):
    """Take some bytes from a file's end."""
    os.truncate(path, path.stat().st_size - count)


#: What a parser of JSON would recurse into too far.
NESTED = '"images": [' + "[" * 100_000


def rewrite(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def drop_last_line(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def add_an_empty_block(path):
    head, *blocks = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, '{"sha256": "0", "images": []}\n', *blocks]))


class TestDamaged:
    """What is not as it was written is refused, by name and with what to do."""

    @pytest.mark.parametrize(
        ("file", "damage", "message"),
        [
            ("pixels.npy", lambda path: flip(path, HEADER + 48 * 7 + 3), "rows 5 to 9 "),
            ("pixels.npy", lambda path: flip(path, 60), "another header"),
            ("pixels.npy", lambda path: cut(path, 1), "1,279 of 1,280 bytes"),
            ("pixels.npy", lambda path: path.write_bytes(path.read_bytes() + b"x"), "1,281 of"),
            ("pixels.npy", lambda path: path.unlink(), "cannot be read"),
            ("manifest.jsonl", drop_last_line, "is incomplete: it tells of 20 of 24 images"),
            ("manifest.jsonl", lambda path: cut(path, 9), "is incomplete: it tells of 20 of 24"),
            ("manifest.jsonl", lambda path: path.write_bytes(b""), "is not the manifest"),
            ("manifest.jsonl", lambda path: path.write_bytes(b"[]\n"), "is not the manifest"),
            ("manifest.jsonl", lambda path: path.unlink(), "is not a store"),
            ("manifest.jsonl", lambda path: rewrite(path, '"size": 4', '"size": -4'), "impossible"),
            ("manifest.jsonl", lambda path: rewrite(path, '"images": [', NESTED), "is incomplete"),
            ("manifest.jsonl", lambda path: rewrite(path, ": null", ': ["a"]'), "is incomplete"),
            ("manifest.jsonl", add_an_empty_block, "is incomplete: it tells of 0 of 24"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_refused(self, folder, place, file, damage, message):
        load(folder, place)
        damage(place / file)
        with pytest.raises(StoreError) as caught:
            load(folder, place)
        assert message in str(caught.value)
        assert f"delete {place}, or give another folder to --store" in str(caught.value)

    @pytest.mark.parametrize("file", ["pixels.npy", "manifest.jsonl", ""])
    def test_what_may_not_be_read_is_not_to_be_deleted(self, folder, place, monkeypatch, file):
        load(folder, place)
        (place / file).chmod(0)
        if os.access(place / file, os.R_OK):  # nothing is kept from the superuser

            def denied(*_arguments):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

            owner, name = {
                "pixels.npy": (store, "open_regular"),
                "manifest.jsonl": (Path, "read_bytes"),
                "": (Path, "iterdir"),
            }[file]
            monkeypatch.setattr(owner, name, denied)
        with pytest.raises(StoreError, match=r"may not be read .*: allow reading it") as caught:
            load(folder, place)
        assert "delete" not in str(caught.value)
        (place / file).chmod(0o700)

    def test_another_version(self, folder, place):
        load(folder, place)
        manifest = place / "manifest.jsonl"
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2', 1))
        with pytest.raises(StoreError, match="not the manifest of a store of this version"):
            load(folder, place)

    def test_one_line_on_the_command_line(self, folder, place):
        assert run("train", folder, *RAW, "--store", place).exit_code == 0
        flip(place / "pixels.npy", HEADER)
        result = run("train", folder, *RAW, "--store", place, "--quiet")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert "pixels.npy has changed" in result.stderr


class TestOfOtherImages:
    """A store is of some images, of one size, in the order of one split."""

    def test_another_size(self, folder, place):
        load(folder, place)
        with pytest.raises(StoreError, match="holds images of 4 x 4 pixels, not of 5 x 5: give"):
            load_images(folder, size=5, store=place)

    @pytest.mark.parametrize("options", [{"seed": 1}, {"test_from": 9}, {"test_fraction": 0.3}])
    def test_another_split(self, folder, place, options):
        load(folder, place)
        with pytest.raises(StoreError, match="order of another split: split them as then"):
            load(folder, place, **options)

    def test_another_limit(self, folder, place):
        load(folder, place)
        with pytest.raises(StoreError, match="another --limit"):
            load(folder, place, limit=8)

    def test_other_data(self, make_folder, place):
        load(make_folder(), place)
        with pytest.raises(StoreError, match=r"of other images than .*others .*holds cat"):
            load(make_folder("{label}.5{number:02}.png", name="others"), place)

    def test_a_new_image(self, folder, place):
        load(folder, place)
        photograph("cat", 99).save(folder / "cat.99.png")
        with pytest.raises(StoreError, match=r"it lacks cat\.99\.png"):
            load(folder, place)

    def test_a_missing_image(self, folder, place):
        load(folder, place)
        (folder / "dog.5.png").unlink()
        with pytest.raises(StoreError, match=r"it holds dog\.5\.png"):
            load(folder, place)

    @pytest.mark.parametrize("kind", ["folder", "zip"])
    def test_a_changed_image(self, folder, zip_file, place, kind):
        source = folder if kind == "folder" else zip_file
        load(source, place)
        photograph("cat", 99).save(folder / "cat.5.png")
        with zipfile.ZipFile(zip_file, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
        with pytest.raises(StoreError, match=r"cat\.5\.png in .* has changed since it was stored"):
            load(source, place)

    def test_a_repaired_image(self, folder, place):
        (folder / "cat.3.png").write_bytes(b"no image")
        load(folder, place)
        photograph("cat", 3).save(folder / "cat.3.png")
        with pytest.raises(StoreError, match=r"cat\.3\.png in .* has changed"):
            load(folder, place)
