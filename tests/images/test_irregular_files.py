"""Devices, pipes and sockets where files are expected: one line at once, nothing read."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fusedlogit.files.inputs import NotRegularFileError, open_regular, read_at_most

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")

# Address space of the commands: enough for the libraries, soon used up by reading without end.
MEMORY = 6 * 2**30

RUN = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from click.testing import CliRunner
from fusedlogit.command_line import cli
from fusedlogit.photographs.features import LayerShape, PatchFeatures
few = LayerShape(patch_size=5, stride=3, n_filters=8, n_components=20, grid=2)
PatchFeatures.__init__.__kwdefaults__["layers"] = (few,)
for arguments in json.load(sys.stdin):
    result = CliRunner().invoke(cli.app, arguments)
    print(json.dumps([result.exit_code, result.stdout, result.stderr]), flush=True)
"""


def run(*commands):
    """Run commands in a process of bounded time and memory; (status, output, errors) of each."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(memory=MEMORY)],
        input=json.dumps([[str(argument) for argument in one] for one in commands]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=["pipe", "device"])
def odd(request, tmp_path):
    """Make a pipe, or a link to a device without end; (path, what it is)."""
    path = tmp_path / "odd.jpg"
    if request.param == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    return path, request.param


def test_every_command_refuses_them_in_one_line(odd, folder, tmp_path):
    path, kind = odd
    cat, model, cache = folder / "cat.1.png", tmp_path / "m.npz", tmp_path / "cache"
    link, strict = folder / "cat.99.jpg", "--strict"
    link.symlink_to(path)
    train = ["train", folder, "--size", "8", "--C", "0.01", "--cache", cache, "--quiet"]
    trained, *refused = run(
        [*train, "--out", model],
        [*train, strict],
        ["train", path],
        ["predict", path, cat],
        ["predict", model, path, "--quiet"],
    )
    assert trained[0] == 0
    assert f"1 file left out:\n  cat.99.jpg is a {kind}\n" in trained[1]
    for (status, output, errors), culprit, fix in zip(
        refused,
        ("cat.99.jpg", "odd.jpg", "odd.jpg", "odd.jpg"),
        ("image file", "zip file or a folder", "'fusedlogit train --out'", "image file"),
        strict=True,
    ):
        assert (status, output) == (2, "")
        (line,) = errors.splitlines()
        assert line.startswith("Error: ")
        assert f"{culprit} is a {kind}: give a" in line
        assert line.endswith(fix) or fix in line
    for kept in list(cache.iterdir()):
        kept.unlink()
        kept.symlink_to(path)
    assert run(train)[0][0] == 0
    assert all(kept.is_file() and not kept.is_symlink() for kept in cache.iterdir())


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
def test_nothing_but_a_regular_file_is_opened(kind, linked, tmp_path, monkeypatch):
    path = tmp_path / "odd"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    else:
        path = Path("/dev/zero")
    if linked:
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    monkeypatch.setattr(os, "open", lambda *_args: pytest.fail("was opened"))
    with pytest.raises(NotRegularFileError, match=f"is a {kind}"):
        open_regular(path)


def test_a_regular_file_behind_a_link_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_at_most(tmp_path / "link", 7) == b"content"
    assert read_at_most(tmp_path / "link", 6) is None


def test_a_file_that_hides_its_size_is_read_up_to_the_limit():
    hidden = "/proc/self/status"
    if not os.path.exists(hidden):
        pytest.skip("needs a file that says it is empty")
    assert os.stat(hidden).st_size == 0
    assert read_at_most(hidden, 10) is None
    assert b"Name:" in read_at_most(hidden, 100_000)


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"content")
    os.mkfifo(tmp_path / "pipe")
    looked_at = os.stat(tmp_path / "file")
    monkeypatch.setattr(os, "stat", lambda path: looked_at)
    with pytest.raises(NotRegularFileError, match="is a pipe"):
        open_regular(tmp_path / "pipe")
