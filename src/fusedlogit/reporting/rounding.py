"""How shares and counts are told, the same way everywhere."""

import math
from collections.abc import Mapping

from ..errors import printable

# Kinds that are listed one by one.
_LISTED = 12


def percent(share: float, decimals: int = 1) -> str:
    """Return a share in percent, rounded.

    What is nearly all or nearly nothing is not called so: 0.99999 is ">99.9%".

    Parameters
    ----------
    share : float
        From 0 to 1.
    decimals : int
        Of the percentage.
    """
    text, least = f"{share:.{decimals}%}", 10.0 ** -(decimals + 2)
    if share < 1 and text == f"{1:.{decimals}%}":
        return f">{1 - least:.{decimals}%}"
    if share > 0 and text == f"{0:.{decimals}%}":
        return f"<{least:.{decimals}%}"
    return text


def counted(counts: Mapping[str, int]) -> str:
    """Return how many there are of each kind; of many kinds, how many of the rarest and commonest.

    Parameters
    ----------
    counts : mapping of str to int
        Number by kind.
    """
    if len(counts) <= _LISTED:
        return ", ".join(f"{count:,} {printable(kind)}" for kind, count in counts.items())
    least, most = min(counts.values()), max(counts.values())
    return f"{len(counts):,} kinds, {least:,}{f' to {most:,}' * (most > least)} of each"


def finite(value: float) -> float | None:
    """Return a number, None if JSON does not know it."""
    return value if math.isfinite(value) else None
