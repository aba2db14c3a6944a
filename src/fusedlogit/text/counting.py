"""From documents to weighted counts: choose the terms, count them, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ..data.structure import sums_by_column
from ..errors import TextDataError
from ..evaluation.splits import RowSplit
from ..runtime.processes import in_processes
from ..runtime.threads import usable_threads
from .classifier import weighting
from .documents import Chunk, Documents, chunks_of
from .rows_on_disk import rows_on_disk
from .stages import Listener
from .words import Frequencies, TermCounts, Words

#: Of all texts, from which on several processes divide them into words: for fewer, starting these
#: takes as long.
MANY_CHARACTERS = 1 << 23

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
        Of the texts that are seen before the test texts; it lies on disk, as `X_test` does.
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


def processes_for(n_characters: int, n_threads: int | None) -> int:
    """Return how many processes are to divide so many characters of texts into words."""
    return usable_threads(n_threads) if n_characters >= MANY_CHARACTERS else 1


def commonest_words(
    documents: Documents,
    split: RowSplit,
    listener: Listener,
    *,
    count: int,
    least: int,
    ngrams: int,
    n_processes: int = 1,
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
    n_processes : int
        That divide texts into words.

    Raises
    ------
    TextDataError
        If there are none.
    """
    frequencies, count_texts = Frequencies(), partial(TermCounts.of, ngrams=ngrams)
    chunks = _checked_chunks(documents, split)
    of_training = ((chunk.share, [chunk.texts[k] for k in np.flatnonzero(seen)])
                   for chunk, seen in chunks)  # fmt: skip
    for share, counts in in_processes(count_texts, of_training, n_processes):
        frequencies.add(counts)
        listener.reading("choosing words", share)
    terms = frequencies.commonest(count, least)
    if not terms:
        if not frequencies.commonest(1, 1):
            raise TextDataError(f"no training text of {documents.name} has words: {_GIVE_OTHERS}")
        raise TextDataError(
            f"no word of two letters or more occurs in {least:,} training texts of "
            f"{documents.name}: ask for fewer by --min-texts, or give more texts"
        )
    return Words(terms, ngrams)


def weighted_counts(
    documents: Documents, split: RowSplit, words: Words, listener: Listener, n_processes: int = 1
) -> WeightedCounts:
    """Count the terms of all texts; of hashed columns those are kept that training texts have.

    Those of a vocabulary are put in order, what most texts have first: fits gather what lies close
    together then, and need no copy for it.

    Raises
    ------
    TextDataError
        If there are no such.
    OutputError
        If there is no room for the counts on disk.
    """
    with rows_on_disk() as of_seen, rows_on_disk() as of_test:
        n_texts = np.zeros(len(words), np.intp)
        chunks = _checked_chunks(documents, split)
        texts = (((chunk.share, seen), chunk.texts) for chunk, seen in chunks)
        for (share, seen), counts in in_processes(words.counts, texts, n_processes):
            of_training = counts[seen]
            n_texts += sums_by_column(of_training.indices, len(words))
            of_seen.add(of_training)
            of_test.add(counts[~seen])
            listener.reading("counting words", share)
        kept = np.flatnonzero(n_texts)
        if not len(kept):
            raise TextDataError(f"no training text of {documents.name} has words: {_GIVE_OTHERS}")
        if not words.n_hashed:
            kept = kept[np.argsort(-n_texts[kept], kind="stable")]
        weights = weighting()
        # The smooth idf of scikit-learn's TfidfTransformer, which would read all counts at once.
        n_seen = np.count_nonzero(split.seen)
        weights.idf_ = (np.log((1 + n_seen) / (1 + n_texts[kept])) + 1).astype(np.float32)

        def weighted(counts: csr_matrix) -> csr_matrix:
            counts = counts[:, kept]
            counts.sort_indices()
            return weights.transform(counts, copy=False)

        for rows in (of_seen, of_test):
            rows.change(weighted, len(words))
        X, X_test = (rows.matrix(len(kept)) for rows in (of_seen, of_test))
    return WeightedCounts(words.some(kept), weights.idf_, X, X_test)


def chunks_by_part(
    documents: Documents, split: RowSplit, stage: str, listener: Listener
) -> Iterator[tuple[Chunk, NDArray[np.bool_]]]:
    """Yield chunks of documents, and whether each one is seen before the test texts are.

    Progress is told once a chunk is done with.

    Raises
    ------
    TextDataError
        If there are more or fewer documents than were split.
    """
    for chunk, seen in _checked_chunks(documents, split):
        yield chunk, seen
        listener.reading(stage, chunk.share)


def _checked_chunks(
    documents: Documents, split: RowSplit
) -> Iterator[tuple[Chunk, NDArray[np.bool_]]]:
    n = 0
    for chunk in chunks_of(documents):
        n += len(chunk.texts)
        if n > len(split.part):
            break
        yield chunk, split.seen[chunk.first : n]
    if n != len(split.part):
        raise TextDataError(f"{documents.name} has changed while it was read: start again")
