"""Walking the executions of a namespace, or of all: jobs by their names, the newest runs of each job first."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from kronstream.ports import Execution, JobName, Listing, Place
from kronstream.runsapi.selection import Selection
from kronstream.runsapi.token import Token

JOBS = 500
FIRST, TOGETHER = 2, 64
EXAMINED = 5_000
"""The records and jobs that one request looks at; a page may be shorter than its limit, and tells where to go on."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose executions are asked for: a namespace (None: all), and what is selected of it."""

    namespace: str | None
    selection: Selection

    @property
    def run(self) -> str | None:
        """The one run that can be wanted, if the selector names it."""
        return self.selection.only("metadata.name")

    def covers(self, record: Execution) -> bool:
        """Whether an execution belongs to it."""
        return self.namespace in (None, record.namespace) and self.selection.holds(record)


@dataclass(frozen=True, slots=True)
class Page:
    """Executions in order, by whose clock and when they were read, and where the list goes on (None: it is over)."""

    records: tuple[Execution, ...]
    now: int
    token: Token | None


async def jobs_of(listing: Listing, scope: Scope, after: JobName | None = None) -> AsyncIterator[JobName]:
    """The jobs, deleted ones too, whose executions can be wanted, in order."""
    named = scope.selection.job
    if scope.namespace is not None and named is not None:
        for job in await listing.jobs_named(scope.namespace, named) if scope.selection.wants_job(named) else ():
            if after is None or job > after:
                yield job
        return
    while True:
        found = await listing.jobs(scope.namespace, after, JOBS)
        for job in found:
            if scope.selection.wants_job(job.name):
                yield job
        if len(found) < JOBS:
            return
        after = found[-1]


class Walk:
    """One page of a list."""

    def __init__(self, listing: Listing, scope: Scope, limit: int, *, whole: bool) -> None:
        self._listing = listing
        self._scope = scope
        self._limit = limit
        self._whole = whole
        self._states = scope.selection.states
        self._found: list[Execution] = []
        self._left = EXAMINED
        self._now = 0

    async def page(self, token: Token | None = None) -> Page:
        """The executions after a token, at most ``limit``."""
        self._now = await self._listing.now()
        if self._scope.run is not None:
            (record,) = await self._listing.read([self._scope.run], whole=self._whole)
            known = record is not None and self._scope.covers(record)
            return Page((record,) if known and record is not None else (), self._now, None)
        if token is not None and token.place is not None:
            rest = await self._job(token.job, token.place, token.since)
            if rest is not None:
                return self._page(rest)
        batch, together = list[JobName](), FIRST
        async for job in jobs_of(self._listing, self._scope, token.job if token else None):
            batch.append(job)
            if len(batch) == together:
                rest = await self._batch(batch)
                if rest is not None:
                    return self._page(rest)
                # few runs were found of them, or the page would be full
                batch, together = [], min(2 * together, TOGETHER)
        return self._page(await self._batch(batch))

    def _page(self, token: Token | None) -> Page:
        return Page(tuple(self._found), self._now, token)

    @property
    def _step(self) -> int:
        return max(1, min(self._limit - len(self._found), self._left))

    async def _batch(self, jobs: Sequence[JobName]) -> Token | None:
        """Jobs from their beginning; where the list goes on if the page ends among them."""
        asked = self._step
        first = await self._listing.places([(job.uid, None) for job in jobs], asked, self._states)
        for job, places in zip(jobs, first, strict=True):
            after, full = await self._take(places, None)
            more = len(places) >= asked or full
            rest = await self._job(job, after, self._now) if more and not self._full else None
            if rest is not None:
                return rest
            if self._full:
                return Token(job, after if more else None, self._now)
        # a look at a job costs about as much as a record
        self._left -= len(jobs)
        return Token(jobs[-1], None, self._now) if jobs and self._full else None

    async def _job(self, job: JobName, after: Place | None, since: int) -> Token | None:
        """A job's runs after a place."""
        while True:
            asked = self._step
            ((places),) = await self._listing.places([(job.uid, after)], asked, self._states)
            after = (await self._take(places, since))[0] or after
            more = len(places) >= asked
            if self._full:
                return Token(job, after if more else None, since)
            if not more:
                return None

    @property
    def _full(self) -> bool:
        return len(self._found) >= self._limit or self._left <= 0

    async def _take(self, places: Sequence[Place], since: int | None) -> tuple[Place | None, bool]:
        """Read the runs at the first of these places; the last one that was read, and whether others are left.

        In the middle of a job those are passed over that ended after its list was begun.
        """
        taken = places[: self._step]
        wanted = [place.run for place in taken if since is None or place.ended is None or place.ended <= since]
        records = await self._listing.read(wanted, whole=self._whole)
        self._left -= len(taken)
        self._found += [one for one in records if one is not None and self._scope.covers(one)]
        return (taken[-1] if taken else None), len(taken) < len(places)
