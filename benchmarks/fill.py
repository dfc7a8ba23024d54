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


async def fill(redis: Redis, count: int, function: str = "bench:async", jobs: int = JOBS) -> list[str]:
    """Dispatch `count` due runs of some jobs in turn, as operators do; their ids."""
    ledger = RedisLedger(redis, Keys(), GROUP)
    await redis.set(Keys().epoch, EPOCH)
    each = count // jobs
    start = time.time_ns() // 1_000_000 - count * 2
    uids = [f"0b5c3c6e-5d0c-4a8e-9f0a-{number:012d}" for number in range(jobs)]
    for first in range(0, jobs, BATCH):
        answers = await ledger.adopt([_adoption(uid, start, count, function) for uid in uids[first : first + BATCH]])
        assert all(isinstance(answer, Adopted) for answer in answers)
    runs: list[str] = []
    items: list[Dispatch] = []
    for number in range(each):
        nominal = start + 1 + number
        for uid in uids:
            items.append(Dispatch(uid, 1, REVISION, nominal - 1, nominal, (nominal,)))
            runs.append(f"{uid}-s{nominal}")
            if len(items) == BATCH or len(runs) == each * jobs:
                await ledger.dispatch(EPOCH, items)
                items = []
    return runs


def _adoption(uid: str, cursor: int, kept: int, function: str) -> Adoption:
    name = f"job-{uid[-12:]}"
    work = Work(namespace="bench", name=name, function=function, payload=PAYLOAD)
    return Adoption(
        uid=uid, namespace="bench", name=name, generation=1, revision=REVISION, when="{}", cursor=cursor,
        backlog=kept, keep_good=kept, keep_bad=kept, work=work.dump(),
    )  # fmt: skip


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
    uids = sorted({run.rpartition("-")[0] for run in runs})
    for first in range(0, len(uids), 1000):
        pipe = redis.pipeline(transaction=False)
        for uid in uids[first : first + 1000]:
            pipe.zcard(keys.good(uid)).zcard(keys.bad(uid)).hgetall(keys.job(uid))
        answers = await pipe.execute()
        listed += sum(answers[0::3]) + sum(answers[1::3])
        for job in answers[2::3]:
            counted += sum(int(number) for name, number in job.items() if name.startswith("n:"))
    return Books(states, missing, again, results, listed, counted, int(await redis.xlen(keys.base)))
