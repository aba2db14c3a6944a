"""What came of the strengths of a penalty that were tried."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """What came of one C.

    Attributes
    ----------
    C : float
    n_iter : int
        Iterations of all folds' fits.
    converged : bool
        Whether all of them did.
    accuracy, log_loss : float
        On the rows held out, of all folds together.
    seconds : float
        Of fits and judgement.
    """

    C: float
    n_iter: int
    converged: bool
    accuracy: float
    log_loss: float
    seconds: float
