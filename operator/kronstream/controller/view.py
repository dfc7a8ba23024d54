"""A job's status: a pure function of the job, what the store knows of it, and which handlers are offered."""

from collections.abc import Mapping, Sequence
from typing import Any

from kronstream.controller.job import OURS, Job
from kronstream.domain.plan import upcoming
from kronstream.domain.run import Skip
from kronstream.domain.schedule import Once
from kronstream.ports import JobState
from kronstream.resources.instant import render
from kronstream.resources.status import MAX_UPCOMING

Condition = Mapping[str, Any]
MESSAGE = 1024


def status_of(job: Job, state: JobState, offered: bool | None, now: int) -> dict[str, Any]:
    """The whole status; instants are RFC 3339 texts. ``offered``: whether a live worker has the handler."""
    ahead = _ahead(job, state)
    status: dict[str, Any] = {
        "observedGeneration": job.generation,
        "seq": state.seq,
        "cursor": render(state.cursor),
        "conditions": _conditions(job, state, offered, now),
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
        "completionTime": _completed(job, state),
    }
    status |= {name: render(at) for name, at in instants.items() if at is not None}
    if state.average_duration is not None:
        status["averageDurationMs"] = state.average_duration
    if state.last is not None:
        status["lastRun"] = _last_run(state)
    return status


def _completed(job: Job, state: JobState) -> int | None:
    """When the only run was over; a job that got another form of time since goes on."""
    return state.done if job.schedule is None or job.one_time else None


def _ahead(job: Job, state: JobState) -> Sequence[int]:
    if job.schedule is None or job.suspended or job.fault is not None:
        return ()
    if isinstance(job.schedule, Once):
        return (job.schedule.at,) if state.once is None and job.schedule.at > state.cursor else ()
    return upcoming(job.schedule, state.cursor, MAX_UPCOMING)


def _runs(state: JobState) -> dict[str, int]:
    runs = state.runs
    ended = {
        "succeeded": runs.get("success", 0),
        "failed": runs.get("failed", 0),
        "cancelled": runs.get("cancelled", 0),
        "dead": runs.get("dead", 0),
    }
    return {"total": sum(ended.values()) + state.active, **ended, "skipped": runs.get("skipped", 0)}


def _last_run(state: JobState) -> dict[str, Any]:
    last = state.last
    assert last is not None
    found: dict[str, Any] = {"id": last.id, "status": last.state}
    if last.started is not None:
        found["startedAt"] = render(last.started)
    if last.duration is not None:
        found["durationMs"] = last.duration
    if last.message:
        found["message"] = last.message[:MESSAGE]
    return found


def _conditions(job: Job, state: JobState, offered: bool | None, now: int) -> list[dict[str, Any]]:
    """Ours in a fixed order, then those that others wrote, untouched."""
    ours = [_ready(job, state), _stalled(job), _handler(job, offered), _outcome(state)]
    before = {str(condition.get("type")): condition for condition in job.conditions}
    written = []
    for kind, value, reason, message in ours:
        old = before.get(kind, {})
        same = old.get("status") == value and old.get("lastTransitionTime")
        written.append(
            {
                "type": kind,
                "status": value,
                "observedGeneration": job.generation,
                "lastTransitionTime": old["lastTransitionTime"] if same else render(now // 1000 * 1000),
                "reason": reason,
                "message": message,
            }
        )
    return written + [dict(condition) for kind, condition in before.items() if kind not in OURS]


def _ready(job: Job, state: JobState) -> tuple[str, str, str, str]:
    if job.fault is not None:
        return "Ready", "False", "InvalidSpec", str(job.fault)[:MESSAGE]
    if _completed(job, state) is not None:
        if state.once == Skip.EXPIRED.value:
            return "Ready", "True", "Expired", "runAt had passed when it was written: nothing was run"
        return "Ready", "True", "Completed", "the one run of this job is over"
    if job.suspended:
        return "Ready", "True", "Suspended", "spec.suspend holds the job: instants that pass are skipped for good"
    return "Ready", "True", "Scheduled", "runs are dispatched when they are due"


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
    if state.consecutive_failures == 0:
        return "LastRunSucceeded", "True", "Succeeded", ""
    message = state.last.message if state.last is not None else ""
    return "LastRunSucceeded", "False", "Failed", f"{state.consecutive_failures} in a row; {message}"[:MESSAGE]
