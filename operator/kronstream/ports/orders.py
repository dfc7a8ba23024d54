"""Orders about many runs: kept in the store, so that whoever serves goes on with one that another left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kronstream.ports.requests import Change

OrderKind = Literal["retry", "cancel"]
MOST_RUNS = 10_000
"""The runs of one order."""
MOST_ORDERS = 20
"""Orders that are under way at a time."""
KEPT = 86_400_000
"""Milliseconds for which it is known how an order ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """How far an order is: ``count`` runs are meant, ``done`` were done, ``refused`` could not be.

    ``uid`` and ``name`` are the job's, '' where the runs of a namespace are meant ('': of all). ``state`` is running,
    done or cancelled; ``created`` and ``finished`` are milliseconds.
    """

    id: str
    kind: OrderKind
    namespace: str
    count: int
    uid: str = ""
    name: str = ""
    by: str = ""
    done: int = 0
    refused: int = 0
    state: str = "running"
    created: int = 0
    finished: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What of an order is to be done next, under a lease."""

    order: Order
    runs: tuple[str, ...]


class Orders(Protocol):
    """Every replica sees the same. Raises what the store raises."""

    async def put(self, order: Order, runs: Sequence[str]) -> Change:
        """Keep an order, at most ``MOST_RUNS`` runs: OK, SAME for one that is known, FULL."""
        ...

    async def get(self, order: str) -> Order | None:
        """An order, until a day after its end."""
        ...

    async def claim(self, token: str, lease: int, limit: int) -> Share | None:
        """The next runs of an order that nobody goes on with, which is this token's for ``lease`` milliseconds."""
        ...

    async def advance(self, order: str, token: str, lease: int, done: int, refused: int) -> bool:
        """So many more of its runs were done, and refused; the lease begins anew. False where it is another's by now,
        or over: its further runs are none of this token's business."""
        ...

    async def end(self, order: str) -> Change:
        """Do no more of it: OK, OVER, GONE."""
        ...
