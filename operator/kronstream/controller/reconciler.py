"""From what the API server says to what is in force: adoption of generations, and forgetting of deleted jobs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence, Sized
from dataclasses import replace
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller.job import Job, read, wanted_run
from kronstream.controller.marks import marks
from kronstream.controller.roster import Roster
from kronstream.domain.errors import Invalid
from kronstream.domain.plan import Skipped, passed
from kronstream.domain.run import Skip
from kronstream.domain.when import When
from kronstream.ports import Adopted, Adoption, Conflict, Expect, Gone, Ledger, Stale
from kronstream.resources.meta import ending
from kronstream.rooms import live_together
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

BATCH = 200
AT_ONCE = 16
RETRY = 0.5

Question = Callable[[], Awaitable[None]]


def _nothing(job: Job) -> None:
    """Stands where the composition puts who starts runs that an annotation asks for."""


def _nobody() -> None:
    """Stands where the composition puts who is told that jobs were forgotten."""


class Reconciler:
    """Takes objects in, adopts them in batches, and keeps the roster.

    ``armed`` is called with each job whose generation came into force, ``gone`` with each job that is no more;
    ``manned`` tells whether a live replica plans by a revision.
    """

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        jobs: ScheduledJobs,
        clock: StoreClock,
        grace: int,
        armed: Callable[[Job], None],
        gone: Callable[[Job], None],
        manned: Callable[[str], bool],
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._jobs = jobs
        self._clock = clock
        self._grace = grace
        self._armed = armed
        self._gone = gone
        self._manned = manned
        self._pending: dict[str, tuple[Job, Adoption]] = {}
        self._forget: set[str] = set()
        self._questions: dict[str, Question] = {}
        self._seqs: dict[str, int] = {}
        self.asked: Callable[[Job], None] = _nothing
        self.forgotten: Callable[[], None] = _nobody
        self._work = asyncio.Event()
        self._question = asyncio.Event()

    @property
    def backlog(self) -> int:
        """Generations not yet adopted."""
        return len(self._pending)

    def awaits(self, uid: str) -> bool:
        """Whether something about the job is on its way into force."""
        return uid in self._pending or uid in self._questions or uid in self._forget

    def observe(self, kind: str | None, obj: Mapping[str, Any]) -> None:
        """An object as a list (kind None) or the watch gave it; cheap for one that is known."""
        meta = obj["metadata"]
        uid = meta["uid"]
        if kind == "DELETED":
            self._forget.add(uid)
            self._work.set()
        if kind == "DELETED" or ending(meta):
            self._drop(uid)
            return
        known = self._roster.get(uid)
        waiting = self._pending.get(uid)
        newest = waiting[0] if waiting else known
        if newest is not None and newest.generation == meta.get("generation", 1):
            ended = newest.ended
            newest.note(obj.get("status") or {})
            newest.run_now = wanted_run(meta)
            self.asked(newest)
            if ended and not newest.ended:
                self._armed(newest)
            return
        if known is not None and known.generation > meta.get("generation", 1):
            return  # an event that was overtaken; an API server that went back is found by the comparison of lists
        self.take(obj)

    def take(self, obj: Mapping[str, Any], **changes: Any) -> None:
        """Adopt this object's generation, whatever is known; ``changes`` replace fields of its adoption."""
        job, adoption = read(obj, self._grace)
        self._pending[job.uid] = (job, replace(adoption, **changes) if changes else adoption)
        self._work.set()

    def refresh(self, job: Job) -> None:
        """The store knows better than this replica: read the object again and adopt what it says."""
        self.discover(job.uid, job.namespace, job.name)

    def discover(self, uid: str, namespace: str, name: str) -> None:
        """Read an object that a list named, and adopt what it says."""
        self._put(uid, partial(self._reread, uid, namespace, name))

    def raise_seq(self, uid: str, seq: int) -> None:
        """The API server has a status with a higher sequence number: the store goes on from there."""
        job = self._roster.get(uid)
        if job is not None:
            self._seqs[uid] = seq
            self.refresh(job)

    async def run(self) -> None:
        """Adopt, forget and ask the API server until cancelled; one that is away holds no adoption up."""
        await live_together(
            (
                partial(self._repeat, self._step, self._work, (self._pending, self._forget)),
                partial(self._repeat, self._ask, self._question, (self._questions,)),
            )
        )

    async def _repeat(
        self, step: Callable[[], Awaitable[None]], bell: asyncio.Event, waiting: tuple[Sized, ...]
    ) -> None:
        trouble = Trouble(log, "adopting failed, tried again")
        while True:
            if not any(map(len, waiting)):
                bell.clear()
                await bell.wait()
            try:
                await step()
                trouble.over()
            except (RedisError, ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                await asyncio.sleep(RETRY)

    async def _step(self) -> None:
        if self._forget:
            uids = list(self._forget)[:BATCH]
            await self._ledger.forget(uids)
            self._forget.difference_update(uids)
            self.forgotten()
        await self.adopt(list(self._pending.values())[:BATCH])

    def _put(self, uid: str, question: Question) -> None:
        self._questions[uid] = question
        self._question.set()

    async def _ask(self) -> None:
        """Ask the API server about some jobs; one that it does not tell goes behind the others."""
        asked = list(self._questions.items())[:AT_ONCE]
        answers = await asyncio.gather(*(question() for _, question in asked), return_exceptions=True)
        for (uid, question), answer in zip(asked, answers, strict=True):
            current = self._questions.get(uid) is question
            if current:
                del self._questions[uid]
            if current and isinstance(answer, Exception):
                self._questions[uid] = question
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def adopt(self, batch: Sequence[tuple[Job, Adoption]]) -> None:
        """One batch of adoptions; what conflicts is planned again and stays pending."""
        answers = await self._ledger.adopt([adoption for _, adoption in batch])
        for (job, adoption), answer in zip(batch, answers, strict=True):
            waiting = self._pending.get(job.uid)
            if waiting[0] is not job if waiting else not adoption.rebuild:
                continue  # a newer generation came meanwhile, or the job went
            self._pending.pop(job.uid, None)
            if isinstance(answer, Adopted):
                self._enter(job, answer)
            elif isinstance(answer, Conflict):
                self._pending[job.uid] = (job, self._reasoned(adoption, answer))
            else:
                self._put(job.uid, partial(self._overruled, job, answer))

    def _enter(self, job: Job, answer: Adopted) -> None:
        before = self._roster.get(job.uid)
        job.adopted, job.cursor, job.once = True, answer.cursor, answer.once
        if before is not None:
            job.written, job.written_at = before.written, before.written_at
            job.handled = before.handled
            self._roster.wake_at(before, None)
        self._roster.put(job)
        self._armed(job)
        self.asked(job)

    def _reasoned(self, adoption: Adoption, stored: Conflict) -> Adoption:
        """The adoption with what its edit or resume leaves behind, counted from the state that the store has."""
        now = self._clock.now()
        return replace(
            adoption,
            expect=Expect(stored.generation, stored.revision, stored.cursor, counted=now),
            skips=left_behind(stored, now),
        )

    async def _overruled(self, job: Job, stored: Stale | Gone) -> None:
        """The store is ahead: either this replica is late, or etcd went back to an older copy."""
        live = await self._jobs.get(job.namespace, job.name)
        if live is None or live["metadata"]["uid"] != job.uid or ending(live["metadata"]):
            self._drop(job.uid)
            return
        if isinstance(stored, Gone):
            log.warning(
                "%s/%s was forgotten as deleted but is live; adopting it anew",
                job.namespace,
                job.name,
                extra=marks(job),
            )
            self.take(live, alive=True)
            return
        generation = live["metadata"].get("generation", 1)
        if generation > stored.generation or generation == stored.generation > job.generation:
            self.take(live)  # this replica is late, and its watch may be later still
        elif generation < stored.generation:
            log.warning(
                "%s/%s: generation %d is live but %d was in force; the API server went back, adopting what is live",
                job.namespace, job.name, generation, stored.generation, extra=marks(job),
            )  # fmt: skip
            self.take(live, expect=Expect(stored.generation, stored.revision, stored.cursor))
        elif not self._manned(stored.revision):
            # the operator itself went back to an older version
            self.take(live, expect=Expect(stored.generation, stored.revision, stored.cursor))
        else:
            # the same generation by a newer engine or tz database: those replicas fire it while they live
            job.adopted = False
            self._roster.put(job)

    async def _reread(self, uid: str, namespace: str, name: str) -> None:
        live = await self._jobs.get(namespace, name)
        if live is None or live["metadata"]["uid"] != uid or ending(live["metadata"]):
            self._drop(uid)
        else:
            seq = self._seqs.pop(uid, None)
            self.take(live, **({} if seq is None else {"seq": seq}))

    def _drop(self, uid: str) -> None:
        self._pending.pop(uid, None)
        self._questions.pop(uid, None)
        self._seqs.pop(uid, None)
        job = self._roster.drop(uid)
        if job is not None:
            self._roster.wake_at(job, None)
            self._gone(job)


def left_behind(stored: Conflict, now: int) -> tuple[Skipped, ...]:
    """The instants that an edit, a resume or a fix passes over, by the schedule that was in force."""
    if not stored.when:
        return ()
    reason = Skip.SUSPENDED if stored.suspended else Skip.INVALID if stored.invalid else Skip.EDITED
    try:
        schedule = When.load(stored.when).schedule()
    except (Invalid, ValueError):
        return ()  # by a newer version, or in a zone that the tz database has no more: nobody here can count it
    if schedule is None:
        return ()
    return passed(schedule, stored.cursor, now, reason)
