"""What holds a job, so that what comes due meanwhile is skipped."""

import math
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
    """What holds the job now; ``scoped`` is the pause of its namespace or of all jobs, if there is one.

    Of several pauses the one that ends last, for it tells when the job goes on; of equal ones the job's own.
    """
    if job.suspended:
        return Hold("Spec")
    own = state.pause
    holds = [Hold("Failures" if own.failures else "Paused", own)] if own is not None and own.covers(now) else []
    if scoped is not None:
        holds.append(Hold(*scoped))
    return max(holds, key=_end, default=None)


def _end(hold: Hold) -> float:
    return math.inf if hold.pause is None or hold.pause.until is None else hold.pause.until
