"""One soak from its first dispatch to its evidence."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.chaos.witness import Witness
from kronstream.streams.connection import connect
from soak.dispatcher import Dispatcher
from soak.evidence import Evidence, Harm
from soak.fleet import Fleet
from soak.harvest import Harvest, watch
from soak.kinds import kinds
from soak.remains import REPLIES, remains
from soak.server import Server, now
from soak.storm import Storm, Weather

READER = Path(__file__).parents[2] / "examples" / "stream_reader.py"
AGENTS = "stream:agents:dispatch"
SETTLED = 90.0  # seconds until everything that was due has ended, whatever was harmed
QUIET = 1.0  # seconds between two looks
LAST = 15  # looks until the streams are empty, too
STOP = 20.0  # seconds that workers without work may take to end


@dataclass(frozen=True)
class Plan:
    """How long, by which dice, how much (1: about 220 runs a second), and how rough."""

    seconds: float
    seed: int
    scale: float = 1.0
    weather: Weather = field(default_factory=Weather)


class Trial:
    """A soak; `run` answers what is to be judged."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self.folder = folder
        self.server = Server(folder)
        self.fleet = Fleet(folder, self.server.url)
        self.kinds = kinds()
        self.evidence = Evidence({kind.uid: kind for kind in self.kinds})
        self.lag = 0.0  # seconds by which this process was late at most
        self._dice = random.Random(plan.seed)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> Evidence:
        """Start everything, harm it, wait for the end, read what is left."""
        self.server.start()
        redis = connect(self.server.url)
        try:
            await self._go(redis)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.fleet.kill()
            await redis.aclose(close_connection_pool=True)
            self.server.stop()
        return self.evidence

    async def _go(self, redis: Any) -> None:
        evidence, plan = self.evidence, self.plan
        dispatcher = Dispatcher(redis, self.kinds, plan.scale, evidence, plan.seed)
        storm = Storm(self.fleet, evidence, plan.seed, plan.weather)
        harvest = Harvest(redis, evidence)
        self.fleet.start()
        await self._until_ready(dispatcher)
        evidence.begin = now()
        dispatching = asyncio.create_task(dispatcher.dispatch())
        askers = [asyncio.create_task(work) for work in (dispatcher.ask(), dispatcher.cancel())]
        for work in (dispatcher.tend(), harvest.gather(), self._reader(), self._metronome(), self.server.note()):
            self._begin(work)
        self._begin(watch(redis, self.fleet, evidence, max(0.5, min(2.0, plan.seconds / 60))))
        raging = asyncio.create_task(storm.rage())
        await self._redis_comes_and_goes(raging, dispatching, *askers)
        raging.cancel()
        evidence.stop = now()
        dispatcher.stop()
        await asyncio.gather(dispatching, *askers)
        await storm.calm()
        self.fleet.start()
        self.dispatched_again = dispatcher.dispatched_again
        await self._settle(redis, dispatcher, harvest)
        await remains(redis, evidence)
        self._close(await asyncio.to_thread(self.fleet.stop, STOP))

    async def _until_ready(self, dispatcher: Dispatcher) -> None:
        deadline = time.monotonic() + SETTLED
        while len(await dispatcher.ledger.workers()) < len(self.fleet.members):
            assert time.monotonic() < deadline, "the workers do not start; their logs are in the folder"
            await asyncio.sleep(QUIET / 5)
        await dispatcher.adopt()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _redis_comes_and_goes(self, *tasks: asyncio.Task[None]) -> None:
        """The time of the soak, with both restarts in it; what a task raises is raised."""
        third = self.plan.seconds / 3
        for restart in (self.server.shut_down, self.server.kill):
            await self._for(third, tasks)
            await restart(self._dice.uniform(0.3, 2.0))
        await self._for(third, tasks)

    async def _for(self, seconds: float, tasks: tuple[asyncio.Task[None], ...]) -> None:
        done, _ = await asyncio.wait((*tasks, *self._tasks), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
            raise AssertionError(f"{task} ended before its time")

    async def _settle(self, redis: Any, dispatcher: Dispatcher, harvest: Harvest) -> None:
        deadline = time.monotonic() + SETTLED
        while await redis.zcard(dispatcher.keys.unfinished):
            if time.monotonic() > deadline:
                some = await redis.zrange(dispatcher.keys.unfinished, 0, 4, withscores=True)
                records = [await redis.hgetall(dispatcher.keys.run(run)) for run, _ in some]
                self.evidence.left.append(f"unfinished {SETTLED:.0f} s after the last harm: {some}: {records}")
                break
            await asyncio.sleep(QUIET)
        for _ in range(LAST):  # what is to be taken back, and what a reader or a worker left that died
            await asyncio.sleep(QUIET)
            if not await redis.exists(dispatcher.keys.recalls) and not await redis.xlen(REPLIES):
                break
        await harvest.once()

    def _close(self, wrong: list[str]) -> None:
        evidence = self.evidence
        for member in self.fleet.members:
            evidence.complaints += member.complaints()
            evidence.harms += member.stalls()
        evidence.complaints += wrong
        evidence.harms += [Harm(f"redis {what}", "redis", since, until) for what, since, until in self.server.outages]
        evidence.lost = list(self.server.lost)
        evidence.perhaps = {run for run, span in evidence.asked.items() if evidence.forgotten(*span)}
        evidence.calls = Witness(self.folder / "witness").calls()

    async def _reader(self) -> None:
        """The agents' reader, started again whenever it ends."""
        with (self.folder / "reader.log").open("ab") as log:
            for lives in itertools.count():
                process = await asyncio.create_subprocess_exec(
                    sys.executable, str(READER), self.server.url, AGENTS, stdout=log, stderr=subprocess.STDOUT
                )
                try:
                    await process.wait()
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                self.readers = lives + 2
                await asyncio.sleep(0.5)

    async def _metronome(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.05)
            self.lag = max(self.lag, time.monotonic() - began - 0.05)
