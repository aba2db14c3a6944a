"""From decision values to probabilities that come true as often as they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold

from ..estimator import LogisticRegression
from ..functions import sigmoid
from ..problems.links import SOFTMAX

Doubles = NDArray[np.float64]

#: Natural logarithms of the slopes that temperature scaling chooses from.
_LOG_SLOPES = (-6.0, 6.0)


@dataclass(frozen=True)
class Calibration:
    """The probability of the second label as a function of the decision value.

    ``1 / (1 + exp(-(slope * z + offset)))``; see Platt, Probabilistic outputs for support vector
    machines (1999). Slope 1 and offset 0 leave the model's own probability.
    """

    slope: float = 1.0
    offset: float = 0.0

    def probability(self, decision: Doubles) -> Doubles:
        """Return the probability of the second label at each decision value, shape (n,)."""
        return np.asarray(sigmoid(self.slope * decision + self.offset), dtype=np.float64)


@dataclass(frozen=True)
class Temperature:
    """Probabilities of many classes as a function of their decision values.

    The softmax of ``slope * z``; see Guo and others, On calibration of modern neural networks
    (2017), who call 1 / slope the temperature. Slope 1 leaves the model's own probabilities.
    """

    slope: float = 1.0

    def probability(self, decision: Doubles) -> Doubles:
        """Return the probabilities of the classes; both of shape (n, n_classes)."""
        probability: Doubles = SOFTMAX.probabilities(self.slope * decision.T).T
        return probability


def uncalibrated(n_classes: int) -> Calibration | Temperature:
    """Return what leaves the model's own probabilities."""
    return Calibration() if n_classes == 2 else Temperature()


def calibrate(
    model: LogisticRegression, X: NDArray[np.generic], y: NDArray[np.str_]
) -> Calibration | Temperature:
    """Fit the calibration of a trained model to samples it has not seen.

    Parameters
    ----------
    model : LogisticRegression
        Fitted.
    X : ndarray, shape (n_samples, n_features)
    y : ndarray of str, shape (n_samples,)
        All of the model's classes occur.

    Returns
    -------
    Calibration, or Temperature for more than two classes
        Never of a negative slope: a model worse than chance is given no confidence.
    """
    if len(model.classes_) > 2:
        return temperature(model.decision_function(X), np.searchsorted(model.classes_, y))
    # A frozen estimator is not trained again: the folds only divide what it predicts.
    folds = list(KFold(2).split(X))
    fitted = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid", cv=folds).fit(X, y)
    (calibrator,) = fitted.calibrated_classifiers_[0].calibrators
    return Calibration(max(0.0, -float(calibrator.a_)), -float(calibrator.b_))


def temperature(decision: Doubles, truth: NDArray[np.intp]) -> Temperature:
    """Fit the slope to decision values (n, n_classes) of samples and their classes (n,).

    The log loss is least where one answer more had been wrong than were: without that, samples
    that are all answered rightly would ask for boundless confidence.
    """
    n, n_classes = decision.shape
    z = decision - decision.mean(axis=1, keepdims=True)  # so that the other classes' sum is -z_y
    own = z[np.arange(n), truth].mean()
    wrong = 1 / (n + 2)
    rewarded = (1 - wrong) * own - wrong * own / (n_classes - 1)
    top = z.max(axis=1, keepdims=True)

    def log_loss(log_slope: float) -> float:
        slope = np.exp(log_slope)
        total = slope * top[:, 0] + np.log(np.exp(slope * (z - top)).sum(axis=1))
        return float(total.mean() - slope * rewarded)

    return Temperature(float(np.exp(minimize_scalar(log_loss, bounds=_LOG_SLOPES).x)))
