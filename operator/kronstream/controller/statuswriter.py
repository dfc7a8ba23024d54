"""The one writer of status: coalesced, budgeted, guarded by UID and sequence number."""

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import islice

from redis.exceptions import RedisError

from kronstream.budget import Budget
from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.events import Events
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller import news
from kronstream.controller.herald import Herald
from kronstream.controller.job import Job
from kronstream.controller.measures import Measures
from kronstream.controller.offers import Offers
from kronstream.controller.pauses import Pauses
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.controller.view import status_of
from kronstream.ports import JobState, Ledger
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

POLL = 0.1
APART = 1.0
STEADY = 10.0  # seconds; a job whose status was written since then is one that changes all the time
ENOUGH = 500
SOON = 0.1
BATCH = 64
FLIGHTS = 32
AWAY = 1.0
MISFIT = 60.0
# what was sent, or its namespace, is at fault, and not the API server: seconds until it is tried again. An API server
# that has just started forbids everything for a moment, before it knows the roles.
ONE_JOBS = {400: MISFIT, 403: 3.0, 413: MISFIT}


def _nobody(uid: str, seq: int) -> None:
    """Stands where the composition puts who adopts a job with a raised sequence number."""


class StatusWriter:
    """Writes the status of this replica's share of jobs.

    New generations go first and at once, then results of runs, for each job at most once a second. Jobs that change all
    the time share ``steady`` (None: no such limit): what is saved up for many changes at once is not theirs, and the
    more there are, the further apart are the statuses of each. The mark of a job stays in the store until its status
    was written, so that a replica that dies leaves nothing unsaid.
    """

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        jobs: ScheduledJobs,
        events: Events,
        replicas: Replicas,
        offers: Offers,
        pauses: Pauses,
        clock: StoreClock,
        measures: Measures,
        budget: Budget,
        steady: Budget | None = None,
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._jobs = jobs
        self._herald = Herald(events)
        self._replicas = replicas
        self._offers = offers
        self._pauses = pauses
        self._clock = clock
        self._measures = measures
        self._budget = budget
        self._steady = steady
        self._fresh: dict[str, None] = {}
        self._results: dict[str, None] = {}
        self._forced: set[str] = set()
        self._flights: set[asyncio.Task[None]] = set()
        self._flying: set[str] = set()
        self._written: list[tuple[str, int]] = []
        self._scan = 0
        self._quiet_until = 0.0
        self._trouble = Trouble(log, "status cannot be written, tried again")
        self._misfit = Trouble(log, "the API server refuses a status (an older CRD, or a right missing?)")
        self._next_look = 0.0
        self._chosen = 0
        self.calm = asyncio.Event()
        self.calm.set()
        self.take_up: Callable[[str, int], None] = _nobody

    def fresh(self, uid: str) -> None:
        """A new generation came into force: its status goes first."""
        self._fresh[uid] = None
        self._forced.add(uid)

    def changed(self, uid: str) -> None:
        """Something of the job's status changed that the store does not know of."""
        self._results[uid] = None
        self._forced.add(uid)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._replicas.open.wait()
            await self.calm.wait()
            try:
                await self._collect()
                await self._round()
                await self._flush()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("reading job states failed, tried again: %s", str(error) or type(error).__name__)
                await asyncio.sleep(AWAY)
            await self._breathe()

    async def _breathe(self) -> None:
        """Until enough requests are answered to make the next batch worth its call, or for one poll."""
        deadline = time.monotonic() + POLL
        while self._flights and len(self._flights) > FLIGHTS // 2 and time.monotonic() < deadline:
            await asyncio.wait(self._flights, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
        if not self._fresh and not self._results:
            await asyncio.sleep(POLL)
        elif not self._chosen:
            await asyncio.sleep(POLL / 5)  # the budget, or the distance between two writes of a job

    async def _collect(self) -> None:
        if time.monotonic() < self._next_look or len(self._fresh) + len(self._results) > ENOUGH:
            return  # the marks keep
        self._next_look = time.monotonic() + POLL
        self._scan, uids = await self._ledger.dirty(self._scan)
        for uid in uids:
            if uid not in self._fresh:
                self._results[uid] = None
        self._measures.status_backlog.set(len(self._fresh) + len(self._results))

    async def _round(self) -> None:
        now = time.monotonic()
        self._chosen = 0
        if now < self._quiet_until:
            return
        free = min(BATCH, FLIGHTS - len(self._flights))
        chosen = self._choose(free, now)
        self._chosen = len(chosen)
        if not chosen:
            return
        for job, state in zip(chosen, await self._ledger.describe([job.uid for job in chosen]), strict=True):
            if state is None:
                self._forced.discard(job.uid)
                continue  # deleted, or lost: its adoption will say so
            if state.generation != job.generation or self._roster.get(job.uid) is not job:
                continue  # not in step with the store: the mark stays, and the next round looks again
            # a lower number than the one written is no older news: an older copy of the store came back
            if state.seq == job.written and job.uid not in self._forced:
                self._written.append((job.uid, state.seq))
                continue  # written between the mark's reading and now
            self._forced.discard(job.uid)
            job.written_at = now
            self._flying.add(job.uid)
            flight = asyncio.create_task(self._write(job, state))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    def _choose(self, limit: int, now: float) -> list[Job]:
        """Jobs of this replica's share that may be written now, as many as the budget allows."""
        wanted: list[tuple[Job, dict[str, None]]] = []
        for queue, apart in ((self._fresh, SOON), (self._results, APART)):
            for uid in list(islice(queue, 4 * limit)):
                if len(wanted) >= limit:
                    break
                job = self._roster.get(uid)
                del queue[uid]
                if job is None or not self._replicas.owns(uid):
                    self._forced.discard(uid)  # gone, or another replica's: the mark in the store tells it
                elif uid in self._flying or now - job.written_at < apart or self._too_often(job, now):
                    queue[uid] = None  # behind the others
                else:
                    wanted.append((job, queue))
        granted = self._budget.take(len(wanted), now)
        for job, queue in wanted[granted:]:
            queue[job.uid] = None
        return [job for job, _ in wanted[:granted]]

    def _too_often(self, job: Job, now: float) -> bool:
        """Whether a job that changes all the time has to wait for others of its kind."""
        lately = now - job.written_at < STEADY and job.uid not in self._forced
        return lately and self._steady is not None and not self._steady.take(1, now)

    async def _write(self, job: Job, state: JobState) -> None:
        offered = self._offers.offered(job.queue, job.function)
        now = self._clock.now()
        status = status_of(job, state, offered, now, self._pauses.of(job.namespace, now))
        # judged before the write: the watch may bring its result back before the answer comes
        found = news.news_of(job, state)
        try:
            await self._jobs.write_status(job.namespace, job.name, job.uid, status)
        except ApiError as error:
            await self._refused(job, state, error)
        except (OSError, TimeoutError, RuntimeError) as error:
            self._pause(str(error) or type(error).__name__)
            self.changed(job.uid)
        else:
            self._measures.status_writes.labels("ok").inc()
            self._trouble.over()
            job.conditions = tuple(status["conditions"])
            job.written = state.seq
            self._written.append((job.uid, state.seq))
            news.remember(job, state)
            await self._herald.tell(job, found, now)
        finally:
            self._flying.discard(job.uid)

    def _pause(self, why: str) -> None:
        """An API server that does not answer is not asked by every job."""
        self._measures.status_writes.labels("failed").inc()
        self._trouble.tell(why)
        self._quiet_until = time.monotonic() + AWAY

    async def _refused(self, job: Job, state: JobState, error: ApiError) -> None:
        if error.status == 404:
            return  # deleted; the watch or the comparison of lists will tell
        if error.status in ONE_JOBS:
            self._set_aside(job, error, ONE_JOBS[error.status])
            return
        if error.status != 422:
            self._pause(str(error))
            self.changed(job.uid)
            return
        try:
            live = await self._jobs.get(job.namespace, job.name)
        except (ApiError, OSError, TimeoutError) as fault:
            self._pause(str(fault))
            self.changed(job.uid)
            return
        if live is None or live["metadata"]["uid"] != job.uid:
            self._measures.status_writes.labels("overruled").inc()
            return
        seq = int((live.get("status") or {}).get("seq") or 0)
        if seq >= state.seq:
            self._measures.status_writes.labels("overruled").inc()
            self.take_up(job.uid, seq + 1)
        else:
            self._set_aside(job, error, MISFIT)

    def _set_aside(self, job: Job, error: ApiError, seconds: float) -> None:
        """A refusal that is about this job costs the others nothing; its mark stays, and it is tried again later."""
        self._measures.status_writes.labels("failed").inc()
        self._misfit.tell(f"{job.namespace}/{job.name}: {error}")
        job.written_at = time.monotonic() + seconds

    async def _flush(self) -> None:
        written, self._written = self._written, []
        await self._ledger.clean(written)
