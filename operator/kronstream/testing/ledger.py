"""Ledger in memory."""

from collections.abc import Mapping, Sequence

from kronstream.domain.run import HANDLER, Reason, State
from kronstream.ports import (
    Adopted,
    Adoption,
    Beat,
    Before,
    Conflict,
    Dispatch,
    Epoch,
    Gone,
    JobState,
    Pause,
    Stale,
    Verdict,
    WorkerCard,
)
from kronstream.testing import past
from kronstream.testing.adopting import adopt
from kronstream.testing.dispatching import dispatch
from kronstream.testing.ending import end_backfill, settle
from kronstream.testing.model import Job
from kronstream.testing.scopes import declare
from kronstream.testing.slots import oldest_first
from kronstream.testing.store import ORPHAN_AGE, RECHECK, MemoryStore
from kronstream.testing.sweeping import live_workers, sweep
from kronstream.testing.waiting import forget_handler
from kronstream.testing.watching import watch_clock

TOMB = 86_400_000
SILENT, AHEAD, ALIVE, SETTLING, PATIENCE = 60_000, -1000, 700, 1000, 30_000
UNFINISHED_SHOWN = 20


class MemoryLedger:
    """Ledger on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def adopt(self, adoptions: Sequence[Adoption]) -> list[Adopted | Stale | Conflict | Gone]:
        """See Ledger."""
        if adoptions:
            watch_clock(self._store)
        return [adopt(self._store, adoption) for adoption in adoptions]

    async def dispatch(self, epoch: str, items: Sequence[Dispatch]) -> list[tuple[Verdict, int]]:
        """See Ledger."""
        if items and self._store.epoch != epoch:
            raise Epoch
        if items:
            watch_clock(self._store)
        return [dispatch(self._store, item) for item in items]

    async def describe(self, uids: Sequence[str]) -> list[JobState | None]:
        """See Ledger."""
        return [self._state(self._store.jobs[uid]) if uid in self._store.jobs else None for uid in uids]

    def _state(self, job: Job) -> JobState:
        active = self._store.active[job.uid]
        return JobState(
            uid=job.uid,
            namespace=job.namespace,
            name=job.name,
            generation=job.generation,
            revision=job.revision,
            cursor=job.cursor,
            seq=job.seq,
            suspended=job.suspended,
            invalid=job.invalid,
            active=len(active),
            unfinished=tuple(oldest_first(active)[:UNFINISHED_SHOWN]),
            runs=dict(job.runs),
            skipped=dict(job.skipped),
            last=job.last,
            last_schedule=job.last_schedule,
            last_success=job.last_success,
            last_failure=job.last_failure,
            consecutive_failures=job.consecutive_failures,
            average_duration=round(job.total_duration / job.timed) if job.timed else None,
            last_skip=job.last_skip,
            once=job.once,
            done=job.done,
            when=job.when,
            pause=job.pause,
            ended=job.ended,
            skip_next=tuple(at for at in job.skip_next if at > job.cursor),
            run_now=job.run_now,
        )

    async def lasts(self, uids: Sequence[str]) -> list[Before]:
        """See Ledger."""
        jobs = [self._store.jobs.get(uid) for uid in uids]
        return [Before(job.last, job.consecutive_failures) if job else Before(None, 0) for job in jobs]

    async def cursors(self, uids: Sequence[str]) -> list[int | None]:
        """See Ledger."""
        return [self._store.jobs[uid].cursor if uid in self._store.jobs else None for uid in uids]

    async def dirty(self, cursor: int = 0, *, handlers: bool = False) -> tuple[int, list[str]]:  # noqa: ARG002 all at once
        """See Ledger."""
        return 0, [uid for uid in self._store.dirty if uid.startswith(HANDLER) is handlers]

    async def clean(self, written: Sequence[tuple[str, int]]) -> None:
        """See Ledger."""
        for uid, seq in written:
            if self._store.dirty.get(uid, seq + 1) <= seq:
                del self._store.dirty[uid]

    async def forget(self, uids: Sequence[str], before: int | None = None) -> int:
        """See Ledger."""
        found = [uid for uid in uids if uid in self._store.jobs]
        old = [uid for uid in found if before is None or self._store.jobs[uid].adopted < before]
        for uid in old:
            self._forget(uid)
        return len(old)

    def _forget(self, uid: str) -> None:
        store = self._store
        store.waiting.pop(uid, None)
        if uid.startswith(HANDLER):
            forget_handler(store, uid)
        job = store.jobs[uid]
        # another job may have the name by now
        if store.names.get((job.namespace, job.name)) == uid:
            del store.names[job.namespace, job.name]
        for key in list(store.active[uid]):
            run = store.runs[key]
            if run.state is State.RUNNING:
                run.expires = store.now + ORPHAN_AGE
            else:
                settle(store, run, State.CANCELLED, Reason.DELETED.value)
        for backfill in list(store.backfills.values()):
            if backfill.uid == uid and backfill.state == "running":
                end_backfill(store, backfill.id, "cancelled")
        store.unfinished.pop(f"@{uid}", None)
        store.works[uid].expires = store.now + RECHECK
        past.keep(store, job)
        # what still runs stays active: the job may come back
        del store.jobs[uid]
        store.dirty.pop(uid, None)
        store.tombs[uid] = store.now + TOMB

    async def past(self) -> list[str]:
        """See Ledger."""
        return past.namespaces(self._store)

    async def purge(self, namespace: str, before: int | None = None, limit: int = 1_000) -> tuple[int, int]:
        """See Ledger."""
        return past.purge(self._store, namespace, before, limit)

    async def known(self, *, handlers: bool = False) -> list[str]:
        """See Ledger."""
        return [uid for uid in self._store.jobs if uid.startswith(HANDLER) is handlers]

    async def beat(self, replica: str, phase: str = "beat", candidate: str = "") -> Beat:
        """See Ledger."""
        store = self._store
        watch_clock(store)
        if phase == "leave":
            store.replicas.pop(replica, None)
            return Beat(store.now * 1000, "", 0, dict(store.replicas))
        if phase != "join":
            store.replicas[replica] = store.now
        heard = dict(store.replicas)
        store.replicas = {name: at for name, at in heard.items() if AHEAD <= store.now - at <= SILENT}
        if store.epoch is None and phase in {"begin", "ready"}:
            self._rebuild(replica, phase, candidate)
        store.pulse += 1
        return Beat(store.now * 1000, store.epoch or "", store.pulse, heard)

    def _rebuild(self, replica: str, phase: str, candidate: str) -> None:
        store = self._store
        since, ready = store.rebuild = store.rebuild or (store.now, set())
        if phase != "ready":
            return
        ready.add(replica)
        alive = {name for name, at in store.replicas.items() if store.now - at <= ALIVE}
        if since > store.now:
            # the clock went back
            store.rebuild = store.now, ready
        waited = store.now - since
        if waited > PATIENCE or (waited >= SETTLING and alive <= ready):
            store.epoch, store.rebuild = candidate, None

    async def workers(self) -> list[WorkerCard]:
        """See Ledger."""
        return live_workers(self._store)

    async def sweep(self, limit: int = 100) -> int:
        """See Ledger."""
        return sweep(self._store, limit)

    async def declare_pauses(self, source: str, pauses: Mapping[str, Pause], since: int | None = None) -> bool:
        """See Ledger."""
        return declare(self._store, source, pauses, since)

    async def declared_pauses(self) -> Mapping[str, tuple[Pause, ...]]:
        """See Ledger."""
        found: dict[str, tuple[Pause, ...]] = {}
        for (_, scope), pause in sorted(self._store.scopes.items()):
            found[scope] = (*found.get(scope, ()), pause)
        return found
