"""A trained classifier of texts: from words to probabilities of labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from ..evaluation.softmax import SoftmaxHead
from ..evaluation.stored_head import check_head, head_of_arrays, head_to_arrays
from ..files.array_file import field, require
from ..files.model_format import Arrays, ModelFormat
from .words import MOST_HASHED, MOST_NGRAMS, Words

FORMAT = ModelFormat("text model", "fusedlogit text --out", "fusedlogit text classifier")

# Inverse frequencies are logarithms. Weighted counts of a text are at most 1, and their decision
# values must be finite.
_LARGEST_IDF = 100.0
_LARGEST = 1e100

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class TextClassifier:
    """All that is needed to tell which label a text has.

    Attributes
    ----------
    labels : tuple of str
        The answers.
    words : Words
        The columns of a text.
    idf : ndarray of float32, shape (n_terms,)
        What each term's count is multiplied with: the rarer, the more.
    head : SoftmaxHead
        From weighted counts to the probabilities of the labels.
    column : str
        What a table's column of texts is called, unless another is named.
    """

    labels: tuple[str, ...]
    words: Words
    idf: NDArray[np.float32]
    head: SoftmaxHead
    column: str = "text"

    @cached_property
    def _weights(self) -> TfidfTransformer:
        weights = weighting()
        weights.idf_ = self.idf
        return weights

    def features(self, texts: Sequence[str]) -> csr_matrix:
        """Return weighted counts, float32 of shape (n_texts, n_terms); rows of length 1 or 0."""
        return self.weighted(self.words.counts(texts))

    def weighted(self, counts: csr_matrix) -> csr_matrix:
        """Return what `words.counts` gives, weighted where it lies."""
        features: csr_matrix = self._weights.transform(counts, copy=False)
        return features

    def probability(self, texts: Sequence[str], n_threads: int | None = None) -> Doubles:
        """Return the probabilities of the labels, shape (n_texts, n_labels)."""
        return self.head.probability(self.features(texts), n_threads)


def weighting() -> TfidfTransformer:
    """Return what weights counts: by their logarithm and by how rare a term is."""
    return TfidfTransformer(sublinear_tf=True)


def save_text_model(path: str | os.PathLike[str], classifier: TextClassifier) -> None:
    """Write a classifier to a file; the file is whole or untouched, never half-written.

    Raises
    ------
    OutputError
        If the file cannot be written, or `load_text_model` would refuse the classifier.
    """
    FORMAT.save(path, classifier, _to_arrays, _check)


def load_text_model(path: str | os.PathLike[str]) -> TextClassifier:
    """Read a classifier that `save_text_model` wrote; nothing is unpacked, and nothing executed.

    Raises
    ------
    ModelFileError
        If the file does not exist, is no such model, is damaged, or is of another format version.
    """
    return FORMAT.load(path, _of_arrays, _check)


def is_text_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file says that it holds a classifier of texts; False of what cannot be read."""
    return FORMAT.is_said_by(path)


def _to_arrays(classifier: TextClassifier) -> dict[str, Any]:
    words = classifier.words
    # An array of text would give each term the room of the longest.
    terms = "\n".join(words.terms).encode()
    return head_to_arrays(classifier.labels, classifier.head) | {
        "terms": np.frombuffer(terms, np.uint8),
        "idf": classifier.idf,
        "ngrams": words.ngrams,
        "n_hashed": words.n_hashed,
        "columns": words.columns,
        "column": classifier.column,
    }


def _of_arrays(arrays: Arrays) -> TextClassifier:
    """Return what the arrays say, each of the right type and shape."""
    terms = tuple(
        field(arrays, "terms", "u", (None,)).astype(np.uint8).tobytes().decode().split("\n")
    )
    n_hashed = int(field(arrays, "n_hashed", "i", ()))
    columns = field(arrays, "columns", "i", (len(terms) if n_hashed else 0,))
    words = Words(terms, int(field(arrays, "ngrams", "i", ())), n_hashed, columns.astype(np.int32))
    idf = field(arrays, "idf", "f", (len(terms),)).astype(np.float32)
    labels, head = head_of_arrays(arrays, len(terms))
    return TextClassifier(labels, words, idf, head, str(field(arrays, "column", "U", ())))


def _check(classifier: TextClassifier) -> None:
    """Raise a ValueError unless every text would get a finite answer."""
    words = classifier.words
    check_head(classifier.labels, classifier.head)
    require(1 <= words.ngrams <= MOST_NGRAMS, "ngrams")
    require(0 <= words.n_hashed <= MOST_HASHED, "n_hashed")
    if words.n_hashed:
        require(bool(words.columns[0] >= 0 and words.columns[-1] < words.n_hashed), "columns")
        require(bool((np.diff(words.columns) > 0).all()), "columns")
    else:
        require(all(words.terms) and len(set(words.terms)) == len(words.terms), "terms")
    require(bool(np.all((classifier.idf >= 1) & (classifier.idf <= _LARGEST_IDF))), "idf")
    require(bool(np.all(np.abs(classifier.head.coef) <= _LARGEST)), "coef")
    require(bool(np.all(np.abs(classifier.head.intercept) <= _LARGEST)), "intercept")
