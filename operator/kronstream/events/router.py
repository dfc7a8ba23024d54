"""A router: its rooms put together, and its life from start to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import time

from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError

from kronstream.budget import Budget
from kronstream.clock import StoreClock, told
from kronstream.cluster.api import ClusterApi
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.cluster.identity import cluster_id
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.cluster.watch import Inbox, Watch
from kronstream.domain.eventstream import Readable
from kronstream.domain.outcomeevent import TYPES
from kronstream.events.abreast import Abreast
from kronstream.events.absence import Absence
from kronstream.events.acting import Acting
from kronstream.events.adopting import Adopting
from kronstream.events.delivery import Delivery
from kronstream.events.hand import Hand
from kronstream.events.measures import Measures
from kronstream.events.pulse import Pulse
from kronstream.events.reading import Reading
from kronstream.events.sources import Sources
from kronstream.events.statuswriter import StatusWriter
from kronstream.events.table import Handler, Table
from kronstream.operations.targets import Targets
from kronstream.rooms import live_together
from kronstream.settings import RouterSettings
from kronstream.streams.connection import connect, verify
from kronstream.streams.effects import RedisEffects
from kronstream.streams.eventletters import RedisEventLetters
from kronstream.streams.eventlog import RedisEventLog
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.ownership import Ownership
from kronstream.streams.requests import RedisRequests
from kronstream.streams.suitability import Caveat
from kronstream.trouble import Trouble
from kronstream.vitals import introduce

log = logging.getLogger(__name__)

IN_HAND = 1_000
WANT = 0.2
WANT_AGAIN = 5.0


class Router:
    """One router. ``run`` ends when its task is cancelled; ``ready`` answers the readiness probe."""

    def __init__(self, settings: RouterSettings, api: ClusterApi, registry: CollectorRegistry) -> None:
        self._settings = settings
        keys, group = Keys(settings.redis.base_stream), settings.redis.group
        self._redis = connect(settings.redis.url, connections=16)
        self._blocking = connect(settings.redis.url, connections=2, timeout=10.0)
        self._beats = connect(settings.redis.url, connections=2, timeout=1.0)
        self._scope = ",".join(sorted(settings.namespaces))
        self._ledger = RedisLedger(self._redis, keys, group)
        self._effects = RedisEffects(self._redis, keys, group)
        requests = RedisRequests(self._redis, keys, group)
        event_log = RedisEventLog(self._redis, keys, settings.readers, blocking=self._blocking)
        self._ownership = Ownership(self._beats, keys, lambda: cluster_id(api), settings.redis.installation)
        handlers = EventHandlers(api, settings.namespaces)
        introduce(registry)
        self._measures = Measures(registry)
        self._caveat = Caveat()
        self._clock, self._date = StoreClock(), api.clock
        clock = self._clock
        self._table = Table(keys.outcomes, settings.event_namespaces)
        self._sources = Sources()
        hand = Hand(IN_HAND)
        self._pulse = Pulse(
            RedisEffects(self._beats, keys, group), RedisRequests(self._beats, keys, group), clock,
            settings.consumer_name, self._verify, self._scope,
        )  # fmt: skip
        self._adopting = Adopting(self._table, self._ledger, handlers, self._scope or "*")
        self._absence = Absence(self._table, self._ledger, handlers, clock, self._adopting, settings.relist / 1000)
        known = self._absence.known
        self._abreast = Abreast(self._effects, self._table, self._adopting, handlers.covers)
        self._targets = Targets(self._effects, requests)
        readable = Readable.of((keys.base, *settings.closed_streams), settings.event_streams)
        self._reading = Reading(
            event_log, self._table, self._sources, hand, self._pulse, settings.consumer_name, known, readable
        )
        self._delivery = Delivery(
            hand, self._table, self._effects, event_log, RedisEventLetters(self._redis, keys),
            self._targets, self._adopting, self._abreast, self._pulse, clock, self._measures,
        )  # fmt: skip
        self._acting = Acting(
            self._table, self._effects, requests, self._ledger, ScheduledJobs(api, settings.namespaces), self._targets,
            self._adopting, self._pulse, clock, self._measures, known,
        )  # fmt: skip
        budget = Budget(settings.status_rate, settings.status_peak, settings.status_burst, time.monotonic())
        self._writer = StatusWriter(
            self._table, self._sources, self._effects, self._ledger, handlers, self._adopting, self._pulse, clock,
            self._measures, budget,
        )  # fmt: skip
        self._stirred = asyncio.Event()
        self._table.changed = self._changed
        self._adopting.entered = self._entered
        self._pulse.lost = self._lost
        self._pulse.answered = self._measures.redis.answered
        self._pulse.away = self._measures.redis.away
        self.paces = [self._delivery.pace]

    def ready(self) -> tuple[bool, str]:
        """Whether this router acts on events, and a line that says why not."""
        if self._pulse.fault:
            return False, f"Redis cannot be used: {self._pulse.fault}"
        if not self._absence.known.is_set():
            why = f": {self._absence.fault}" if self._absence.fault else ""
            return False, f"not every EventHandler is known yet{why}"
        faults = [source.fault for source in self._sources if source.fault]
        more = "".join(f"; {one}" for one in (*faults[:1], self._clocks()) if one)
        line = f"{len(self._table)} event handler(s), {len(self._pulse.live)} router(s){more}"
        return True, self._caveat.beside(line)

    async def run(self) -> None:
        """Run until cancelled; whatever ends one room unexpectedly ends the process, to be started anew."""
        await self._pulse.admit()
        inbox = Inbox(asyncio.get_running_loop(), self._adopting.observe, self._absence.relisted)
        watch = Watch(inbox, EventHandlers.PLURAL, self._settings.namespaces, self._measures.watches)
        self.paces.append(watch.pace)
        self._absence.answered = watch.close_gap
        watch.start()
        try:
            await live_together(
                (
                    self._pulse.run,
                    self._ownership.lost,
                    self._adopting.run,
                    self._absence.run,
                    self._reading.run,
                    self._delivery.run,
                    self._acting.run,
                    self._writer.run,
                    self._want,
                    self._tell,
                )
            )
        finally:
            await asyncio.to_thread(watch.stop)
            await self._leave()

    def _changed(self) -> None:
        self._reading.changed()
        self._abreast.stirred()
        self._stirred.set()

    def _entered(self, handler: Handler) -> None:
        self._writer.fresh(handler)

    def _lost(self) -> None:
        self._targets.clear()
        self._abreast.lost()
        self._adopting.adopt_again()
        self._reading.lost()
        self._stirred.set()

    async def _want(self) -> None:
        """Say which outcomes of runs anybody listens for; the store tells no others.

        What a handler listens for is told as it comes into force: this takes back what nobody listens for any more.
        """
        await self._absence.known.wait()
        trouble = Trouble(log, "outcomes of runs cannot be asked for, tried again")
        while True:
            self._stirred.clear()
            await self._pulse.open.wait()
            try:
                if await self._abreast.reach():
                    wanted = [name for name in TYPES if self._table.wants(name)]
                    # refused where a handler came into force meanwhile, of which the table will tell
                    await self._effects.want(self._scope or "*", wanted, self._abreast.turn)
                trouble.over()
            except (RedisError, OSError, TimeoutError) as error:
                trouble.tell(error)
            await asyncio.sleep(WANT)
            try:
                async with asyncio.timeout(WANT_AGAIN):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    def _clocks(self) -> str:
        return told(self._clock.skew(), self._date.skew())

    async def _tell(self) -> None:
        """Metrics, clocks that are off, and the collector's rest: a full collection walks over every handler."""
        await self._absence.known.wait()
        gc.collect()
        gc.freeze()
        streams: set[str] = set()
        clocks = Trouble(log, "clocks differ, and events are acted on by that of Redis")
        while True:
            clocks.note(self._clocks())
            self._measures.handlers.set(len(self._table))
            lags = {one.stream: one.lag.waiting for one in self._sources if one.lag and one.lag.waiting is not None}
            for stream in streams - lags.keys():
                self._measures.lag.remove(stream)
            for stream, waiting in lags.items():
                self._measures.lag.labels(stream).set(waiting)
            streams = set(lags)
            await asyncio.sleep(2.0)

    async def _verify(self) -> None:
        self._caveat.note(await verify(self._beats))
        await self._ownership.verify()

    async def _leave(self) -> None:
        try:
            await self._reading.leave()
            await self._pulse.leave()
        except (RedisError, OSError, TimeoutError) as error:
            log.info("leaving without a word to the others: %s", error)
        for redis in (self._redis, self._blocking, self._beats):
            await redis.aclose()
