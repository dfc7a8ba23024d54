"""The ScheduledJob: its kind, and how an object of the API server becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kronstream.resources import faults
from kronstream.resources.kind import Column, Kind
from kronstream.resources.meta import Meta, parse_meta
from kronstream.resources.spec import Spec
from kronstream.resources.status import Status


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job as the user wrote it. Whether its cron expression and its zone mean something is judged elsewhere."""

    meta: Meta
    spec: Spec


def parse_job(obj: Mapping[str, object]) -> ScheduledJob:
    """Read an object of the API server; `status` is left alone.

    Raises Invalid for the first fault, with its path (`spec.retry.limit`); for any JSON object, nothing else.
    """
    return ScheduledJob(parse_meta(obj.get("metadata")), parse_spec(obj.get("spec")))


def parse_spec(spec: object) -> Spec:
    """Read a `spec`. Raises Invalid for the first fault."""
    return faults.spec_of(Spec, spec, "write handler and when to run")


def parse_status(status: object) -> Status:
    """Read a `status`; absent is empty. Raises Invalid where it is none that an operator of any version wrote."""
    return faults.status_of(Status, status)


SCHEDULED_JOB = Kind(
    name="ScheduledJob",
    plural="scheduledjobs",
    singular="scheduledjob",
    short_names=("sched",),
    description="A job that runs by a schedule, at an interval, once or when asked to. An operator dispatches each "
    "run at its due instant, workers execute it, and status tells what happened and what comes next.",
    spec=Spec,
    status=Status,
    columns=(
        # the union takes the one that is there; a job that no operator has seen shows its schedule too
        Column("Schedule", ".spec['schedule','schedules','rrule','every','runAt']", "When the job runs"),
        Column("Zone", ".spec.timeZone", "The zone of the schedule"),
        Column("Suspended", ".status.suspended", "Whether the job is held, and by what"),
        Column("Ready", ".status.conditions[?(@.type=='Ready')].status", "Whether the job is scheduled"),
        # a string: kubectl shows <invalid> for a date that lies ahead
        Column("Next", ".status.nextRunTime", "When the next run is due"),
        Column("Last", ".status.lastScheduleTime", "How long ago the last run was due", "date"),
        Column("Status", ".status.lastRun.status", "How the last run went"),
        Column("OK", ".status.runs.succeeded", "Runs that succeeded", "integer"),
        Column("Failed", ".status.runs.failed", "Runs that failed", "integer"),
        Column("Age", ".metadata.creationTimestamp", "How long ago the job was created", "date"),
        Column("Handler", ".spec.handler.function.name", "What a run executes", wide=True),
        Column("Priority", ".spec.priority", "Which runs go first", wide=True),
        Column("Queue", ".spec.queue", "Which workers execute the runs", wide=True),
        Column("Policy", ".spec.concurrencyPolicy", "What happens to a run while others are not over", wide=True),
        Column("Group", ".spec.concurrencyGroup.name", "The jobs that it shares a limit with", wide=True),
        Column("Resolved", ".status.schedule", "The schedule as it is computed, with H replaced", wide=True),
        Column(
            "Skipped",
            ".status.runs.skipped",
            "Instants that made no run; status.skipped tells why",
            "integer",
            wide=True,
        ),
        Column("Active", ".status.active", "Runs that are not over", "integer", wide=True),
        Column("Reason", ".status.conditions[?(@.type=='Ready')].reason", "Why it is ready or not", wide=True),
    ),
)
