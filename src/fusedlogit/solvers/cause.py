"""Why a fit ended without its certificate, and what can be done about it."""

from __future__ import annotations

from enum import Enum


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
    STOPPED = ("The callback stopped it", False)

    def advice(self, scaled: bool) -> str:
        """One sentence, which does not advise to scale what is `scaled` already."""
        text, by_scaling = self.value
        more = ", or scale the features (scaling='standard')" if by_scaling and not scaled else ""
        return f"{text}{more}."
