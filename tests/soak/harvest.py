"""Reads what a soak leaves while it goes on: ends of runs, memory, files."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kronstream.domain.run import State
from kronstream.streams.keys import Keys
from soak.evidence import End, Evidence, Sample
from soak.fleet import Fleet
from soak.server import now

EVERY = 0.5  # seconds
OVERLAPPING = 3_000  # ms that are read again each time: the clock of Redis may be a little behind
FIELDS = ("st", "why", "att", "at", "fin")


class Harvest:
    """Keeps each end that any history shows, before the history forgets it."""

    def __init__(self, redis: Redis, evidence: Evidence) -> None:
        self._redis = redis
        self._keys = Keys()
        self._evidence = evidence
        self._since: dict[str, int] = defaultdict(int)
        self._read: dict[tuple[str, int], bool] = {}

    async def gather(self) -> None:
        """Read for ever."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self.once()
            await asyncio.sleep(EVERY)

    async def once(self) -> None:
        """Read what ended since the last time."""
        histories = [key for uid in self._evidence.kinds for key in (self._keys.good(uid), self._keys.bad(uid))]
        pipe = self._redis.pipeline(transaction=False)
        for key in histories:
            pipe.zrangebyscore(key, self._since[key] - OVERLAPPING, "+inf", withscores=True)
        fresh: list[tuple[str, int]] = []
        for key, rows in zip(histories, await pipe.execute(), strict=True):
            fresh += [(str(run), int(score)) for run, score in rows if (str(run), int(score)) not in self._read]
            self._since[key] = max([self._since[key], *(int(score) for _, score in rows)])
        pipe = self._redis.pipeline(transaction=False)
        for run, _ in fresh:
            pipe.hmget(self._keys.run(run), *FIELDS)
        for (run, score), row in zip(fresh, await pipe.execute() if fresh else [], strict=True):
            self._read[run, score] = True
            state, reason, attempt, dispatched, finished = row
            if finished is None or int(finished) != score:
                self._evidence.left.append(f"{run} is in a history since {score}, its record says {state}, {finished}")
                continue
            end = End(run, State(state), reason, int(attempt), int(dispatched), score)
            self._evidence.ends.setdefault(run, []).append(end)


async def watch(redis: Redis, fleet: Fleet, evidence: Evidence, every: float) -> None:
    """Sample memory and files for ever."""
    while True:
        at = now()
        for member in fleet.members:
            evidence.samples += await asyncio.to_thread(_samples, at, member.name, member.family(), evidence)
        with contextlib.suppress(RedisError, OSError):
            evidence.memory.append((at, int((await redis.info("memory"))["used_memory"])))
        await asyncio.sleep(every)


def _samples(at: int, worker: str, family: Iterable[tuple[str, psutil.Process]], evidence: Evidence) -> list[Sample]:
    found: list[Sample] = []
    children: list[Sample] = []
    for role, process in family:
        try:
            sample = Sample(at, worker, role, process.pid, process.memory_info().rss, process.num_fds())
        except psutil.Error:
            continue
        evidence.alive[worker, process.pid] = at
        (children if role == "child" else found).append(sample)
    if children:
        rss, files = (int(median(values)) for values in zip(*((one.rss, one.files) for one in children), strict=True))
        found.append(Sample(at, worker, "children", 0, rss, files, len(children)))
    return found
