"""kronstream's own queue, filled through the real ledger, and what its records tell afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.asyncio import Redis

from kronstream.domain.run import State
from kronstream.domain.work import Work
from kronstream.ports import Adopted, Adoption, Dispatch
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger

GROUP = "scheduler-workers"
REVISION, EPOCH = "0001.bench", "bench"
JOBS, BATCH = 20, 500
PAYLOAD = {"greeting": "hello"}


async def fill(redis: Redis, count: int, function: str = "bench:async") -> list[str]:
    """Dispatch `count` due runs of 20 jobs, as operators do; their ids."""
    ledger = RedisLedger(redis, Keys(), GROUP)
    await redis.set(Keys().epoch, EPOCH)
    each = count // JOBS
    start = time.time_ns() // 1_000_000 - count * 2
    runs: list[str] = []
    for number in range(JOBS):
        uid = f"0b5c3c6e-5d0c-4a8e-9f0a-{number:012d}"
        work = Work(namespace="bench", name=f"job-{number}", function=function, payload=PAYLOAD)
        adoption = Adoption(
            uid=uid, namespace="bench", name=f"job-{number}", generation=1, revision=REVISION, when="{}",
            cursor=start, backlog=count, keep_good=count, keep_bad=count, work=work.dump(),
        )  # fmt: skip
        (answer,) = await ledger.adopt([adoption])
        assert isinstance(answer, Adopted)
        due = tuple(start + 1 + index for index in range(each))
        for first in range(0, each, BATCH):
            part = due[first : first + BATCH]
            await ledger.dispatch(EPOCH, [Dispatch(uid, 1, REVISION, part[0] - 1, part[-1], part)])
        runs += [f"{uid}-s{nominal}" for nominal in due]
    return runs


async def unfinished(redis: Redis) -> int:
    """How many runs have no end yet."""
    return int(await redis.zcard(Keys().unfinished))


@dataclass(frozen=True)
class Books:
    """What the records and the jobs' counters say about some runs.

    `again` are runs with more than one attempt; `entries` what is left in the stream; `counted` the jobs' counters.
    """

    states: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    again: int = 0
    results: int = 0
    listed: int = 0
    counted: int = 0
    entries: int = 0

    def faults(self, count: int) -> list[str]:
        """What contradicts that each of `count` runs ended once; empty when all is well."""
        terminal = sum(number for state, number in self.states.items() if State(state).terminal)
        found = {
            "records are missing": self.missing,
            "runs have no end": count - self.missing - terminal,
            "ends too many or too few in the jobs' counters": self.counted - count,
            "ends too many or too few in the jobs' histories": self.listed - count,
            "entries are left in the stream": self.entries,
        }
        return [f"{number} {what}" for what, number in found.items() if number]


async def books(redis: Redis, runs: Sequence[str]) -> Books:
    """Every record of these runs, read back, and the counters of their jobs."""
    keys = Keys()
    states: Counter[str] = Counter()
    missing = again = results = 0
    for first in range(0, len(runs), 1000):
        pipe = redis.pipeline(transaction=False)
        for run in runs[first : first + 1000]:
            pipe.hmget(keys.run(run), "st", "att", "res")
        for state, attempt, result in await pipe.execute():
            if state is None:
                missing += 1
                continue
            states[state] += 1
            again += int(attempt) > 1
            results += result is not None
    listed = counted = 0
    for uid in sorted({run.rpartition("-")[0] for run in runs}):
        listed += await redis.zcard(keys.good(uid)) + await redis.zcard(keys.bad(uid))
        job = await redis.hgetall(keys.job(uid))
        counted += sum(int(number) for name, number in job.items() if name.startswith("n:"))
    return Books(states, missing, again, results, listed, counted, int(await redis.xlen(keys.base)))
