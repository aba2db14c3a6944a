"""What words speak for: a class in general, or the answer to one text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..evaluation.many_classes import ClassJudgement
from ..evaluation.softmax import SoftmaxHead
from .words import PATTERN, analyzer, hashed_column

Doubles = NDArray[np.float64]

_WORD = re.compile(PATTERN)


@dataclass(frozen=True)
class Weighed:
    """A term and what it speaks for something.

    Attributes
    ----------
    column : int
    log_odds : float
        What it adds to the log odds.
    n_texts : int
        Training texts that it occurs in.
    """

    column: int
    log_odds: float
    n_texts: int


@dataclass(frozen=True)
class Mistake:
    """A test text that was answered wrongly.

    Attributes
    ----------
    row : int
        Its number among the test texts.
    truth, answer : int
        The classes.
    confidence : float
        Probability of the answer.
    misled, spoke_true : tuple of Weighed
        The terms that spoke most for the answer against the true class, and the other way.
    """

    row: int
    truth: int
    answer: int
    confidence: float
    misled: tuple[Weighed, ...]
    spoke_true: tuple[Weighed, ...]


@dataclass(frozen=True)
class Usage:
    """How terms occur in the training texts.

    Attributes
    ----------
    n_texts : ndarray of int, shape (n_terms,)
        That each occurs in.
    mean : ndarray of float64, shape (n_terms,)
        Of its weighted counts in these.
    spread : ndarray of float64, shape (n_terms,)
        Standard deviation of its weighted counts in all training texts.
    """

    n_texts: NDArray[np.intp]
    mean: Doubles
    spread: Doubles

    @classmethod
    def of(cls, X: csr_matrix) -> Usage:
        """Count the terms of weighted counts, shape (n_texts, n_terms)."""

        def summed(weights: Doubles | None) -> NDArray[Any]:
            return np.bincount(X.indices, weights=weights, minlength=X.shape[1])

        n_texts, total, squares = summed(None), summed(X.data), summed(np.square(X.data))
        variance = squares / X.shape[0] - (total / X.shape[0]) ** 2
        spread = np.sqrt(np.maximum(variance, 0))
        return cls(n_texts, total / np.maximum(n_texts, 1), spread)


def words_of_classes(head: SoftmaxHead, usage: Usage, count: int) -> list[tuple[Weighed, ...]]:
    """Return, for each class, the terms that speak most for it, at most so many.

    They are those that move decisions most: by their coefficient and how far their weighted counts
    spread, so that a word of two texts does not come before one of hundreds. What a term adds is
    that to the log odds of the class against the mean of the others, in a text where it has the
    weight that it has on average where it occurs.
    """
    n_classes = len(head.coef)
    unit = head.calibration.slope * n_classes / (n_classes - 1)
    mean = head.coef.mean(axis=0)
    found = []
    for coef in head.coef:
        own = unit * (coef - mean)
        columns = np.argsort(-own * usage.spread, kind="stable")[:count]
        found.append(_strongest((own * usage.mean)[columns], columns, usage, count))
    return found


def surest_mistakes(
    head: SoftmaxHead, X: csr_matrix, judged: ClassJudgement, usage: Usage, *, count: int,
    n_words: int,
) -> list[Mistake]:  # fmt: skip
    """Return the surest wrong answers with the terms that spoke for and against them.

    Parameters
    ----------
    head : SoftmaxHead
    X : csr_matrix, shape (n, n_terms)
        The test texts.
    judged : ClassJudgement
        The answers to them.
    usage : Usage
    count : int
        Mistakes, at most.
    n_words : int
        Terms of each kind, at most.
    """
    mistakes = []
    for row in judged.surest(right=False, count=count).tolist():
        truth, answer = int(judged.truth[row]), int(judged.answer[row])
        text = X[row]
        coef = (head.coef[answer] - head.coef[truth])[text.indices]
        adds = head.calibration.slope * coef * text.data
        mistakes.append(
            Mistake(
                row, truth, answer, float(judged.confidence[row]),
                misled=_strongest(adds, text.indices, usage, n_words),
                spoke_true=_strongest(-adds, text.indices, usage, n_words),
            )
        )  # fmt: skip
    return mistakes


def _strongest(
    adds: Doubles, columns: NDArray[Any], usage: Usage, count: int
) -> tuple[Weighed, ...]:
    """Return the terms, by their columns, that add most, and something, strongest first."""
    order = np.argsort(-adds, kind="stable")[:count]
    return tuple(
        Weighed(int(columns[k]), float(adds[k]), int(usage.n_texts[columns[k]]))
        for k in order
        if adds[k] > 0
    )


class Rehash:
    """The commonest term of each of some hashed columns, found by looking at texts again.

    Parameters
    ----------
    columns : collection of int
        Hashed columns whose terms matter.
    n_hashed : int
        Of how many.
    ngrams : int
    """

    def __init__(self, columns: Collection[int], n_hashed: int, ngrams: int) -> None:
        self._columns, self._n_hashed = frozenset(columns), n_hashed
        self._analyze = analyzer(ngrams)
        self._found: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def look_at(self, texts: Iterable[str]) -> None:
        """Count the terms of more texts that fall into these columns."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(self._analyze(text)))
        for term, n in counts.items():
            column = hashed_column(term, self._n_hashed)
            if column in self._columns:
                self._found[column][term] += n

    def terms(self) -> dict[int, str]:
        """Return the commonest term of each column."""
        return {
            column: min(counts, key=lambda term: (-counts[term], term))
            for column, counts in self._found.items()
        }


def excerpt(text: str, terms: Collection[str], length: int) -> list[tuple[str, bool]]:
    """Return the part of a text where most of some terms are, piece by piece.

    Parameters
    ----------
    text : str
    terms : collection of str
        Words, or words with a space between.
    length : int
        Characters of the part, at most.

    Returns
    -------
    list of (str, bool)
        Pieces that follow one another, and whether each is one of the terms.
    """
    marks = _marks(text, terms)
    begin = _best_begin(marks, length) if len(text) > length else 0
    end = min(begin + length, len(text))
    pieces, place = [("\N{HORIZONTAL ELLIPSIS}" * (begin > 0), False)], begin
    for first, last in marks:
        if begin <= first and last <= end:
            pieces += [(text[place:first], False), (text[first:last], True)]
            place = last
    pieces.append((text[place:end] + "\N{HORIZONTAL ELLIPSIS}" * (end < len(text)), False))
    return [(piece, marked) for piece, marked in pieces if piece]


def _marks(text: str, terms: Collection[str]) -> list[tuple[int, int]]:
    """Return where terms begin and end in a text; where they touch or overlap, they are one."""
    wanted = [tuple(term.split(" ")) for term in terms]
    spans = [match.span() for match in _WORD.finditer(text)]
    words = [text[first:last].lower() for first, last in spans]
    marks: list[tuple[int, int]] = []
    for k in range(len(words)):
        lengths = [len(term) for term in wanted if tuple(words[k : k + len(term)]) == term]
        if not lengths:
            continue
        first, last = spans[k][0], spans[k + max(lengths) - 1][1]
        if marks and first <= marks[-1][1]:
            marks[-1] = marks[-1][0], max(last, marks[-1][1])
        else:
            marks.append((first, last))
    return marks


def _best_begin(marks: Sequence[tuple[int, int]], length: int) -> int:
    """Return where a part of some length begins that holds most of the marks."""
    before = length // 8
    begins = [max(0, first - before) for first, _ in marks] or [0]

    def held(begin: int) -> int:
        return sum(begin <= first and last <= begin + length for first, last in marks)

    return max(begins, key=held)
