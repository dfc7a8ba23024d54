"""Listing in memory."""

from collections.abc import Sequence
from dataclasses import replace

from kronstream.domain.run import State
from kronstream.ports import EVERY_STATE, Execution, JobName, Place
from kronstream.testing.past import listed
from kronstream.testing.records import MemoryRecords
from kronstream.testing.store import MemoryStore


class MemoryListing:
    """Listing on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._records = MemoryRecords(store)

    async def now(self) -> int:
        """See Listing."""
        return self._store.now

    async def jobs(self, namespace: str | None, after: JobName | None, limit: int) -> list[JobName]:
        """See Listing."""
        known = self._known()
        wanted = [job for job in known if namespace in (None, job.namespace) and (after is None or job > after)]
        return wanted[:limit]

    def _known(self) -> list[JobName]:
        there = [JobName(*name, uid) for name, uid in self._store.names.items()]
        return sorted([*there, *(JobName(*past) for past in listed(self._store))])

    async def jobs_named(self, namespace: str, name: str) -> list[JobName]:
        """See Listing."""
        return [job for job in self._known() if (job.namespace, job.name) == (namespace, name)]

    async def job_named(self, namespace: str, name: str) -> str | None:
        """See Listing."""
        return self._store.names.get((namespace, name))

    async def marks(self, uids: Sequence[str]) -> list[int | None]:
        """See Listing."""
        jobs = [self._store.jobs.get(uid) for uid in uids]
        return [None if job is None else job.seq for job in jobs]

    async def places(
        self, asked: Sequence[tuple[str, Place | None]], limit: int, states: frozenset[State] = EVERY_STATE
    ) -> list[list[Place]]:
        """See Listing."""
        return [self._places(uid, after, states)[:limit] for uid, after in asked]

    def _places(self, uid: str, after: Place | None, states: frozenset[State]) -> list[Place]:
        store = self._store
        over = {state for state in states if state.terminal}
        first = sorted(store.active[uid], reverse=True) if states - over else []
        kinds = [*[True] * (State.SUCCESS in over), *[False] * bool(over - {State.SUCCESS})]
        listed = sorted((one for good in kinds for one in store.history[uid, good]), reverse=True)
        ended = [(at, run) for at, run in listed if (known := store.run(run)) is None or known.state in over]
        places = [*(Place(None, run) for run in first), *(Place(at, run) for at, run in ended)]
        return [place for place in places if after is None or after.precedes(place)]

    async def read(self, runs: Sequence[str], *, whole: bool) -> list[Execution | None]:
        """See Listing."""
        found = [await self._records.get(run) for run in runs]
        return [one if one is None or whole else _brief(one) for one in found]


def _brief(record: Execution) -> Execution:
    return replace(record, payload=None, result=None, output="", progress=None)
