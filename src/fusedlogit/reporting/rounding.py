"""How shares are told, the same way everywhere."""


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
