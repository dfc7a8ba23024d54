"""Dispatching what is due: the store's side of Ledger.dispatch."""

from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip, Trigger, run_id
from kronstream.ports import Dispatch, Verdict
from kronstream.testing.admission import ended, new_run, start
from kronstream.testing.model import Job
from kronstream.testing.outcomes import tell, tell_skipped
from kronstream.testing.store import MemoryStore

EARLY = 50
AHEAD = 60_000
LATE = 5000
DAY = 86_400_000


def dispatch(store: MemoryStore, item: Dispatch) -> tuple[Verdict, int]:
    """Answer as ``dispatch.lua``."""
    job = store.jobs.get(item.uid)
    if job is None:
        return Verdict.GONE, 0
    refused = _fence(job, item) or _time(store, job, item)
    if refused:
        return refused
    was = job.ended
    if ended(store, job):
        if not was:
            store.touch(job)
        return Verdict.ENDED, 0
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
        _set_back(store, job)
        return Verdict.CURSOR, job.cursor
    if job.cursor != item.cursor:
        return Verdict.CURSOR, job.cursor
    if item.due and item.due[-1] + (item.delays[-1] if item.delays else 0) > store.now + EARLY:
        return Verdict.EARLY, 0
    return None


def _set_back(store: MemoryStore, job: Job) -> None:
    """Bring a cursor back from a clock that ran ahead; what it passed over since the clock jumped had its runs."""
    after, until = max(store.jump, store.now), job.cursor
    if job.ran:
        # once more: of what ran, one stretch is remembered
        after = min(store.now if until <= after else after, job.ran[0])
        until = max(until, job.ran[1])
    job.cursor, job.ran = store.now, (after, until)
    store.touch(job)


def _write(store: MemoryStore, job: Job, item: Dispatch) -> None:
    for skip in item.skips:
        store.skip(job, skip)
        tell_skipped(store, job, run_id(job.uid, Trigger.SCHEDULE, str(skip.first)), skip)
        if item.once:
            job.once, job.done = skip.reason.value, store.now
    for nominal, delay in zip(item.due, item.delays or (0,) * len(item.due), strict=True):
        if ended(store, job):
            break
        over = _fire(store, job, nominal, delay)
        if item.once:
            job.once = over or run_id(job.uid, Trigger.SCHEDULE, str(nominal))
            job.done = store.now if over else job.done
    ended(store, job)
    if job.ran and item.to >= job.ran[1]:
        job.ran = None
    job.cursor = item.to
    store.touch(job)


def _fire(store: MemoryStore, job: Job, nominal: int, delay: int) -> str | None:
    """Start a run, if it may; why there will be none, or its id where it is over already."""
    key = run_id(job.uid, Trigger.SCHEDULE, str(nominal))
    known = store.run(key)
    if known:
        return key if known.state.terminal else None
    if _ran(store, job, key, nominal):
        return key
    run = new_run(store, job, key, nominal)
    if job.starting_deadline is not None:
        run.deadline = nominal + delay + job.starting_deadline
    refused = _excuse(store, job, nominal, delay) or start(store, job, run)
    if refused:
        skip = Skipped(refused, 1, nominal, nominal)
        store.skip(job, skip)
        tell_skipped(store, job, key, skip)
        return refused.value
    job.last_schedule = nominal
    if store.now - nominal - delay >= LATE:
        tell(store, "late", run)
    # caught up after a jump: if the clock goes back again, its instant comes once more, perhaps after its record went
    if nominal <= store.jump <= store.now:
        store.keep_claim(key, "started", DAY)
    return None


def _ran(store: MemoryStore, job: Job, key: str, nominal: int) -> bool:
    """Whether an instant had its run before the clock went back."""
    if job.ran is None:
        return False
    after, until = job.ran
    return after < nominal <= until or store.claim(key) is not None


def _excuse(store: MemoryStore, job: Job, nominal: int, delay: int) -> Skip | None:
    """Why an instant makes no run though its job fires.

    With a jitter it comes due later than it is; what is late starts in no pause either.
    """
    scopes = [pause for (_, scope), pause in store.scopes.items() if scope in ("*", job.namespace)]
    pauses = (*scopes, *([job.pause] if job.pause else ()))
    if any(pause.covers(at) for pause in pauses for at in (nominal, nominal + delay, store.now)):
        return Skip.PAUSED
    if nominal in job.skip_next:
        job.skip_next = tuple(at for at in job.skip_next if at != nominal)
        return Skip.REQUESTED
    return None
