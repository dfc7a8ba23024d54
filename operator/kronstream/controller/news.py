"""What a person looks for in ``kubectl describe``: Kubernetes Events, few and budgeted."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kronstream.budget import Budget
from kronstream.controller.job import Job
from kronstream.domain.run import Skip
from kronstream.ports import JobState
from kronstream.resources.instant import render

log = logging.getLogger(__name__)

MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class News:
    """One Event: its type (Normal or Warning), reason and message, and what it is about.

    Two replicas that tell the same of the same job make one Event of it.
    """

    kind: str
    reason: str
    message: str
    about: str


def news_of(job: Job, state: JobState) -> list[News]:
    """What the status of the job, as ``job`` noted it, does not tell yet."""
    found: list[News] = []
    run = state.last.id if state.last is not None else "?"
    if job.fault is not None and not _told(job):
        found.append(News("Warning", "InvalidSpec", str(job.fault), str(job.generation)))
    if state.consecutive_failures > 0 and job.failures == 0:
        said = state.last.message if state.last is not None else ""
        found.append(News("Warning", "RunFailed", f"run {run} failed: {said}", run))
    succeeded = (state.last_success or 0) >= (state.last_failure or 0)
    if job.failures > 0 and state.consecutive_failures == 0 and succeeded:
        found.append(News("Normal", "RunSucceeded", f"a run succeeded after {job.failures} failed", run))
    if _given_up(state) and not job.given_up:
        assert state.pause is not None
        message = f"{state.pause.reason}: suspendAfterFailures holds the job until it is edited or resumed"
        found.append(News("Warning", "GivenUp", message, str(state.pause.since)))
    slow = state.runs.get("slow", 0)
    if slow > job.slow:
        message = f"{slow - job.slow} run(s) took longer than expectedWithin"
        found.append(News("Warning", "RunSlow", message, str(slow)))
    missed = state.skipped.get(Skip.MISSED.value, 0)
    if missed > job.missed:
        message = f"{missed - job.missed} due instant(s) were missed and not caught up"
        if state.last_skip is not None and state.last_skip.reason is Skip.MISSED:
            message += f", from {render(state.last_skip.first)} to {render(state.last_skip.last)}"
        found.append(News("Warning", "Missed", f"{message}; spec.catchUp tells which ones are", str(missed)))
    return found


def remember(job: Job, state: JobState) -> None:
    """The status tells it now; the watch will say so, too."""
    job.failures = state.consecutive_failures
    job.slow = state.runs.get("slow", 0)
    job.missed = state.skipped.get(Skip.MISSED.value, 0)
    job.given_up = _given_up(state)


def _given_up(state: JobState) -> bool:
    """Whether the job's failures hold it; such a pause has no end of its own."""
    return state.pause is not None and state.pause.failures and state.pause.until is None


def _told(job: Job) -> bool:
    """Whether the status already says that this generation is invalid."""
    return any(
        condition.get("type") == "Stalled"
        and condition.get("status") == "True"
        and condition.get("observedGeneration") == job.generation
        for condition in job.conditions
    )


def event(job: Job, news: News, now: int) -> dict[str, Any]:
    """The Event object about a job."""
    about = {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "namespace": job.namespace,
        "name": job.name,
        "uid": job.uid,
    }
    return event_about(about, news, f"{job.uid}/{news.reason}/{news.about}", now)


def event_about(about: Mapping[str, str], news: News, identity: str, now: int) -> dict[str, Any]:
    """The Event object about any object; those of one identity are one Event. ``now`` is milliseconds."""
    at = render(now // 1000 * 1000)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about['name'][:200]}.{sha256(identity.encode()).hexdigest()[:16]}",
            "namespace": about["namespace"],
        },
        "involvedObject": dict(about),
        "type": news.kind,
        "reason": news.reason,
        "message": news.message[:MESSAGE],
        "source": {"component": "kronstream-operator"},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def event_budget(now: float) -> Budget:
    """Five a second sustained, fifty at once: Events live in etcd, too."""
    return Budget(5, 500, 50, now)
