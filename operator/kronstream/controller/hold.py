"""What holds a job, so that what comes due meanwhile is skipped."""

from dataclasses import dataclass
from typing import Literal

from kronstream.controller.job import Job
from kronstream.controller.pauses import Scope
from kronstream.ports import JobState, Pause


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a job, and how its status calls it."""

    name: Literal["Spec", "Paused", "Failures", "Namespace", "Installation"]
    pause: Pause | None = None


def hold_of(job: Job, state: JobState, scoped: tuple[Scope, Pause] | None, now: int) -> Hold | None:
    """What holds the job now; ``scoped`` is the pause of its namespace or of all jobs, if there is one."""
    if job.suspended:
        return Hold("Spec")
    own = state.pause
    if own is not None and own.covers(now):
        return Hold("Failures" if own.failures else "Paused", own)
    return Hold(*scoped) if scoped is not None else None
