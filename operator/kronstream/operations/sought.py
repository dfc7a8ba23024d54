"""Which runs an order is about: of a job, of a namespace, of all; found by indexes, and only so many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kronstream.domain.run import State
from kronstream.operations.refused import Refused, Why
from kronstream.ports import Execution, JobName, Listing, Place
from kronstream.ports.orders import MOST_RUNS, OrderKind

JOBS, AT_ONCE = 500, 500
EXAMINED = 50_000
"""The jobs and records that one order looks at."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which executions; ``begin`` and ``end`` bound the instants they were due at (milliseconds)."""

    state: State | None = None
    begin: int | None = None
    end: int | None = None

    def states(self, kind: OrderKind) -> frozenset[State]:
        """Ended ones are done again, unfinished ones are cancelled."""
        meant = (state for state in State if state.terminal == (kind == "retry"))
        return frozenset(state for state in meant if self.state in (None, state))

    def fits(self, run: Execution) -> bool:
        """Whether an execution was due in time."""
        at = run.nominal or run.dispatched
        return (self.begin is None or at >= self.begin) and (self.end is None or at <= self.end)


class Sought:
    """One search. ``found`` are the runs so far."""

    def __init__(self, listing: Listing, wanted: Filter, kind: OrderKind) -> None:
        self._listing = listing
        self._wanted = wanted
        self._states = wanted.states(kind)
        self._left = EXAMINED
        self.found: list[str] = []

    async def of_job(self, uid: str) -> None:
        """Those of a job. Raises Refused for too many."""
        await self._jobs([uid])

    async def of_namespace(self, namespace: str) -> None:
        """Those of every job of a namespace ('': of all). Raises Refused for too many."""
        after: JobName | None = None
        while True:
            jobs = await self._listing.jobs(namespace or None, after, JOBS)
            await self._jobs([job.uid for job in jobs])
            if len(jobs) < JOBS:
                return
            after = jobs[-1]

    async def _jobs(self, uids: Sequence[str]) -> None:
        self._spend(len(uids))
        asked: list[tuple[str, Place | None]] = [(uid, None) for uid in uids]
        while asked:
            pages = await self._listing.places(asked, AT_ONCE, self._states)
            for page in pages:
                await self._take(page)
            full = zip(asked, pages, strict=True)
            asked = [(uid, page[-1]) for (uid, _), page in full if len(page) >= AT_ONCE]

    async def _take(self, page: Sequence[Place]) -> None:
        self._spend(len(page))
        records = await self._listing.read([place.run for place in page], whole=False)
        self.found += [run.id for run in records if run and run.state in self._states and self._wanted.fits(run)]
        if len(self.found) > MOST_RUNS:
            raise Refused(Why.INVALID, f"more than {MOST_RUNS} executions fit; choose by job, status, from and to")

    def _spend(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise Refused(Why.INVALID, f"more than {EXAMINED} jobs and executions would be looked at; name a job")
