"""A job's status: a pure function of the job, what the store knows of it, and which handlers are offered."""

from collections.abc import Mapping, Sequence
from typing import Any

from kronstream.controller.hold import Hold, hold_of
from kronstream.controller.job import Job
from kronstream.controller.pauses import Scope
from kronstream.controller.readiness import completed, readiness
from kronstream.domain.plan import upcoming
from kronstream.domain.run import Reason, State
from kronstream.domain.schedule import Once
from kronstream.ports import JobState, Pause
from kronstream.resources.condition import conditions
from kronstream.resources.instant import render
from kronstream.resources.status import MAX_UPCOMING

Condition = Mapping[str, Any]
MESSAGE = 1024
# what the reason of a run that did not fail means, for people
_SAID = {
    Reason.REQUESTED.value: "cancelled because somebody asked for it",
    Reason.REPLACED.value: "cancelled because a newer run took its place (concurrencyPolicy: Replace)",
    Reason.OVERLAP.value: "skipped because a newer run took its place before it had started",
    Reason.DEADLINE.value: "skipped because it could not start within startingDeadline",
}


def status_of(
    job: Job, state: JobState, offered: bool | None, now: int, scoped: tuple[Scope, Pause] | None = None
) -> dict[str, Any]:
    """The whole status; instants are RFC 3339 texts. ``offered``: whether a live worker has the handler."""
    hold = hold_of(job, state, scoped, now)
    ahead = _ahead(job, state, hold)
    status: dict[str, Any] = {
        "observedGeneration": job.generation,
        "seq": state.seq,
        "cursor": render(state.cursor),
        "conditions": _conditions(job, state, offered, now, hold, ahead),
        "suspended": hold.name if hold is not None else "No",
        "active": state.active,
        "runs": _runs(state),
        "consecutiveFailures": state.consecutive_failures,
        "unfinished": list(state.unfinished),
        "upcoming": [render(at) for at in ahead],
        "skipped": {reason: count for reason, count in state.skipped.items() if count},
    }
    instants = {
        "nextRunTime": ahead[0] if ahead else None,
        "lastScheduleTime": state.last_schedule,
        "lastSuccessTime": state.last_success,
        "lastFailureTime": state.last_failure,
        "completionTime": completed(job, state),
    }
    status |= {name: render(at) for name, at in instants.items() if at is not None}
    status |= _optional(job, state, now)
    return status


def _optional(job: Job, state: JobState, now: int) -> dict[str, Any]:
    """What is told only where there is something to tell."""
    found: dict[str, Any] = {}
    if job.text:
        found["schedule"] = job.text
    if state.average_duration is not None:
        found["averageDurationMs"] = state.average_duration
    if state.last is not None:
        found["lastRun"] = _last_run(state)
    if state.pause is not None and state.pause.covers(now):
        found["paused"] = _paused(state.pause)
    if state.skip_next:
        found["skipNext"] = [render(at) for at in state.skip_next if at > state.cursor]
    if state.run_now is not None:
        found["handledRunNow"] = state.run_now
    return found


def _paused(pause: Pause) -> dict[str, Any]:
    told: dict[str, Any] = {"by": pause.by or "unknown", "since": render(pause.since)}
    if pause.reason:
        told["reason"] = pause.reason[:MESSAGE]
    if pause.until is not None:
        told["until"] = render(pause.until)
    return told


def _ahead(job: Job, state: JobState, hold: Hold | None) -> Sequence[int]:
    schedule = job.schedule
    if schedule is None or job.fault is not None or state.ended:
        return ()
    begin = state.cursor
    if hold is not None:
        if hold.pause is None or hold.pause.until is None:
            return ()
        begin = max(begin, hold.pause.until - 1)
    if isinstance(schedule, Once):
        due = state.once is None and schedule.at > begin and schedule.at not in state.skip_next
        return (schedule.at,) if due else ()
    wanted = MAX_UPCOMING + len(state.skip_next)
    return [at for at in upcoming(schedule, begin, wanted) if at not in state.skip_next][:MAX_UPCOMING]


def _runs(state: JobState) -> dict[str, int]:
    runs = state.runs
    ended = {
        "succeeded": runs.get("success", 0),
        "failed": runs.get("failed", 0),
        "cancelled": runs.get("cancelled", 0),
        "dead": runs.get("dead", 0),
    }
    found = {"total": sum(ended.values()) + state.active, **ended, "skipped": runs.get("skipped", 0)}
    # most jobs expect nothing
    slow = runs.get("slow", 0)
    return {**found, "slow": slow} if slow else found


def _last_run(state: JobState) -> dict[str, Any]:
    last = state.last
    assert last is not None
    found: dict[str, Any] = {"id": last.id, "status": last.state}
    if last.started is not None:
        found["startedAt"] = render(last.started)
    if last.duration is not None:
        found["durationMs"] = last.duration
    if last.message:
        said = _SAID.get(last.message) if last.state in (State.CANCELLED, State.SKIPPED) else None
        found["message"] = (said or last.message)[:MESSAGE]
    return found


def _conditions(
    job: Job, state: JobState, offered: bool | None, now: int, hold: Hold | None, ahead: Sequence[int]
) -> list[dict[str, Any]]:
    """Ours in a fixed order, then those that others wrote, untouched."""
    ours = [readiness(job, state, hold, ahead), _stalled(job), _handler(job, offered), _outcome(state)]
    return conditions(ours, job.conditions, job.generation, now)


def _stalled(job: Job) -> tuple[str, str, str, str]:
    if job.fault is not None:
        return "Stalled", "True", "InvalidSpec", str(job.fault)[:MESSAGE]
    return "Stalled", "False", "SpecAccepted", ""


def _handler(job: Job, offered: bool | None) -> tuple[str, str, str, str]:
    if job.fault is not None or offered is None:
        return "HandlerAvailable", "Unknown", "NotKnown", ""
    if offered:
        return "HandlerAvailable", "True", "Offered", f"a live worker of queue {job.queue} offers {job.function}"
    missing = f"no live worker of queue {job.queue} offers {job.function}"
    return "HandlerAvailable", "False", "NotOffered", f"{missing}; start one with the module that registers it"


def _outcome(state: JobState) -> tuple[str, str, str, str]:
    good, bad = state.last_success or 0, state.last_failure or 0
    if not good and not bad:
        return "LastRunSucceeded", "Unknown", "NoRunYet", ""
    if state.consecutive_failures == 0 and good >= bad:
        return "LastRunSucceeded", "True", "Succeeded", ""
    message = state.last.message if state.last is not None else ""
    # a job that is resumed or edited counts anew, though its last run failed
    count = f"{state.consecutive_failures} in a row; " if state.consecutive_failures else ""
    return "LastRunSucceeded", "False", "Failed", f"{count}{message}"[:MESSAGE]
