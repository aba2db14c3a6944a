"""How well two classes are told apart: scores, confusion, ROC curve, and the surest answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from .score import Score


@dataclass(frozen=True)
class Judgement:
    """Answers to the images of one part, and what they amount to.

    Attributes
    ----------
    truth : ndarray of bool, shape (n,)
        Whether each image shows the second label.
    probability : ndarray of float64, shape (n,)
        Probability of the second label.
    answer : ndarray of bool, shape (n,)
        Whether the second label is the answer.
    """

    truth: NDArray[np.bool_]
    probability: NDArray[np.float64]
    answer: NDArray[np.bool_]

    @property
    def score(self) -> Score:
        """Accuracy and log loss."""
        second = float(np.mean(self.truth))
        return Score(
            n_samples=len(self.truth),
            accuracy=float(np.mean(self.answer == self.truth)),
            majority=max(second, 1.0 - second),
            log_loss=float(metrics.log_loss(self.truth, self.probability, labels=[False, True])),
        )

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the answer given, shape (n,)."""
        return np.where(self.answer, self.probability, 1.0 - self.probability)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Number of images by true label (row) and answer (column), shape (2, 2)."""
        counts = metrics.confusion_matrix(self.truth, self.answer, labels=[False, True])
        return np.asarray(counts, dtype=np.int64)

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve."""
        return float(metrics.roc_auc_score(self.truth, self.probability))

    def roc_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the false and true positive rates at every threshold, each ascending."""
        false_positive, true_positive, _ = metrics.roc_curve(self.truth, self.probability)
        return false_positive, true_positive

    def surest(self, *, answer: bool, right: bool, count: int) -> NDArray[np.int64]:
        """Return the rows where an answer was given with most confidence.

        Parameters
        ----------
        answer : bool
            The answer: whether it is the second label.
        right : bool
            Whether to look among right or wrong answers.
        count : int
            Greatest number of rows to return.

        Returns
        -------
        ndarray of int64
            Surest first.
        """
        wanted = (self.answer == answer) & ((self.answer == self.truth) == right)
        rows = np.flatnonzero(wanted)
        return rows[np.argsort(-self.confidence[rows], kind="stable")[:count]]
