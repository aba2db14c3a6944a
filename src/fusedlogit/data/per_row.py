"""What is told of each row where the rows lie on workers: made there, when a verb asks for it.

An array stands for numbers of rows in this process, `PerRow` for numbers that stay with the parts
of X. `each` and `summed` do the same with both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from operator import add, getitem
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .ledger import of_rows
from .target import Target

Combine = Callable[[Any, Any], Any]


#: Bytes of an argument from which on it is sent once, and by workers to each other.
LARGE = 1 << 16


class Kept:
    """One thing for each part, or for all: handles of what lies on workers, or what is sent."""

    __slots__ = ("things",)

    def __init__(self, things: Sequence[Any]) -> None:
        self.things = things


class Made:
    """function(*arguments) of each part; arguments are `Kept`, `Made`, tuples, or alike for all."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def needs(self) -> tuple[Made, list[Kept]]:
        """The same, ready to be sent: told by number what it is made of, and that."""
        found: dict[int, tuple[_Place, Kept]] = {}
        large: dict[int, Kept] = {}

        def numbered(thing: Any) -> Any:
            if isinstance(thing, np.ndarray) and thing.nbytes > LARGE:
                thing = large.setdefault(id(thing), Kept([thing]))
            if isinstance(thing, Kept):
                place = _Place(len(found))
                return found.setdefault(id(thing), (place, thing))[0]
            if isinstance(thing, Made):
                return Made(thing.function, numbered(thing.arguments))
            return tuple(map(numbered, thing)) if type(thing) is tuple else thing

        recipe = numbered(self)
        return recipe, [kept for _, kept in found.values()]

    def of(self, kept: Sequence[Any]) -> Any:
        """What is made of the things of a part, which another worker may have sent."""

        def value(thing: Any) -> Any:
            if isinstance(thing, _Place):
                return aligned(kept[thing.number])
            if isinstance(thing, Made):
                return thing.function(*value(thing.arguments))
            return tuple(map(value, thing)) if type(thing) is tuple else thing

        return value(self)


class _Place:
    """Of a `Kept` among those that something is made of."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Workers(Protocol):
    """Who keeps parts and works on them."""

    def run(
        self, made: Made, kept: Sequence[Kept], combine: Combine, keep: bool
    ) -> tuple[Any, Sequence[Any]]:
        """Make something of each part, where it lies; one round trip.

        What is made is a pair: the first of all parts are combined in their order, as a tree, and
        sent back. With `keep` pairs stay where they were made, and their handles are returned.
        """


class Places:
    """Where rows lie: in parts, on workers.

    Parameters
    ----------
    workers : Workers
    bounds : ndarray of int, of shape (n_parts + 1,)
        The number of the first row of each part, and the number of rows.
    """

    def __init__(self, workers: Workers, bounds: NDArray[np.intp]) -> None:
        self.workers, self.bounds = workers, bounds
        self._sent: dict[int, tuple[NDArray[Any], Kept | Made]] = {}

    def thing(self, value: Any) -> Any:
        """What is told of rows, as `Made` takes it. Arrays of targets are sent once."""
        if isinstance(value, PerRow):
            return value.made
        if isinstance(value, Target):
            weight = value.sample_weight
            own = None if weight is None else self.once(weight).made
            return Made(Target, (self.once(value.y).made, own, value.link))
        cut = isinstance(value, np.ndarray | Draws)
        return self.cut(value) if cut else value

    def cut(self, values: Any) -> Kept:
        """What is told of rows here, for each part, to be sent along."""
        ends = zip(self.bounds, self.bounds[1:], strict=False)
        return Kept([of_rows(values, slice(int(i), int(j))) for i, j in ends])

    def once(self, values: NDArray[Any] | PerRow) -> PerRow:
        """Numbers of rows that many passes ask for: an array is sent the first time, and kept."""
        if isinstance(values, PerRow):
            return values
        if id(values) not in self._sent:
            sent = self.per_row(self.cut(values), values.shape).stored()
            self._sent[id(values)] = values, sent.made
        return self.per_row(self._sent[id(values)][1], values.shape)

    def per_row(self, made: Kept | Made, shape: tuple[int, ...]) -> PerRow:
        return PerRow(self, made, shape)

    def each(self, function: Callable[..., Any], values: Sequence[Any]) -> PerRow:
        """What a function makes of the numbers of each row."""
        shapes = [value.shape for value in values if isinstance(value, PerRow | np.ndarray)]
        made = Made(function, tuple(map(self.thing, values)))
        return self.per_row(made, np.broadcast_shapes(*shapes))

    def summed(
        self,
        function: Callable[..., Any],
        by_row: Sequence[Any],
        arguments: tuple[Any, ...],
        combine: Combine,
    ) -> Any:
        """function(*by_row, *arguments) of the rows of each part, combined."""
        things = (*map(self.thing, by_row), *arguments)
        return self.run(Made(_alone, (function, things)), combine)[0]

    def run(
        self, made: Made, combine: Combine, shape: tuple[int, ...] | None = None
    ) -> tuple[Any, PerRow | None]:
        """What is made of all parts, combined; with a shape, what is told of each row besides."""
        recipe, kept = made.needs()
        total, handles = self.workers.run(recipe, kept, combine, shape is not None)
        if shape is None:
            return total, None
        return total, self.per_row(Made(getitem, (Kept(handles), 1)), shape)

    def taken(self, function: Callable[..., Any], made: Any, rows: NDArray[np.intp]) -> list[Any]:
        """function(made, rows) of the rows of each part, in order; `rows` ascend."""
        ends = np.searchsorted(rows, self.bounds)
        own = [rows[i:j] - begin for i, j, begin in zip(ends, ends[1:], self.bounds, strict=False)]
        found: list[Any] = self.run(Made(_in_list, (function, made, Kept(own))), add)[0]
        return found


class PerRow:
    """Numbers of each row, (n_samples,) or (K, n_samples), which stay with the parts.

    Arithmetic makes more of them, in the task that asks for the result. Chosen rows are fetched.
    """

    __array_ufunc__ = None  # arrays leave arithmetic to it

    def __init__(self, places: Places, made: Kept | Made, shape: tuple[int, ...]) -> None:
        self.places, self.made, self.shape = places, made, shape

    def __len__(self) -> int:
        return self.shape[0]

    def __mul__(self, other: Any) -> PerRow:
        return self.places.each(np.multiply, (self, other))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> PerRow:
        return self.places.each(np.add, (self, other))

    def __sub__(self, other: Any) -> PerRow:
        return self.places.each(np.subtract, (self, other))

    def __truediv__(self, other: Any) -> PerRow:
        return self.places.each(np.true_divide, (self, other))

    def sum(self) -> Any:
        """Of all rows."""
        return self.places.summed(partial(np.sum, axis=-1), (self,), (), np.add)

    def max(self) -> Any:
        """Of all rows."""
        return self.places.summed(partial(np.max, axis=-1), (self,), (), np.maximum)

    def stored(self) -> PerRow:
        """The same, made once."""
        made = Made(_with_nothing, (self.made,))
        kept = self.places.run(made, _nothing, self.shape)[1]
        assert kept is not None
        return kept

    def __getitem__(self, index: Any) -> Any:
        """One vector's numbers, those of a vector as a table, or rows, which are fetched."""
        if index is None:
            return self.places.per_row(Made(getitem, (self.made, index)), (1, *self.shape))
        if isinstance(index, int | np.integer) and len(self.shape) == 2:
            return self.places.per_row(Made(getitem, (self.made, index)), self.shape[1:])
        rows = np.arange(self.shape[-1])[index[1] if isinstance(index, tuple) else index]
        order = np.argsort(rows, kind="stable")
        found = np.concatenate(self.places.taken(_of_rows, self.made, rows[order]), axis=-1)
        taken = np.empty_like(found)
        taken[..., order] = found
        return taken

    def __iter__(self) -> Iterator[PerRow]:
        return (self[k] for k in range(len(self)))


class Draws:
    """Random numbers for rows, in whatever parts these are.

    Parameters
    ----------
    seed : int
    begin : int
        The number of the first row among all.
    """

    def __init__(self, seed: int, begin: int = 0) -> None:
        self.seed, self.begin = seed, begin

    def sample(self, rows: slice) -> Draws:
        """Those of some rows."""
        return Draws(self.seed, self.begin + int(rows.start))

    def generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.begin])


def each(function: Callable[..., Any], *values: Any) -> Any:
    """What a function makes of the numbers of each row."""
    places = _places(values)
    return function(*values) if places is None else places.each(function, values)


def together(vectors: Sequence[Any]) -> Any:
    """Vectors of numbers of rows as a table (K, n_samples)."""
    if len(vectors) == 1:
        return vectors[0][None]
    places = _places(vectors)
    if places is None:
        return np.array(vectors)
    made = Made(_table, tuple(map(places.thing, vectors)))
    return places.per_row(made, (len(vectors), *vectors[0].shape))


def summed(
    function: Callable[..., Any],
    by_row: Sequence[Any],
    *arguments: Any,
    combine: Combine = np.add,
) -> Any:
    """function(*by_row, *arguments), where it is a sum over rows or `combine` joins two results."""
    places = _places(by_row)
    if places is None:
        return function(*by_row, *arguments)
    return places.summed(function, by_row, arguments, combine)


def fetched(values: Any) -> Any:
    """Numbers of all rows in this process's memory."""
    return values[:] if isinstance(values, PerRow) else values


def stored(values: Any) -> Any:
    """Numbers of rows that are made once, and not by each verb that asks for them."""
    return values.stored() if isinstance(values, PerRow) else values


def _places(values: Sequence[Any]) -> Places | None:
    """Where rows lie, unless that is here."""
    return next((value.places for value in values if isinstance(value, PerRow)), None)


def aligned(thing: Any) -> Any:
    """An array, or arrays of a tuple, as kernels read them; any other thing as it is."""
    if isinstance(thing, np.ndarray):
        return np.require(thing, requirements="A")
    return tuple(map(aligned, thing)) if type(thing) is tuple else thing


def joined(combine: Combine, found: Sequence[Any]) -> Any:
    """Combined in order."""
    with np.errstate(over="ignore", invalid="ignore"):
        return reduce(combine, found)


def _table(*vectors: NDArray[Any]) -> NDArray[Any]:
    return np.array(vectors)


def _alone(function: Callable[..., Any], things: tuple[Any, ...]) -> tuple[Any, None]:
    return function(*things), None


def _in_list(function: Callable[..., Any], *things: Any) -> tuple[list[Any], None]:
    return [function(*things)], None


def _with_nothing(values: Any) -> tuple[None, Any]:
    return None, values


def _nothing(first: None, second: None) -> None:
    """Of two parts that send nothing back."""


def _of_rows(values: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    return values[..., rows]
