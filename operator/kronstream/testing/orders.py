"""Orders in memory (``order.lua``)."""

from collections.abc import Sequence
from dataclasses import replace

from kronstream.ports.orders import KEPT, MOST_ORDERS, Order, Share
from kronstream.ports.requests import Change
from kronstream.testing.store import MemoryStore

RUNNING = "running"


class MemoryOrders:
    """Orders beside a MemoryStore, by its clock."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._known = store.orders

    async def put(self, order: Order, runs: Sequence[str]) -> Change:
        """See Orders."""
        if await self.get(order.id) is not None:
            return Change.SAME
        if sum(known.state == RUNNING for known, _ in self._known.values()) >= MOST_ORDERS:
            return Change.FULL
        begun = replace(order, state=RUNNING, done=0, refused=0, created=self._store.now, finished=None)
        self._known[order.id] = begun, tuple(runs)
        self._store.orders_due[order.id] = self._store.now, ""
        return Change.OK

    async def get(self, order: str) -> Order | None:
        """See Orders."""
        known, _ = self._known.get(order, (None, ()))
        over = known is not None and known.finished is not None and known.finished + KEPT <= self._store.now
        return None if over else known

    async def claim(self, token: str, lease: int, limit: int) -> Share | None:
        """See Orders."""
        due = [(at, order) for order, (at, _) in self._store.orders_due.items() if at <= self._store.now]
        if not due:
            return None
        _, order = min(due)
        self._store.orders_due[order] = self._store.now + lease, token
        known, runs = self._known[order]
        first = known.done + known.refused
        return Share(known, runs[first : first + limit])

    async def advance(self, order: str, token: str, lease: int, done: int, refused: int) -> bool:
        """See Orders."""
        if self._store.orders_due.get(order, (0, None))[1] != token:
            return False
        known, runs = self._known[order]
        further = replace(known, done=known.done + done, refused=known.refused + refused)
        self._known[order] = further, runs
        self._store.orders_due[order] = self._store.now + lease, token
        if further.done + further.refused >= len(runs):
            self._finish(order, "done")
        return True

    async def end(self, order: str) -> Change:
        """See Orders."""
        known = await self.get(order)
        if known is None:
            return Change.GONE
        if known.state != RUNNING:
            return Change.OVER
        self._finish(order, "cancelled")
        return Change.OK

    def _finish(self, order: str, state: str) -> None:
        known, _ = self._known[order]
        self._known[order] = replace(known, state=state, finished=self._store.now), ()
        del self._store.orders_due[order]
