"""Texts are divided into words by several processes, with the same results."""

import signal
from functools import partial

import numpy as np
import pytest

from fusedlogit.errors import KilledError
from fusedlogit.runtime.processes import in_processes
from fusedlogit.text import counting
from fusedlogit.text.classifier import save_text_model
from fusedlogit.text.counting import MANY_CHARACTERS, commonest_words, weighted_counts
from fusedlogit.text.demo import GeneratedLetters
from fusedlogit.text.stages import Listener
from fusedlogit.text.survey import look_at
from fusedlogit.text.training import TextOptions, train
from fusedlogit.text.words import Words, hashed_words

from .conftest import as_csv

DOCUMENTS = GeneratedLetters(12_000)  # three chunks


def shares():
    """A listener, and what it has heard."""
    heard = []

    class Heard(Listener):
        def reading(self, stage, share):
            heard.append((stage, share))

    return Heard(), heard


@pytest.fixture(scope="module")
def split():
    return look_at(DOCUMENTS, Listener()).split(test_fraction=0.2, folds=2, seed=0)


@pytest.mark.parametrize("least", [1, 2])
def test_words_are_chosen_alike(split, least):
    listener, heard = shares()
    alone, together = (
        commonest_words(DOCUMENTS, split, listener, count=500, least=least, ngrams=2,
                        n_processes=n_processes)
        for n_processes in (1, 2)
    )  # fmt: skip
    assert alone.terms == together.terms
    assert len(alone) == 500
    assert heard[: len(heard) // 2] == heard[len(heard) // 2 :]
    assert len(heard) == 6
    assert heard[-1] == ("choosing words", 1.0)


@pytest.mark.parametrize(
    "words", [Words(("delivery", "the", "the letter"), 2), hashed_words(99, 1)]
)
def test_words_are_counted_alike(split, words):
    listener, heard = shares()
    alone, together = (
        weighted_counts(DOCUMENTS, split, words, listener, n_processes) for n_processes in (1, 2)
    )
    assert alone.words.terms == together.words.terms
    np.testing.assert_array_equal(alone.idf, together.idf)
    for own, other in ((alone.X, together.X), (alone.X_test, together.X_test)):
        np.testing.assert_array_equal(own.indptr, other.indptr)
        np.testing.assert_array_equal(own.indices, other.indices)
        np.testing.assert_array_equal(own.data, other.data)
    assert heard[:3] == heard[3:]


@pytest.mark.parametrize(
    ("more", "n_threads", "expected"), [(-1, 2, 1), (0, 2, 2), (1, 2, 2), (0, 1, 1)]
)
def test_many_texts_ask_for_processes(monkeypatch, more, n_threads, expected):
    asked = set()

    def counted(work, items, n_processes):
        asked.add(n_processes)
        return in_processes(work, items, 1)

    survey = look_at(GeneratedLetters(200), Listener())
    assert survey.n_characters == sum(len(text) for text, _, _ in GeneratedLetters(200).read())
    monkeypatch.setattr(counting, "MANY_CHARACTERS", survey.n_characters - more)
    monkeypatch.setattr(counting, "in_processes", counted)
    train(GeneratedLetters(200), TextOptions(C=(1.0,), folds=2, n_threads=n_threads))
    assert asked == {expected}
    assert survey.n_characters < MANY_CHARACTERS


# What processes work with must be known to them by import, which tests are not.
SQUARE = partial(pow, exp=2)


@pytest.mark.parametrize("n_processes", [1, 2, 3])
def test_what_is_made_comes_in_order_with_its_note(n_processes):
    items = ((str(k), k) for k in range(75))
    made = list(in_processes(SQUARE, items, n_processes))
    assert made == [(str(k), k**2) for k in range(75)]
    assert list(in_processes(SQUARE, iter([]), n_processes)) == []


@pytest.mark.parametrize("n_processes", [1, 2])
def test_errors_come_through(n_processes):
    with pytest.raises(ValueError, match=r"invalid literal for int.*'two'"):
        list(in_processes(int, ((None, text) for text in ("1", "two", "3")), n_processes))

    def items(count):
        yield from ((k, k) for k in range(count))
        raise OSError("the file is gone")

    for count in (0, 1, 7, 8, 9, 20):
        made, found = in_processes(SQUARE, items(count), n_processes), []
        with pytest.raises(OSError, match="the file is gone"):
            found.extend(made)
        assert found == [(k, k**2) for k in range(count)]


def test_what_is_left_early_is_left_without_a_word(recwarn):
    made = in_processes(SQUARE, ((k, k) for k in range(1000)), 2)
    assert next(made) == (0, 0)
    made.close()
    assert not recwarn.list


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process as Unix does")
def test_a_killed_process_is_told():
    items = ((None, signal.SIGKILL) for _ in range(4))
    with pytest.raises(KilledError, match=r"one of 2 processes was killed.*--threads"):
        list(in_processes(signal.raise_signal, items, 2))
    assert list(in_processes(SQUARE, [(None, 3)], 2)) == [(None, 9)]


@pytest.mark.parametrize("kind", ["--csv", "--json"])
def test_answers_to_many_texts_are_those_of_one_process(run, tmp_path, monkeypatch, kind):
    result = train(GeneratedLetters(200), TextOptions(C=(1.0,), folds=2, n_threads=1))
    save_text_model(tmp_path / "m.npz", result.classifier)
    rows = [(text, label) for text, label, _ in GeneratedLetters(11_000, seed=3).read()]
    as_csv(tmp_path / "long.csv", rows)
    monkeypatch.setattr(counting, "MANY_CHARACTERS", (tmp_path / "long.csv").stat().st_size)
    alone, together = (
        run("predict", tmp_path / "m.npz", tmp_path / "long.csv", kind, "--threads", n_threads)
        for n_threads in (1, 2)
    )
    assert alone.exit_code == together.exit_code == 0
    assert alone.stdout == together.stdout
    assert alone.stdout.count("\n") > 11_000
