"""Deleting one-time jobs some time after they were over, as `spec.ttlAfterFinished` says."""

import asyncio
import heapq
import logging

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller.job import Job, read
from kronstream.controller.marks import marks
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.ports import Ledger
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 0.5
AGAIN = 1_000
LATER = 60_000
AT_ONCE = 16


class Expiring:
    """Deletes what this replica has the share of; what changed between the look and the deletion stays."""

    def __init__(
        self, roster: Roster, ledger: Ledger, jobs: ScheduledJobs, replicas: Replicas, clock: StoreClock
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._jobs = jobs
        self._replicas = replicas
        self._clock = clock
        self._at: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def look(self, job: Job) -> None:
        """Note when a job is to be deleted; cheap for one that is kept."""
        if job.ttl is not None or job.uid in self._at:
            self._put(job.uid, job.expires)

    async def run(self) -> None:
        """Delete until cancelled; an API server or a store that is away only puts it off."""
        trouble = Trouble(log, "jobs whose ttlAfterFinished is over cannot be deleted, tried again")
        while True:
            await self._replicas.open.wait()
            ripe = self._ripe(self._clock.now())
            for job, answer in zip(
                ripe, await asyncio.gather(*map(self._delete, ripe), return_exceptions=True), strict=True
            ):
                if answer is None:
                    trouble.over()
                elif isinstance(answer, (RedisError, ApiError, OSError, TimeoutError)):
                    trouble.tell(answer)
                    forbidden = isinstance(answer, ApiError) and answer.status == 403
                    self._put(job.uid, self._clock.now() + (LATER if forbidden else AGAIN))
                else:
                    raise answer
            await asyncio.sleep(0 if len(ripe) == AT_ONCE else LOOK)

    def _put(self, uid: str, at: int | None) -> None:
        if at is None:
            self._at.pop(uid, None)
        elif self._at.get(uid) != at:
            self._at[uid] = at
            heapq.heappush(self._heap, (at, uid))

    def _ripe(self, now: int) -> list[Job]:
        """Jobs of this replica's share whose time came, the first first; another's may become its own."""
        found: list[Job] = []
        while self._heap and self._heap[0][0] <= now and len(found) < AT_ONCE:
            at, uid = heapq.heappop(self._heap)
            if self._at.get(uid) != at:
                continue  # overtaken
            del self._at[uid]
            job = self._roster.get(uid)
            if job is None:
                continue
            if self._replicas.owns(uid):
                found.append(job)
            else:
                self._put(uid, now + AGAIN)
        return found

    async def _delete(self, job: Job) -> None:
        # what a watch told may be old: the live object decides
        live = await self._jobs.get(job.namespace, job.name)
        if live is None or live["metadata"]["uid"] != job.uid or live["metadata"].get("deletionTimestamp"):
            return
        expires = read(live, 0)[0].expires
        now = self._clock.now()
        if expires is None or expires > now:
            self._put(job.uid, expires)
            return
        (state,) = await self._ledger.describe([job.uid])
        if state is not None and state.active:
            self._put(job.uid, now + AGAIN)  # a run was started again, and no status tells of it yet
            return
        try:
            await self._jobs.delete(job.namespace, job.name, job.uid, live["metadata"]["resourceVersion"])
        except ApiError as error:
            if error.status != 409:
                raise
            self._put(job.uid, now + AGAIN)
        else:
            log.info("%s/%s is deleted: its ttlAfterFinished is over", job.namespace, job.name, extra=marks(job))
