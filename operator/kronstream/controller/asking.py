"""Runs asked for by the annotation `kronstream.dev/run-now`, which is read and never touched."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.events import Events
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller import news
from kronstream.controller.herald import Herald
from kronstream.controller.job import RUN_NOW, Job, asking_key, wanted_run
from kronstream.controller.marks import marks
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.operations import Refused, Runs
from kronstream.operations.refused import Why
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

AT_ONCE = 16
RETRY = 0.5
BY = "annotation run-now"


class Asking:
    """One value runs once: it is claimed by UID and value, and the status tells the last one."""

    def __init__(
        self, roster: Roster, jobs: ScheduledJobs, events: Events, runs: Runs, replicas: Replicas, clock: StoreClock
    ) -> None:
        self._roster = roster
        self._jobs = jobs
        self._herald = Herald(events)
        self._runs = runs
        self._replicas = replicas
        self._clock = clock
        self._waiting: dict[str, None] = {}
        self._some = asyncio.Event()

    def look(self, job: Job) -> None:
        """Note a job whose annotation asks for a run that its status does not tell; cheap for any other."""
        if job.run_now not in (None, job.handled, job.told) and job.adopted and job.fault is None:
            self._waiting[job.uid] = None
            self._some.set()

    async def run(self) -> None:
        """Start what is asked for until cancelled; an API server or a store that is away only puts it off."""
        trouble = Trouble(log, "runs asked for by annotation have to wait")
        while True:
            await self._some.wait()
            await self._replicas.open.wait()
            uids = list(self._waiting)[:AT_ONCE]
            for uid in uids:
                del self._waiting[uid]  # a value that comes while this one is answered is noted anew
            answers = await asyncio.gather(*map(self._answer, uids), return_exceptions=True)
            failed = [answer for answer in answers if isinstance(answer, BaseException)]
            for uid, answer in zip(uids, answers, strict=True):
                if isinstance(answer, BaseException):
                    self._waiting[uid] = None  # behind the others
            if not self._waiting:
                self._some.clear()
            for error in failed:
                if not isinstance(error, (RedisError, ApiError, OSError, TimeoutError, Refused)):
                    raise error
                trouble.tell(error)
                await asyncio.sleep(RETRY)
            if not failed:
                trouble.over()

    async def _answer(self, uid: str) -> None:
        job = self._roster.get(uid)
        if job is None:
            return
        # what a watch told may be old, and a store that was lost knows nothing: the live object decides
        live = await self._jobs.get(job.namespace, job.name)
        value = None if live is None else _asked(live, uid)
        if value in (None, job.handled):
            return
        try:
            started = await self._runs.run_now(uid, asking_key(uid, value), by=BY, value=value)
        except Refused as refused:
            if refused.why is Why.AWAY:
                raise
            log.warning(
                "%s/%s: no run for %s=%r: %s", job.namespace, job.name, RUN_NOW, value[:80], refused, extra=marks(job)
            )
            if not refused.reason:
                return  # nothing was decided: it is asked again when the job changes
            await self._tell(job, value, refused)
        else:
            if not started.known:
                log.info(
                    "%s/%s: run %s was asked for", job.namespace, job.name, started.run, extra=marks(job, started.run)
                )
        job.handled = value

    async def _tell(self, job: Job, value: str, refused: Refused) -> None:
        """An Event, for whoever asked looks at the job; the other replicas tell the same one."""
        item = news.News("Warning", "RunRefused", f"no run for {RUN_NOW}={value[:80]}: {refused}", value)
        await self._herald.tell(job, [item], self._clock.now())


def _asked(live: Mapping[str, Any], uid: str) -> str | None:
    """The value of the annotation that still asks for a run; None where nothing is asked."""
    meta = live["metadata"]
    if meta["uid"] != uid or meta.get("deletionTimestamp"):
        return None
    value = wanted_run(meta)
    return None if value == (live.get("status") or {}).get("handledRunNow") else value
