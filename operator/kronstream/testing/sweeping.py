"""What time brings on: due retries, ended leases, runs whose entry is gone."""

from kronstream.domain.run import Reason, State
from kronstream.ports import WorkerCard
from kronstream.testing import gates
from kronstream.testing.ending import lay_down, lose, settle
from kronstream.testing.model import Run
from kronstream.testing.slots import advance, release_group, release_waiting
from kronstream.testing.store import RECHECK, MemoryStore
from kronstream.testing.watching import leases_hold, watch_clock

LOOKS = 5


def live_workers(store: MemoryStore) -> list[WorkerCard]:
    """Cards whose lease has not ended, by consumer name."""
    found = [store.worker(consumer) for consumer in sorted(store.workers)]
    return [worker.card for worker in found if worker]


def sweep(store: MemoryStore, limit: int) -> int:
    """Answer as ``sweep.lua``."""
    watch_clock(store)
    for queue in store.paced:
        store.wake(queue)
    store.paced.clear()
    due = sorted((at, key) for key, at in store.unfinished.items() if at <= store.now)[: LOOKS * limit]
    moved = 0
    for _, key in due:
        if moved >= limit:
            break
        moved += _move(store, key)
    return moved


def _move(store: MemoryStore, key: str) -> bool:
    if key.startswith("@"):
        _end_pause(store, key)
        return False
    run = store.run(key)
    if run is None or run.state.terminal:
        store.unfinished.pop(key, None)
        return False
    if run.state is State.RETRYING:
        if run.uid in store.jobs:
            store.enqueue(run)
        else:
            settle(store, run, State.CANCELLED, Reason.DELETED.value)
        return True
    return _move_running(store, run) if run.state is State.RUNNING else _requeue(store, run)


def _move_running(store: MemoryStore, run: Run) -> bool:
    if run.parked is not None:
        return _look_after_parked(store, run, run.parked)
    if leases_hold(store):
        store.unfinished[run.id] = store.hold
        return False
    if run.external is not None:
        _pass_on(store, run)
    else:
        lose(store, run, Reason.WORKER_LOST, f"the worker {run.worker or '?'} stopped sending heartbeats")
    return True


def _look_after_parked(store: MemoryStore, run: Run, deadline: int) -> bool:
    if deadline > store.now:
        store.unfinished[run.id] = deadline
        return False
    lose(store, run, Reason.TIMEOUT, "nobody said how the work that was started elsewhere ended before the timeout")
    return True


def _pass_on(store: MemoryStore, run: Run) -> None:
    """Its work goes on elsewhere: another worker looks after it, in the same attempt."""
    lay_down(store, run)
    store.withdraw(run)
    store.enqueue(run)


def _end_pause(store: MemoryStore, key: str) -> None:
    job = store.jobs.get(key[1:])
    until = job.pause.until if job and job.pause else None
    if until is not None and until > store.now:
        # the clock went back meanwhile
        store.unfinished[key] = until
        return
    del store.unfinished[key]
    if job:
        store.touch(job)


def _requeue(store: MemoryStore, run: Run) -> bool:
    if run.not_before is not None and run.not_before > store.now and run.entry is None:
        store.unfinished[run.id] = run.not_before
        return False
    if run.gate_line:
        gates.look_at(store, run.gate_line)
        if run.gate_line:
            store.unfinished[run.id] = store.now + RECHECK
        return not run.gate_line
    if run.id in store.waiting[run.uid]:
        run.revived = False
        release_waiting(store, run.uid)
        stands = run.id in store.waiting[run.uid]
    elif run.id in store.group_lines[run.group]:
        release_group(store, run.group)
        stands = run.id in store.group_lines[run.group]
    else:
        return _look_for_entry(store, run)
    if stands:
        store.unfinished[run.id] = store.now + RECHECK
    return not stands


def _look_for_entry(store: MemoryStore, run: Run) -> bool:
    if _delivered(store, run):
        store.unfinished[run.id] = store.now + RECHECK
        return False
    store.withdraw(run)
    run.revived = False
    advance(store, run)
    return True


def _delivered(store: MemoryStore, run: Run) -> bool:
    """True while the run's entry waits for a reader, or for a live consumer that will take it soon."""
    lane = store.lanes[run.queue, run.lane]
    if run.entry is None or run.entry not in lane.entries:
        return False
    delivery = lane.pending.get(run.entry)
    if delivery is None:
        return True
    return store.worker(delivery.consumer) is not None and store.now - delivery.since < RECHECK
