"""Judging `runIf` just before a dispatch, by what the store knows of the run before."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from kronstream.controller.job import Job
from kronstream.domain.condition import Verdict
from kronstream.domain.plan import Plan, Skipped
from kronstream.domain.run import Skip, Trigger, run_id
from kronstream.ports import Before, JobState, Ledger

Planned = list[tuple[Job, Plan]]


class Conditions:
    """Takes out of a plan what must not start; jobs without a condition cost nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def judge(self, planned: Planned) -> Planned:
        """The plans with the instants whose condition does not hold as skipped ones. Raises what the store raises."""
        asked = [job.uid for job, owed in planned if job.condition is not None and owed.due]
        if not asked:
            return planned
        befores = dict(zip(asked, await self._ledger.lasts(asked), strict=True))
        return [(job, judged(job, owed, befores[job.uid]) if job.uid in befores else owed) for job, owed in planned]


def judged(job: Job, owed: Plan, before: Before | JobState | None) -> Plan:
    """A plan without the instants for which the job's condition does not hold; those are skipped, range by range.

    Notes in the job why the last one did not, for its status.
    """
    last = told(before)
    kept: list[int] = []
    skipped = list(owed.skipped)
    verdicts = {nominal: verdict_for(job, nominal, Trigger.SCHEDULE, last) for nominal in owed.due}
    for holds, group in groupby(owed.due, lambda nominal: verdicts[nominal].holds):
        instants = list(group)
        job.unmet = verdicts[instants[-1]].why
        if holds:
            kept += instants
        else:
            skipped.append(Skipped(Skip.CONDITION, len(instants), instants[0], instants[-1]))
    delays = tuple(delay for at, delay in zip(owed.due, owed.delays, strict=False) if verdicts[at].holds)
    return replace(owed, due=tuple(kept), skipped=tuple(skipped), delays=delays)


def verdict_for(job: Job, nominal: int, trigger: Trigger, last: Mapping[str, Any] | None) -> Verdict:
    """Whether the job's condition, if it has one, lets the run of an instant start, and why not."""
    if job.condition is None:
        return Verdict(holds=True)
    run = {
        "id": run_id(job.uid, trigger, str(nominal)),
        "trigger": trigger.name.lower(),
        "nominal": nominal,
        "zone": job.zone,
    }
    return job.condition.holds({"namespace": job.namespace, "name": job.name}, run, last)


def told(state: Before | JobState | None) -> Mapping[str, Any] | None:
    """What a condition may know of the run before; None before the first."""
    if state is None or state.last is None:
        return None
    last = state.last
    ended = None if last.started is None or last.duration is None else last.started + last.duration
    return {
        "status": last.state,
        "startedAt": last.started,
        "finishedAt": ended,
        "durationMs": last.duration,
        "message": last.message,
        "consecutiveFailures": state.consecutive_failures,
    }
