"""The condition Ready: whether a job is scheduled as its spec says, and if nothing is due, why."""

from collections.abc import Sequence

from kronstream.controller.hold import Hold
from kronstream.controller.job import Job
from kronstream.domain.run import Skip
from kronstream.ports import JobState
from kronstream.resources.instant import render

MESSAGE = 1024
Told = tuple[str, str, str, str]
_SKIPPED = {
    Skip.EXPIRED.value: ("Expired", "runAt had passed when it was written: nothing was run"),
    Skip.PAUSED.value: ("Skipped", "runAt came while the job was paused: nothing was run"),
    Skip.REQUESTED.value: ("Skipped", "the one run was skipped, as somebody asked"),
    Skip.CONDITION.value: ("Skipped", "runIf did not hold when runAt came: nothing was run"),
}


def completed(job: Job, state: JobState) -> int | None:
    """When the job was over; one that got another form of time since goes on."""
    if state.ended:
        ends = (state.last_success or 0, state.last_failure or 0, state.last_schedule or 0)
        return None if state.active else max(ends) or state.cursor
    return state.done if job.schedule is None or job.one_time else None


def readiness(job: Job, state: JobState, hold: Hold | None, ahead: Sequence[int]) -> Told:
    """Type, status, reason and message of the condition; ``ahead`` are the next instants."""
    if job.fault is not None:
        return "Ready", "False", "InvalidSpec", str(job.fault)[:MESSAGE]
    if completed(job, state) is not None:
        return "Ready", "True", *_over(state)
    if hold is not None:
        return "Ready", "True", *_held(hold)
    return "Ready", "True", *_going(job, state, ahead)


def _going(job: Job, state: JobState, ahead: Sequence[int]) -> tuple[str, str]:
    if state.ended:
        return "Ending", f"endAfter was reached: nothing is due any more, {state.active} run(s) go on"
    schedule = job.schedule
    if schedule is None:
        return "OnDemand", "no time to run is written: the job runs when it is asked to"
    if not ahead and (state.skip_next or not job.one_time):
        why = schedule.why_none(state.cursor) if schedule.after(state.cursor) is None else "what is next is skipped"
        return "NoNextRun", f"nothing is due any more: {why}"[:MESSAGE]
    if job.unmet:
        return "Scheduled", f"runs are dispatched when they are due; the last one was skipped: runIf {job.unmet}"[
            :MESSAGE
        ]
    return "Scheduled", "runs are dispatched when they are due"


def _over(state: JobState) -> tuple[str, str]:
    if state.ended:
        return "Completed", "endAfter was reached: nothing is due any more"
    if state.once in _SKIPPED:
        return _SKIPPED[state.once]
    if state.once in set(Skip):
        return "Skipped", f"the one run was skipped: {state.once}"
    return "Completed", "the one run of this job is over"


def _held(hold: Hold) -> tuple[str, str]:
    if hold.name == "Spec":
        return "Suspended", "spec.suspend holds the job: instants that pass are skipped for good"
    pause = hold.pause
    why = f" ({pause.reason})" if pause is not None and pause.reason else ""
    by = f" by {pause.by}" if pause is not None and pause.by else ""
    until = f" until {render(pause.until)}" if pause is not None and pause.until is not None else ""
    passing = "instants that pass are skipped for good"
    if hold.name == "Failures":
        return "Failures", f"suspendAfterFailures holds the job{why}: {passing}; edit the job or resume it"[:MESSAGE]
    whose = {"Paused": "the job is", "Namespace": "all jobs of this namespace are", "Installation": "all jobs are"}
    return "Paused", f"{whose[hold.name]} paused{by}{until}{why}: {passing}"[:MESSAGE]
