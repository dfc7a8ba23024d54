"""The one writer of handlers' status: coalesced, budgeted, guarded by UID and sequence number."""

from __future__ import annotations

import asyncio
import logging
import time
from itertools import islice
from typing import Any

from redis.exceptions import RedisError

from kronstream.budget import Budget
from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.events.adopting import Adopting
from kronstream.events.lookout import Lookout
from kronstream.events.measures import Measures
from kronstream.events.pulse import Pulse
from kronstream.events.sources import Sources
from kronstream.events.table import Handler, Table
from kronstream.events.view import deaf_status, expected, mentioned, status_of
from kronstream.ports import Effects, HandlerState, Ledger
from kronstream.rooms import live_together
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

POLL = 0.1
APART, SOON = 1.0, 0.1
LOOK = 1.0
LAG_APART = 10.0
BATCH = 64
FLIGHTS = 16
AWAY = 1.0
DEAF_AFTER = 3.0  # seconds without the store until handlers are told to be deaf
MISFIT = 60.0
ONE_HANDLERS = {400: MISFIT, 403: 3.0, 413: MISFIT}


class StatusWriter:
    """Writes the status of this router's share of handlers.

    The mark of a handler stays in the store until its status was written, so that a router that dies leaves nothing
    unsaid. What the store does not know (a stream that cannot be read) is compared with what the status tells.
    """

    def __init__(
        self,
        table: Table,
        sources: Sources,
        effects: Effects,
        ledger: Ledger,
        handlers: EventHandlers,
        adopting: Adopting,
        pulse: Pulse,
        clock: StoreClock,
        measures: Measures,
        budget: Budget,
    ) -> None:
        self._table = table
        self._effects = effects
        self._ledger = ledger
        self._handlers = handlers
        self._adopting = adopting
        self._pulse = pulse
        self._clock = clock
        self._measures = measures
        self._budget = budget
        self._lookout = Lookout(table, sources, pulse.owns)
        self._fresh: dict[str, None] = {}
        self._results: dict[str, None] = {}
        self._forced: set[str] = set()
        self._flying: set[str] = set()
        self._flights: set[asyncio.Task[None]] = set()
        self._clean: list[tuple[str, int]] = []
        self._scan = 0
        self._quiet_until = 0.0
        self._next_lag = 0.0
        self._deaf: set[str] = set()
        self._trouble = Trouble(log, "status of event handlers cannot be written, tried again")
        self._misfit = Trouble(log, "the API server refuses a status (an older CRD, or a right missing?)")

    def fresh(self, handler: Handler) -> None:
        """A new generation came into force: its status goes first."""
        if handler.observed != handler.generation:
            self._fresh[handler.uid] = None
            self._forced.add(handler.uid)

    def changed(self, uid: str) -> None:
        """Something of the status changed that the store does not know of."""
        self._results[uid] = None
        self._forced.add(uid)

    async def run(self) -> None:
        """Write until cancelled."""
        await live_together((self._write_on, self._look_on))

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            if not self._pulse.open.is_set():
                continue
            try:
                self._scan, uids = await self._ledger.dirty(self._scan, handlers=True)
                for uid in uids:
                    if uid not in self._fresh:
                        self._results[uid] = None
                await self._round()
                written, self._clean = self._clean, []
                await self._ledger.clean(written)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("reading handlers' states failed, tried again: %s", str(error) or type(error).__name__)
                await asyncio.sleep(AWAY)

    async def _look_on(self) -> None:
        """Find handlers whose status tells their conditions otherwise than they are."""
        while True:
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            away = self._pulse.fault
            if away and now - self._pulse.since < DEAF_AFTER:
                continue
            if away:
                await self._tell_deaf(away)
                continue
            self._deaf.clear()
            lags = now >= self._next_lag
            if lags:
                self._next_lag = now + LAG_APART
            for uid in await self._lookout.differing(lags=lags):
                self.changed(uid)

    async def _round(self) -> None:
        now = time.monotonic()
        if now < self._quiet_until:
            return
        chosen = self._choose(min(BATCH, FLIGHTS - len(self._flights)), now)
        if not chosen:
            return
        states = await self._effects.describe([handler.uid for handler in chosen])
        for handler, state in zip(chosen, states, strict=True):
            if state is None or state.generation != handler.generation:
                continue  # not in step with the store: its adoption will say so
            if state.seq == handler.written and handler.uid not in self._forced:
                self._clean.append((handler.uid, state.seq))
                continue
            self._forced.discard(handler.uid)
            handler.written_at = now
            self._flying.add(handler.uid)
            flight = asyncio.create_task(self._write(handler, state))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    def _choose(self, limit: int, now: float) -> list[Handler]:
        """Handlers of this router's share that may be written now, as many as the budget allows."""
        wanted: list[tuple[Handler, dict[str, None]]] = []
        seen: set[str] = set()
        for queue, apart in ((self._fresh, SOON), (self._results, APART)):
            for uid in list(islice(queue, 4 * limit)):
                if len(wanted) >= limit:
                    break
                handler = self._table.get(uid)
                del queue[uid]
                if handler is None or not self._pulse.owns(uid):
                    self._forced.discard(uid)  # gone, or another router's: the mark in the store tells it
                elif uid in self._flying or now - handler.written_at < apart:
                    queue[uid] = None  # behind the others
                elif uid not in seen:
                    seen.add(uid)
                    wanted.append((handler, queue))
        granted = self._budget.take(len(wanted), now)
        for handler, queue in wanted[granted:]:
            queue[handler.uid] = None
        return [handler for handler, _ in wanted[:granted]]

    async def _write(self, handler: Handler, state: HandlerState) -> None:
        status = status_of(handler, state, self._lookout.listened(handler), self._clock.now())
        try:
            if await self._sent(handler, status):
                handler.written = state.seq
                self._clean.append((handler.uid, state.seq))
        finally:
            self._flying.discard(handler.uid)

    async def _sent(self, handler: Handler, status: dict[str, Any]) -> bool:
        """Whether the API server has it now; if not, it is tried again, or is of no use any more."""
        try:
            await self._handlers.write_status(handler.namespace, handler.name, handler.kube_uid, status)
        except ApiError as error:
            await self._refused(handler, mentioned(status), error)
            return False
        except (OSError, TimeoutError, RuntimeError) as error:
            self._pause(str(error) or type(error).__name__)
            self.changed(handler.uid)
            return False
        self._measures.status_writes.labels("ok").inc()
        self._trouble.over()
        handler.note(status)
        return True

    def _pause(self, why: str) -> None:
        """An API server that does not answer is not asked by every handler."""
        self._measures.status_writes.labels("failed").inc()
        self._trouble.tell(why)
        self._quiet_until = time.monotonic() + AWAY

    async def _refused(self, handler: Handler, seq: int, error: ApiError) -> None:
        if error.status == 404:
            return  # deleted; the watch or the comparison of lists will tell
        if error.status in ONE_HANDLERS:
            self._set_aside(handler, error, ONE_HANDLERS[error.status])
            return
        if error.status != 422:
            self._pause(str(error))
            self.changed(handler.uid)
            return
        try:
            live = await self._handlers.get(handler.namespace, handler.name)
        except (ApiError, OSError, TimeoutError) as fault:
            self._pause(str(fault))
            self.changed(handler.uid)
            return
        if live is None or live["metadata"]["uid"] != handler.kube_uid:
            self._measures.status_writes.labels("overruled").inc()
            return
        known = mentioned(live.get("status") or {})
        if known > seq:
            self._measures.status_writes.labels("overruled").inc()
            self._adopting.raise_seq(handler.uid, known + 1)
            self.changed(handler.uid)
        else:
            self._set_aside(handler, error, MISFIT)

    def _set_aside(self, handler: Handler, error: ApiError, seconds: float) -> None:
        """A refusal that is about this handler costs the others nothing; it is tried again later."""
        self._measures.status_writes.labels("failed").inc()
        self._misfit.tell(f"{handler.namespace}/{handler.name}: {error}")
        handler.written_at = time.monotonic() + seconds
        self.changed(handler.uid)

    async def _tell_deaf(self, away: str) -> None:
        """Redis does not answer: handlers of this share that say they are Ready are not. Each is told once."""
        deaf = [
            handler
            for handler in self._table
            if handler.uid not in self._deaf
            and self._pulse.owns(handler.uid)
            and handler.said != expected(handler, (), away)
        ]
        for handler in deaf[: self._budget.take(min(len(deaf), BATCH), time.monotonic())]:
            if time.monotonic() < self._quiet_until:
                return
            status = deaf_status(handler, away, self._clock.now())
            if await self._sent(handler, status):
                self._deaf.add(handler.uid)
