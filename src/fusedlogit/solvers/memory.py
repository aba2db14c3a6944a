"""What the last steps showed of the Hessian: L-BFGS in a metric P, whose inverse is at hand.

Of each step are known s, by which the point moved, y, by which the gradient changed, and P^-1 y.
`Pairs` goes through them twice for each new step, which reads six vectors a pair. `LongPairs` does
so on their inner products alone: of the vectors themselves it reads s and P^-1 y twice. That tells
where a vector is longer than caches (Chen, Wang and Zhou, 2014, Large-scale L-BFGS using
MapReduce, NIPS 27).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from .._kernels import vectors
from .settings import Doubles

#: Numbers of a point from which on what it takes to read a vector decides.
LONG = 1 << 18

#: Of a step and the change of the gradient, the least cosine between them.
LEAST_COSINE = 1e-12


class Memory(Protocol):
    """Of the last steps; false while there is none."""

    def __bool__(self) -> bool: ...

    def clear(self) -> None:
        """Forget them."""

    def settle(self, gradient: Doubles, solved: Doubles) -> float:
        """Take P^-1 gradient at the end of the last step; the curvature along it, relative to P."""

    @property
    def scale(self) -> float:
        """Of P^-1, by what the last step showed; 0 if it showed nothing."""

    def direction(self, gradient: Doubles, solved: Doubles, scale: float) -> Doubles:
        """-B gradient, where B is the scaled P^-1 updated by all steps."""

    def learn(self, step: Doubles, gradient: Doubles, change: Doubles, solved: Doubles) -> bool:
        """Keep a step along the last direction, with what was at its start; False if unsound.

        The gradient changed by `change`; `solved` is P^-1 gradient.
        """


def memory_of(n_steps: int, size: int, n_threads: int) -> Memory:
    """For as many steps, of points of so many numbers."""
    return Pairs(n_steps) if size < LONG else LongPairs(n_steps, size, n_threads)


@dataclass
class Pair:
    """One step, and what it showed of the Hessian.

    Attributes
    ----------
    step, change : ndarray
        Of the point and of the gradient.
    image : ndarray
        P step.
    solved : ndarray
        P^-1 change.
    """

    step: Doubles
    change: Doubles
    image: Doubles
    solved: Doubles

    @cached_property
    def product(self) -> float:
        """step . change, positive."""
        return float(self.step @ self.change)

    @property
    def curvature(self) -> float:
        """Of the cost along the step, relative to that of the metric P."""
        square = float(self.step @ self.image)
        return self.product / square if square > 0 else np.inf


class Pairs:
    """Steps as they were, and the two-loop recursion."""

    def __init__(self, n_steps: int) -> None:
        self.pairs: deque[Pair] = deque(maxlen=n_steps)
        self._last: tuple[Doubles, Doubles]

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def clear(self) -> None:
        self.pairs.clear()

    def settle(self, gradient: Doubles, solved: Doubles) -> float:
        pair = self.pairs[-1]
        pair.solved = solved - pair.solved
        return pair.curvature

    @property
    def scale(self) -> float:
        pair = self.pairs[-1]
        length = float(pair.solved @ pair.change)
        return pair.product / length if length > 0 else 0.0

    def direction(self, gradient: Doubles, solved: Doubles, scale: float) -> Doubles:
        """With its image by P: P^-1 is linear, and known of the gradient and of each change."""
        rest, solved = gradient.copy(), solved.copy()
        factors = []
        for pair in reversed(self.pairs):
            factor = float(pair.step @ rest) / pair.product
            rest -= factor * pair.change
            solved -= factor * pair.solved
            factors.append(factor)
        direction, image = -scale * solved, -scale * rest
        for pair, factor in zip(self.pairs, reversed(factors), strict=True):
            share = factor + float(pair.change @ direction) / pair.product
            direction -= share * pair.step
            image -= share * pair.image
        self._last = direction, image
        return direction

    def learn(self, step: Doubles, gradient: Doubles, change: Doubles, solved: Doubles) -> bool:
        direction, image = self._last
        square = float(direction @ direction)
        length = float(step @ direction) / square if square > 0 else 0.0
        pair = Pair(step, change, length * image, solved)
        if length <= 0 or not _sound(step, change, pair.product):
            return False
        self.pairs.append(pair)
        return True


class LongPairs:
    """The same of long vectors, by inner products.

    With g the gradient and p = P^-1 g, a direction is d = -scale (p - sum f_i q_i) - sum a_i s_i,
    where q_i = P^-1 y_i. Products of d with each y_i and P s_i, and so those of the next step,
    follow from those that are known.

    Parameters
    ----------
    n_steps : int
    size : int
        Numbers of a point.
    n_threads : int
    """

    def __init__(self, n_steps: int, size: int, n_threads: int) -> None:
        self.n_steps, self.n_threads = n_steps, n_threads
        self.steps, self.solved = np.empty((n_steps, size)), np.empty((n_steps, size))
        shape = n_steps, n_steps
        #: s_i . y_j, y_i . q_j and s_i . P s_j.
        self.products, self.inverse, self.images = (np.zeros(shape) for _ in range(3))
        #: s_i . g and q_i . g at the start of the last step.
        self.step_slopes, self.solved_slopes = np.zeros(n_steps), np.zeros(n_steps)
        #: Rows of the tables, from the oldest step to the last.
        self.places: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.places)

    def clear(self) -> None:
        self.places.clear()

    def settle(self, gradient: Doubles, solved: Doubles) -> float:
        *known, last = self.places
        before = self.solved[last]
        crossed, here = float(before @ gradient), float(solved @ gradient)
        np.subtract(solved, before, out=before)
        slopes = self._with_rows(self.steps, gradient)
        solved_slopes = self._with_rows(self.solved, gradient)
        self.products[known, last] = slopes[known] - self.step_slopes[known]
        change = solved_slopes[known] - self.solved_slopes[known]
        self.inverse[known, last] = self.inverse[last, known] = change
        self.inverse[last, last] = here - 2 * crossed + self._square
        self.step_slopes, self.solved_slopes = slopes, solved_slopes
        square = float(self.images[last, last])
        return float(self.products[last, last]) / square if square > 0 else np.inf

    def _with_rows(self, table: Doubles, vector: Doubles) -> Doubles:
        """Products of a vector with those rows of a table that are in use."""
        result, used = np.zeros(self.n_steps), len(self.places)
        sums = np.zeros((self.n_threads, used))
        vectors.products(table[:used], vector, sums)
        result[:used] = sums.sum(axis=0)
        return result

    @property
    def scale(self) -> float:
        last = self.places[-1]
        length = float(self.inverse[last, last])
        return float(self.products[last, last]) / length if length > 0 else 0.0

    def direction(self, gradient: Doubles, solved: Doubles, scale: float) -> Doubles:
        places, used = np.array(self.places, dtype=int), len(self.places)
        among = np.ix_(places, places)
        products, inverse, images = self.products[among], self.inverse[among], self.images[among]
        slopes, solved_slopes = self.step_slopes[places], self.solved_slopes[places]
        factor, share = np.zeros(used), np.zeros(used)
        for i in reversed(range(used)):
            factor[i] = (slopes[i] - products[i] @ factor) / products[i, i]
        changes = -scale * (solved_slopes - inverse @ factor)
        for i in range(used):
            share[i] = factor[i] + (changes[i] - share @ products[:, i]) / products[i, i]
        self._square = float(gradient @ solved)
        changes -= share @ products
        image = -scale * (slopes - products @ factor) - images @ share
        slope = -scale * (self._square - float(solved_slopes @ factor)) - float(slopes @ share)
        square = -scale * (slope - float(factor @ changes)) - float(share @ image)
        self._next = changes, image, slope, square
        direction = -scale * solved
        by_place = np.zeros((2, used))
        by_place[:, places] = scale * factor, -share
        vectors.combine(self.solved[:used], by_place[0], direction, self.n_threads)
        vectors.combine(self.steps[:used], by_place[1], direction, self.n_threads)
        return direction

    def learn(self, step: Doubles, gradient: Doubles, change: Doubles, solved: Doubles) -> bool:
        changes, image, slope, square = self._next
        begin, product = float(step @ gradient), float(step @ change)
        length = begin / slope
        if length <= 0 or not _sound(step, change, product):
            return False
        place, known = len(self.places), self.places
        if place == self.n_steps:
            place, known = known[0], known[1:]
            changes, image = changes[1:], image[1:]
        self.steps[place], self.solved[place] = step, solved
        self.products[place, known] = length * changes
        self.images[place, known] = self.images[known, place] = length * image
        self.products[place, place] = product
        self.images[place, place] = length * length * square
        self.step_slopes[place] = begin
        self.places = [*known, place]
        return True


def _sound(step: Doubles, change: Doubles, product: float) -> bool:
    """Whether rounding has not spoilt a step."""
    return bool(product > LEAST_COSINE * np.linalg.norm(step) * np.linalg.norm(change))
