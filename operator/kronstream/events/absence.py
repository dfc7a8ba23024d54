"""Finds what a watch cannot tell: handlers deleted while nobody looked, and those that changed unnoticed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.events.adopting import Adopting
from kronstream.events.table import Table
from kronstream.ports import HANDLER, Ledger
from kronstream.resources.meta import ending
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

SETTLE = 0.5
SECOND_LOOK = 5.0
RETRY = 1.0
CHUNK = 200


def _nothing() -> None:
    """Stands where the composition puts what is done when the API server has answered."""


class Absence:
    """Compares the API server's list with the table and the store: after every relist and from time to time."""

    def __init__(
        self, table: Table, ledger: Ledger, handlers: EventHandlers, clock: StoreClock, adopting: Adopting, every: float
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._handlers = handlers
        self._clock = clock
        self._adopting = adopting
        self._every = every
        self._relisted = asyncio.Event()
        # why the lists were not compared the last time
        self.fault = ""
        self._unknown: set[str] = set()
        self.answered: Callable[[], None] = _nothing
        self.known = asyncio.Event()

    def relisted(self) -> None:
        """The watch listed anew."""
        self._relisted.set()

    async def run(self) -> None:
        """Compare until cancelled."""
        trouble = Trouble(log, "comparing the lists of event handlers failed, tried again")
        self._relisted.set()
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._relisted.wait()
                await asyncio.sleep(SETTLE)  # a list comes as many events: one comparison for all of them
            except TimeoutError:
                pass
            self._relisted.clear()
            try:
                await self.compare()
                self.fault = ""
                trouble.over()
                self.answered()
            except (RedisError, ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                self.fault = str(error) or type(error).__name__
                await asyncio.sleep(RETRY)
                self._relisted.set()

    async def compare(self) -> None:
        """One comparison. Only a complete list forgets anything, and only what was adopted before it began."""
        before = self._clock.now()
        known = await self._ledger.known(handlers=True)
        listed = {HANDLER + meta["uid"]: meta for meta in await self._handlers.list_metadata()}
        missing = [uid for uid in known if uid not in listed]
        for start in range(0, len(missing), CHUNK):
            states = await self._ledger.describe(missing[start : start + CHUNK])
            uids = [state.uid for state in states if state is not None and self._handlers.covers(state.namespace)]
            forgotten = await self._ledger.forget(uids, before)
            if forgotten:
                log.info("%d event handler(s) were deleted while nobody watched; forgotten", forgotten)
        self._look_closer(listed)

    def _look_closer(self, listed: Mapping[str, Mapping[str, Any]]) -> None:
        """Read again what the table has otherwise than the list, unless it is on its way already.

        One that is only in the list gets a second look first: at a start the watch is still bringing them.
        """
        for handler in self._table:
            meta = listed.get(handler.uid)
            other = meta is None or meta.get("generation", 1) != handler.generation
            if other and not self._adopting.awaits(handler.uid):
                self._adopting.refresh(handler.uid, handler.namespace, handler.name)
        unknown = {
            uid
            for uid, meta in listed.items()
            if self._table.get(uid) is None and not self._adopting.awaits(uid) and not ending(meta)
        }
        for uid in unknown & self._unknown:
            self._adopting.refresh(uid, listed[uid]["namespace"], listed[uid]["name"])
        if unknown - self._unknown:
            asyncio.get_running_loop().call_later(SECOND_LOOK, self.relisted)
        self._unknown = unknown
        if not unknown and not self._adopting.backlog:
            self.known.set()
        elif not self.known.is_set():
            asyncio.get_running_loop().call_later(RETRY, self.relisted)
