"""Ends of runs: history, counters, and what follows from them (``ending.lua``)."""

import json
from dataclasses import asdict, replace

from kronstream.domain.plan import Skipped
from kronstream.domain.retry import backoff
from kronstream.domain.run import Reason, Skip, State
from kronstream.domain.work import Work
from kronstream.ports import Attempt, LastRun, LastSuccess, Outcome, Pause, Recall
from kronstream.testing import gates
from kronstream.testing.model import Job, Run
from kronstream.testing.outcomes import tell
from kronstream.testing.slots import release_waiting, vacate
from kronstream.testing.store import ORPHAN_AGE, MemoryStore
from kronstream.testing.texts import cut, storable

SKIPS = {Reason.DEADLINE: Skip.DEADLINE, Reason.OVERLAP: Skip.OVERLAP}
KINDS = {
    State.SUCCESS: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.SKIPPED: "skipped",
    State.DEAD: "dead",
}
OURSELVES = "kronstream"
MESSAGE_LIMIT = 256
ATTEMPTS = 20
RECALLS = 10_000


def settle(
    store: MemoryStore, run: Run, state: State, reason: str | None, duration: int | None = None, message: str = ""
) -> None:
    """End a run; then what waited for it may go."""
    store.withdraw(run)
    _recall(store, run)
    run.state, run.finished, run.reason = state, store.now, reason
    store.ended[state.value, reason or ""] += 1
    run.cancel, run.revived, run.deadline = None, False, None
    run.external = run.parked = run.parked_by = run.not_before = None
    if state is State.DEAD:
        _bury(store, run, message)
    vacate(store, run)
    if run.backfill:
        _tell_backfill(store, run, run.backfill)
    job = store.jobs.get(run.uid)
    if job is None:
        run.expires = store.now + ORPHAN_AGE
        tell(store, KINDS[state], run, message)
        return
    if job.expected is not None and duration is not None and not run.slow and duration > job.expected:
        mark_slow(store, run)
    _count(store, job, run, duration, message or reason or "")
    tell(store, KINDS[state], run, message)
    _remember(store, job, run)
    if run.generation != job.generation:
        store.drop_works(run.uid, job.generation)
    release_waiting(store, run.uid)
    store.touch(job)


def _bury(store: MemoryStore, run: Run, message: str) -> None:
    letter = {
        "kind": "run", "run": run.id, "uid": run.uid, "namespace": run.namespace, "name": run.name,
        "nominal": str(run.nominal), "reason": run.reason or "", "message": message, "at": str(store.now),
    }  # fmt: skip
    store.dead.append(letter)


def mark_slow(store: MemoryStore, run: Run) -> None:
    """A run takes longer than its job expects."""
    run.slow = True
    job = store.jobs.get(run.uid)
    if job:
        job.runs["slow"] += 1
    tell(store, "slow", run)


def _in_time(store: MemoryStore, job: Job, run: Run, wait: int) -> bool:
    """Whether a further attempt after a wait lies within the time that all attempts may take."""
    first = run.first if run.first is not None else run.started
    return job.total is None or first is None or store.now + wait < first + job.total


def _too_deadly(job: Job | None, run: Run) -> bool:
    run.kills += 1
    return run.kills >= (job.deliveries if job else 3)


def _recall(store: MemoryStore, run: Run) -> None:
    """Work elsewhere that nobody looks after any more is to be taken back."""
    if run.external is None or run.token is not None:
        return
    # one that waits for another worker has its attempt still to be counted
    attempt = run.attempt + (run.state is State.QUEUED)
    recall = Recall(run.id, run.uid, run.generation, run.external, run.namespace, run.name, attempt)
    store.recalls = [*store.recalls, recall][-RECALLS:]
    run.external = None


def lose(store: MemoryStore, run: Run, reason: Reason, message: str) -> None:
    """An attempt that its worker never ended: tried again by the job's policy, or the end of the run."""
    run.token = None
    if run.cancel:
        settle(store, run, State.CANCELLED, run.cancel)
        return
    run.error = json.dumps({"type": reason.value, "message": message, "traceback": ""})
    job, text = store.jobs.get(run.uid), store.work(run.uid, run.generation)
    retry = Work.load(text).retry if text else None
    again = retry is not None and run.attempt <= retry.limit and retry.tries_again((reason.value,))
    if job is None or retry is None or not again or bereft(run):
        settle(store, run, State.FAILED, reason.value, None, message)
        return
    wait = int(backoff(retry, run.attempt))
    if not _in_time(store, job, run, wait):
        settle(store, run, State.FAILED, reason.value, None, message)
        return
    postpone(store, job, run, reason.value, wait, message)
    run.worker = run.incarnation = None


def lay_down(store: MemoryStore, run: Run) -> None:
    """A started run waits again, with no attempt consumed."""
    gates.leave(store, run)
    run.state, run.attempt = State.QUEUED, max(run.attempt - 1, 0)
    run.token = run.worker = run.incarnation = None
    store.active[run.uid][run.id] = -run.nominal
    job = store.jobs.get(run.uid)
    if job:
        store.touch(job)


def postpone(store: MemoryStore, job: Job, run: Run, reason: str | None, wait: int, message: str = "") -> None:
    """A failed attempt: the run waits for the next one."""
    run.attempts = (*run.attempts, _followed(store, run, reason))[-ATTEMPTS:]
    run.first = run.first if run.first is not None else run.started
    _recall(store, run)
    gates.leave(store, run)
    store.withdraw(run)
    run.state, run.reason, run.deliveries, run.not_before = State.RETRYING, reason, 0, None
    run.external = run.parked = run.parked_by = run.progress = None
    store.unfinished[run.id] = store.now + wait
    tell(store, "retrying", run, message)
    store.touch(job)


def _followed(store: MemoryStore, run: Run, reason: str | None) -> Attempt:
    told = json.loads(run.error) if run.error else None
    error = f"{told['type']}: {cut(told['message'])}" if told else ""
    return Attempt(run.attempt, run.worker, run.started, store.now, reason, error)


def conclude(store: MemoryStore, run: Run, outcome: Outcome) -> None:
    """The end of an attempt whose token was found to be current."""
    run.duration, run.result, run.output = (
        outcome.duration,
        storable(outcome.result or "") or None,
        storable(outcome.output),
    )
    run.error = storable(json.dumps(asdict(outcome.failure), ensure_ascii=False)) if outcome.failure else None
    reason = outcome.reason.value if outcome.reason else None
    job = store.jobs.get(run.uid)
    if run.cancel and outcome.state is not State.SUCCESS:
        settle(store, run, State.CANCELLED, run.cancel, outcome.duration)
    elif outcome.killed and _too_deadly(job, run):
        message = storable(outcome.failure.message[:MESSAGE_LIMIT]) if outcome.failure else ""
        settle(store, run, State.DEAD, Reason.TOO_MANY_DELIVERIES.value, outcome.duration, message)
    elif outcome.retry_in is not None and job and not bereft(run) and _in_time(store, job, run, outcome.retry_in):
        message = storable(outcome.failure.message[:MESSAGE_LIMIT]) if outcome.failure else ""
        postpone(store, job, run, reason, outcome.retry_in, message)
    else:
        state = State.FAILED if outcome.state is State.RETRYING else outcome.state
        message = storable(outcome.failure.message[:MESSAGE_LIMIT]) if outcome.failure else ""
        settle(store, run, state, reason, outcome.duration, message)


def bereft(run: Run) -> bool:
    """Whether a run's own payload was lost with the store: it cannot be tried again, the job's payload is another."""
    return run.own and run.payload is None


def spent(store: MemoryStore, job: Job) -> bool:
    """Whether a job has had as many runs, or successes, as it may have."""
    if job.end_successes is not None and job.runs[State.SUCCESS.value] >= job.end_successes:
        return True
    if job.end_runs is None:
        return False
    ends = (State.SUCCESS, State.FAILED, State.CANCELLED, State.DEAD)
    return len(store.active[job.uid]) + sum(job.runs[state.value] for state in ends) >= job.end_runs


def paused_since(job: Job, now: int) -> int:
    """From when a new pause counts: one that is open, or that nobody has looked beyond yet, becomes part of it."""
    pause = job.pause
    if pause and (pause.until is None or pause.until > now or pause.until > job.cursor):
        return pause.since
    return now


def end_backfill(store: MemoryStore, backfill: str, state: str) -> None:
    """End a backfill; what is told of it is kept for a while."""
    store.backfills[backfill] = replace(store.backfills[backfill], state=state, finished=store.now)
    store.backfills_due.pop(backfill, None)


def _tell_backfill(store: MemoryStore, run: Run, backfill: str) -> None:
    store.backfill_runs[backfill].discard(run.id)
    known = store.backfills.get(backfill)
    if known is None:
        return
    if run.state is State.SUCCESS:
        store.backfills[backfill] = replace(known, succeeded=known.succeeded + 1)
    else:
        store.backfills[backfill] = replace(known, failed=known.failed + 1)
    if backfill in store.backfills_due and backfill in store.backfills_full:
        store.backfills_due[backfill] = store.now
    store.backfills_full.discard(backfill)


def _count(store: MemoryStore, job: Job, run: Run, duration: int | None, message: str) -> None:
    state = run.state
    job.runs[state.value] += 1
    if state is State.SKIPPED and run.reason:
        store.count_skip(job, Skipped(SKIPS[Reason(run.reason)], 1, run.nominal, run.nominal))
        if job.ended and not spent(store, job):
            # what never started was no run: there may be another one, from now on
            job.ended, job.cursor = False, max(job.cursor, store.now)
    job.last = LastRun(run.id, state.value, run.started, duration, message)
    if state is State.SUCCESS:
        job.last_success, job.consecutive_failures = store.now, 0
        job.last_good = LastSuccess(run.id, run.nominal, run.result is not None)
        if job.end_successes is not None and job.runs[state.value] >= job.end_successes:
            job.ended = True
    elif state in (State.FAILED, State.DEAD):
        job.last_failure = store.now
        job.consecutive_failures += 1
        _give_up(store, job)
    if duration is not None and state in (State.SUCCESS, State.FAILED):
        job.timed += 1
        job.total_duration += duration
    if job.once == run.id:
        job.done = store.now


def _give_up(store: MemoryStore, job: Job) -> None:
    failures = job.consecutive_failures
    paused = job.pause is not None and job.pause.until is None
    if job.suspend_after is not None and failures >= job.suspend_after and not paused:
        reason = f"{failures} runs in a row failed"
        job.pause = Pause(paused_since(job, store.now), None, OURSELVES, reason, failures=True)


def _remember(store: MemoryStore, job: Job, run: Run) -> None:
    good = run.state is State.SUCCESS
    history = sorted([*store.history[job.uid, good], (store.now, run.id)])
    run.expires = store.now + job.keep_age
    over = max(len(history) - (job.keep_good if good else job.keep_bad), 0)
    for _, old in history[:over]:
        store.runs.pop(old, None)
    store.history[job.uid, good] = [kept for kept in history[over:] if kept[0] > store.now - job.keep_age]
