"""The internal service over a store in memory, with jobs that a reconciler took into force."""

import asyncio
from typing import Any

from builders import card, success
from kronstream.controller.job import Job
from kronstream.operations import Backfills, Pausing, Runs
from kronstream.ports import Claim, Execution, JobState
from kronstream.testing import MemoryRecords, MemoryRequests, MemoryRunQueue
from unit.fakecluster import Stage, until


class Office:
    """Runs, pauses and backfills of the jobs of a stage, whose time stands still unless `stage.time` is told."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.requests = MemoryRequests(self.stage.store)
        self.records = MemoryRecords(self.stage.store)
        self.queue = MemoryRunQueue(self.stage.store)
        self.runs = Runs(self.requests, self.records)
        self.pausing = Pausing(self.requests)
        self.backfills = Backfills(self.requests)

    async def adopt(self, obj: dict[str, Any]) -> Job:
        """Take an object into force, as an operator does."""
        self.stage.jobs.put(obj)
        self.stage.reconciler.observe("ADDED", obj)
        task = asyncio.create_task(self.stage.reconciler.run())
        uid, generation = obj["metadata"]["uid"], obj["metadata"]["generation"]

        def adopted() -> bool:
            job = self.stage.roster.get(uid)
            return job is not None and job.adopted and job.generation == generation

        await until(adopted)
        task.cancel()
        job = self.stage.roster.get(uid)
        assert job is not None
        return job

    async def state(self, uid: str) -> JobState:
        """What the store knows of a job."""
        (found,) = await self.stage.ledger.describe([uid])
        assert found is not None
        return found

    async def take(self) -> list[Claim]:
        """What waits for a worker, begun by one."""
        return list(await self.queue.take(card(), "default", 10))

    async def finish(self, claim: Claim) -> Execution:
        """End a run well; its record."""
        await self.queue.finish(card(), [success(claim)])
        record = await self.records.get(claim.run)
        assert record is not None
        return record
