"""How well many classes are told apart: scores, confusion, ROC curves, surest answers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from .score import Score

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Confused:
    """Samples of one class that were taken for another.

    Attributes
    ----------
    truth, answer : int
        The classes.
    count : int
        Number of these samples.
    share : float
        Of all samples of the true class.
    """

    truth: int
    answer: int
    count: int
    share: float


@dataclass(frozen=True)
class ClassScore:
    """How well one class is told from all others.

    Attributes
    ----------
    n_samples : int
        Samples that are of the class.
    accuracy : float
        Share of them that are recognised (recall).
    precision : float
        Share of the answers with this class that are right; NaN if there are none.
    roc_auc : float
        Area under the ROC curve of the class against the rest.
    """

    n_samples: int
    accuracy: float
    precision: float
    roc_auc: float


@dataclass(frozen=True)
class ClassJudgement:
    """Answers to the samples of one part, and what they amount to.

    Attributes
    ----------
    truth : ndarray of int, shape (n,)
        Number of each sample's class; every class occurs.
    probability : ndarray of float64, shape (n, n_classes)
    """

    truth: NDArray[np.intp]
    probability: Doubles

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.probability.shape[1])

    @cached_property
    def answer(self) -> NDArray[np.intp]:
        """The likeliest class of each sample, shape (n,)."""
        return np.asarray(self.probability.argmax(axis=1))

    @cached_property
    def confidence(self) -> Doubles:
        """Probability of the answer given, shape (n,)."""
        return np.asarray(self.probability.max(axis=1))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is right, shape (n,)."""
        return np.asarray(self.answer == self.truth)

    @property
    def score(self) -> Score:
        """Accuracy and log loss, in which no probability counts as less than scikit-learn's."""
        n = len(self.truth)
        of_truth = self.probability[np.arange(n), self.truth]
        least = np.finfo(self.probability.dtype).eps
        return Score(
            n_samples=n,
            accuracy=float(np.mean(self.right)),
            majority=float(np.bincount(self.truth).max() / n),
            log_loss=float(-np.log(np.clip(of_truth, least, 1 - least)).mean()),
        )

    def top_accuracy(self, count: int) -> float:
        """Return the share of samples whose class is among so many likeliest."""
        of_truth = np.take_along_axis(self.probability, self.truth[:, None], axis=1)
        # Of equally likely classes, the true one counts as the last.
        likelier = np.count_nonzero(self.probability >= of_truth, axis=1)
        return float(np.mean(likelier <= count))

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Number of samples by true class (row) and answer (column), (n_classes, n_classes)."""
        pairs = self.truth * self.n_classes + self.answer
        counts = np.bincount(pairs, minlength=self.n_classes**2)
        return counts.reshape(self.n_classes, self.n_classes).astype(np.int64)

    def most_confused(self, count: int) -> list[Confused]:
        """Return the pairs of classes most often confused, at most so many, most often first."""
        mistakes = self.confusion.copy()
        np.fill_diagonal(mistakes, 0)
        order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
        total = self.confusion.sum(axis=1)
        found = []
        for place in order.tolist():
            truth, answer = divmod(place, self.n_classes)
            number = int(mistakes[truth, answer])
            if number:
                found.append(Confused(truth, answer, number, number / int(total[truth])))
        return found

    @cached_property
    def by_class(self) -> tuple[ClassScore, ...]:
        """How well each class is told from all others."""
        counts, answers = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        right = np.diagonal(self.confusion)
        return tuple(
            ClassScore(
                n_samples=int(counts[k]),
                accuracy=float(right[k] / counts[k]),
                precision=float(right[k] / answers[k]) if answers[k] else float("nan"),
                roc_auc=float(metrics.roc_auc_score(self.truth == k, self.probability[:, k])),
            )
            for k in range(self.n_classes)
        )

    @property
    def roc_auc(self) -> float:
        """Mean over classes of the area under the ROC curve of each against the rest."""
        return float(np.mean([one.roc_auc for one in self.by_class]))

    def roc_curve(self, k: int) -> tuple[Doubles, Doubles]:
        """Return the false and true positive rates of class k against the rest, ascending."""
        false_positive, true_positive, _ = metrics.roc_curve(
            self.truth == k, self.probability[:, k]
        )
        return false_positive, true_positive

    def surest(self, *, right: bool, count: int) -> NDArray[np.intp]:
        """Return the rows of the surest right, or wrong, answers, surest first."""
        rows = np.flatnonzero(self.right == right)
        return rows[np.argsort(-self.confidence[rows], kind="stable")[:count]]

    def runner_up(self, row: int) -> int:
        """Return what a sample's answer is best compared with.

        The true class where the answer is wrong, else the likeliest of the others.
        """
        if not self.right[row]:
            return int(self.truth[row])
        others = self.probability[row].copy()
        others[self.answer[row]] = -1
        return int(others.argmax())
