"""Bodies of what is done with jobs and runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kronstream.api.bodies.base import Body, Cron, Instant, Namespace, Zone, shown
from kronstream.domain import duration


class PauseBody(Body):
    """Why, and until when."""

    model_config = shown({"reason": "the database moves"})

    reason: Annotated[str, Field(max_length=1_024)] = ""
    """Why; for people."""
    until: Instant | None = None
    """When the pause ends by itself; until it is resumed when left out."""


class RunBody(Body):
    """A run with a payload of its own."""

    model_config = shown({"payload": {"retention_days": 1}, "merge": True})

    payload: Any = None
    """Given to the handler instead of the job's payload."""
    merge: bool = False
    """Whether payload is merged into the job's (RFC 7396) instead of replacing it."""
    trace_id: Annotated[str, Field(max_length=128)] = ""
    """Kept with the record, as it is."""


class FilterBody(Body):
    """Executions with which the same is done: of a job, or of a namespace."""

    model_config = shown({"job": "default:nightly", "status": "failed"})

    job: Annotated[str, Field(min_length=1, max_length=320)] | None = None
    """The job: its id, or namespace:name; every job of a namespace when left out, then status is needed."""
    namespace: Annotated[str, Field(max_length=63)] | None = None
    """Without a job: the namespace, or * for all of them; the API's default when left out."""
    status: Literal["queued", "running", "retrying", "success", "failed", "cancelled", "skipped", "dead"] | None = None
    """Only executions in this state."""
    begin: Annotated[Instant | None, Field(alias="from")] = None
    """Only executions that were due at this instant or later."""
    end: Annotated[Instant | None, Field(alias="to")] = None
    """Only executions that were due at this instant or earlier."""
    dry_run: bool = False
    """Only count them."""


class BackfillBody(Body):
    """Runs for instants of the past."""

    model_config = shown({"from": "2026-12-01T00:00:00Z", "to": "2026-12-08T00:00:00Z"})

    begin: Annotated[Instant, Field(alias="from")]
    """The first instant."""
    end: Annotated[Instant, Field(alias="to")]
    """The last instant."""
    max_runs: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """More runs than these are refused."""
    pace: Annotated[str, Field(max_length=64, json_schema_extra={"pattern": duration.PATTERN})] = "0s"
    """The least time between two starts, such as 10s."""
    concurrent: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How many of its runs may be unfinished at a time."""
    dry_run: bool = False
    """Only tell what would run."""


class PreviewBody(Body):
    """A schedule of which the next runs are asked for, without a job."""

    model_config = shown({"schedule": "0 2 * * *", "timezone": "Europe/Berlin"})

    schedule: Cron | None = None
    """A cron expression."""
    timezone: Zone | None = None
    """Its zone."""
    execute_at: Instant | None = None
    """One instant, instead of a schedule."""
    spec: dict[str, Any] | None = None
    """Instead of these: any fields of a ScheduledJob's spec that say when."""
    name: Annotated[str, Field(min_length=1, max_length=253)] = "job"
    """The job's name, from which H and jitter follow."""
    namespace: Namespace | None = None
    """Its namespace; the API's default when left out."""
    n: Annotated[int, Field(ge=1, le=1_000)] = 20
    """How many runs are told."""
    begin: Annotated[Instant | None, Field(alias="from")] = None
    """From when on; from now on when left out."""


class CompletionBody(Body):
    """How work that was begun elsewhere ended, or how far it is."""

    model_config = shown({"status": "success", "result": {"records": 1000}})

    status: Literal["success", "failed", "progress"]
    """How it ended, or progress."""
    token: Annotated[str, Field(max_length=200)] | None = None
    """The token that came with the order; or in the header Kronstream-Token."""
    result: Any = None
    """With success: what came out, any JSON of at most 64 KiB."""
    error: dict[str, Any] | str | None = None
    """With failed: type and message, or a text."""
    permanent: bool = False
    """With failed: whether another attempt is ruled out."""
    retry_after: Annotated[float, Field(ge=0)] | None = None
    """With failed: seconds until another attempt is worth it."""
    codes: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=8)] = Field(default_factory=list)
    """With failed: names for retry.onlyOn and retry.notOn."""
    progress: Any = None
    """With progress: what is told of it, any JSON of at most 2048 characters."""
    output: Annotated[str, Field(max_length=262_144)] = ""
    """What the work printed; its tail is kept."""
