"""Requests in memory: what people and programs ask about single jobs and runs."""

from collections.abc import Sequence

from kronstream.domain.run import Reason, State
from kronstream.ports import Backfill, Change, Epoch, Pause, Request, Stored, Word
from kronstream.testing.backfilling import create, step
from kronstream.testing.ending import end_backfill, paused_since, settle
from kronstream.testing.model import Job
from kronstream.testing.requesting import begin
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable

SKIPS = 20


class MemoryRequests:
    """Requests on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def epoch(self) -> str:
        """See Requests."""
        return self._store.epoch or ""

    async def now(self) -> int:
        """See Requests."""
        return self._store.now

    async def stored(self, uid: str) -> Stored | None:
        """See Requests."""
        job = self._store.jobs.get(uid)
        if job is None:
            return None
        work = self._store.work(uid, job.generation)
        return Stored(uid, job.namespace, job.name, job.generation, job.when, job.cursor, work, job.jitter)

    async def request(self, epoch: str, requests: Sequence[Request]) -> list[tuple[Word, str]]:
        """See Requests."""
        if requests and self._store.epoch != epoch:
            raise Epoch
        return [self._request(item) for item in requests]

    def _request(self, item: Request) -> tuple[Word, str]:
        store, job = self._store, self._store.jobs.get(item.uid)
        before = self._answered(item, job)
        if before:
            # an older value that came back is the one that the status has to tell: the claim may be lost
            if job and item.value is not None and job.run_now != item.value:
                job.run_now = item.value
                store.touch(job)
            return Word.KNOWN, before
        if job is None:
            return Word.GONE, ""
        answer = begin(store, job, item)
        if item.value is not None and answer[0] in (Word.STARTED, Word.SKIPPED):
            job.run_now = item.value
        return answer

    def _answered(self, item: Request, job: Job | None) -> str | None:
        """The first answer, if there was one; of a lost claim, the job's status or a worker may still have told."""
        answer = self._store.claim(item.run)
        if answer:
            return answer
        told = item.value is not None and job is not None and job.run_now == item.value
        return "started" if told or self._store.run(item.run) else None

    async def cancel(self, runs: Sequence[str], by: str) -> list[Change]:  # noqa: ARG002 the port's
        """See Requests."""
        return [self._cancel(run) for run in runs]

    def _cancel(self, key: str) -> Change:
        run = self._store.run(key)
        if run is None:
            return Change.GONE
        if run.state.terminal:
            return Change.OVER
        if run.in_hands:
            run.cancel = run.cancel or Reason.REQUESTED.value
            return Change.ASKED
        settle(self._store, run, State.CANCELLED, Reason.REQUESTED.value)
        return Change.OK

    async def pause(self, uids: Sequence[str], by: str, reason: str, until: int | None) -> list[Change]:
        """See Requests."""
        return [self._pause(self._store.jobs.get(uid), storable(by), storable(reason), until) for uid in uids]

    def _pause(self, job: Job | None, by: str, reason: str, until: int | None) -> Change:
        store = self._store
        if job is None:
            return Change.GONE
        if until is not None and until <= store.now:
            return Change.PAST
        known = job.pause
        if known and _open(known, store.now) and (known.until, known.by, known.reason) == (until, by, reason):
            return Change.SAME
        job.pause = Pause(paused_since(job, store.now), until, by, reason)
        if until is not None:
            store.unfinished[f"@{job.uid}"] = until
        store.touch(job)
        return Change.OK

    async def resume(self, uids: Sequence[str]) -> list[Change]:
        """See Requests."""
        return [self._resume(self._store.jobs.get(uid)) for uid in uids]

    def _resume(self, job: Job | None) -> Change:
        store = self._store
        if job is None:
            return Change.GONE
        if job.pause is None or not _open(job.pause, store.now):
            return Change.SAME
        if job.pause.failures:
            job.consecutive_failures = 0
        job.pause = Pause(job.pause.since, store.now)
        store.unfinished.pop(f"@{job.uid}", None)
        store.touch(job)
        return Change.OK

    async def skip(self, uid: str, instants: Sequence[int], *, undo: bool = False) -> Change:
        """See Requests."""
        job = self._store.jobs.get(uid)
        if job is None:
            return Change.GONE
        if not undo and any(at <= job.cursor for at in instants):
            return Change.PAST
        ahead = {at for at in job.skip_next if at > job.cursor}
        wanted = ahead - set(instants) if undo else ahead | set(instants)
        if len(wanted) > SKIPS:
            return Change.FULL
        if wanted == ahead:
            return Change.SAME
        job.skip_next = tuple(sorted(wanted))
        self._store.touch(job)
        return Change.OK

    async def create_backfill(self, backfill: Backfill) -> Change:
        """See Requests."""
        return create(self._store, backfill)

    async def step_backfill(self, epoch: str, backfill: Backfill, nominal: int | None) -> str:
        """See Requests."""
        if self._store.epoch != epoch:
            raise Epoch
        return step(self._store, backfill, nominal)

    async def cancel_backfill(self, backfill: str, by: str) -> Change:  # noqa: ARG002 the port's
        """See Requests."""
        known = await self.backfill(backfill)
        if known is None:
            return Change.GONE
        if known.state != "running":
            return Change.OVER
        end_backfill(self._store, backfill, "cancelled")
        return Change.OK

    async def backfill(self, backfill: str) -> Backfill | None:
        """See Requests."""
        return self._store.backfill(backfill)

    async def backfills_of(self, uid: str) -> list[Backfill]:
        """See Requests."""
        listed = reversed(self._store.backfill_lists[uid])
        return [known for name in listed if (known := self._store.backfill(name))]

    async def backfills_due(self, limit: int = 100) -> list[Backfill]:
        """See Requests."""
        store = self._store
        due = sorted((at, name) for name, at in store.backfills_due.items() if at <= store.now)
        return [store.backfills[name] for _, name in due[:limit]]


def _open(pause: Pause, now: int) -> bool:
    return pause.until is None or pause.until > now
