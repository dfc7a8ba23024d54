"""What the operator tells back. Everything is optional, so that what an older operator wrote is read too."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from kronstream.domain.run import State
from kronstream.resources.base import Part
from kronstream.resources.scalars import Stamp

MAX_COUNT = 2**53 - 1  # what every JSON reader keeps exactly
MAX_UPCOMING = 5
MAX_UNFINISHED = 20
MAX_SKIP_NEXT = 20
RUN_ID_LENGTH = 256

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
RunId = Annotated[str, Field(min_length=1, max_length=RUN_ID_LENGTH)]


SEQUENCED = ConfigDict(
    json_schema_extra={
        "x-kubernetes-validations": [
            {
                "rule": "!has(oldSelf.seq) || (has(self.seq) && self.seq >= oldSelf.seq)",
                "message": "status.seq never falls: another operator wrote a newer status; read the resource again",
            }
        ]
    }
)


class Condition(Part):
    """One aspect of the resource's state, in the form that all of Kubernetes uses."""

    type: Annotated[
        str, Field(min_length=1, max_length=316, pattern=r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")
    ]
    """Which aspect; others may add theirs."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    observed_generation: Count | None = None
    """The generation of the spec that this was said of."""
    last_transition_time_ms: Stamp
    """When status last changed."""
    reason: Annotated[str, Field(min_length=1, max_length=1_024, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """One word for programs."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """A sentence for people."""


class LastRun(Part):
    """The run that ended or changed last."""

    id: RunId
    """The run's identity, to find its record by."""
    status: Annotated[State, Field(strict=False)]
    """Where the run is."""
    started_at_ms: Stamp | None = None
    """When its latest attempt started."""
    duration_ms: Annotated[Count | None, Field(alias="durationMs")] = None
    """How long its latest attempt took, in milliseconds."""
    message: Annotated[str, Field(max_length=1_024)] | None = None
    """What went wrong, when something did."""


class Runs(Part):
    """How many runs ended how, since the job was created."""

    total: Count = 0
    """All runs that were dispatched."""
    succeeded: Count = 0
    """Runs that ended in success."""
    failed: Count = 0
    """Runs whose attempts were exhausted."""
    cancelled: Count = 0
    """Runs that were cancelled."""
    skipped: Count = 0
    """Instants that made no run; skipped tells why."""
    dead: Count = 0
    """Runs that were taken out of delivery."""
    slow: Count = 0
    """Runs that took longer than expectedWithin, however they ended."""


class Paused(Part):
    """A pause that was asked for by the API or the command line, beside the spec: an apply does not end it."""

    by: Annotated[str, Field(min_length=1, max_length=255)]
    """Who asked."""
    reason: Annotated[str, Field(max_length=1_024)] | None = None
    """Why."""
    since_ms: Stamp | None = None
    """When it began."""
    until_ms: Stamp | None = None
    """When it ends by itself."""


class Status(Part):
    """What happened and what comes next. Only the operator writes it."""

    model_config = SEQUENCED

    observed_generation: Annotated[int, Field(ge=-1, le=MAX_COUNT)] = -1
    """The generation of the spec that this status is about; -1 until an operator has seen the job."""
    seq: Count = 0
    """Grows with every write of an operator, so that an older one cannot overwrite a newer one."""
    cursor_ms: Stamp | None = None
    """Every instant up to this one has been dispatched or skipped."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            strict=False,
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    """Ready: the job is scheduled as its spec says. Stalled: the spec cannot be used, the message says why.
    HandlerAvailable: a worker offers the handler. LastRunSucceeded: how the last run ended.
    """
    schedule: Annotated[str, Field(max_length=8_192)] | None = None
    """When the job runs, as it is computed: H is replaced by the job's own numbers."""
    suspended: Literal["No", "Spec", "Paused", "Failures", "Namespace", "Installation"] | None = None
    """Whether the job is held, and by what: Spec by spec.suspend, Paused by a pause of this job, Failures by
    spec.suspendAfterFailures, Namespace and Installation by a pause of all jobs there.
    """
    next_run_time_ms: Stamp | None = None
    """When the next run is due."""
    upcoming_ms: Annotated[
        tuple[Stamp, ...],
        Field(strict=False, max_length=MAX_UPCOMING, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """When the next five runs are due."""
    last_schedule_time_ms: Stamp | None = None
    """The due instant of the last run that was dispatched."""
    last_success_time_ms: Stamp | None = None
    """When a run last succeeded."""
    last_failure_time_ms: Stamp | None = None
    """When a run last failed."""
    last_run: LastRun | None = None
    """The run that ended or changed last."""
    active: Count = 0
    """Runs that are dispatched and not over: waiting, running or between two attempts."""
    runs: Runs = Runs()
    """How many runs ended how, since the job was created."""
    skipped: Annotated[
        dict[Annotated[str, Field(max_length=63)], Count],
        Field(max_length=32),
    ] = Field(default_factory=dict)
    """Why instants made no run, and how many: Missed, Deadline, Overlap, QueueFull, Backlog, Condition, Requested,
    Paused, Suspended, Edited, Expired or Invalid.
    """
    consecutive_failures: Count = 0
    """Runs that failed since one last succeeded."""
    average_duration_ms: Annotated[Count | None, Field(alias="averageDurationMs")] = None
    """How long a run takes on average, in milliseconds."""
    paused: Paused | None = None
    skip_next_ms: Annotated[
        tuple[Stamp, ...],
        Field(strict=False, max_length=MAX_SKIP_NEXT, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Instants ahead that were asked to be skipped; at most 20."""
    completion_time_ms: Stamp | None = None
    """When the job was over: its runAt was, or endAfter was reached."""
    handled_run_now: Annotated[str, Field(max_length=256)] | None = None
    """The last value of the annotation kronstream.dev/run-now that a run was started for."""
    unfinished: Annotated[
        tuple[RunId, ...],
        Field(strict=False, max_length=MAX_UNFINISHED, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Runs that are not over, dispatched again should Redis be lost; at most 20."""
