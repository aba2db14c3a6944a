"""Train on texts: look, count words, choose C, fit, calibrate, judge, look for evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from ..errors import TextDataError
from ..evaluation.calibration import Temperature, temperature
from ..evaluation.labels import ClassLabels
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.score import Score
from ..evaluation.softmax import SoftmaxHead
from ..evaluation.splits import RowSplit
from ..runtime.stages import timed
from .classifier import TextClassifier, weighting
from .documents import Chunk, Documents, chunks_of
from .evidence import Mistake, Rehash, Usage, Weighed, surest_mistakes, words_of_classes
from .selection import Choice, choose_strength
from .stages import Listener
from .survey import Survey, look_at
from .words import Frequencies, Words, analyzer

#: Inverse strengths of the penalty that are tried by default.
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)

#: Columns: of counted terms at most, of hashed ones.
MOST_TERMS = 100_000
HASHED = 1 << 20

# Terms told for each class, mistakes, and terms told of each of these.
_WORDS_OF_CLASS = 20
_MISTAKES = 12
_WORDS_OF_MISTAKE = 6

# Characters of a text that are kept to be shown, around those that matter.
_KEPT = 100_000


@dataclass(frozen=True)
class TextOptions:
    """How to train on texts; see `fusedlogit.LogisticRegressionCV` for the meaning of most.

    Attributes
    ----------
    hashed : bool
        Hash terms to columns instead of counting by a vocabulary.
    n_columns : int or None
        Terms that are counted at most, by how many texts they occur in, or columns that are hashed
        to; by default `MOST_TERMS` and `HASHED`.
    min_texts : int
        Training texts that a counted term occurs in, at least.
    ngrams : int
        Words of a term, at most.
    C : tuple of float
        Inverse strengths of the penalty that are all tried.
    test_fraction : float
    folds : int
        That C is chosen by.
    seed : int
        Of the split.
    tol : float
    max_iter : int
    n_threads : int or None
    """

    hashed: bool = False
    n_columns: int | None = None
    min_texts: int = 2
    ngrams: int = 2
    C: tuple[float, ...] = STRENGTHS
    test_fraction: float = 0.2
    folds: int = 5
    seed: int = 0
    tol: float = 1e-6
    max_iter: int = 1000
    n_threads: int | None = None


@dataclass(frozen=True)
class TextResult:
    """Everything learnt from texts.

    Attributes
    ----------
    name : str
        Where they came from, printable.
    survey : Survey
    options : TextOptions
    split : RowSplit
    choice : Choice
        How C was chosen.
    classifier : TextClassifier
        What is saved: trained with that C on all but the test texts.
    validation : Score
        Of the best C on the texts held out, before calibration.
    test : ClassJudgement
        The classifier's answers to the test texts.
    words : list of tuple of Weighed
        For each class, the terms that speak most for it.
    mistakes : list of Mistake
        The surest of them.
    texts : mapping of int to str
        Those of the mistakes, by their rows.
    n_bytes : int
        Of the weighted counts of all texts.
    seconds : mapping of str to float
        Of each stage.
    """

    name: str
    survey: Survey
    options: TextOptions
    split: RowSplit
    choice: Choice
    classifier: TextClassifier
    validation: Score
    test: ClassJudgement
    words: list[tuple[Weighed, ...]]
    mistakes: list[Mistake]
    texts: Mapping[int, str]
    n_bytes: int
    seconds: Mapping[str, float]

    @property
    def labels(self) -> ClassLabels:
        """The classes of all documents."""
        return self.survey.labels

    @property
    def scores(self) -> dict[str, Score]:
        """Scores by part of the texts."""
        return {"validation": self.validation, "test": self.test.score}

    def told(self, one: Weighed) -> str:
        """Return the term as words."""
        return self.classifier.words.terms[one.column]


def train(
    documents: Documents, options: TextOptions | None = None, listener: Listener | None = None
) -> TextResult:
    """Train on labelled texts, which are read several times and never kept.

    Parameters
    ----------
    documents : Documents
        See `fusedlogit.text.documents.open_documents`.
    options : TextOptions, optional
    listener : Listener, optional
        Hears of progress.

    Returns
    -------
    TextResult

    Raises
    ------
    TextDataError
        If the documents cannot be read, or no term occurs in enough of them.
    LabelError
        If they are of one class only, or a class has too few different texts.
    """
    options, listener = options or TextOptions(), listener or Listener()
    seconds: dict[str, float] = {}
    with timed(seconds, "labels"):
        survey = look_at(documents, listener)
        listener.found(survey.labels.counts())
        split = survey.split(
            test_fraction=options.test_fraction, folds=options.folds, seed=options.seed
        )
    with timed(seconds, "words"):
        words = _words(documents, split, options, listener)
        words, X, X_test, idf = _weighted(documents, words, split, listener)
    codes = survey.labels.codes
    with timed(seconds, "fits"):
        choice = choose_strength(
            X, codes[split.seen], split, options.C, tol=options.tol, max_iter=options.max_iter,
            n_threads=options.n_threads, listener=listener,
        )  # fmt: skip
    with timed(seconds, "evaluation"):
        head = SoftmaxHead.of(choice.model, temperature(choice.decision, choice.truth))
        test = ClassJudgement(codes[split.test], head.probability(X_test, options.n_threads))
        usage = Usage.of(X)
        spoken = words_of_classes(head, usage, _WORDS_OF_CLASS)
        mistakes = surest_mistakes(
            head, X_test, test, usage, count=_MISTAKES, n_words=_WORDS_OF_MISTAKE
        )
    with timed(seconds, "examples"):
        words, texts = _last_look(documents, words, split, spoken, mistakes, listener)
    held_out = ClassJudgement(choice.truth, Temperature().probability(choice.decision))
    return TextResult(
        name=documents.name,
        survey=survey,
        options=options,
        split=split,
        choice=choice,
        classifier=TextClassifier(survey.labels.names, words, idf, head, documents.column),
        validation=held_out.score,
        test=test,
        words=spoken,
        mistakes=mistakes,
        texts=texts,
        n_bytes=sum(_bytes(matrix) for matrix in (X, X_test)),
        seconds=seconds,
    )


def _words(
    documents: Documents, split: RowSplit, options: TextOptions, listener: Listener
) -> Words:
    """Choose the columns: those of the training texts' commonest terms, or of their hashes."""
    if options.hashed:
        n_hashed = options.n_columns or HASHED
        columns = np.arange(n_hashed, dtype=np.int32)
        return Words(("",) * n_hashed, options.ngrams, n_hashed, columns)
    frequencies, analyze = Frequencies(), analyzer(options.ngrams)
    for chunk, seen in _chunks(documents, split, "choosing words", listener):
        frequencies.add((chunk.texts[k] for k in np.flatnonzero(seen)), analyze)
    terms = frequencies.commonest(options.n_columns or MOST_TERMS, options.min_texts)
    if not terms:
        raise TextDataError(
            f"no word occurs in {options.min_texts} training texts of {documents.name}: ask for "
            "fewer by --min-texts, or give more texts"
        )
    return Words(terms, options.ngrams)


def _weighted(
    documents: Documents, words: Words, split: RowSplit, listener: Listener
) -> tuple[Words, csr_matrix, csr_matrix, NDArray[np.float32]]:
    """Count the words of all texts, and weight the counts by how rare they are in training.

    Returns the words without hashed columns that are empty, the matrices of training and test
    texts, and the weights.
    """
    parts: tuple[list[csr_matrix], list[csr_matrix]] = [], []
    for chunk, seen in _chunks(documents, split, "counting words", listener):
        counts = words.counts(chunk.texts)
        parts[0].append(counts[seen])
        parts[1].append(counts[~seen])
    X, X_test = (vstack(part, format="csr", dtype=np.float32) for part in parts)
    if words.n_hashed:
        used = np.flatnonzero(np.bincount(X.indices, minlength=X.shape[1]))
        if not len(used):
            raise TextDataError(f"no training text of {documents.name} has words")
        words = replace(words, terms=("",) * len(used), columns=words.columns[used])
        X, X_test = X[:, used], X_test[:, used]
    weights = weighting().fit(X)
    X, X_test = (weights.transform(matrix, copy=False) for matrix in (X, X_test))
    return words, X, X_test, weights.idf_


def _last_look(
    documents: Documents,
    words: Words,
    split: RowSplit,
    spoken: list[tuple[Weighed, ...]],
    mistakes: list[Mistake],
    listener: Listener,
) -> tuple[Words, dict[int, str]]:
    """Find the texts of mistakes, and of hashed columns that matter, the terms."""
    wanted = {int(split.test[one.row]): one.row for one in mistakes}
    groups = [*spoken, *(one.misled + one.spoke_true for one in mistakes)]
    matter = {int(words.columns[one.column]) for group in groups for one in group if words.n_hashed}
    rehash = Rehash(matter, words.n_hashed, words.ngrams)
    texts: dict[int, str] = {}
    for chunk, _ in _chunks(documents, split, "looking for examples", listener):
        rows = range(chunk.first, chunk.first + len(chunk.texts))
        found = [row for row in wanted if row in rows]
        texts |= {wanted[row]: chunk.texts[row - chunk.first][:_KEPT] for row in found}
        if matter:
            rehash.look_at(chunk.texts)
        elif len(texts) == len(wanted):
            break
    if matter:
        terms = rehash.terms()
        words = replace(words, terms=tuple(terms.get(int(one), "") for one in words.columns))
    return words, texts


def _chunks(
    documents: Documents, split: RowSplit, stage: str, listener: Listener
) -> Iterator[tuple[Chunk, NDArray[np.bool_]]]:
    """Yield chunks of documents with whether each is seen before the test texts are."""
    n = 0
    for chunk in chunks_of(documents):
        n += len(chunk.texts)
        seen = split.seen[chunk.first : n]
        if len(seen) < len(chunk.texts):
            break
        yield chunk, seen
        listener.reading(stage, chunk.share)
    else:
        if n == len(split.part):
            return
    raise TextDataError(f"{documents.name} has changed while it was read: start again")


def _bytes(matrix: csr_matrix) -> int:
    return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)
