"""What the router tells back. Everything is optional, so that what an older one wrote is read too."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kronstream.resources.base import Part
from kronstream.resources.scalars import Stamp
from kronstream.resources.status import MAX_COUNT, SEQUENCED, Condition, Count


class LastError(Part):
    """What went wrong last: a filter that could not be told, or an action that failed."""

    message: Annotated[str, Field(max_length=1_024)]
    """What went wrong."""
    event: Annotated[str, Field(max_length=256)] | None = None
    """The id of the event."""
    at_ms: Stamp | None = None
    """When."""


class EventHandlerStatus(Part):
    """What became of the events. Only the operator writes it."""

    model_config = SEQUENCED

    observed_generation: Annotated[int, Field(ge=-1, le=MAX_COUNT)] = -1
    """The generation of the spec that this status is about; -1 until an operator has seen the handler."""
    seq: Count = 0
    """Grows with every write of an operator, so that an older one cannot overwrite a newer one."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            strict=False,
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    """Ready: events are listened for and acted on as the spec says. Stalled: the spec cannot be used, the message says
    why. Listening: whether the stream of its source can be read.
    """
    action: Annotated[str, Field(max_length=320)] | None = None
    """The action in a few words."""
    trigger_count: Count = 0
    """Actions that were begun; a debounced burst of events is one."""
    success_count: Count = 0
    """Actions that were done: a job was created, a run was started."""
    failure_count: Count = 0
    """Actions that failed for good, and runs that their job's policy did not allow."""
    filtered_count: Count = 0
    """Events of this type that the filter left out."""
    deduplicated_count: Count = 0
    """Events that were left out because one of their key had come within dedupe.window."""
    debounced_count: Count = 0
    """Events that were taken into a burst that had begun."""
    rate_limited_count: Count = 0
    """Events beyond rateLimit that were dropped."""
    error_count: Count = 0
    """Events that were left out because an expression could not be told of them."""
    last_trigger_time_ms: Stamp | None = None
    """When an action was last begun."""
    last_success_time_ms: Stamp | None = None
    """When an action was last done."""
    last_error: LastError | None = None
    waiting: Count = 0
    """Events that wait: for a burst to end, for their turn, for a retry, for an open job to be over."""
    oldest_waiting_time_ms: Stamp | None = None
    """Since when the event that has waited longest waits."""
    open_jobs: Count = 0
    """ScheduledJobs that createJob made and whose run is not over."""
    last_id: Annotated[str, Field(max_length=64)] | None = None
    """The entry of the stream up to which events were read; where it is gone on after Redis was lost."""
    lag: Count | None = None
    """Entries of the stream that were not read yet."""
