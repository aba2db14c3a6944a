"""The command line, end to end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fusedlogit
from fusedlogit import __main__ as entry
from fusedlogit.command_line import cli
from fusedlogit.photographs.training import TrainingOptions
from fusedlogit.reporting import figures

pytestmark = pytest.mark.usefixtures("few_filters")

FAST = ["--size", "4", "--max-iter", "20"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "fusedlogit", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def refused(result, *words):
    """Check for one clear line on standard error, status 2, and nothing else."""
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Decoding ")]
    assert line.startswith("Error: ")
    for word in words:
        assert word in line
    assert "Traceback" not in line


@pytest.mark.parametrize(
    "arguments",
    [["train", ""], ["train", "images", "--store", ""], ["text", ""], ["probe", "X", ""]],
)
def test_an_empty_path_is_refused(arguments):
    """It was the current folder."""
    refused(run(*arguments), "an empty path names nothing")


@pytest.fixture
def model(folder, tmp_path):
    path = tmp_path / "model.npz"
    # Cats are dark and dogs bright, which pixels tell.
    assert run("train", folder, *FAST, "--features", "raw", "--out", path).exit_code == 0
    return path


def test_train_prints_accuracies_and_writes_what_is_asked_for(zip_file, tmp_path):
    model, report = tmp_path / "m.npz", tmp_path / "report"
    result = run("train", zip_file, *FAST, "--out", model, "--report", report)
    assert result.exit_code == 0, result.stderr
    assert "24 images (12 cat, 12 dog) of 4 x 4 pixels" in result.stdout
    for part, count in (("train", 18), ("validation", 2), ("test", 4)):
        (line,) = [line for line in result.stdout.splitlines() if line.startswith(part)]
        assert line.split()[1] == str(count)
        assert line.split()[2].endswith("%")
    assert "Seconds: listing" in result.stdout
    assert f"Model: {model}" in result.stdout
    assert f"Report: {report / 'report.html'}" in result.stdout
    assert model.exists()
    assert (report / "report.html").exists()


def test_memory_is_told_before_decoding(folder):
    result = run("train", folder, *FAST)
    expected = "Decoding 24 images (12 cat, 12 dog) to 4 x 4 pixels: one array of 1.2 kB\n"
    assert result.stderr == expected


def test_quiet_says_nothing_but_results(folder):
    assert run("train", folder, *FAST, "--quiet").stderr == ""


def test_json_is_the_only_thing_on_stdout(folder, tmp_path):
    model, report = tmp_path / "m.npz", tmp_path / "report"
    result = run(
        "train", folder, *FAST, "--learning-rate", "0.001,1e9", "--learning-rate", "0.01",
        "--C", "inf", "--json", "--out", model, "--report", report,
    )  # fmt: skip
    summary = json.loads(result.stdout, parse_constant=pytest.fail)
    assert summary["images"] == {"cat": 12, "dog": 12}
    assert summary["array_bytes"] == 24 * 48
    assert summary["solver"] == "gd"
    assert summary["C"] is None
    assert [candidate["learning_rate"] for candidate in summary["candidates"]] == [0.001, 1e9, 0.01]
    assert sum(candidate["kept"] for candidate in summary["candidates"]) == 1
    assert summary["scores"]["test"]["n_images"] == 4
    assert np.sum(summary["test_confusion"]) == 4
    assert summary["model"] == str(model)
    assert summary["report"] == str(report / "report.html")


def test_several_learning_rates_are_compared(folder):
    result = run("train", folder, *FAST, "--learning-rate", "0.001,0.002")
    rows = [line for line in result.stdout.splitlines() if line.startswith("learning rate")]
    assert len(rows) == 2
    assert sum("(kept)" in row for row in rows) == 1
    assert "Stopped after 20 iterations" in result.stdout


def test_defaults_are_those_of_the_pipeline():
    defaults = {parameter.name: parameter.default for parameter in cli.train.params}
    options = TrainingOptions()
    assert defaults["max_iter"] == options.max_iter
    assert defaults["solver"] == options.solver
    assert f"but {options.C[0]} for raw pixels" in " ".join(run("train", "--help").stdout.split())
    (rate,) = options.learning_rates
    assert f"[default: {rate}]" in " ".join(run("train", "--help").stdout.split())


def test_images_numbered_from_n_on_are_tested_on(folder):
    result = run("train", folder, *FAST, "--test-from", "8", "--json")
    assert json.loads(result.stdout)["scores"]["test"]["n_images"] == 8


def test_the_seed_and_threads_do_not_change_between_runs(folder, tmp_path):
    contents = []
    for name in ("a.npz", "b.npz"):
        run("train", folder, *FAST, "--seed", "3", "--threads", "2", "--out", tmp_path / name)
        contents.append(dict(np.load(tmp_path / name)))
    np.testing.assert_equal(*contents)


def test_predict_answers_each_image(model, folder):
    names = [folder / name for name in ("cat.1.png", "dog.1.png", "cat.2.png")]
    result = run("predict", model, *names)
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == [str(name) for name in names]
    assert [line[1] for line in lines] == ["cat", "dog", "cat"]
    assert all(0.5 <= float(line[2]) <= 1 for line in lines)
    assert re.fullmatch(
        r"3 images in [\d.]+ seconds \(decoding [\d.]+, features [\d.]+, prediction [\d.]+\): "
        r"[\d,]+ a second\n",
        result.stderr,
    )
    assert run("predict", model, *names, "--quiet").stderr == ""
    assert run("predict", model, names[0]).stderr.startswith("1 image in ")
    answers = json.loads(run("predict", model, *names, "--json").stdout)
    assert [answer["label"] for answer in answers] == ["cat", "dog", "cat"]
    assert answers[0]["probability"] == pytest.approx(float(lines[0][2]), abs=1e-4)


def test_predict_names_what_it_cannot_read_and_answers_the_rest(model, folder, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"hello")
    result = run("predict", model, folder / "cat.1.png", tmp_path / "bad.png", tmp_path / "no.png")
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == 1
    bad, missing, _ = result.stderr.splitlines()
    assert "bad.png is not a" in bad
    assert "no.png does not exist" in missing
    refused(run("predict", model, folder), "is a folder: give the images in it")


def test_predict_refuses_a_model_of_another_version(model, folder):
    with np.load(model) as archive:
        fields = dict(archive) | {"format_version": np.array(99)}
    np.savez(model, **fields)
    refused(
        run("predict", model, folder / "cat.1.png"), "model.npz", "version 99", "train it again"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "nowhere"], ["nowhere does not exist", "give a zip file or a folder"]),
        (["train", "photos", "--out", "no/m.npz"], ["no/m.npz", "make the folder no first"]),
        (["train", "photos", "--out", "photos"], ["photos is a folder"]),
        (["train", "photos", "--report", "photos/cat.1.png"], ["cat.1.png is a file"]),
        (["train", "photos", "--report", "photos/cat.1.png/r"], ["cat.1.png is a file"]),
        (["train", "photos", "--test-from", "12"], ["test-from 12", "numbered 0 to 11"]),
        (["train", "photos", "--test-from", "5", "--test-fraction", "0.1"], ["give one"]),
        (["train", "photos", "--learning-rate", "0.1", "--solver", "lbfgs"], ["--solver gd"]),
        (["train", "photos", "--learning-rate", "0,1"], ["above 0"]),
        (["train", "photos", "--learning-rate", "fast"], ["'fast'"]),
        (["train", "photos", "--learning-rate", "1e300"], ["smaller learning rate"]),
        (["train", "photos", "--C", "nan"], ["--C"]),
        (["train", "photos", "--C", "0"], ["--C"]),
        (["train", "photos", "--test-fraction", "nan"], ["--test-fraction"]),
        (["train", "photos", "--size", "0"], ["--size"]),
        (["train", "photos", "--size", "4097"], ["--size", "4096"]),
        (["train"], ["DATA", "fusedlogit train --help"]),
        (["predict", "no.npz", "photos/cat.1.png"], ["no.npz does not exist"]),
        (["predict", "photos/cat.1.png", "photos/cat.1.png"], ["cat.1.png is not a fusedlogit"]),
        (["demo", "--report", "photos/cat.1.png"], ["cat.1.png is a file"]),
        (["dream"], ["dream"]),
    ],
)
def test_mistakes_get_one_line(folder, arguments, words, monkeypatch):
    monkeypatch.chdir(folder.parent)
    before = sorted(folder.parent.rglob("*"))
    result = CliRunner().invoke(cli.app, arguments, prog_name="fusedlogit")
    refused(result, *words)
    assert sorted(folder.parent.rglob("*")) == before


def test_images_that_do_not_fit_in_memory_get_one_line(folder, monkeypatch):
    def fail(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr(np, "empty", fail)
    refused(run("train", folder, *FAST), "do not fit in memory", "--size")


@pytest.mark.parametrize("kind", ["one label", "no images", "label once", "all unreadable"])
def test_unusable_data_gets_one_line_and_writes_nothing(make_folder, tmp_path, kind):
    folder = make_folder(labels=("cat",) if kind == "one label" else ("cat", "dog"))
    if kind == "label once":
        (folder / "cat.1.png").rename(folder / "cta.1.png")
    for path in list(folder.iterdir()):
        if kind == "no images":
            path.unlink()
        elif kind == "all unreadable":
            path.write_bytes(b"hello")
    result = run("train", folder, "--out", tmp_path / "m.npz", "--report", tmp_path / "report")
    word = {"label once": "cta.1.png", "all unreadable": "cat.0.png"}.get(kind, "photos")
    refused(result, word, ":")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_decompression_bomb_stops_training_by_name(folder, tmp_path):
    Image.new("1", (20000, 10000)).save(folder / "dog.99.png")
    result = run("train", folder, *FAST, "--out", tmp_path / "m.npz")
    refused(result, "dog.99.png", "shrink or remove it")
    assert not (tmp_path / "m.npz").exists()


def test_an_unreadable_image_is_skipped_unless_strict(folder):
    (folder / "cat.1.png").write_bytes((folder / "cat.1.png").read_bytes()[:200])
    result = run("train", folder, *FAST, "--json")
    assert result.exit_code == 0
    (skipped,) = json.loads(result.stdout)["skipped"]
    assert skipped["name"] == "cat.1.png"
    text = run("train", folder, *FAST).stdout
    assert "1 file left out:\n  cat.1.png cannot be decoded" in text
    refused(run("train", folder, *FAST, "--strict"), "cat.1.png", "repair or remove it")


def test_demo_shows_that_kernel_and_reference_agree(tmp_path, monkeypatch):
    result = run("demo", "--report", tmp_path / "demo", "--json", "--out", tmp_path / "m.npz")
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["kernel_against_reference"]["max_relative_difference"] < 1e-5
    assert summary["kernel_against_reference"]["times_as_fast"] > 0
    assert summary["scores"]["test"]["accuracy"] > summary["scores"]["test"]["majority"]
    assert len(summary["candidates"]) == 3
    assert (tmp_path / "demo" / "twins.png").exists()
    assert "hotograph" not in (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    monkeypatch.setattr(figures, "to_png", lambda _figure: b"drawn before")
    text = run("demo", "--report", tmp_path / "demo").stdout
    assert "Kernel and NumPy reference: the same cost curve" in text
    assert "Stopped after 1,000 iterations" in text
    offered = {option for parameter in cli.demo.params for option in parameter.opts}
    assert set(re.findall(r"--[\w-]+", text)) <= offered


def test_help_and_version():
    text = run("--help").stdout
    for command in ("train", "predict", "demo"):
        assert command in text
    assert run("--version").stdout == f"fusedlogit {fusedlogit.__version__}\n"


def test_a_real_process_trains_and_predicts(folder, tmp_path):
    model = tmp_path / "m.npz"
    # Cats are dark and dogs bright, which pixels tell; features of such noise answer by chance.
    trained = python("train", folder, *FAST, "--features", "raw", "--out", model, "--json")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["model"] == str(model)
    predicted = python("predict", model, folder / "dog.1.png", folder / "none.png", "--quiet")
    assert predicted.returncode == 2
    (line,) = predicted.stdout.splitlines()
    assert line.split("\t")[1] == "dog"
    (line,) = predicted.stderr.splitlines()
    assert "none.png does not exist" in line


def test_a_terminal_that_cannot_show_a_label_does_not_end_the_run(make_folder):
    folder = make_folder(labels=("cat", "dög"))
    ascii_alone = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = python("train", folder, *FAST, "--features", "raw", env=ascii_alone)
    assert result.returncode == 0, result.stderr
    assert r"12 d\xf6g" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_training_with_one_line_and_no_file(make_folder, tmp_path):
    folder = make_folder(count=30)
    command = [sys.executable, "-m", "fusedlogit", "train", str(folder), "--size", "64",
               "--learning-rate", "1e-9", "--max-iter", "1000000",
               "--out", str(tmp_path / "m.npz")]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stderr is not None
        assert job.stderr.readline().startswith("Decoding 60 images")
        time.sleep(0.5)
        job.send_signal(signal.SIGINT)
        stdout, stderr = job.communicate(timeout=60)
    assert (job.returncode, stdout, stderr) == (130, "", "Interrupted.\n")
    assert list(tmp_path.iterdir()) == [folder]


def test_ctrl_c_within_an_import_ends_as_elsewhere(monkeypatch):
    def interrupted(*arguments, **options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:  # as Python 3.11 has it where a class is made
            raise RuntimeError("Error calling __set_name__ on 'cached_property'") from error

    monkeypatch.setattr("fusedlogit.embeddings.features.open_features", interrupted)
    result = run("probe", "X.npy", "y.npy")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


def test_without_the_extra_one_line_tells_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(entry, "find_spec", lambda name: None if name == "rich" else name)
    with pytest.raises(SystemExit) as stopped:
        entry.main()
    assert stopped.value.code == 2
    assert (
        capsys.readouterr().err == 'Error: rich not installed: run pip install "fusedlogit[cli]"\n'
    )


def test_predict_takes_names_with_odd_characters(model, folder):
    odd = Path(folder, "cat\n[red]{1}.png")
    (folder / "cat.1.png").rename(odd)
    result = run("predict", model, odd)
    assert result.stdout.count("\n") == 1
    assert "[red]{1}.png\tcat\t" in result.stdout


def test_evidence_is_not_drawn_over_what_was_asked_about(model, folder):
    (folder / "cat.2.png").rename(folder / "1-cat.1.png")
    before = (folder / "1-cat.1.png").read_bytes()
    names = [folder / "cat.1.png", folder / "1-cat.1.png"]
    refused(run("predict", model, *names, "--evidence", folder), "1-cat.1.png", "another folder")
    assert (folder / "1-cat.1.png").read_bytes() == before
    assert run("predict", model, names[0], "--evidence", folder / "drawn").exit_code == 0


@pytest.mark.parametrize("features", ["raw", "patches"])
def test_predict_draws_what_the_regions_speak_for(folder, tmp_path, features):
    model, pictures = tmp_path / "m.npz", tmp_path / "pictures"
    run("train", folder, *FAST, "--features", features, "--out", model)
    names = [folder / "cat.1.png", folder / "dog.1.png"]
    result = run("predict", model, *names, "--evidence", pictures)
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in pictures.iterdir()) == ["1-cat.1.png", "2-dog.1.png"]
    assert result.stderr.endswith(f"\nEvidence: 2 pictures in {pictures}\n")
    answers = json.loads(run("predict", model, *names, "--evidence", pictures, "--json").stdout)
    assert [answer["evidence"] for answer in answers] == [
        str(pictures / "1-cat.1.png"), str(pictures / "2-dog.1.png"),
    ]  # fmt: skip
    with Image.open(pictures / "1-cat.1.png") as picture:
        assert picture.width >= 1000


def test_features_are_the_default_and_raw_pixels_go_with_gradient_descent(folder):
    def n_features(*arguments):
        return json.loads(run("train", folder, *FAST, "--json", *arguments).stdout)["n_features"]

    assert n_features() == n_features("--features", "patches") == 96
    assert n_features("--features", "raw") == n_features("--learning-rate", "0.001") == 48


def test_cached_features_give_the_same_model(folder, tmp_path):
    cache = tmp_path / "cache"
    models = []
    for name in ("fresh.npz", "kept.npz"):
        result = run("train", folder, *FAST, "--cache", cache, "--out", tmp_path / name, "--json")
        models.append((dict(np.load(tmp_path / name)), json.loads(result.stdout)["seconds"]))
    (fresh, first), (kept, second) = models
    np.testing.assert_equal(kept, fresh)
    assert "features" in first
    assert "features" not in second
    assert sorted(path.suffix for path in cache.iterdir()) == [".npy", ".npz"]
    # Other images, another seed: nothing of the cache fits.
    other = run("train", folder, *FAST, "--cache", cache, "--seed", "5", "--json")
    assert "features" in json.loads(other.stdout)["seconds"]
    for damaged in cache.iterdir():
        damaged.write_bytes(b"hello")
    again = run("train", folder, *FAST, "--cache", cache, "--json")
    assert "features" in json.loads(again.stdout)["seconds"]


def test_more_iterations_are_advised_only_where_they_help(folder):
    for options, said in (
        (("--solver", "gd", "--max-iter", 2), "a higher --max-iter lowers the cost further"),
        (("--C", "inf"), "more iterations change nothing, a stronger penalty may"),
    ):
        result = run("train", folder, "--size", 4, "--features", "raw", *options)
        assert said in " ".join(result.stdout.split())
