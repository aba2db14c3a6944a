"""Words and runs of words as columns: counted by a vocabulary, or hashed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.utils import murmurhash3_32

#: A word: two letters or digits at least, apostrophes between them.
PATTERN = r"(?u)\b\w[\w'\u2019]*\w\b"

#: Words of a term, and columns that terms are hashed to, at most.
MOST_NGRAMS = 5
MOST_HASHED = 1 << 24

# Terms that are counted at a time; where there are more, the rarest are forgotten.
_MOST_COUNTED = 2_000_000

Analyzer = Callable[[str], list[str]]


@dataclass(frozen=True)
class Words:
    """What the columns of texts are.

    Attributes
    ----------
    terms : tuple of str
        The word, or words with a space between, of each column. Of hashed ones those that matter
        are known; the others are empty.
    ngrams : int
        Words of a run, at most.
    n_hashed : int
        Columns that terms are hashed to; 0 if they are counted by the vocabulary `terms`.
    columns : ndarray of int32, shape (n_terms,)
        Those of the hashed columns that are kept, ascending; empty if none are hashed.
    """

    terms: tuple[str, ...]
    ngrams: int
    n_hashed: int = 0
    columns: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.terms)

    def some(self, kept: NDArray[np.intp]) -> Words:
        """Return some of them, of hashed ones in ascending order."""
        terms = tuple(self.terms[k] for k in kept)
        return Words(terms, self.ngrams, self.n_hashed, self.columns[kept if self.n_hashed else []])

    def counts(self, texts: Sequence[str]) -> csr_matrix:
        """Return how often each text has each term, float32 of shape (n_texts, n_terms)."""
        counts: csr_matrix = self._vectorizer.transform(texts)
        return counts[:, self.columns] if self.n_hashed else counts

    def column(self, term: str) -> int | None:
        """Return the column of a term, None if it has none."""
        if not self.n_hashed:
            column: int | None = self._vectorizer.vocabulary.get(term)
            return column
        hashed = hashed_column(term, self.n_hashed)
        place = int(np.searchsorted(self.columns, hashed))
        return place if place < len(self) and self.columns[place] == hashed else None

    @cached_property
    def _vectorizer(self) -> Any:
        if self.n_hashed:
            return hashing(self.ngrams, self.n_hashed)
        vocabulary = {term: column for column, term in enumerate(self.terms)}
        return CountVectorizer(
            token_pattern=PATTERN, ngram_range=(1, self.ngrams), vocabulary=vocabulary,
            dtype=np.float32,
        )  # fmt: skip


def analyzer(ngrams: int) -> Analyzer:
    """Return what divides a text into its terms, in lower case."""
    vectorizer = CountVectorizer(token_pattern=PATTERN, ngram_range=(1, ngrams))
    analyze: Analyzer = vectorizer.build_analyzer()
    return analyze


@dataclass(frozen=True)
class TermCounts:
    """In how many of some texts each term occurs, in a form that is quickly sent and added.

    Attributes
    ----------
    once : str
        Terms of one text, a line each.
    terms : str
        The others, likewise.
    n_texts : list of int
        Of the others.
    """

    once: str
    terms: str
    n_texts: list[int]

    @classmethod
    def of(cls, texts: Iterable[str], ngrams: int) -> TermCounts:
        """Count the terms of texts."""
        analyze, n_texts = analyzer(ngrams), Counter[str]()
        for text in texts:
            n_texts.update(set(analyze(text)))
        more = {term: n for term, n in n_texts.items() if n > 1}
        once = "\n".join(term for term, n in n_texts.items() if n == 1)
        return cls(once, "\n".join(more), [*more.values()])


def hashing(ngrams: int, n_columns: int) -> HashingVectorizer:
    """Return what counts terms by the hashes of them."""
    return HashingVectorizer(
        token_pattern=PATTERN, ngram_range=(1, ngrams), n_features=n_columns,
        alternate_sign=False, norm=None, dtype=np.float32,
    )  # fmt: skip


def hashed_column(term: str, n_columns: int) -> int:
    """Return the column to which `hashing` puts a term."""
    return abs(int(murmurhash3_32(term))) % n_columns


def hashed_words(n_columns: int, ngrams: int) -> Words:
    """Return all columns that terms are hashed to; the terms are not known."""
    return Words(("",) * n_columns, ngrams, n_columns, np.arange(n_columns, dtype=np.int32))


class Frequencies:
    """In how many texts each term occurs, counted in bounded memory.

    Where terms are more than `most`, those are forgotten that occurred in few texts so far: the
    counts of rare ones may be too low; see Manku and Motwani, Approximate frequency counts over
    data streams (2002).
    """

    def __init__(self, most: int = _MOST_COUNTED) -> None:
        self._counts: Counter[str] = Counter()
        self._most, self._floor = most, 0

    def add(self, counts: TermCounts) -> None:
        """Count more texts."""
        self._counts.update(counts.once.splitlines())
        for term, n in zip(counts.terms.splitlines(), counts.n_texts, strict=True):
            self._counts[term] += n
        while len(self._counts) > self._most:
            self._floor += 1
            kept = {term: n for term, n in self._counts.items() if n > self._floor}
            self._counts = Counter(kept)

    def commonest(self, count: int, least: int) -> tuple[str, ...]:
        """Return, in alphabetical order, the terms that occur in most texts.

        Parameters
        ----------
        count : int
            Terms, at most.
        least : int
            Texts that each occurs in, at least.
        """
        common = [(-n, term) for term, n in self._counts.items() if n >= least]
        return tuple(sorted(term for _, term in sorted(common)[:count]))
