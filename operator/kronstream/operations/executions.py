"""Execution records: one, a page of a job's, and the orders that are about them."""

from __future__ import annotations

from kronstream.domain.run import State
from kronstream.operations.refused import Refused, Why
from kronstream.operations.runs import Runs
from kronstream.ports import Change, Execution, RunRecords, Timing

CHUNK = 500


class Executions:
    """One service for every door. Raises what the store raises while it is away."""

    def __init__(self, records: RunRecords, runs: Runs) -> None:
        self._records = records
        self._runs = runs

    async def get(self, run: str) -> Execution:
        """The record of a run, also of a job that was deleted. Raises Refused."""
        found = await self._records.get(run)
        if found is None:
            raise missing()
        return found

    async def page(
        self, uid: str, limit: int, offset: int = 0, state: State | None = None
    ) -> tuple[list[Execution], int]:
        """A job's records, the newest first, and how many there are."""
        return await self._records.page(uid, limit, offset, state)

    async def owner(self, uid: str) -> tuple[str, str] | None:
        """Namespace and name of a deleted job of whose history something is left."""
        return await self._records.owner(uid)

    async def timings(self, uid: str, since: int, limit: int) -> list[Timing]:
        """How a job's runs went that ended at ``since`` (ms) or later: the last ``limit`` of the good and the bad."""
        return await self._records.timings(uid, since, limit)

    async def retry(self, run: str, key: str, by: str, trace: str = "") -> Execution:
        """Do an ended run again; the record of the new one. The same key makes one. Raises Refused."""
        started = await self._runs.retry(run, key, by=by, trace=trace)
        return await self.get(started.run)

    async def cancel(self, run: str, by: str) -> bool:
        """Cancel a run; False where its handler is only told to. Raises Refused."""
        (answer,) = await self._runs.cancel([run], by)
        if answer is Change.GONE:
            raise missing()
        if answer is Change.OVER:
            raise Refused(Why.CONFLICT, "the execution is over; there is nothing to cancel")
        return answer is Change.OK

    async def cancel_all(self, uid: str, by: str) -> int:
        """Cancel every unfinished run of a job; how many were told."""
        count = 0
        for state in (State.QUEUED, State.RETRYING, State.RUNNING):
            offset = 0
            while True:
                found, _ = await self._records.page(uid, CHUNK, offset, state)
                answers = await self._runs.cancel([run.id for run in found], by) if found else []
                count += sum(answer in (Change.OK, Change.ASKED) for answer in answers)
                offset += sum(answer is Change.ASKED for answer in answers)  # the others are out of this state
                if len(found) < CHUNK:
                    break
        return count


def missing() -> Refused:
    """There is no such record."""
    return Refused(Why.GONE, "there is no such execution, or its retention ended")
