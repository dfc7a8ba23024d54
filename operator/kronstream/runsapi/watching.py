"""Watching executions: the store is looked at again and again, and what became otherwise is told.

A look costs a number for each job, and what is read of jobs whose number moved. It is repeated after a second, or ten
times as long as it took.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from redis.exceptions import RedisError

from kronstream.ports import Execution, JobName, Listing
from kronstream.runsapi.names import API_VERSION, KIND
from kronstream.runsapi.objects import Object, execution, instant_of, version, version_at
from kronstream.runsapi.reading import partial
from kronstream.runsapi.refusal import Refusal
from kronstream.runsapi.table import row, table
from kronstream.runsapi.walk import jobs_of
from kronstream.runsapi.wish import Form, Wish

EVERY, SHARE = 1.0, 10
UNSEEN = -1
MOST = 10_000
TOGETHER = 100
BOOKMARK = 30.0
OLDEST = 300_000
"""How long ago (milliseconds) a list may have been read whose changes are told; deletions between are not."""
STORE_AWAY = (RedisError, OSError, TimeoutError)


@dataclass(slots=True)
class _Job:
    """What was told of a job: its runs by id, as they were at its mark (None for a deleted job, which has none)."""

    mark: int | None = UNSEEN
    told: dict[str, Execution] = field(default_factory=dict)

    def moved(self, mark: int | None) -> bool:
        """Whether its runs may have become otherwise; the ends of a deleted job's runs move no mark."""
        return self.mark != mark or (mark is None and not all(run.state.terminal for run in self.told.values()))


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an execution: ADDED, MODIFIED or DELETED."""

    kind: str
    record: Execution


class Watching:
    """One watch."""

    def __init__(self, listing: Listing, wish: Wish) -> None:
        self._listing = listing
        self._wish = wish
        self._jobs: dict[str, _Job] = {}
        self._columns = True
        self._pause = EVERY
        self._begun = 0.0
        self._changes: list[Change] = []
        self._now = 0

    async def begin(self) -> list[Object]:
        """The first events. Raises Refusal, and what the store raises."""
        self._begun = time.monotonic()
        await self._look(await self._since())
        events = self._events()
        return [*events, self._bookmark(initial=True)] if self._wish.initial else events

    async def go_on(self) -> AsyncIterator[list[Object]]:
        """The events of each look, often none, for as long as the caller wishes. Raises Refusal."""
        told = self._begun
        while (left := self._begun + self._wish.seconds - time.monotonic()) > 0:
            await asyncio.sleep(min(self._pause, left))
            begin = time.monotonic()
            # a store that is away has no changes; what the caller has is as good as ever
            with suppress(*STORE_AWAY):
                await self._look(None)
            self._pause = max(EVERY, SHARE * (time.monotonic() - begin))
            events = self._events()
            if self._wish.bookmarks and begin - told > BOOKMARK:
                told = begin
                events.append(self._bookmark())
            yield events

    async def _since(self) -> int:
        """From which instant on changes are told: 0 is everything there is."""
        version_, now = int(self._wish.version or 0), await self._listing.now()
        if self._wish.initial or not version_:
            return 0
        since = instant_of(version_)
        if since < now - OLDEST or since > now + OLDEST:
            raise Refusal("Expired", "resourceVersion: is too old; list again")
        return since

    # -- looking -------------------------------------------------------------------------------------------------

    async def _look(self, since: int | None) -> None:
        """Find what changed; at the first look, everything that changed since an instant. What was found is kept."""
        self._now = await self._listing.now()
        if self._wish.scope.run is not None:
            await self._one(self._wish.scope.run, since)
            return
        present: set[str] = set()
        batch: list[JobName] = []
        async for job in jobs_of(self._listing, self._wish.scope):
            present.add(job.uid)
            batch.append(job)
            if len(batch) == TOGETHER:
                await self._batch(batch, since)
                batch = []
        await self._batch(batch, since)
        for uid in self._jobs.keys() - present:
            self._gone(self._jobs.pop(uid).told)

    async def _batch(self, names: Sequence[JobName], since: int | None) -> None:
        marks = await self._listing.marks([name.uid for name in names])
        jobs = [self._jobs.setdefault(name.uid, _Job()) for name in names]
        moved = [one for one in zip(names, jobs, marks, strict=True) if one[1].moved(one[2])]
        if not moved:
            return
        listed = await self._listing.places([(name.uid, None) for name, _, _ in moved], MOST + 1)
        for (_, job, mark), places in zip(moved, listed, strict=True):
            await self._compare(job.told, {place.run for place in places}, since)
            job.mark = mark
        if sum(len(job.told) for job in self._jobs.values()) > MOST:
            raise Refusal(
                "TooManyRequests",
                f"more than {MOST} executions are too many to watch; watch those of one job (spec.job) or fewer",
            )

    async def _compare(self, told: dict[str, Execution], listed: set[str], since: int | None) -> None:
        """What became of a job's runs; one that was told as over does not change any more."""
        asked = {run for run in listed if run not in told or not told[run].state.terminal}
        records = await self._listing.read(list(asked), whole=self._wish.whole)
        found = sorted((record for record in records if record is not None), key=version)
        there = {record.id for record in found} | (listed - asked)
        self._gone({run: told.pop(run) for run in told.keys() - there})
        for record in found:
            self._changes += self._told(told, record, since)

    async def _one(self, run: str, since: int | None) -> None:
        (record,) = await self._listing.read([run], whole=self._wish.whole)
        told = self._jobs.setdefault("", _Job()).told
        if record is not None:
            self._changes += self._told(told, record, since)
        elif run in told:
            self._gone({run: told.pop(run)})

    def _gone(self, told: Mapping[str, Execution]) -> None:
        self._changes += [Change("DELETED", record) for record in told.values()]

    def _told(self, told: dict[str, Execution], record: Execution, since: int | None) -> Iterable[Change]:
        before, wanted = told.get(record.id), self._wish.scope.covers(record)
        if not wanted:
            if told.pop(record.id, None) is not None:
                yield Change("DELETED", record)
            return
        told[record.id] = _small(record)
        if before is None:
            known = since is not None and instant_of(version(record)) < since
            # who has a list has this one, too
            listed = since and record.dispatched < since
            if not known:
                yield Change("MODIFIED" if listed else "ADDED", record)
        elif version(before) != version(record):
            yield Change("MODIFIED", record)

    # -- telling -------------------------------------------------------------------------------------------------

    def _events(self) -> list[Object]:
        changes, self._changes = self._changes, []
        return [self._event(change.kind, change.record) for change in changes]

    def _event(self, kind: str, record: Execution) -> Object:
        wish = self._wish
        if wish.form is Form.TABLE:
            told: Object = self._table([row(record, self._now, wish.include)], str(version(record)))
        else:
            told = partial(record) if wish.form is Form.METADATA else execution(record)
        return {"type": kind, "object": told}

    def _table(self, rows: list[Object], version_: str) -> Object:
        told = table(rows, {"resourceVersion": version_}, columns=self._columns)
        self._columns = False
        return told

    def _bookmark(self, *, initial: bool = False) -> Object:
        meta: Object = {"resourceVersion": str(version_at(self._now))}
        if initial:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        if self._wish.form is Form.TABLE:
            told = {**self._table([], ""), "metadata": meta}
        elif self._wish.form is Form.METADATA:
            told = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta}
        else:
            told = {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta}
        return {"type": "BOOKMARK", "object": told}


def _small(record: Execution) -> Execution:
    """What has to be remembered of an execution, to know whether it changed and to tell that it is gone."""
    return replace(record, payload=None, result=None, output="", progress=None, error=None)
