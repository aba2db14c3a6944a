"""Wrong answers, and the words that misled: what a text says, divided over its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..evaluation.many_classes import ClassJudgement
from .classifier import TextClassifier
from .words import PATTERN, Words

_WORD = re.compile(PATTERN)

# Words told of each kind, what share of the strongest one each adds at least, and characters of the
# part of a text that is shown.
_WORDS_TOLD = 6
_LEAST_TOLD = 0.1
_SHOWN = 600

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Spoken:
    """A word of a text, or what lies between two, and what it adds to the log odds.

    Attributes
    ----------
    text : str
    log_odds : float
        Of the answer against the truth; 0 of what is no word.
    """

    text: str
    log_odds: float


@dataclass(frozen=True)
class Mistake:
    """A test text that was answered wrongly.

    Attributes
    ----------
    truth, answer : int
        The classes.
    confidence : float
        Probability of the answer.
    pieces : sequence of Spoken
        The part of the text where words misled most, piece by piece.
    misled, spoke_true : sequence of Spoken
        The words that spoke most for the answer, and most for the truth; each once, with what it
        adds wherever it occurs.
    """

    truth: int
    answer: int
    confidence: float
    pieces: Sequence[Spoken]
    misled: Sequence[Spoken]
    spoke_true: Sequence[Spoken]


def mistake_of(
    classifier: TextClassifier, judged: ClassJudgement, row: int, features: csr_matrix, text: str
) -> Mistake:
    """Return what misled the classifier.

    Parameters
    ----------
    classifier : TextClassifier
    judged : ClassJudgement
        Its answers.
    row : int
        A wrong one among these.
    features : csr_matrix, shape (1, n_terms)
        The weighted counts of that text.
    text : str
    """
    truth, answer = int(judged.truth[row]), int(judged.answer[row])
    head = classifier.head
    coef = (head.coef[answer] - head.coef[truth])[features.indices]
    adds = head.calibration.slope * coef * features.data
    spans, log_odds = divided(
        text, classifier.words, dict(zip(features.indices.tolist(), adds.tolist(), strict=True))
    )
    total: Counter[str] = Counter()
    for (first, last), own in zip(spans, log_odds.tolist(), strict=True):
        total[text[first:last].lower()] += own
    told = sorted((Spoken(word, own) for word, own in total.items()), key=lambda one: -one.log_odds)
    least = _LEAST_TOLD * max((abs(one.log_odds) for one in told), default=0.0)
    return Mistake(
        truth,
        answer,
        float(judged.confidence[row]),
        pieces=_excerpt(text, spans, log_odds),
        misled=[one for one in told[:_WORDS_TOLD] if one.log_odds > least],
        spoke_true=[one for one in told[: -_WORDS_TOLD - 1 : -1] if one.log_odds < -least],
    )


def divided(
    text: str, words: Words, adds: Mapping[int, float]
) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Divide what the columns of a text add to the log odds over its words.

    A column's share is divided equally over where its term occurs, and a term's over its words:
    the model is linear, so nothing is approximated, and the shares add up to the whole.

    Parameters
    ----------
    text : str
    words : Words
        The columns.
    adds : mapping of int to float
        What each column of the text adds.

    Returns
    -------
    spans : list of (int, int)
        Where each word begins and ends.
    log_odds : ndarray of float64, shape (n_words,)
        What each adds.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    said = [text[first:last].lower() for first, last in spans]
    found = [
        (column, k, length)
        for length in range(1, words.ngrams + 1)
        for k in range(len(said) - length + 1)
        if (column := words.column(" ".join(said[k : k + length]))) is not None and column in adds
    ]
    times = Counter(column for column, _, _ in found)
    log_odds = np.zeros(len(said))
    for column, k, length in found:
        log_odds[k : k + length] += adds[column] / (times[column] * length)
    return spans, log_odds


def _excerpt(
    text: str, spans: Sequence[tuple[int, int]], log_odds: NDArray[np.float64]
) -> list[Spoken]:
    """Return the part of a text whose words add most, piece by piece."""
    begin = _best_begin(spans, log_odds) if len(text) > _SHOWN else 0
    end = min(begin + _SHOWN, len(text))
    pieces, place = [Spoken(_ELLIPSIS * (begin > 0), 0.0)], begin
    for (first, last), own in zip(spans, log_odds.tolist(), strict=True):
        if begin <= first and last <= end:
            pieces += [Spoken(text[place:first], 0.0), Spoken(text[first:last], own)]
            place = last
    pieces.append(Spoken(text[place:end] + _ELLIPSIS * (end < len(text)), 0.0))
    return [piece for piece in pieces if piece.text]


def _best_begin(spans: Sequence[tuple[int, int]], log_odds: NDArray[np.float64]) -> int:
    """Return where the part begins; a word begins there."""
    if not spans:
        return 0
    firsts, lasts = np.array(spans).T
    sums = np.concatenate([[0.0], np.cumsum(log_odds)])
    after = np.searchsorted(lasts, firsts + _SHOWN, side="right")
    inside = sums[np.maximum(after, np.arange(len(firsts)))] - sums[:-1]
    return int(firsts[inside.argmax()])
