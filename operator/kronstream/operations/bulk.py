"""Orders about many executions: found by a filter, kept in the store, done one after the other by whoever serves."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from kronstream.domain.run import State, digest
from kronstream.operations.executions import Executions
from kronstream.operations.refused import Refused, Why
from kronstream.operations.sought import Filter, Sought
from kronstream.ports import Change, Listing
from kronstream.ports.orders import MOST_ORDERS, MOST_RUNS, Order, OrderKind, Orders, Share

__all__ = ["MOST_RUNS", "PREFIX", "Bulk", "Filter", "Order", "OrderKind"]

log = logging.getLogger(__name__)

PREFIX = "op-"
CHUNK = 100
LEASE = 10_000
TOLD = 2.0
"""Seconds between two words of how far an order is: the lease begins anew with each."""


class Bulk:
    """One service for every door. ``step`` goes on with orders, also with those that another replica left: a run
    that is done again under the same order is done once. ``away`` is what the store raises while it is away, ``begun``
    is told of every order that begins here."""

    def __init__(
        self,
        orders: Orders,
        listing: Listing,
        executions: Executions,
        away: tuple[type[Exception], ...] = (OSError, TimeoutError),
        begun: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._orders = orders
        self._listing = listing
        self._executions = executions
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._away = away
        self._begun = begun

    async def find(self, kind: OrderKind, wanted: Filter, uid: str = "", namespace: str = "") -> list[str]:
        """The executions that an order is about: of a job, or of a namespace ('': of all). Raises Refused."""
        sought = Sought(self._listing, wanted, kind)
        await (sought.of_job(uid) if uid else sought.of_namespace(namespace))
        return sought.found

    async def start(self, order: Order, runs: list[str], key: str) -> Order:
        """Begin an order about executions; the same key begins one. Raises Refused."""
        name = PREFIX + digest(order.kind, key)
        answer = await self._orders.put(replace(order, id=name, count=len(runs)), runs)
        if answer is Change.FULL:
            raise Refused(Why.CONFLICT, f"{MOST_ORDERS} operations are under way, no more may be; wait for one")
        self._begun()
        return await self.get(name)

    async def get(self, order: str) -> Order:
        """How far an order is. Raises Refused."""
        found = await self._orders.get(order) if order.startswith(PREFIX) else None
        if found is None:
            raise Refused(Why.GONE, "there is no such operation, or it ended more than a day ago")
        return found

    async def end(self, order: str) -> None:
        """Do no more of an order; what was done stays. Raises Refused."""
        answer = await self._orders.end(order)
        if answer is Change.GONE:
            raise Refused(Why.GONE, "there is no such operation, or it ended more than a day ago")
        if answer is not Change.OK:
            raise Refused(Why.CONFLICT, "the operation is over")

    async def step(self) -> bool:
        """Do the next executions of an order that nobody goes on with; False when there is none. Raises what the store
        raises: the order goes on when its lease is over."""
        share = await self._orders.claim(self._token, LEASE, CHUNK)
        if share is None:
            return False
        await self._do(share)
        return True

    async def _do(self, share: Share) -> None:
        done = refused = 0
        last = self._clock()
        for run in share.runs:
            good = await self._one(share.order, run)
            done, refused = done + good, refused + (not good)
            if self._clock() - last > TOLD:
                if not await self._orders.advance(share.order.id, self._token, LEASE, done, refused):
                    return
                done, refused, last = 0, 0, self._clock()
        # what was found in one go is another's turn, too
        await self._orders.advance(share.order.id, self._token, 0, done, refused)

    async def _one(self, order: Order, run: str) -> bool:
        """Whether it was done. Raises what the store raises, and Refused while it is being filled."""
        try:
            if order.kind == "retry":
                await self._executions.retry(run, order.id, order.by)
            else:
                await self._executions.cancel(run, order.by)
        except Refused as refused:
            if refused.why is Why.AWAY:
                raise TimeoutError(str(refused)) from None
            return order.kind == "cancel" and await self._cancelled(run)
        except self._away:
            raise
        except Exception:  # whatever one of them is, the others have their turn
            log.exception("operation %s: execution %s is passed over", order.id, run)
            return False
        return True

    async def _cancelled(self, run: str) -> bool:
        """Whether a run that is over was cancelled: perhaps by the replica that left the order."""
        try:
            return (await self._executions.get(run)).state is State.CANCELLED
        except Refused:
            return False
