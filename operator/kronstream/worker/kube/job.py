"""The handler type `job`: a batch/v1 Job for each attempt, followed to its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from kronstream.cluster.api import ApiError
from kronstream.cluster.jobs import Jobs
from kronstream.domain.work import Work
from kronstream.ports import Claim, Recall, bounds
from kronstream.resources.batchjob import BatchJob
from kronstream.worker.context import Run
from kronstream.worker.kube import ending, marks
from kronstream.worker.kube.asking import Asking
from kronstream.worker.kube.elsewhere import Elsewhere, connected
from kronstream.worker.kube.ending import End, Where
from kronstream.worker.kube.following import Followed, JobFeed
from kronstream.worker.kube.manifest import job_manifest, kept_for
from kronstream.worker.kube.removal import Removals
from kronstream.worker.output import say
from kronstream.worker.rulings import Fault
from kronstream.worker.services import Services

FIRST_LOOK, LONGEST_LOOK = 1.0, 15.0  # seconds between looks at the Pods of a Job none of which runs
LAST_WORDS = 2.0  # seconds for the log of a Job that is cancelled
RIGHT = (
    "the service account of the workers needs rights on jobs.batch; in the chart, `rights.jobs` of its pool gives them"
)

log = logging.getLogger(__name__)

Object = dict[str, Any]


class JobType:
    """Makes Jobs with the worker's own rights: who may make a ScheduledJob may run Pods, as with a CronJob."""

    name = "@job"

    def __init__(self, services: Services) -> None:
        self._services = services
        self._feeds: dict[str, JobFeed] = {}
        self._removals = Removals()

    async def execute(self, claim: Claim, run: Run) -> Any:
        """Make the Job, or find the one that an earlier worker of this attempt made; wait for its end."""
        job = BatchJob.model_validate(claim.work.call)
        with self._feed(claim.work.namespace).follow(claim.work.namespace, marks.object_name(claim)) as followed:
            attempt = _Attempt(claim, job, self._jobs, followed, self._services.settings.job_patience)
            try:
                return await attempt.carry_out(self._services)
            except asyncio.CancelledError:
                if not run.handed_back and attempt.begun:
                    await attempt.say_last_words()
                    await self._removals.begin(f"the Job {attempt.place}", attempt.remove)
                raise
            except Exception:
                if attempt.goes_on:
                    # nobody would see its end, and the next attempt would run beside it
                    await self._removals.begin(f"the Job {attempt.place}", attempt.remove)
                raise

    async def recall(self, recall: Recall, work: Work) -> None:
        """See HandlerType."""
        await remove(await self._jobs(), recall.claim(work))

    async def close(self) -> None:
        """See HandlerType."""
        for feed in self._feeds.values():
            await feed.close()
        await self._removals.close()

    def _feed(self, namespace: str) -> JobFeed:
        """One for all namespaces; where workers have rights in some alone, one for each that is used."""
        place = namespace if self._services.settings.namespaces else ""
        return self._feeds.setdefault(place, JobFeed(lambda: self._jobs(place)))

    async def _jobs(self, namespace: str = "") -> Jobs:
        return Jobs(await self._services.cluster.api(), marks.RUN, namespace)


async def remove(jobs: Jobs, claim: Claim) -> None:
    """Delete the Job of an attempt, if there is one. Raises what the calls raise."""
    namespace, name = claim.work.namespace, marks.object_name(claim)
    found = await jobs.get(namespace, name)
    if found is not None and marks.is_ours(found, claim):
        await jobs.delete(namespace, name, found["metadata"]["uid"])


@dataclass
class _Attempt:
    """One attempt and its Job."""

    claim: Claim
    job: BatchJob
    connect: Callable[[], Awaitable[Jobs]]
    followed: Followed
    patience: int
    begun: bool = False
    over: bool = False
    jobs: Jobs = field(init=False)
    elsewhere: Elsewhere = field(init=False)
    asking: Asking = field(init=False)
    seen: tuple[list[Object], str | None] = ([], None)
    """The Pods of a Job that is bound to fail, and the log that will be gone with them."""

    def __post_init__(self) -> None:
        self.begun = self.claim.external is not None
        self.asking = Asking(f"the Job {self.place}", RIGHT)

    @property
    def name(self) -> str:
        """The name of the Job."""
        return marks.object_name(self.claim)

    @property
    def place(self) -> str:
        """Its namespace and name."""
        return f"{self.claim.work.namespace}/{self.name}"

    @property
    def goes_on(self) -> bool:
        """Whether there may be a Job of this attempt that has not ended."""
        return self.begun and not self.over and not self.followed.gone

    async def carry_out(self, services: Services) -> Any:
        """Answers the result; raises Fault."""
        self.elsewhere = await Elsewhere.attach(services.externals, self.claim)
        self.jobs = await connected(self.connect)
        self.begun = True
        made = await self._make()
        self.followed.begin(made)
        await self.elsewhere.progress(f"the Job {self.name} was made")
        await self._until_over()
        self.over = True
        final = self.followed.job or made
        pods, last = await self._pods_at_the_end(final)
        end = ending.judge(final, pods)
        await self._say(end.where, last)
        await self._keep(final, end)
        if end.kind is None:
            return end.result
        raise Fault(end.kind, end.message, codes=(*end.codes, end.kind), reason=end.reason)

    async def _make(self) -> Object:
        """The Job of this attempt, as the server keeps it. Raises Fault where another Job has the name."""
        manifest = job_manifest(self.claim, self.job)
        while True:
            try:
                return await self.asking.ask(lambda: self.jobs.create(manifest), conflicts=True)
            except ApiError:  # there is one of our name already
                found = await self.asking.ask(lambda: self.jobs.get(self.claim.work.namespace, self.name))
            if found is not None and not marks.is_ours(found, self.claim):
                message = f"there is a Job {self.place} that was not made for this run; delete or rename it"
                raise Fault("NameTaken", message, codes=("NameTaken",))
            if found is not None:
                return found

    async def _until_over(self) -> None:
        """Wait for the Job's end. Raises Fault when it is deleted, or a Pod of it has not started for too long."""
        look = FIRST_LOOK
        stuck_since: float | None = None
        while (job := self.followed.job) is not None and not ending.is_over(job):
            if self.followed.gone:
                message = f"the Job {self.place} was deleted before it had ended"
                raise Fault("JobDeleted", message, codes=("JobDeleted",))
            if ending.is_failing(job) and not self.seen[0]:
                self.seen = await self._look_and_read(job)
            if await self.followed.change(look):
                continue
            look = min(look * 2, LONGEST_LOOK)
            if (job.get("status") or {}).get("ready"):
                stuck_since = None
                continue
            wait = ending.waiting(job, await self._pods(job))
            if wait is not None:
                await self.elsewhere.progress(wait.message)
            if wait is None or not wait.stuck:
                stuck_since = None
                continue
            stuck_since = stuck_since or time.monotonic()
            if (time.monotonic() - stuck_since) * 1000 >= self.patience:
                raise Fault(wait.kind, wait.message, codes=(wait.kind,))

    async def _pods(self, job: Object) -> list[Object]:
        return await self.asking.ask(lambda: self.jobs.pods(self.claim.work.namespace, job["metadata"]["uid"]))

    async def _look_and_read(self, job: Object) -> tuple[list[Object], str | None]:
        pods = await self._pods(job)
        where = ending.judge(job, pods).where
        return pods, await self._log(where) if where else None

    async def _pods_at_the_end(self, job: Object) -> tuple[list[Object], str | None]:
        pods = await self._pods(job)
        return (pods, None) if pods else self.seen

    async def _log(self, where: Where) -> str:
        lines = self.job.log_tail
        if not lines:
            return ""
        try:
            return await self.jobs.log(self.claim.work.namespace, where.pod, where.container, lines)
        except (ApiError, OSError, TimeoutError) as error:
            return f"(the log of {where.pod}/{where.container} cannot be read: {str(error)[:500]})\n"

    async def _say(self, where: Where | None, text: str | None = None) -> None:
        """Put the log of a container into the output of the attempt."""
        if where is None or not self.job.log_tail:
            return
        say(bounds.tail(await self._log(where) if text is None else text, bounds.OUTPUT))

    async def say_last_words(self) -> None:
        """The same of a Job that is about to be deleted, within two seconds."""
        job = self.followed.job
        if job is None or self.followed.gone:
            return
        try:
            async with asyncio.timeout(LAST_WORDS):
                pods = await (await self.connect()).pods(self.claim.work.namespace, job["metadata"]["uid"])
                await self._say(ending.first(pods))
        except (ApiError, OSError, TimeoutError) as error:
            log.debug("no last words of the Job %s: %s", self.place, error)

    async def remove(self) -> None:
        """Delete the Job of this attempt, if there is one."""
        await remove(await self.connect(), self.claim)

    async def _keep(self, job: Object, end: End) -> None:
        """Have the Job deleted when its time is over; the time of its making counts where that cannot be said."""
        kept = kept_for(self.job, succeeded=end.kind is None)
        if kept is None or kept == job["spec"].get("ttlSecondsAfterFinished") or self.followed.gone:
            return
        try:
            await self.jobs.keep_for(self.claim.work.namespace, self.name, job["metadata"]["uid"], kept)
        except (ApiError, OSError, TimeoutError) as error:
            log.debug("the Job %s is kept for longer: %s", self.place, error)
