"""Train on texts: look, count words, choose C, fit, calibrate, judge, look for evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scipy.sparse import csr_matrix

from ..evaluation.calibration import temperature
from ..evaluation.labels import ClassLabels
from ..evaluation.many_classes import ClassJudgement
from ..evaluation.score import Score
from ..evaluation.softmax import SoftmaxHead
from ..evaluation.splits import RowSplit
from ..runtime.stages import timed
from .classifier import TextClassifier
from .counting import (
    WeightedCounts,
    chunks_by_part,
    commonest_words,
    processes_for,
    weighted_counts,
)
from .documents import Documents
from .evidence import Rehash, Usage, Weighed, different, words_of_classes
from .mistakes import Mistake, mistake_of
from .selection import Choice, choose_strength
from .stages import Listener
from .survey import Survey, look_at
from .words import Words, hashed_words

#: Inverse strengths of the penalty that are tried by default.
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)

#: Columns: of counted terms at most, of hashed ones.
MOST_TERMS = 100_000
HASHED = 1 << 20

# Terms that are found for each class, of which those are told that differ; and mistakes.
_WORDS_FOUND = 40
_WORDS_TOLD = 12
_MISTAKES = 12


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
        Answers do not change where fits are closer to their minimum than this.
    max_iter : int
    n_threads : int or None
        And processes that divide many texts into words.
    """

    hashed: bool = False
    n_columns: int | None = None
    min_texts: int = 2
    ngrams: int = 2
    C: tuple[float, ...] = STRENGTHS
    test_fraction: float = 0.2
    folds: int = 5
    seed: int = 0
    tol: float = 1e-4
    max_iter: int = 1000
    n_threads: int | None = None


@dataclass(frozen=True)
class TextResult:
    """Everything learnt from texts.

    Attributes
    ----------
    name : str
        Where they came from, printable.
    passed_over : sequence of str
        A sentence for each sort of thing that lay there and was not read.
    survey : Survey
    options : TextOptions
    split : RowSplit
    choice : Choice
        How C was chosen.
    classifier : TextClassifier
        What is saved: trained with that C on all but the test texts.
    test : ClassJudgement
        The classifier's answers to the test texts.
    words : list of list of (str, Weighed)
        For each class, the terms that speak most for it, by what they add; none is a part of
        another.
    mistakes : list of Mistake
        The surest of them.
    n_bytes : int
        Of the weighted counts of all texts.
    seconds : mapping of str to float
        Of each stage.
    """

    name: str
    passed_over: Sequence[str]
    survey: Survey
    options: TextOptions
    split: RowSplit
    choice: Choice
    classifier: TextClassifier
    test: ClassJudgement
    words: list[list[tuple[str, Weighed]]]
    mistakes: list[Mistake]
    n_bytes: int
    seconds: Mapping[str, float]

    @property
    def labels(self) -> ClassLabels:
        """The classes of all documents."""
        return self.survey.labels

    @property
    def scores(self) -> dict[str, Score]:
        """Scores by part of the texts."""
        return {"validation": self.choice.validation, "test": self.test.score}


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
        counts = _counts(documents, split, options, listener, survey.n_characters)
    codes = survey.labels.codes
    with timed(seconds, "fits"):
        choice = choose_strength(
            counts.X, codes[split.seen], split, options.C, tol=options.tol,
            max_iter=options.max_iter, n_threads=options.n_threads, listener=listener,
        )  # fmt: skip
    with timed(seconds, "evaluation"):
        head = SoftmaxHead.of(choice.model, temperature(choice.decision, choice.truth))
        probability = head.probability(counts.X_test, options.n_threads)
        test = ClassJudgement(codes[split.test], probability)
        spoken = words_of_classes(head, Usage.of(counts.X), _WORDS_FOUND)
    classifier = TextClassifier(
        survey.labels.names, counts.words, counts.idf, head, documents.column
    )
    with timed(seconds, "examples"):
        if options.hashed:
            classifier = _with_terms(documents, classifier, split, spoken, listener)
        mistakes = _mistakes(documents, classifier, counts.X_test, test, split, listener)
    return TextResult(
        name=documents.name,
        passed_over=documents.passed_over,
        survey=survey,
        options=options,
        split=split,
        choice=choice,
        classifier=classifier,
        test=test,
        words=[_told(classifier.words, own) for own in spoken],
        mistakes=mistakes,
        n_bytes=counts.n_bytes,
        seconds=seconds,
    )


def _counts(
    documents: Documents,
    split: RowSplit,
    options: TextOptions,
    listener: Listener,
    n_characters: int,
) -> WeightedCounts:
    n_processes = processes_for(n_characters, options.n_threads)
    if options.hashed:
        words = hashed_words(options.n_columns or HASHED, options.ngrams)
    else:
        words = commonest_words(
            documents, split, listener, count=options.n_columns or MOST_TERMS,
            least=options.min_texts, ngrams=options.ngrams, n_processes=n_processes,
        )  # fmt: skip
    return weighted_counts(documents, split, words, listener, n_processes)


def _with_terms(
    documents: Documents,
    classifier: TextClassifier,
    split: RowSplit,
    spoken: Sequence[Sequence[Weighed]],
    listener: Listener,
) -> TextClassifier:
    """Look at all texts again for the terms of the hashed columns that matter."""
    words = classifier.words
    matter = {int(words.columns[one.column]) for own in spoken for one in own}
    rehash = Rehash(matter, words.n_hashed, words.ngrams)
    for chunk, _ in chunks_by_part(documents, split, "finding words again", listener):
        rehash.look_at(chunk.texts)
    found = rehash.terms()
    terms = tuple(found.get(int(column), "") for column in words.columns)
    return replace(classifier, words=replace(words, terms=terms))


def _mistakes(
    documents: Documents,
    classifier: TextClassifier,
    X_test: csr_matrix,
    test: ClassJudgement,
    split: RowSplit,
    listener: Listener,
) -> list[Mistake]:
    """Look for the texts of the surest wrong answers, and at what misled."""
    rows = test.surest(right=False, count=_MISTAKES).tolist()
    missing = {int(split.test[row]): row for row in rows}
    found: dict[int, Mistake] = {}
    for chunk, _ in chunks_by_part(documents, split, "looking for mistakes", listener):
        for place in [one for one in missing if one < chunk.first + len(chunk.texts)]:
            row, text = missing.pop(place), chunk.texts[place - chunk.first]
            found[row] = mistake_of(classifier, test, row, X_test[row], text)
        if not missing:
            break
    return [found[row] for row in rows]


def _told(words: Words, spoken: Sequence[Weighed]) -> list[tuple[str, Weighed]]:
    """Return the terms that speak most for a class, by what they add.

    Of terms of which one is a part of the other, only the first is told.
    """
    by_term = {words.terms[one.column]: one for one in spoken}
    told = different(by_term)[:_WORDS_TOLD]
    return sorted(((term, by_term[term]) for term in told), key=lambda one: -one[1].log_odds)
