"""Backfills: runs for instants of the past, at a pace (``backfill.lua``)."""

from dataclasses import replace

from kronstream.domain.run import Trigger, run_id
from kronstream.ports import Backfill, Change
from kronstream.testing.admission import new_run, start
from kronstream.testing.ending import end_backfill
from kronstream.testing.store import MemoryStore

LIMIT, LISTED = 20, 40
PATIENCE, RECHECK = 1000, 60_000
RUNNING = "running"


def create(store: MemoryStore, backfill: Backfill) -> Change:
    """See Requests.create_backfill."""
    if store.backfill(backfill.id):
        return Change.SAME
    if backfill.uid not in store.jobs:
        return Change.GONE
    known = [other for name in store.backfill_lists[backfill.uid] if (other := store.backfill(name))]
    if sum(other.state == RUNNING for other in known) >= LIMIT:
        return Change.FULL
    store.backfills[backfill.id] = replace(
        backfill, state=RUNNING, started=0, succeeded=0, failed=0, created=store.now, finished=None
    )
    store.backfills_due[backfill.id] = store.now
    # ended ones are listed for a while, the newest
    listed = [*known, store.backfills[backfill.id]]
    kept = [other for other in listed[:-LISTED] if other.state == RUNNING] + listed[-LISTED:]
    store.backfill_lists[backfill.uid] = [other.id for other in kept]
    return Change.OK


def step(store: MemoryStore, backfill: Backfill, nominal: int | None) -> str:
    """See Requests.step_backfill."""
    known = store.backfill(backfill.id)
    if known is None:
        return "gone"
    if known.state != RUNNING:
        return "over"
    if known.cursor != backfill.cursor:
        return f"cursor:{known.cursor}"
    active = store.backfill_runs[known.id]
    if nominal is None and not active:
        end_backfill(store, known.id, "done")
        return "done"
    if nominal is None or len(active) >= known.concurrent:
        # until one of its runs is over: the interval passed already
        store.backfills_full.add(known.id)
        return _later(store, known.id, RECHECK, "wait")
    return _start(store, known, nominal)


def _start(store: MemoryStore, known: Backfill, nominal: int) -> str:
    job = store.jobs[known.uid]
    # a run of the past ends no other, least of all one of its own backfill
    full = job.policy == "Replace" and len(store.active[job.uid]) >= job.limit
    if job.invalid or full:
        return _later(store, known.id, PATIENCE, "wait")
    key = run_id(known.uid, Trigger.BACKFILL, f"{known.id}.{nominal}")
    if store.run(key) is None:
        run = new_run(store, job, key, nominal)
        run.backfill, run.requested_by = known.id, known.by or None
        if start(store, job, run):
            return _later(store, known.id, PATIENCE, "wait")
        store.keep_claim(key, "started")
        store.backfill_runs[known.id].add(key)
        known = replace(known, started=known.started + 1)
        store.touch(job)
    store.backfills[known.id] = replace(known, cursor=nominal)
    return _later(store, known.id, known.interval, "ok")


def _later(store: MemoryStore, backfill: str, ms: int, answer: str) -> str:
    store.backfills_due[backfill] = store.now + ms
    return answer
