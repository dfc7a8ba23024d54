"""What a supervisor does on a timer: heartbeats for the runs held, looks at the server's fitness, and sweeps."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from kronstream.health import Pace
from kronstream.ports import Claim, Pulse
from kronstream.vitals import RedisVitals
from kronstream.worker.backoff import Backoff
from kronstream.worker.exposition import Readiness, Statistics
from kronstream.worker.loopprocess import LoopProcess
from kronstream.worker.store import Store

BEAT_EVERY = 1.0  # seconds
CHECK_EVERY = 10.0  # seconds between looks at the server's settings while all is well
SWEEP_EVERY = 1.0  # seconds
TIDY_EVERY = 60.0  # seconds between looks for consumers that are gone
STUCK = 60.0  # seconds without a heartbeat being tried; every call in between is bounded by far less
SWEEP_LIMIT = 100  # runs a sweep may move; it goes on at once when it did

log = logging.getLogger(__name__)


class Heart:
    """Beats for the attached loop process and has it take runs only while the server is fit for it."""

    def __init__(
        self, store: Store, statistics: Statistics, readiness: Readiness, vitals: RedisVitals, *, enabled: bool
    ) -> None:
        self.pace = Pace("the heartbeat", STUCK)
        self._vitals = vitals
        self._store = store
        self._statistics = statistics
        self._readiness = readiness
        self._enabled = enabled
        self._fit = False
        self.process: LoopProcess | None = None
        self._attached = asyncio.Event()
        readiness.worker = "" if enabled else "disabled: this worker takes no runs (KRONSTREAM_ENABLED)"

    async def attach(self, process: LoopProcess) -> None:
        """Beat for a loop process from now on, first at once: others hand runs only to a worker whose card they see."""
        self.process = process
        self._attached.set()
        await self._let_go()

    async def beat(self) -> None:
        """Beat for ever."""
        backoff = Backoff("send a heartbeat", first=BEAT_EVERY)
        checked = float("-inf")
        while True:
            began = time.monotonic()
            self.pace.on()
            try:
                if not self._fit or backoff.failing or began - checked > CHECK_EVERY:
                    await self._check()
                    checked = began
                if self.process is not None:
                    await self._beat(self.process)
                self._readiness.beat()
                backoff.worked()
            except Exception as error:  # noqa: BLE001 - whatever the store says, heartbeats go on
                self._vitals.away()
                backoff.failed(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._attached.wait(), max(0.0, began + BEAT_EVERY - time.monotonic()))
            self._attached.clear()

    async def sweep(self) -> None:
        """Bring on due retries and lost runs, for ever; every worker and operator does."""
        backoff = Backoff("look for due retries and lost runs", first=SWEEP_EVERY)
        tidied = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            if not self._fit or not self._enabled:
                continue
            try:
                while await self._store.queue.sweep(SWEEP_LIMIT) >= SWEEP_LIMIT:
                    pass
                if time.monotonic() - tidied > TIDY_EVERY:
                    tidied = time.monotonic()
                    await self._store.queue.tidy(tuple(self._statistics.card().queues))
                backoff.worked()
            except Exception as error:  # noqa: BLE001 - as above
                await asyncio.sleep(backoff.failed(error))

    async def _check(self) -> None:
        began = time.monotonic()
        fault = await self._store.fault()
        if fault:
            self._vitals.away()
        else:
            self._vitals.answered(time.monotonic() - began)
        if fault and self._readiness.store != fault:
            log.warning("no runs are taken: %s", fault)
        self._readiness.store, self._readiness.caveat = fault, self._store.caveat
        if self._fit != (not fault):
            self._fit = not fault
            await self._let_go()

    async def _let_go(self) -> None:
        if self.process is not None:
            await self.process.tell({"go": self._fit and self._enabled})

    async def _beat(self, process: LoopProcess) -> None:
        if self._enabled:
            await self._tell_store(process)
        self._readiness.process = ""

    async def _tell_store(self, process: LoopProcess) -> None:
        claims = [entry.claim for entry in process.slate.held()]
        began = time.monotonic()
        pulse = await self._store.queue.beat(self._statistics.card(), claims)
        self._vitals.answered(time.monotonic() - began)
        message = forwarded(pulse, claims)
        if message and self.process is process:
            await process.tell(message)


def forwarded(pulse: Pulse, claims: list[Claim]) -> dict[str, object]:
    """What the loop process has to know of an answer; by token, for a run may meanwhile be held under another."""
    message: dict[str, object] = {}
    cancel = {claim.token: pulse.cancel[claim.run] for claim in claims if claim.run in pulse.cancel}
    lost = [claim.token for claim in claims if claim.run in pulse.lost]
    if cancel:
        message["cancel"] = cancel
    if lost:
        message["lost"] = lost
    if pulse.handed:
        message["handed"] = True
    return message
