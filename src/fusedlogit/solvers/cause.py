"""Why a fit ended without its certificate, and what can be done about it."""

from __future__ import annotations

from enum import Enum
from math import isinf


class Cause(Enum):
    """What ended a fit that did not converge: what to say, and whether scaling would help."""

    ITERATIONS = ("Raise max_iter or tol", True)
    STEPS = ("Raise max_iter or learning_rate, or use solver='auto'", True)
    SHORT = ("Shorter steps gain no more: raise tol, or use solver='auto'", True)
    LONG = ("The last step raised the cost: lower learning_rate, or use solver='auto'", True)
    DIVERGED = ("The cost grew beyond all bounds: lower learning_rate", True)
    ROUNDING = ("Rounding hides what is left to gain: raise tol", True)
    UNBOUNDED = ("The coefficients grow without bound: use a penalty (a finite C)", False)
    JUDGED = ("The loss of the rows left out falls no more", False)
    UNJUDGED = ("The loss of the rows left out may still fall: raise max_iter", False)
    STOPPED = ("The callback stopped it", False)

    def said(self, bound: float, tol: float, *, scalable: bool, penalised: bool) -> str:
        """How far the cost is from its minimum, if that is known, and one sentence of advice.

        Parameters
        ----------
        bound : float
            Of the distance, relative to the cost; infinite if there is none.
        tol : float
        scalable : bool
            Whether the features may be scaled, and are not yet.
        penalised : bool
            Without a penalty, there is no minimum where some rows are told apart.
        """
        far = "" if isinf(bound) else f": the cost is within {bound:.3g} of the minimum (relative)"
        text, by_scaling = self.value
        if self is Cause.ROUNDING and not penalised:
            text += ", or use a penalty (a finite C), as there may be no minimum"
        more = ", or scale the features (scaling='standard')" if by_scaling and scalable else ""
        return f"{far}{far and f', tol is {tol:.3g}'}. {text}{more}."
