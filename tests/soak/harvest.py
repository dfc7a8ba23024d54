"""Reads what a soak leaves while it goes on (ends of runs, memory, files) and at its end (keys, counters)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from integration.workerbench import GROUP
from kronstream.domain.run import Lane, State
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from soak.evidence import Books, End, Evidence, Sample
from soak.fleet import Fleet
from soak.server import now

EVERY = 0.5  # seconds
OVERLAPPING = 3_000  # ms that are read again each time: the clock of Redis may be a little behind
FIELDS = ("st", "why", "att", "at", "fin")
QUEUES = ("default", "reports", "slow", "rough")
UNREAD = 50  # orders that a reader left when it died, and that nobody waits for
EMPTY_SETS = ("active:*", "waiting:*", "group:*", "gwait:*", "gate:*", "gline:*")
EMPTY_KEYS = ("unfinished", "recalls", "paced", "gates", "backfills")


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
    found, children = [], []
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


async def remains(redis: Redis, evidence: Evidence) -> None:
    """Note what is left in the store of a soak that is over, and its counters."""
    keys, wrong = Keys(), evidence.left
    for lane in (keys.lane(queue, lane) for queue in QUEUES for lane in Lane):
        if not await redis.exists(lane):
            continue
        pending = sum(group["pending"] for group in await redis.xinfo_groups(lane))
        entries = await redis.xlen(lane)
        if pending or entries:
            wrong.append(f"{lane}: {entries} entries, {pending} pending")
    prefix = keys.unfinished.removesuffix("unfinished")
    for pattern in EMPTY_SETS:
        async for key in redis.scan_iter(f"{prefix}{pattern}", count=1000):
            wrong.append(f"{key} is not empty: {(await redis.zrange(key, 0, 2, withscores=True))}")
    wrong += [f"{prefix}{name} is there still" for name in EMPTY_KEYS if await redis.exists(prefix + name)]
    async for key in redis.scan_iter(f"{prefix}run:*", count=1000):
        state, _ = await redis.hmget(key, "st", "fin")
        if await redis.ttl(key) < 0 or not State(state).terminal:
            wrong.append(f"the record {key} ({state}) will never go")
    if letters := await redis.xrange(keys.dead, count=3):
        wrong.append(f"dead letters: {letters}")
    if (orders := await redis.xlen("stream:agents:dispatch")) > UNREAD:
        wrong.append(f"{orders} orders were not deleted")
    if replies := await redis.xlen("stream:scheduler:replies"):
        wrong.append(f"{replies} replies that nobody worked on")
    for state in await RedisLedger(redis, keys, GROUP).describe(list(evidence.kinds)):
        if state is None:
            wrong.append("a job is not known any more")
        else:
            evidence.books[state.uid] = Books(dict(state.runs), dict(state.skipped), state.active)
