"""From documents to weighted counts: choose the terms, count them, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from ..errors import TextDataError
from ..evaluation.splits import RowSplit
from .classifier import weighting
from .documents import Chunk, Documents, chunks_of
from .stages import Listener
from .words import Frequencies, Words, analyzer


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
        raise TextDataError(
            f"no word occurs in {least:,} training texts of {documents.name}: ask for fewer by "
            "--min-texts, or give more texts"
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
    seen_parts, test_parts = [], []
    for chunk, seen in chunks_by_part(documents, split, "counting words", listener):
        counts = words.counts(chunk.texts)
        seen_parts.append(counts[seen])
        test_parts.append(counts[~seen])
    X = vstack(seen_parts, format="csr", dtype=np.float32)
    X_test = vstack(test_parts, format="csr", dtype=np.float32)
    if words.n_hashed:
        used = np.flatnonzero(np.bincount(X.indices, minlength=X.shape[1]))
        if not len(used):
            raise TextDataError(f"no training text of {documents.name} has words: give others")
        words = replace(words, terms=("",) * len(used), columns=words.columns[used])
        X, X_test = X[:, used], X_test[:, used]
    weights = weighting().fit(X)
    X, X_test = (weights.transform(matrix, copy=False) for matrix in (X, X_test))
    return WeightedCounts(words, weights.idf_, X, X_test)


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
