"""What accuracy and log loss say of one part of the samples."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """How well one part of the samples is told apart.

    Attributes
    ----------
    n_samples : int
        Number of samples in the part.
    accuracy : float
        Share answered correctly.
    majority : float
        Accuracy of always answering the part's commonest label.
    log_loss : float
        Mean log loss, in nats: the cost J without its penalty.
    """

    n_samples: int
    accuracy: float
    majority: float
    log_loss: float
