"""Slots: how many runs of a job, and of a group of jobs, are active at a time (``slots.lua``)."""

from collections.abc import Mapping

from kronstream.domain.run import State
from kronstream.testing import gates
from kronstream.testing.model import Run
from kronstream.testing.store import RECHECK, MemoryStore


def running(store: MemoryStore, uid: str) -> int:
    """Runs of a job that have its slots."""
    return len(store.active[uid]) - len(store.waiting[uid])


def oldest_first(active: Mapping[str, int]) -> list[str]:
    """Started runs first, then the others, each from the oldest."""
    started = sorted((at, key) for key, at in active.items() if at > 0)
    others = sorted(((at, key) for key, at in active.items() if at <= 0), reverse=True)
    return [key for _, key in (*started, *others)]


def group_has_room(store: MemoryStore, group: str, most: int) -> bool:
    """Whether a group has a free slot."""
    return gates.has_room(store, store.groups[group], most)


def _group_max(store: MemoryStore, run: Run) -> int:
    job = store.jobs.get(run.uid)
    return job.group_max if job and job.group == run.group else run.group_max


def advance(store: MemoryStore, run: Run, place: int | None = None) -> None:
    """Let a run that has its job's slot into its lane, or into the line of its group, where a place may be kept."""
    members, line = store.groups[run.group], store.group_lines[run.group]
    goes = not run.group or run.id in members
    if not goes and not line and group_has_room(store, run.group, _group_max(store, run)):
        members.add(run.id)
        goes = True
    if goes:
        store.enqueue(run)
        return
    line[run.id] = max(line.values(), default=0) + 1 if place is None else place
    store.unfinished[run.id] = store.now + RECHECK


def release_group(store: MemoryStore, group: str) -> None:
    """Give the free slots of a group to those that stand first in its line."""
    line = store.group_lines[group]
    while line:
        first = min(line, key=line.__getitem__)
        run = store.run(first)
        if run and not group_has_room(store, group, _group_max(store, run)):
            return
        del line[first]
        if run and run.state is State.QUEUED:
            store.groups[group].add(run.id)
            store.enqueue(run)


def release_waiting(store: MemoryStore, uid: str) -> None:
    """Give the free slots of a job to those that wait for them."""
    line, job = store.waiting[uid], store.jobs.get(uid)
    limit = job.limit if job else 1
    while line and (limit == 0 or running(store, uid) < limit):
        run = store.run(line[0])
        # a worker may hold it still, and has until the sweep to say so
        if run and run.revived:
            return
        key = line.pop(0)
        if run is None:
            store.active[uid].pop(key, None)
        elif run.state is State.QUEUED:
            advance(store, run)


def vacate(store: MemoryStore, run: Run) -> None:
    """Take an ended run out of every set and give what it had to others."""
    store.unfinished.pop(run.id, None)
    store.active[run.uid].pop(run.id, None)
    leave_line(store.waiting[run.uid], run.id)
    gates.leave(store, run)
    if not run.group:
        return
    members = store.groups[run.group]
    # also who only stood in line may have held others up, by a smaller limit
    stood = store.group_lines[run.group].pop(run.id, None) is not None
    if stood or run.id in members:
        members.discard(run.id)
        release_group(store, run.group)


def seize(store: MemoryStore, run: Run) -> None:
    """Give a run that its worker turns out to hold its slots, whatever stands in line."""
    store.active[run.uid][run.id] = store.now
    # it may have stood before others for whom there is room
    if run.group:
        store.groups[run.group].add(run.id)
        if store.group_lines[run.group].pop(run.id, None) is not None:
            release_group(store, run.group)
    if leave_line(store.waiting[run.uid], run.id):
        release_waiting(store, run.uid)


def leave_line(line: list[str], run: str) -> bool:
    """Take a run out of a line; whether it stood there."""
    if run not in line:
        return False
    line.remove(run)
    return True
