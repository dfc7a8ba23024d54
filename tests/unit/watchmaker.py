"""A ticker over a store in memory, and a clock that tests own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, cast

from prometheus_client import CollectorRegistry

from builders import card, success
from kronstream.controller.job import Job
from kronstream.controller.measures import Measures
from kronstream.controller.replicas import Replicas
from kronstream.controller.ticker import Ticker
from kronstream.ports import Dispatch, Verdict
from kronstream.testing import MemoryLedger, MemoryRunQueue
from unit.fakecluster import EPOCH, UID, Stage, until


class Alone:
    """The only replica, or one to which no job belongs."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.open = asyncio.Event()
        self.open.set()
        self.mine = True
        self.rejected = 0

    def owns(self, uid: str) -> bool:
        return self.mine and bool(uid)

    def reject(self) -> None:
        self.rejected += 1
        self.open.clear()


class Counting(MemoryLedger):
    """Keeps what was asked; raises ``fault`` while there is one."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Dispatch]] = []
        self.fault: Exception | None = None

    async def dispatch(self, epoch: str, items: Sequence[Dispatch]) -> list[tuple[Verdict, int]]:
        self.asked.append(items)
        if self.fault is not None:
            raise self.fault
        return await super().dispatch(epoch, items)


class Watchmaker:
    """A ticker over a stage."""

    def __init__(self) -> None:
        self.ledger = Counting()
        self.stage = Stage(ledger=self.ledger)
        MemoryLedger.__init__(self.ledger, self.stage.store)
        self._begin()

    def successor(self, now: int) -> Self:
        """Another replica, on the same store, that begins at an instant."""
        other = object.__new__(type(self))
        other.ledger = Counting()
        other.stage = Stage(ledger=other.ledger)
        other.stage.store = self.stage.store
        other.stage.time = self.stage.time
        other.stage.clock = self.stage.clock
        other.stage.reconciler._clock = self.stage.clock
        self.stage.time.now = now
        MemoryLedger.__init__(other.ledger, self.stage.store)
        other._begin()
        return other

    def _begin(self) -> None:
        self.replicas = Alone()
        self.refreshed: list[Job] = []
        self.ticker = Ticker(
            self.stage.roster,
            self.ledger,
            self.stage.clock,
            cast("Replicas", self.replicas),
            Measures(CollectorRegistry()),
            self.refreshed.append,
        )

    async def adopt(self, *objects: dict[str, Any]) -> list[Job]:
        """Take objects into force and arm them."""
        for obj in objects:
            self.stage.reconciler.observe("ADDED", obj)
        task = asyncio.create_task(self.stage.reconciler.run())
        await until(lambda: all(map(self._in_force, objects)))
        task.cancel()
        jobs = [self.stage.roster.get(obj["metadata"]["uid"]) for obj in objects]
        found = [job for job in jobs if job is not None]
        for job in found:
            self.ticker.arm(job)
        return found

    def _in_force(self, obj: dict[str, Any]) -> bool:
        known = self.stage.roster.get(obj["metadata"]["uid"])
        return known is not None and known.generation == obj["metadata"]["generation"]

    def runs(self, uid: str = UID) -> list[int]:
        """Nominal instants of the runs on record."""
        return sorted(run.nominal for run in self.stage.store.runs.values() if run.uid == uid)

    async def started(self) -> list[int]:
        """Take and end everything that waits; the nominal instants, an instant that came twice is there twice."""
        queue = MemoryRunQueue(self.stage.store)
        found = []
        while claims := await queue.take(card(), "default", 1000):
            found += [claim.nominal for claim in claims]
            await queue.finish(card(), [success(claim) for claim in claims])
        return sorted(found)

    async def sweep(self) -> None:
        """What operators and workers do several times a second."""
        await self.ledger.sweep()
        await self.ledger.beat("replica")

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.ticker.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
