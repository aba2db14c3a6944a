"""Linear probes: embeddings and labels on disk in, a judged and saved classifier out."""

import csv
import io
import json
import os
import sys
import tracemalloc

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits, load_iris

from fusedlogit import LogisticRegression
from fusedlogit.command_line import cli
from fusedlogit.embeddings.classifier import load_probe, save_probe
from fusedlogit.embeddings.features import open_features
from fusedlogit.embeddings.labels import read_labels
from fusedlogit.embeddings.probing import ProbeOptions, probe
from fusedlogit.errors import FeatureFileError, LabelFileError, ModelFileError
from fusedlogit.evaluation.splits import split_rows

DIGITS = load_digits()
FEW = ["--C", "0.01,0.1"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def files(tmp_path):
    """Digits in float16, and their numbers."""
    np.save(tmp_path / "X.npy", DIGITS.data.astype(np.float16))
    np.save(tmp_path / "y.npy", DIGITS.target)
    return tmp_path / "X.npy", tmp_path / "y.npy"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A probe of the digits with what came of its training."""
    folder = tmp_path_factory.mktemp("probe")
    np.save(folder / "X.npy", DIGITS.data.astype(np.float16))
    np.save(folder / "y.npy", DIGITS.target)
    arguments = ["--out", folder / "m.npz", "--report", folder / "report", "--json", *FEW]
    result = run("probe", folder / "X.npy", folder / "y.npy", *arguments)
    assert result.exit_code == 0, result.stderr
    return folder, json.loads(result.stdout, parse_constant=pytest.fail)


def refused(result, *words):
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def test_digits_are_told_apart(saved):
    _, summary = saved
    assert summary["dtype"] == "float16"
    assert summary["scores"]["test"]["accuracy"] > 0.93
    assert summary["test_top_5_accuracy"] > 0.98
    assert summary["converged"]
    assert [one["C"] for one in summary["candidates"]] == [0.01, 0.1]
    (kept,) = [one for one in summary["candidates"] if one["kept"]]
    assert kept["validation_accuracy"] == max(
        one["validation_accuracy"] for one in summary["candidates"]
    )
    confusion = np.array(summary["test_confusion"])
    assert confusion.sum() == summary["scores"]["test"]["n_rows"]
    assert list(summary["test_by_class"]) == [str(digit) for digit in range(10)]


def test_the_report_is_one_page_with_its_pictures(saved):
    folder, _ = saved
    names = {path.stem for path in (folder / "report").glob("*.png")}
    assert names == {"confusion", "pairs", "roc", "reliability", "strengths"}
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == len(names)
    assert "A linear probe of 10 classes" in page


def test_predict_answers_each_row(saved):
    folder, _ = saved
    model, features = folder / "m.npz", folder / "X.npy"
    table = list(csv.DictReader(io.StringIO(run("predict", model, features, "--csv").stdout)))
    assert [row["row"] for row in table] == [str(row) for row in range(len(DIGITS.target))]
    right = [row["label"] == str(digit) for row, digit in zip(table, DIGITS.target, strict=True)]
    assert np.mean(right) > 0.95
    lines = run("predict", model, features, "--top", "2").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["0", table[0]["label"],
                                        f"{float(table[0]['probability']):.4f}"]  # fmt: skip
    assert len(lines[0].split("\t")) == 5
    refused(run("predict", model, features, features), "one file of features")


def test_embeddings_of_another_length_are_refused(saved, tmp_path):
    folder, _ = saved
    np.save(tmp_path / "short.npy", np.zeros((3, 5)))
    refused(run("predict", folder / "m.npz", tmp_path / "short.npy"), "5 features", "64")


def test_the_saved_probe_answers_as_the_trained_one(files, tmp_path):
    X = open_features(files[0])
    result = probe(X, read_labels(files[1], len(X)), ProbeOptions(C=(0.1,)))
    save_probe(tmp_path / "m.npz", result.probe)
    loaded = load_probe(tmp_path / "m.npz")
    assert loaded.labels == result.probe.labels
    rows = result.split.test
    probability = loaded.head.probability(X[rows])
    np.testing.assert_allclose(probability, result.test.probability, rtol=1e-12)


def test_it_is_the_estimator_on_copies_of_the_rows(files):
    X = open_features(files[0])
    options = ProbeOptions(C=(0.01,), tol=1e-10)
    result = probe(X, read_labels(files[1], len(X)), options)
    rows = result.split.seen
    model = LogisticRegression(C=0.01, scaling="standard", tol=1e-10)
    model.fit(np.array(X[rows]), DIGITS.target[rows])
    expected = model.decision_function(X[~rows])
    np.testing.assert_allclose(
        result.probe.head.decision(X[~rows]), expected, atol=1e-3 * np.abs(expected).max()
    )


def test_the_file_is_mapped_and_never_copied(files):
    X = open_features(files[0])
    assert isinstance(X, np.memmap)
    assert not X.flags.writeable
    result = probe(X, read_labels(files[1], len(X)), ProbeOptions(C=(0.01,)))
    assert result.X is X


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "int8"])
@pytest.mark.parametrize("scaling", ["standard", "none", "16"])
def test_stored_types_and_scalings(tmp_path, dtype, scaling):
    np.save(tmp_path / "X.npy", DIGITS.data.astype(dtype)[:600], allow_pickle=False)
    np.savetxt(tmp_path / "y.txt", DIGITS.target[:600], fmt="%d")
    arguments = ["--scaling", scaling, "--C", "0.1", "--json", "--quiet"]
    result = run("probe", tmp_path / "X.npy", tmp_path / "y.txt", *arguments)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["scores"]["test"]["accuracy"] > 0.85


def test_folds_choose_c_too(files):
    result = run("probe", *files, *FEW, "--folds", "3")
    assert result.exit_code == 0, result.stderr
    n_test = int(next(x for x in result.stdout.splitlines() if x.startswith("test")).split()[1])
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("validation")]
    assert line.split()[1] == f"{len(DIGITS.target) - n_test:,}"


def test_two_classes_by_name(tmp_path):
    X, y = load_iris(return_X_y=True)
    np.save(tmp_path / "X.npy", np.asfortranarray(X[50:]))
    with (tmp_path / "y.csv").open("w") as file:
        csv.writer(file).writerows([["id", "kind"], *enumerate(np.where(y[50:] == 1, "a", "b"))])
    result = run("probe", tmp_path / "X.npy", tmp_path / "y.csv", "--column", "kind", "--json",
                 "--report", tmp_path / "report")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["rows"] == {"a": 50, "b": 50}
    assert summary["scores"]["test"]["accuracy"] > 0.8
    refused(run("probe", tmp_path / "X.npy", tmp_path / "y.csv"), "several columns (id, kind)")
    refused(run("probe", tmp_path / "X.npy", tmp_path / "y.csv", "--column", "x"), "no column x")


def test_whole_numbers_sort_as_numbers(tmp_path):
    (tmp_path / "y.txt").write_text("\n".join(["10", "9", "2"] * 3))
    labels = read_labels(tmp_path / "y.txt", 9)
    assert labels.names == ("2", "9", "10")
    assert labels.codes.tolist() == [2, 1, 0] * 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named_by_row_and_column(files, dtype, value):
    X = DIGITS.data.astype(dtype)
    X[17, 4] = value
    np.save(files[0], X)
    refused(run("probe", *files), "row 17, column 4")


def test_features_that_cannot_be_used(files, tmp_path):
    bad = {
        "pickled": (np.array([[1, "a"]], dtype=object), "pickled"),
        "flat": (np.zeros(5), "shape (5,)"),
        "empty": (np.zeros((0, 3)), "shape (0, 3)"),
        "wide": (np.zeros((4, 3), np.int64), "int64"),
        "text": (np.array([["a"]]), "<U1"),
    }
    for name, (array, word) in bad.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(FeatureFileError) as caught:
            open_features(tmp_path / f"{name}.npy")
        assert word in str(caught.value)
    content = files[0].read_bytes()
    for damaged in (b"", b"hello", content[:-1], content + b"x", content[:40]):
        files[0].write_bytes(damaged)
        with pytest.raises(FeatureFileError):
            open_features(files[0])


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (np.arange(1797) % 10 + 0.5, "float64"),
        (1e30 * (1 + np.arange(1797) % 10), "float64"),  # beyond the integers
        (np.where(np.arange(1797) % 10, np.inf, 1.0), "float64"),
        (np.zeros(1797, int), "one class only"),
        (np.arange(1796) % 10, "1,796 labels"),
        (np.append(np.arange(1795) % 10, [77, 77]), "'77' occurs only 2 times"),
        (np.array(["a", ""] * 898 + ["a"]), "no label in row 1"),
        (np.zeros((3, 4), int), "shape (3, 4)"),
        (np.array([1, "a"], dtype=object), "pickled"),
    ],
)
def test_labels_that_cannot_be_used(files, labels, word):
    np.save(files[1], labels)
    refused(run("probe", *files), word)


def test_text_that_is_no_text(tmp_path):
    (tmp_path / "y.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabelFileError, match="UTF-8"):
        read_labels(tmp_path / "y.txt", 3)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(files, tmp_path, kind):
    for suffix, place in ((".npy", 0), (".npy", 1), (".txt", 1), (".csv", 1)):
        odd = tmp_path / f"{place}odd{suffix}"
        if kind == "pipe":
            os.mkfifo(odd)
        elif kind == "folder":
            odd.mkdir()
        else:
            odd.symlink_to("/dev/zero")
        named = list(files)
        named[place] = odd
        refused(run("probe", *named), f"odd{suffix} is a {kind}")


@pytest.mark.parametrize(
    ("unit", "scaling", "words"),
    [
        (1e-310, "standard", "coefficient is beyond float64: multiply column"),
        (1e200, "1e-300", "too large together: divide either"),
    ],
)
def test_features_that_lead_beyond_float64(files, unit, scaling, words):
    np.save(files[0], DIGITS.data * unit)
    refused(run("probe", *files, *FEW, "--quiet", "--scaling", scaling), words)


@pytest.mark.parametrize("text", ["-1", "0", "nan", "inf", "minmax"])
def test_a_scaling_that_is_none(files, text):
    refused(run("probe", *files, f"--scaling={text}"), "neither standard nor none")


@pytest.mark.parametrize(
    "changes",
    [
        {"coef": np.zeros((9, 64))},
        {"coef": np.full((10, 64), np.nan)},
        {"coef": np.zeros((10, 0))},
        {"intercept": np.zeros(9)},
        {"labels": ["0"] * 10},
        {"labels": list("012345678")},
        {"calibration": -1.0},
        {"calibration": [1.0]},
        {"extra": 0.0},
        {"coef": None},
    ],
)
def test_a_changed_file_is_refused(saved, tmp_path, changes):
    with np.load(saved[0] / "m.npz") as archive:
        fields = dict(archive)
    fields |= {name: np.asarray(value) for name, value in changes.items() if value is not None}
    fields = {name: value for name, value in fields.items() if changes.get(name, 0) is not None}
    np.savez(tmp_path / "m.npz", **fields)
    with pytest.raises(ModelFileError, match=r"m\.npz is damaged"):
        load_probe(tmp_path / "m.npz")


def test_what_is_no_probe_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=1)
    for name in ("other.npz", "none.npz"):
        with pytest.raises(ModelFileError, match=name):
            load_probe(tmp_path / name)


@pytest.mark.parametrize("which", [0, 1, "link"])
def test_what_is_read_is_not_written_over(files, tmp_path, which):
    out = tmp_path / "link.npy"
    out.symlink_to(files[0])
    out = out if which == "link" else files[which]
    before = files[0].read_bytes(), files[1].read_bytes()
    refused(run("probe", *files, "--out", out, *FEW), out.name, "name another file")
    assert (files[0].read_bytes(), files[1].read_bytes()) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--text", "body"], "--text is for text models"),
        (["--encoding", "latin-1"], "--encoding is for text models"),
        (["--json", "--csv"], "--json and --csv"),
    ],
)
def test_options_that_mean_nothing_are_refused(saved, options, words):
    folder, _ = saved
    result = run("predict", folder / "m.npz", folder / "X.npy", *options)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize(
    ("limit", "told"),
    [(3, "a higher --max-iter or"), (10_000, "more iterations change nothing, a stronger penalty")],
)
def test_what_helps_a_fit_that_was_stopped(tmp_path, limit, told):
    """Classes that a threshold tells apart have no minimum without a penalty."""
    np.save(tmp_path / "X.npy", np.repeat([0.0, 1.0], 20)[:, None])
    np.save(tmp_path / "y.npy", np.repeat([0, 1], 20))
    arguments = ["--C", "inf", "--max-iter", limit, "--quiet"]
    result = run("probe", tmp_path / "X.npy", tmp_path / "y.npy", *arguments)
    assert "* stopped before the cost was as close to its lowest as" in result.stdout
    assert f"as the tolerance asks: {told}" in result.stdout


def test_log_loss_is_the_same_in_the_table_and_in_the_scores(tmp_path):
    """However sure of the wrong class the model is."""
    X = np.repeat([0.0, 1.0], 20)[:, None]
    y = np.repeat([0, 1], 20)
    held_out = split_rows(y, test_fraction=0.2, validation_fraction=0.1, seed=0).held_out(0)
    X[held_out[0]] = 1e6 * (1 - 2 * y[held_out[0]])
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    arguments = ["--C", "100", "--scaling", "none", "--json"]
    told = json.loads(run("probe", tmp_path / "X.npy", tmp_path / "y.npy", *arguments).stdout)
    (trial,) = told["candidates"]
    assert trial["validation_log_loss"] == told["scores"]["validation"]["log_loss"] > 1
    assert trial["validation_accuracy"] == told["scores"]["validation"]["accuracy"] < 1


def test_folds_leave_nothing_to_a_validation_part(files):
    result = run("probe", *files, "--folds", "3", "--validation-fraction", "0.3")
    assert result.exit_code == 2
    assert "--validation-fraction does not go with --folds" in result.stderr


@pytest.mark.parametrize("folds", [4, 11, 12, 13, 1000])
def test_no_fold_is_empty(tmp_path, folds):
    """Of 18 rows six judge the model: no more than 12 folds."""
    np.save(tmp_path / "X.npy", DIGITS.data[:18])
    np.save(tmp_path / "y.npy", np.arange(18) % 2)
    parameters = ["--folds", folds, "--test-fraction", "0.33", "--json", *FEW]
    result = run("probe", tmp_path / "X.npy", tmp_path / "y.npy", *parameters)
    assert json.loads(result.stdout)["folds"] == min(folds, 12)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["0", "1"] * 5, "holds 10 labels, the features have 9"),
        (
            ["label", *["0", "1"] * 4, "", "1"],
            "holds 10 labels below its head 'label', the features",
        ),
        (["label", *["0", "1"] * 4], "holds 8 labels below its head 'label', the features have 9"),
        (["label", "0", "1", "", *["0", "1"] * 3], "no label in row 2"),
        (["label", *["0", "1"] * 4, "0" * 140_000], "no table of labels"),
        (["a,a", *["0,1", "1,0"] * 4, "0,1"], "two columns a: rename one, or give its number"),
    ],
)
def test_tables_whose_labels_would_be_those_of_other_rows(tmp_path, lines, word):
    csv.field_size_limit(131_072)  # as it is unless texts were read before
    (tmp_path / "y.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(LabelFileError, match=word):
        read_labels(tmp_path / "y.csv", 9, column="a" if "," in lines[0] else None)


@pytest.mark.parametrize("lines", [["label", *"010101011"], [*"010101011"], [*"010101011", "", ""]])
def test_a_head_is_no_label(tmp_path, lines):
    (tmp_path / "y.csv").write_text("\n".join(lines) + "\n")
    assert read_labels(tmp_path / "y.csv", 9).codes.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 1]


@pytest.mark.parametrize("n_rows", [7, 8, 10])
@pytest.mark.parametrize("column", ["kind", "2"])
def test_a_head_is_one_however_many_labels_there_are(tmp_path, column, n_rows):
    lines = ["id, kind", *(f"{row},{'ab'[row % 2]}" for row in range(n_rows))]
    (tmp_path / "y.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(LabelFileError, match=rf"holds {n_rows} labels below .*kind', .* have 9"):
        read_labels(tmp_path / "y.csv", 9, column=column)
    assert read_labels(tmp_path / "y.csv", n_rows, column=column).names == ("a", "b")
    with pytest.raises(LabelFileError, match=r"several columns \(id, kind\)"):
        read_labels(tmp_path / "y.csv", 9)


def test_a_label_may_be_called_as_its_column(tmp_path):
    (tmp_path / "y.csv").write_text("id,a\n" + "1,a\n2,b\n" * 3)
    assert read_labels(tmp_path / "y.csv", 6, column="a").names == ("a", "b")
    (tmp_path / "y.csv").write_text("1,2\n2,1\n" * 3)
    assert read_labels(tmp_path / "y.csv", 6, column="2").names == ("1", "2")


def test_lines_end_where_lines_end(tmp_path):
    (tmp_path / "y.txt").write_bytes("a\x0bb\r\nc\u2028d\ne\x85\n".encode() * 3)
    labels = read_labels(tmp_path / "y.txt", 9)
    assert labels.names == ("a\x0bb", "c\u2028d", "e")


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_a_long_label_takes_the_memory_of_one(tmp_path, suffix):
    path = tmp_path / f"y{suffix}"
    path.write_text("\n".join(["a", "b"] * 500 + ["c" * 20_000] * 3))
    tracemalloc.start()
    try:
        labels = read_labels(path, 1003)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert labels.codes.tolist() == [0, 1] * 500 + [2] * 3
    assert peak < 2e6


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n", " \n\t\n"])
@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_blank_lines_at_the_end_are_no_labels(tmp_path, suffix, end):
    path = tmp_path / f"y{suffix}"
    path.write_bytes(b"a\nb\n" * 2 + b"a\nb" + end.encode())
    assert read_labels(path, 6).codes.tolist() == [0, 1] * 3


def test_a_column_of_what_has_none(files):
    with pytest.raises(LabelFileError, match="leave out --column"):
        read_labels(files[1], len(DIGITS.target), column="label")
