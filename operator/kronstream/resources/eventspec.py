"""What the user asks for: which events, and what is done about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kronstream.resources.base import SHOWN_DEFAULT, Part
from kronstream.resources.eventaction import Action
from kronstream.resources.eventlimits import Debounce, Dedupe, Expression, RateLimit
from kronstream.resources.eventnames import EventPattern, StreamName
from kronstream.resources.retry import Backoff


class EventSource(Part):
    """Where events come from."""

    stream: Annotated[StreamName, Field(json_schema_extra=SHOWN_DEFAULT)] = "stream:events"
    """The key of the Redis stream whose entries have the event, as JSON, in their field `event`. Events that come in by
    HTTP or by `kronstream emit` are in stream:events, unless somebody says otherwise.
    """


class ActionRetry(Part):
    """Whether and when an action that failed is tried again: a job could not be created, a run not be started. When it
    has failed for good, the event is kept among the dead letters. What becomes of a run that was started, its own retry
    says.
    """

    limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many retries there may be after the first attempt, from 0 to 100. 0 means one attempt only."""
    backoff: Backoff = Backoff()


class EventSpec(Part):
    """Which events are meant and what is done about them. Durations are numbers with units: 1500ms, 90s, 2h30m, 1d."""

    event: EventPattern
    """The type of the events, such as workflow.completed; `*` stands for exactly one segment between dots, as in
    `workflow.*` or `*.completed`. kronstream.run.failed, .succeeded, .started, .cancelled, .skipped, .dead, .retrying,
    .slow and .late tell what becomes of the runs of ScheduledJobs.
    """
    source: Annotated[EventSource, Field(json_schema_extra=SHOWN_DEFAULT)] = EventSource()
    filter: Expression | None = None
    """Which of these events, as a CEL expression such as `event.data.status == "completed" && event.data.count > 3`. It
    knows event.id, event.source, event.type, event.subject, event.platformid, event.traceid, event.namespace (texts,
    empty where the event has none), event.time, event.data (any JSON) and event.extensions. has(event.data.name) tells
    whether a field is there; one that is needed and missing is an error, which is counted and leaves the event out.
    """
    platform_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The platform or tenant whose events are meant: those with this text as extension platformid. Events of every
    platform, and of none, when left out.
    """
    priority: Annotated[int, Field(ge=-1_000, le=1_000, json_schema_extra=SHOWN_DEFAULT)] = 0
    """Of the handlers of one event those of a higher priority act first, from -1000 to 1000; then by name."""
    enabled: Annotated[bool, Field(json_schema_extra=SHOWN_DEFAULT)] = True
    """Whether events are acted on. Events that come while it is false are left out for good; what waits already, goes
    on.
    """

    dedupe: Dedupe | None = None
    debounce: Debounce | None = None
    rate_limit: RateLimit | None = None
    """How many actions may begin in a time; counted after filter, dedupe and debounce."""
    transform: Expression | None = None
    """What the action's run gets as its payload, as a CEL expression such as `{"order": event.data.order_id}`; in place
    of the action's payload and of the event. It knows what filter knows.
    """
    action: Action
    retry: ActionRetry = ActionRetry()
