"""Jobs as they are asked for, and the spec of the ScheduledJob that they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from kronstream.api.bodies.base import Body, Cron, Instant, Namespace, Zone, moment, shown
from kronstream.api.problem import invalid
from kronstream.domain import duration
from kronstream.operations.jobs import at_or_now

MAX_TIMEOUT = 604_800_000
HandlerType = Literal["function", "agent", "workflow", "http", "job"]
Priority = Literal["low", "medium", "high", "critical"]
Tag = Annotated[str, Field(min_length=1, max_length=128)]
NAMED = ("function", "agent", "workflow")
NAME = "^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$"
QUEUE = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
CRON_EXAMPLE: dict[str, Any] = {
    "name": "Daily Cleanup",
    "schedule": "0 2 * * *",
    "timezone": "America/New_York",
    "handler_name": "cleanup:old_traces",
    "handler_type": "function",
    "payload": {"retention_days": 30},
    "max_retries": 3,
    "timeout_ms": 600_000,
    "priority": "medium",
    "tags": ["cleanup", "maintenance"],
    "platform_id": "platform-123",
    "created_by": "admin",
}
ONCE_EXAMPLE: dict[str, Any] = {
    "name": "Generate Report",
    "execute_at": "2026-12-24T18:00:00.000Z",
    "handler_name": "reports:generate",
    "handler_type": "agent",
    "payload": {"report_type": "monthly"},
    "created_by": "user-123",
}


class JobBody(Body):
    """What jobs of every type have."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    """What people call the job; any text. The name of its resource is derived from it and made unique."""
    namespace: Namespace | None = None
    """The namespace that the job is made in; the API's default when left out."""
    description: Annotated[str, Field(max_length=4_096)] | None = None
    """What the job is for."""
    handler_name: Annotated[str, Field(min_length=1, max_length=255, json_schema_extra={"pattern": NAME})] | None = None
    """The name that workers, agents or workflow engines know what is executed by; not with http and job."""
    handler_type: HandlerType = "function"
    """What executes the runs."""
    http: dict[str, Any] | None = None
    """With handler_type http: the request, as in spec.handler.http of a ScheduledJob."""
    job: dict[str, Any] | None = None
    """With handler_type job: the batch/v1 Job, as in spec.handler.job of a ScheduledJob."""
    payload: Any = None
    """Any JSON, given to the handler: at most 64 KiB and 32 levels deep."""
    max_retries: Annotated[int, Field(ge=0)] = 3
    """Retries after the first attempt."""
    timeout_ms: Annotated[int, Field(ge=1_000, le=MAX_TIMEOUT)] = 300_000
    """How long one attempt may take, in milliseconds, up to seven days."""
    priority: Priority = "medium"
    """Workers take waiting runs of a higher priority first."""
    queue: Annotated[str, Field(min_length=1, max_length=63, json_schema_extra={"pattern": QUEUE})] = "default"
    """The queue of the runs; the workers that serve it execute them."""
    tags: Annotated[list[Tag], Field(max_length=64, json_schema_extra={"uniqueItems": True})] = Field(
        default_factory=list
    )
    """Words to find the job by; each at most once."""
    platform_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The platform or tenant the job belongs to; any text."""
    created_by: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Who makes the job; the caller when left out. The caller is recorded besides."""

    def common(self, caller: str) -> dict[str, Any]:
        """The fields of the spec that every type has. Raises Problem for a handler that contradicts its type."""
        spec: dict[str, Any] = {
            "displayName": self.name,
            "description": self.description,
            "handler": self._handler(),
            "retry": {"limit": self.max_retries},
            "timeout": duration.render(self.timeout_ms),
            "priority": self.priority,
            "queue": self.queue,
            "tags": self.tags or None,
            "platformId": self.platform_id,
            "createdBy": self.created_by or caller[:255] or None,
        }
        found = {name: value for name, value in spec.items() if value is not None}
        return found | ({"payload": self.payload} if "payload" in self.model_fields_set else {})

    def _handler(self) -> Mapping[str, Any]:
        kind = self.handler_type
        blocks = {"http": self.http, "job": self.job}
        for name, block in blocks.items():
            if block is not None and kind != name:
                raise invalid(name, f"is not used with handler_type {kind}; write handler_type {name}, or remove it")
        if kind in NAMED:
            if self.handler_name is None:
                raise invalid("handler_name", f"is missing; write the name of the {kind}")
            named = {"name": self.handler_name}
            return {kind: {"stream": named} if kind == "workflow" else named}
        if blocks[kind] is None:
            raise invalid(kind, f"is missing; write what is executed, as in spec.handler.{kind} of a ScheduledJob")
        if self.handler_name is not None:
            raise invalid("handler_name", f"is not used with handler_type {kind}; remove it")
        return {kind: blocks[kind]}


class CronBody(JobBody):
    """A job that runs by a cron expression."""

    model_config = shown(CRON_EXAMPLE)

    schedule: Cron
    """When to run: minute hour day-of-month month day-of-week, six fields with seconds first, @daily and friends, H."""
    timezone: Zone = "UTC"
    """The zone of the schedule: a name of the tz database."""

    def spec(self, caller: str) -> dict[str, Any]:
        """The spec of the resource. Raises Problem."""
        return {"schedule": self.schedule, "timeZone": self.timezone, **self.common(caller)}


class OnceBody(JobBody):
    """A job that runs once."""

    model_config = shown(ONCE_EXAMPLE)

    execute_at: Instant
    """When to run; an instant that has passed runs now."""

    def spec(self, caller: str, now: int) -> dict[str, Any]:
        """The spec of the resource. Raises Problem."""
        return {"runAt": at_or_now(moment("execute_at", self.execute_at), now), **self.common(caller)}


class ScheduleBody(Body):
    """Another time for a job: schedule for one that runs by it, execute_at for one that runs once."""

    model_config = shown({"schedule": "0 3 * * *"})

    schedule: Cron | None = None
    """The new cron expression."""
    timezone: Zone | None = None
    """Its zone; the one that the job has when left out."""
    execute_at: Instant | None = None
    """The new instant of a job that runs once."""
