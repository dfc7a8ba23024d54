"""Fills a lost store again, from the resources and from what this replica remembers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from redis.exceptions import RedisError

from kronstream.cluster.api import ApiError
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller.job import Job, asked_run, read
from kronstream.controller.reconciler import BATCH, Reconciler
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.domain.run import Skip, Trigger, run_id
from kronstream.domain.schedule import Once
from kronstream.ports import Adoption, Ledger, Seed
from kronstream.resources.meta import ending
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

POLL = 0.1
RETRY = 1.0
COMPARE = 500


def _with_the_only_run(job: Job, known: Job, seed: Seed | None) -> Seed | None:
    """The seed, with the run of a one-time job that was dispatched but of which the status does not tell yet."""
    seed = seed or Seed()
    if not isinstance(job.schedule, Once) or known.once is None or known.once in set(Skip) or "once" in seed.fields:
        return seed if seed.fields else None
    run = run_id(job.uid, Trigger.SCHEDULE, str(job.schedule.at))
    return replace(seed, fields={**seed.fields, "once": run}, unfinished=(*seed.unfinished, run))


def _with_the_handled(known: Job, seed: Seed | None) -> Seed | None:
    """The seed, with the annotation's value that a run was started for but of which the status does not tell yet."""
    if known.handled is None:
        return seed
    seed = replace(seed or Seed(), claimed=(asked_run(known.uid, known.handled),))
    # which of two is the later one, the annotation tells
    if "rn" in seed.fields and known.handled != known.run_now:
        return seed
    return replace(seed, fields={**seed.fields, "rn": known.handled})


async def _nothing() -> None:
    """Stands where the composition puts what fills in the pauses."""


class Rebuild:
    """Nothing fires before every live replica has contributed: the epoch opens the store."""

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        jobs: ScheduledJobs,
        reconciler: Reconciler,
        replicas: Replicas,
        grace: int,
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._jobs = jobs
        self._reconciler = reconciler
        self._replicas = replicas
        self._grace = grace
        self.pauses: Callable[[], Awaitable[None]] = _nothing
        # why it does not go on, '' while it does
        self.fault = ""

    async def run(self) -> None:
        """Wait for a lost store and fill it, until cancelled."""
        trouble = Trouble(log, "filling Redis failed, tried again")
        while True:
            await self._replicas.lost.wait()
            try:
                await self._fill()
                self.fault = ""
                trouble.over()
            except (RedisError, ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                self.fault = str(error) or type(error).__name__
                await asyncio.sleep(RETRY)

    async def run_comparison(self) -> None:
        """Wait for an older copy of the store and compare every cursor with it, until cancelled."""
        while True:
            await self._replicas.rolled_back.wait()
            try:
                await self._compare()
            except (RedisError, OSError, TimeoutError) as error:
                self._replicas.rolled_back.set()
                log.warning("comparing cursors failed, tried again: %s", str(error) or type(error).__name__)
                await asyncio.sleep(RETRY)

    async def _fill(self) -> None:
        await self._replicas.beat("begin")
        if not self._replicas.epoch:
            if self._replicas.was_open and not self.fault:
                log.warning("Redis was lost: filling it from the resources")
            elif not self.fault:
                log.info("Redis holds nothing of ours: filling it from the resources")
            await self.pauses()
            objects = [obj for obj in await self._jobs.list_whole() if not ending(obj["metadata"])]
            for start in range(0, len(objects), BATCH):
                await self._reconciler.adopt([self._contribution(obj) for obj in objects[start : start + BATCH]])
            while not await self._replicas.ready():  # noqa: ASYNC110 - the others are in other processes
                await asyncio.sleep(POLL)
            self._replicas.serve()
            log.info("Redis is filled with %d job(s)", len(objects))
        self._replicas.lost.clear()

    def _contribution(self, obj: dict[str, Any]) -> tuple[Job, Adoption]:
        job, adoption = read(obj, self._grace)
        known = self._roster.get(job.uid)
        if known is None:
            return job, replace(adoption, rebuild=True)
        cursor = max(adoption.cursor, known.cursor)
        seed = _with_the_handled(known, _with_the_only_run(job, known, adoption.seed))
        return job, replace(adoption, cursor=cursor, seed=seed, rebuild=True)

    async def _compare(self) -> None:
        self._replicas.rolled_back.clear()
        jobs = list(self._roster)
        for start in range(0, len(jobs), COMPARE):
            chunk = jobs[start : start + COMPARE]
            cursors = await self._ledger.cursors([job.uid for job in chunk])
            for job, cursor in zip(chunk, cursors, strict=True):
                if cursor != job.cursor and self._roster.get(job.uid) is job:
                    self._reconciler.refresh(job)
