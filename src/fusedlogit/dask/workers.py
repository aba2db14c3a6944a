"""Tasks on Dask's workers: one for each part, and a tree of sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from dask.context import thread_state
from dask.delayed import delayed
from distributed import Client, get_client, rejoin, secede

from ..data.per_row import Combine, Kept, Made, joined
from ..errors import PassOverflowError

#: Sums that are added up in one task, or by the client: a trip more would take longer.
FAN_IN = 8


def client_or_default(client: Client | None) -> Client:
    """The client to use.

    Raises
    ------
    RuntimeError
        If there is none, or it is asynchronous.
    TypeError
        If it is something else.
    """
    if client is None:
        try:
            client = get_client()
        except ValueError:
            raise RuntimeError(
                "there is no Dask client: start one with dask.distributed.Client(), or set the "
                "estimator's attribute `client`"
            ) from None
    if not isinstance(client, Client):
        raise TypeError(
            f"the attribute `client` is {client!r}: set it to a dask.distributed.Client"
        )
    if client.asynchronous:
        raise RuntimeError(
            "the Dask client is asynchronous, and fits wait for its answers: use a client without "
            "asynchronous=True, or fit in a thread (await asyncio.to_thread(model.fit, X, y))"
        )
    return client


@contextmanager
def thread_let_go() -> Iterator[None]:
    """In a task, give its thread to other tasks meanwhile: to those that it waits for, too."""
    inside = hasattr(thread_state, "start_time")  # of a task in a thread of the worker's
    try:
        if inside:
            secede()  # type: ignore[no-untyped-call]
    except KeyError:  # it has been given away before
        inside = False
    try:
        yield
    finally:
        if inside:
            rejoin()  # type: ignore[no-untyped-call]


class DaskWorkers:
    """The workers of a client.

    All that tasks depend on are their arguments, so Dask makes anew what is lost with a worker.

    Parameters
    ----------
    client : distributed.Client
    names : sequence of str
        Of the blocks of a collection, as errors call those that cannot be made.
    """

    def __init__(self, client: Client, names: Sequence[str]) -> None:
        self.client, self.names = client, names
        self._made: WeakSet[Any] = WeakSet()

    def run(
        self, made: Made, kept: Sequence[Kept], combine: Combine, keep: bool
    ) -> tuple[Any, list[Any]]:
        """As `data.per_row.Workers` says."""
        n_parts = max(len(things.things) for things in kept)
        columns = [_column(things.things, n_parts) for things in kept]
        task = delayed(_make if keep else _first_made, pure=False)
        parts = [task(made, list(things)) for things in zip(*columns, strict=True)]
        sums = [delayed(_first, pure=False)(pair) for pair in parts] if keep else parts
        while len(sums) > FAN_IN:
            groups = [sums[begin : begin + FAN_IN] for begin in range(0, len(sums), FAN_IN)]
            sums = [delayed(joined, pure=False)(combine, group) for group in groups]
        client: Any = self.client
        made_there = client.compute([*sums, *parts] if keep else sums, optimize_graph=False)
        self._made.update(made_there)
        handles = made_there[len(sums) :]
        try:
            with thread_let_go():
                found = client.gather(made_there[: len(sums)])
            return joined(combine, found), handles
        except Exception as error:
            for name, handle in zip(self.names, handles, strict=False):
                if handle.status == "error" and name not in str(error):
                    error.add_note(f"in {name}")
            # With futures Dask keeps the error, whose frames hold all that the fit does. After one
            # of overflow a solver goes on.
            over = isinstance(error, PassOverflowError)
            for future in made_there if over else [*self._made]:
                future.release()
            raise


def _column(things: Sequence[Any], n_parts: int) -> Sequence[Any]:
    """One thing for each part; what is alike for all is sent once."""
    if len(things) == n_parts:
        return things
    return [delayed(things[0], traverse=False)] * n_parts


def _make(made: Made, kept: list[Any]) -> Any:
    return made.of(kept)


def _first_made(made: Made, kept: list[Any]) -> Any:
    return made.of(kept)[0]


def _first(pair: Any) -> Any:
    return pair[0]
