"""A demonstration that needs no data: letters to a shop, generated from lists of phrases."""

import random
from collections.abc import Iterator, Sequence

# What letters of each kind say, and what letters of any kind say.
_PHRASES = {
    "delivery": (
        "the parcel has not arrived", "tracking says out for delivery", "the courier left no note",
        "it was shipped to the wrong address", "the box came crushed", "my order is a week late",
        "when will it be delivered", "nobody rang at the door", "half of the parcel is missing",
    ),
    "payment": (
        "my card was charged twice", "the refund is not on my account", "the invoice is wrong",
        "please send me a receipt", "the voucher was not accepted", "my bank declined the payment",
        "you took the full price", "I was billed for two", "the discount is missing",
    ),
    "account": (
        "I cannot log in", "the password reset never comes", "please delete my account",
        "my e-mail address has changed", "the code you sent has expired", "the app signs me out",
        "I no longer have that phone number", "someone else used my login", "I am locked out",
    ),
    "praise": (
        "thank you so much", "the quality is wonderful", "my daughter loves it", "great service",
        "it works better than expected", "I will order again", "friendly and quick help",
        "the colour is lovely", "I have told all my friends", "best shop I know",
    ),
}  # fmt: skip
_ANY = (
    "hello", "dear team", "good morning", "I ordered last week", "I am writing about my order",
    "please help me", "could you look into this", "best regards", "thanks in advance",
    "I have been a customer for years", "I have written before", "it was a present",
    "the website was slow", "I tried it twice", "I hope to hear from you", "yours sincerely",
)  # fmt: skip

# Of each letter's phrases, those that are of another kind, and of all letters, those that are
# filed under another kind.
_STRAY = 0.25
_MISFILED = 0.04


class GeneratedLetters:
    """Letters to a shop that nobody has written, of four kinds; a few are filed wrongly.

    Parameters
    ----------
    n : int
        How many.
    seed : int
        The same seed gives the same letters.
    """

    name = "generated letters to a shop (phrases put together by chance)"
    column = "text"
    passed_over: Sequence[str] = ()

    def __init__(self, n: int = 2000, seed: int = 0) -> None:
        self._n, self._seed = n, seed

    def read(self) -> Iterator[tuple[str, str, float]]:
        """Yield the text and label of each letter, and what share of them has been told."""
        chance = random.Random(self._seed)
        kinds = list(_PHRASES)
        for number in range(1, self._n + 1):
            kind = chance.choice(kinds)
            said = [
                chance.choice(_PHRASES[chance.choice(kinds) if chance.random() < _STRAY else kind])
                for _ in range(chance.randint(1, 3))
            ]
            said += chance.sample(_ANY, chance.randint(1, 4))
            chance.shuffle(said)
            filed = chance.choice(kinds) if chance.random() < _MISFILED else kind
            text = " ".join(f"{phrase[0].upper()}{phrase[1:]}." for phrase in said)
            yield text, filed, number / self._n
