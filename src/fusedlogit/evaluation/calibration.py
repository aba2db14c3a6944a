"""From decision values to probabilities that come true as often as they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold

from ..estimator import LogisticRegression
from ..functions import sigmoid


@dataclass(frozen=True)
class Calibration:
    """The probability of the second label as a function of the decision value.

    ``1 / (1 + exp(-(slope * z + offset)))``; see Platt, Probabilistic outputs for support vector
    machines (1999). Slope 1 and offset 0 leave the model's own probability.
    """

    slope: float = 1.0
    offset: float = 0.0

    def probability(self, decision: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of the second label at each decision value, shape (n,)."""
        return np.asarray(sigmoid(self.slope * decision + self.offset), dtype=np.float64)


UNCALIBRATED = Calibration()


def calibrate(
    model: LogisticRegression, X: NDArray[np.generic], y: NDArray[np.str_]
) -> Calibration:
    """Fit the calibration of a trained model to samples it has not seen.

    Parameters
    ----------
    model : LogisticRegression
        Fitted.
    X : ndarray, shape (n_samples, n_features)
    y : ndarray of str, shape (n_samples,)

    Returns
    -------
    Calibration
        Never of a negative slope: a model worse than chance is given no confidence.
    """
    # A frozen estimator is not trained again: the folds only divide what it predicts.
    folds = list(KFold(2).split(X))
    fitted = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid", cv=folds).fit(X, y)
    (calibrator,) = fitted.calibrated_classifiers_[0].calibrators
    return Calibration(max(0.0, -float(calibrator.a_)), -float(calibrator.b_))
