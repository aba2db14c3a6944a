"""What terms speak for classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..data.sparse import SparseMatrix
from ..data.structure import sums_by_column
from ..evaluation.softmax import SoftmaxHead
from .words import analyzer, hashed_column

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Weighed:
    """A term and what it speaks for a class.

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
        n_texts = sums_by_column(X.indices, X.shape[1])
        mean, variance = SparseMatrix.of(X).moments(None)
        return cls(n_texts, mean * X.shape[0] / np.maximum(n_texts, 1), np.sqrt(variance))


def words_of_classes(head: SoftmaxHead, usage: Usage, count: int) -> list[tuple[Weighed, ...]]:
    """Return, for each class, the terms that speak most for it, at most so many, in that order.

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
        adds = own * usage.mean
        spoken = [Weighed(int(k), float(adds[k]), int(usage.n_texts[k])) for k in columns]
        found.append(tuple(one for one in spoken if one.log_odds > 0))
    return found


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


def different(terms: Iterable[str]) -> list[str]:
    """Return the known terms that are no part of one before them, nor have one for a part."""
    kept: list[str] = []
    for term in terms:
        inside = (f" {one} " in f" {term} " or f" {term} " in f" {one} " for one in kept)
        if term and not any(inside):
            kept.append(term)
    return kept
