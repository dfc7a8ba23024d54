"""Lists of execution records on Redis: one index of jobs by name, and the sets of runs that each job has anyway."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from redis.asyncio import Redis

from kronstream.domain.run import State
from kronstream.ports import EVERY_STATE, Execution, JobName, Place
from kronstream.streams.keys import Keys
from kronstream.streams.records import execution_of

BRIEF = (
    "uid", "ns", "nm", "st", "nom", "gen", "att", "at", "sta", "fin", "dur", "why", "err", "wk", "of", "by", "tr", "pv",
    "atts", "sl",
)  # fmt: skip
BAD = frozenset(state for state in State if state.terminal) - {State.SUCCESS}
BATCH = 200
TIED = 200
NAMESAKES = 1_000
NONE = -(2**31)  # the end of a range that has nothing


class RedisListing:
    """Listing on one Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def now(self) -> int:
        """See Listing."""
        seconds, micros = await self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def jobs(self, namespace: str | None, after: JobName | None, limit: int) -> list[JobName]:
        """See Listing."""
        # a blank sorts before everything that a name may have, and '!' follows it
        first = f"({_member(after)}" if after else f"[{namespace} " if namespace else "-"
        last = f"({namespace}!" if namespace else "+"
        found = await self._redis.zrangebylex(self._keys.by_name, first, last, 0, limit)
        return [JobName(*str(member).split(" ", 2)) for member in found]

    async def jobs_named(self, namespace: str, name: str) -> list[JobName]:
        """See Listing."""
        first, last = f"[{namespace} {name} ", f"({namespace} {name}!"
        found = await self._redis.zrangebylex(self._keys.by_name, first, last, 0, NAMESAKES)
        return [JobName(*str(member).split(" ", 2)) for member in found]

    async def job_named(self, namespace: str, name: str) -> str | None:
        """See Listing."""
        uid = await self._redis.hget(self._keys.names, f"{namespace}/{name}")
        return None if uid is None else str(uid)

    async def marks(self, uids: Sequence[str]) -> list[int | None]:
        """See Listing."""
        found: list[int | None] = []
        for start in range(0, len(uids), BATCH):
            pipe = self._redis.pipeline(transaction=False)
            for uid in uids[start : start + BATCH]:
                pipe.hget(self._keys.job(uid), "seq")
            found += [None if mark is None else int(mark) for mark in await pipe.execute()]
        return found

    async def places(
        self, asked: Sequence[tuple[str, Place | None]], limit: int, states: frozenset[State] = EVERY_STATE
    ) -> list[list[Place]]:
        """See Listing."""
        if not asked:
            return []
        active = any(not state.terminal for state in states)
        histories = self._histories(states)
        pipe = self._redis.pipeline(transaction=False)
        for uid, after in asked:
            pipe.zrange(self._keys.active(uid), 0, -1 if active else NONE)
            top, number = _window(after, limit)
            for history in histories:
                pipe.zrange(history(uid), top, "-inf", desc=True, byscore=True, offset=0, num=number, withscores=True)
        rows = iter(await pipe.execute())
        found = []
        for uid, after in asked:
            first = sorted((Place(None, str(run)) for run in next(rows)), key=lambda place: place.run, reverse=True)
            ended = [
                place for history in histories for place in await self._ended(history(uid), next(rows), after, limit)
            ]
            ended.sort(key=lambda place: (place.ended or 0, place.run), reverse=True)
            found.append([place for place in (*first, *ended) if after is None or after.precedes(place)][:limit])
        return found

    def _histories(self, states: frozenset[State]) -> list[Callable[[str], str]]:
        """The lists, by job, that hold ended runs of these states and no others."""
        bad = sorted(BAD & states)
        lists: list[Callable[[str], str]] = [self._keys.good] * (State.SUCCESS in states)
        if len(bad) == len(BAD):
            return [*lists, self._keys.bad]
        return [*lists, *(partial(self._keys.bad_in, state=state) for state in bad)]

    async def _ended(self, key: str, rows: Sequence[Any], after: Place | None, limit: int) -> list[Place]:
        """The places of what was read, and more of it where very many runs ended in the millisecond of ``after``."""
        read = _window(after, limit)[1]
        while True:
            places = [Place(int(score), str(run)) for run, score in rows]
            if after is None or after.ended is None or len(rows) < read:
                return places
            if sum(after.precedes(place) for place in places) >= limit:
                return places
            read *= 2
            rows = await self._redis.zrange(
                key,
                after.ended,
                "-inf",
                desc=True,
                byscore=True,
                offset=0,
                num=read,
                withscores=True,
            )

    async def read(self, runs: Sequence[str], *, whole: bool) -> list[Execution | None]:
        """See Listing."""
        found: list[Execution | None] = []
        for start in range(0, len(runs), BATCH):
            batch = runs[start : start + BATCH]
            pipe = self._redis.pipeline(transaction=False)
            for run in batch:
                if whole:
                    pipe.hgetall(self._keys.run(run))
                else:
                    pipe.hmget(self._keys.run(run), *BRIEF)
            for run, row in zip(batch, await pipe.execute(), strict=True):
                fields = row if whole else {name: value for name, value in zip(BRIEF, row, strict=True) if value}
                found.append(execution_of(run, fields) if "st" in fields else None)
        return found


def _window(after: Place | None, limit: int) -> tuple[int | str, int]:
    """From which score on, and how many: others may have ended in the same millisecond as the one at the place."""
    if after is None or after.ended is None:
        return "+inf", limit
    return after.ended, limit + TIED


def _member(job: JobName) -> str:
    return f"{job.namespace} {job.name} {job.uid}"
