"""Dispatching what is due: the store's side of Ledger.dispatch."""

from kronstream.domain.plan import Skipped
from kronstream.domain.run import Reason, Skip, State, Trigger, run_id
from kronstream.ports import Dispatch, Verdict
from kronstream.testing.model import Job, Run
from kronstream.testing.store import RECHECK, MemoryStore

EARLY = 50
AHEAD = 60_000
LANE_LIMIT = 1_000_000


def dispatch(store: MemoryStore, item: Dispatch) -> tuple[Verdict, int]:
    """Answer as ``dispatch.lua``."""
    job = store.jobs.get(item.uid)
    if job is None:
        return Verdict.GONE, 0
    refused = _fence(job, item) or _time(store, job, item)
    if refused:
        return refused
    _write(store, job, item)
    return Verdict.OK, 0


def _fence(job: Job, item: Dispatch) -> tuple[Verdict, int] | None:
    if (job.generation, job.revision) != (item.generation, item.revision):
        newer = (job.generation, job.revision) > (item.generation, item.revision)
        return (Verdict.STALE, job.generation) if newer else (Verdict.BEHIND, 0)
    if job.suspended or job.invalid:
        return Verdict.HELD, 0
    return (Verdict.DONE, job.cursor) if item.once and job.once else None


def _time(store: MemoryStore, job: Job, item: Dispatch) -> tuple[Verdict, int] | None:
    if job.cursor > store.now + AHEAD:
        job.cursor = store.now
        return Verdict.CURSOR, job.cursor
    if job.cursor != item.cursor:
        return Verdict.CURSOR, job.cursor
    if any(nominal > store.now + EARLY for nominal in item.due):
        return Verdict.EARLY, 0
    return None


def _write(store: MemoryStore, job: Job, item: Dispatch) -> None:
    for skip in item.skips:
        job.runs[State.SKIPPED.value] += skip.count
        store.count_skip(job, skip)
        if item.once:
            job.once, job.done = skip.reason.value, store.now
    for nominal in item.due:
        if item.once:
            job.once = run_id(job.uid, Trigger.SCHEDULE, str(nominal))
        over = _start(store, job, nominal)
        if item.once and over:
            job.once, job.done = over, store.now
    job.cursor = item.to
    store.touch(job)


def _start(store: MemoryStore, job: Job, nominal: int) -> str | None:
    """Start a run, if it may; why there will be none, or its id where it is over already."""
    key = run_id(job.uid, Trigger.SCHEDULE, str(nominal))
    known = store.run(key)
    if known:
        return key if known.state.terminal else None
    refused = _refusal(store, job)
    if refused:
        job.runs[State.SKIPPED.value] += 1
        store.count_skip(job, Skipped(refused, 1, nominal, nominal))
        return refused.value
    waits = job.policy == "Replace" and bool(store.active[job.uid]) and _replace(store, job.uid)
    run = Run(key, job.uid, job.namespace, job.name, nominal, job.generation, job.queue, job.lane, dispatched=store.now)
    if job.starting_deadline is not None:
        run.deadline = nominal + job.starting_deadline
    store.runs[key] = run
    store.active[job.uid][key] = -nominal
    if waits:
        store.waiting[job.uid][key] = nominal
        store.unfinished[key] = store.now + RECHECK
    else:
        store.enqueue(run)
    job.last_schedule = nominal
    return None


def _refusal(store: MemoryStore, job: Job) -> Skip | None:
    active = store.active[job.uid]
    if job.policy == "Forbid" and active:
        return Skip.OVERLAP
    if job.policy != "Replace" and sum(score <= 0 for score in active.values()) >= job.backlog:
        return Skip.BACKLOG
    return Skip.BACKLOG if len(store.lanes[job.queue, job.lane].entries) >= LANE_LIMIT else None


def _replace(store: MemoryStore, uid: str) -> bool:
    """Ask every active run of the job to end; True when one of them still runs."""
    for key in sorted(store.waiting[uid]):
        del store.waiting[uid][key]
        store.settle(store.runs[key], State.SKIPPED, Reason.OVERLAP.value)
    running = False
    active = store.active[uid]
    # the newest queued one last: it is the one that the status shows as the last run
    for key in sorted(active, key=lambda key: (active[key], key), reverse=True):
        run = store.runs[key]
        if run.state is State.RUNNING:
            run.cancel, running = Reason.REPLACED.value, True
        else:
            store.settle(run, State.CANCELLED, Reason.REPLACED.value)
    return running
