"""From documents to weighted counts: choose the terms, count them, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..data.structure import sums_by_column
from ..errors import TextDataError
from ..evaluation.splits import RowSplit
from .classifier import weighting
from .documents import Chunk, Documents, chunks_of
from .stages import Listener
from .words import Frequencies, Words, analyzer

# Of arrays that have become too short.
_GROWTH = 1.5

# Of texts without words.
_GIVE_OTHERS = "give others, of words of two letters at least with spaces between"


@dataclass(frozen=True)
class WeightedCounts:
    """The terms of documents, counted and weighted by how rare they are in training.

    Attributes
    ----------
    words : Words
        The columns.
    idf : ndarray of float32, shape (n_terms,)
        What counts were multiplied with.
    X : csr_matrix of float32, shape (n_seen, n_terms)
        Of the texts that are seen before the test texts.
    X_test : csr_matrix of float32, shape (n_test, n_terms)
    """

    words: Words
    idf: NDArray[np.float32]
    X: csr_matrix
    X_test: csr_matrix

    @property
    def n_bytes(self) -> int:
        """Of both matrices."""
        arrays = [(one.data, one.indices, one.indptr) for one in (self.X, self.X_test)]
        return sum(int(array.nbytes) for own in arrays for array in own)


def commonest_words(
    documents: Documents,
    split: RowSplit,
    listener: Listener,
    *,
    count: int,
    least: int,
    ngrams: int,
) -> Words:
    """Return the terms that occur in most of the texts seen in training.

    Parameters
    ----------
    documents : Documents
    split : RowSplit
    listener : Listener
    count : int
        Terms, at most.
    least : int
        Texts that each occurs in, at least.
    ngrams : int
        Words of a term, at most.

    Raises
    ------
    TextDataError
        If there are none.
    """
    frequencies, analyze = Frequencies(), analyzer(ngrams)
    for chunk, seen in chunks_by_part(documents, split, "choosing words", listener):
        frequencies.add((chunk.texts[k] for k in np.flatnonzero(seen)), analyze)
    terms = frequencies.commonest(count, least)
    if not terms:
        fix = "ask for fewer by --min-texts, or give more texts" if least > 1 else _GIVE_OTHERS
        raise TextDataError(
            f"no word occurs in {least:,} training texts of {documents.name}: {fix}"
        )
    return Words(terms, ngrams)


def weighted_counts(
    documents: Documents, split: RowSplit, words: Words, listener: Listener
) -> WeightedCounts:
    """Count the terms of all texts; of hashed columns those are kept that training texts have.

    Raises
    ------
    TextDataError
        If there are no such.
    """
    of_seen, of_test = _Rows(), _Rows()
    for chunk, seen in chunks_by_part(documents, split, "counting words", listener):
        counts = words.counts(chunk.texts)
        of_seen.add(counts[seen])
        of_test.add(counts[~seen])
    X, X_test = of_seen.matrix(len(words)), of_test.matrix(len(words))
    if words.n_hashed:
        used = np.flatnonzero(sums_by_column(X.indices, X.shape[1]))
        if not len(used):
            raise TextDataError(f"no training text of {documents.name} has words: {_GIVE_OTHERS}")
        words = replace(words, terms=("",) * len(used), columns=words.columns[used])
        X, X_test = X[:, used], X_test[:, used]
    weights = weighting().fit(X)
    X, X_test = (weights.transform(matrix, copy=False) for matrix in (X, X_test))
    return WeightedCounts(words, weights.idf_, X, X_test)


class _Rows:
    """Rows of counts as they come, in arrays that grow where they lie: no second copy of them."""

    def __init__(self) -> None:
        self._values, self._indices = np.empty(0, np.float32), np.empty(0, np.int32)
        self._ends = [np.zeros(1, np.int64)]

    def add(self, counts: csr_matrix) -> None:
        begin = int(self._ends[-1][-1])
        end = begin + counts.nnz
        if end > len(self._values):
            self._resize(max(end, int(_GROWTH * len(self._values))))
        self._values[begin:end], self._indices[begin:end] = counts.data, counts.indices
        if counts.shape[0]:
            self._ends.append(begin + counts.indptr[1:].astype(np.int64))

    def matrix(self, n_columns: int) -> csr_matrix:
        """All of them; nothing is to be added afterwards."""
        indptr = np.concatenate(self._ends)
        self._resize(int(indptr[-1]))
        shape = len(indptr) - 1, n_columns
        return csr_matrix((self._values, self._indices, indptr), shape=shape, copy=False)

    def _resize(self, size: int) -> None:
        for array in (self._values, self._indices):
            array.resize(size, refcheck=False)


def chunks_by_part(
    documents: Documents, split: RowSplit, stage: str, listener: Listener
) -> Iterator[tuple[Chunk, NDArray[np.bool_]]]:
    """Yield chunks of documents, and whether each one is seen before the test texts are.

    Raises
    ------
    TextDataError
        If there are more or fewer documents than were split.
    """
    n = 0
    for chunk in chunks_of(documents):
        n += len(chunk.texts)
        if n > len(split.part):
            break
        yield chunk, split.seen[chunk.first : n]
        listener.reading(stage, chunk.share)
    if n != len(split.part):
        raise TextDataError(f"{documents.name} has changed while it was read: start again")
