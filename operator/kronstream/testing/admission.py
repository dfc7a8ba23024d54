"""Admission: whether a run may start, whatever asked for it, and what must end for it (``admission.lua``)."""

import re

from kronstream.domain.run import Reason, Skip, State
from kronstream.testing.ending import settle, spent
from kronstream.testing.model import Job, Run
from kronstream.testing.slots import advance, group_has_room, leave_line, oldest_first, running
from kronstream.testing.store import RECHECK, MemoryStore

LANE_LIMIT = 1_000_000

_OF_AN_EVENT = re.compile(r"-e[0-9a-f]+$")


def ended(store: MemoryStore, job: Job) -> bool:
    """Whether the job may start no more runs, by ``endAfter``; remembered."""
    job.ended = job.ended or spent(store, job)
    return job.ended


def new_run(store: MemoryStore, job: Job, key: str, nominal: int) -> Run:
    """A run of the generation in force, not started yet."""
    return Run(
        key,
        job.uid,
        job.namespace,
        job.name,
        nominal,
        job.generation,
        job.queue,
        job.lane,
        dispatched=store.now,
        group=job.group,
        group_max=job.group_max,
    )


def start(store: MemoryStore, job: Job, run: Run) -> Skip | None:
    """Start a run, if it may; why there will be none."""
    refused = _refusal(store, job, run.id)
    if refused:
        return refused
    active, line = store.active[job.uid], store.waiting[job.uid]
    waits, place = False, None
    if job.limit and active:
        place = _replace(store, job) if job.policy == "Replace" else None
        waits = bool(line) or running(store, job.uid) >= job.limit
    if waits and job.policy == "Queue" and len(line) >= job.max_queued:
        return Skip.QUEUE_FULL
    run.previous = job.last_schedule
    store.runs[run.id] = run
    active[run.id] = -run.nominal
    store.unfinished[run.id] = store.now + RECHECK
    if waits:
        line.append(run.id)
    else:
        advance(store, run, place)
    return None


def _refusal(store: MemoryStore, job: Job, run: str) -> Skip | None:
    active = store.active[job.uid]
    if job.policy == "Forbid":
        if len(active) >= job.limit:
            return Skip.OVERLAP
        if job.group and (store.group_lines[job.group] or not group_has_room(store, job.group, job.group_max)):
            return Skip.OVERLAP
    unstarted = sum(score <= 0 for score in active.values())
    if job.policy == "Queue":
        unstarted -= len(store.waiting[job.uid])
    if job.policy != "Replace" and unstarted >= job.backlog and not _OF_AN_EVENT.search(run):
        return Skip.BACKLOG
    return Skip.BACKLOG if len(store.lanes[job.queue, job.lane].entries) >= LANE_LIMIT else None


def _replace(store: MemoryStore, job: Job) -> int | None:
    """Make room for one more run: the oldest end, those that still run are asked to. The place in its group's line
    that one of them had: the new run goes on from there."""
    active, line = store.active[job.uid], store.waiting[job.uid]
    for key in line[: max(len(line) - job.limit + 1, 0)]:
        run = store.runs[key]
        if run.revived:
            # only a status told of it: it may run
            run.cancel = Reason.REPLACED.value
            continue
        leave_line(line, key)
        settle(store, run, State.SKIPPED, Reason.OVERLAP.value)
    place: int | None = None
    unended = [store.runs[key] for key in oldest_first(active)]
    staying = [run for run in unended if run.id not in line and not run.cancel]
    for run in staying[: max(len(staying) + len(line) + 1 - job.limit, 0)]:
        if run.in_hands:
            run.cancel = Reason.REPLACED.value
            continue
        if place is None:
            place = store.group_lines[run.group].get(run.id)
        settle(store, run, State.CANCELLED, Reason.REPLACED.value)
    return place
