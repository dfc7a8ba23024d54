"""The columns of each kind of row that the API lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kronstream.cli.instants import away, lasted, now, span
from kronstream.cli.printing import Column, Row


def job_name(row: Row) -> str:
    """As commands take it."""
    return f"{row['namespace']}/{row['resource_name']}"


def run_name(row: Row) -> str:
    """As commands take it."""
    return str(row["id"])


def kept_name(row: Row) -> str:
    """Of an event handler."""
    return f"{row['namespace']}/{row['name']}"


def jobs(*, namespaces: bool) -> list[Column]:
    """Of jobs; `namespaces` tells theirs, too."""
    present = now()
    return [
        *([Column("NAMESPACE", _get("namespace"))] if namespaces else []),
        Column("NAME", _get("resource_name")),
        Column("SCHEDULE", _schedule),
        Column("STATUS", _get("status")),
        Column("NEXT", lambda row: away(row.get("next_run"), present)),
        Column("LAST", lambda row: away(row.get("last_run"), present)),
        Column("OK", _get("success_count")),
        Column("FAILED", _get("failure_count")),
        Column("TYPE", _get("type"), wide=True),
        Column("ZONE", _get("timezone"), wide=True),
        Column("HANDLER", lambda row: f"{row['handler_type']} {row['handler_name'] or ''}".rstrip(), wide=True),
        Column("QUEUE", _get("queue"), wide=True),
        Column("PRIORITY", _get("priority"), wide=True),
        Column("AVERAGE", lambda row: lasted(row.get("avg_duration_ms")), wide=True),
        Column("DISPLAY NAME", _get("name"), wide=True),
        Column("ID", _get("id"), wide=True),
    ]


def executions() -> list[Column]:
    """Of executions."""
    present = now()
    return [
        Column("ID", _get("id")),
        Column("STATUS", _get("status")),
        Column("TRIGGER", _get("trigger")),
        Column("DUE", lambda row: away(row.get("scheduled_at"), present)),
        Column("DURATION", lambda row: lasted(row.get("duration_ms"))),
        Column("ATTEMPT", lambda row: f"{row['attempt']}/{row['max_attempts'] or '?'}"),
        Column("WHY", _why),
        Column("JOB", job_name, wide=True),
        Column("WORKER", _get("worker_id"), wide=True),
        Column("STARTED", _get("started_at"), wide=True),
        Column("REQUESTED BY", _get("requested_by"), wide=True),
        Column("RETRY OF", _get("retry_of"), wide=True),
        Column("TRACE", _get("trace_id"), wide=True),
    ]


def _get(field: str) -> Callable[[Row], Any]:
    return lambda row: row.get(field)


def _schedule(row: Row) -> Any:
    every = row.get("every")
    return row.get("schedule") or row.get("rrule") or (every and f"every {every}") or row.get("execute_at")


def _why(row: Row) -> str | None:
    error = row.get("error")
    said = error.get("message") if isinstance(error, Mapping) else None
    return said or row.get("reason")


def workers() -> list[Column]:
    """Of workers."""
    present = now()
    return [
        Column("CONSUMER", _get("consumer_name")),
        Column("QUEUES", lambda row: ",".join(f"{name}={slots}" for name, slots in row["queues"].items())),
        Column("FUNCTIONS", lambda row: len(row["functions"])),
        Column("PROCESSED", _get("messages_processed")),
        Column("SUCCEEDED", _get("messages_succeeded")),
        Column("FAILED", _get("messages_failed")),
        Column("UPTIME", lambda row: span(row["uptime_seconds"])),
        Column("LAST BEAT", lambda row: away(row.get("last_heartbeat"), present)),
        Column("NAMES", _get("functions"), wide=True),
    ]


def queues() -> list[Column]:
    """Of queues."""
    return [
        Column("NAME", _get("name")),
        Column("STATUS", lambda row: "paused" if row["paused"] else "active"),
        Column("WAITING", lambda row: sum(lane["waiting"] for lane in row["lanes"])),
        Column("TAKEN", lambda row: sum(lane["taken"] for lane in row["lanes"])),
        Column("OLDEST", lambda row: lasted(_oldest(row["lanes"]))),
        Column("LANES", lambda row: ",".join(f"{one['lane']}={one['waiting']}" for one in row["lanes"]), wide=True),
        Column("PAUSED BY", lambda row: (row["paused"] or {}).get("by"), wide=True),
        Column("REASON", lambda row: (row["paused"] or {}).get("reason"), wide=True),
    ]


def handlers(*, namespaces: bool) -> list[Column]:
    """Of event handlers."""
    return [
        *([Column("NAMESPACE", _get("namespace"))] if namespaces else []),
        Column("NAME", _get("name")),
        Column("EVENT", _get("event")),
        Column("STATUS", _get("status")),
        Column("PRIORITY", _get("priority")),
        Column("ACTION", _get("action")),
        Column("WHY", _get("message")),
        Column("FILTER", _get("filter"), wide=True),
        Column("PLATFORM", _get("platform_id"), wide=True),
        Column("STREAM", _get("stream"), wide=True),
        Column("ID", _get("id"), wide=True),
    ]


def letters() -> list[Column]:
    """Of dead letters."""
    present = now()
    return [
        Column("ID", _get("id")),
        Column("REASON", _get("reason")),
        Column("AGE", lambda row: away(row["at"], present)),
        Column("OF", _whose),
        Column("MESSAGE", _get("message")),
        Column("RUN", _get("execution_id"), wide=True),
    ]


def _whose(row: Row) -> str | None:
    if row["job_name"]:
        return f"{row['namespace']}/{row['job_name']}"
    return f"handler {row['handler_id']}" if row["handler_id"] else None


def _oldest(lanes: list[Row]) -> int | None:
    return max((lane["oldest_ms"] for lane in lanes if lane["oldest_ms"] is not None), default=None)
