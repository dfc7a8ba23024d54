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


def named(*fields: str) -> Callable[[Row], str]:
    """The first of some fields that a row has."""
    return lambda row: str(next((row[field] for field in fields if row.get(field)), ""))


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
    return [
        Column("CONSUMER", named("consumer", "worker_id", "id", "name")),
        Column("QUEUES", _get("queues")),
        Column("PROCESSED", _get("messages_processed")),
        Column("SUCCEEDED", _get("messages_succeeded")),
        Column("FAILED", _get("messages_failed")),
        Column("UPTIME", lambda row: None if row.get("uptime_seconds") is None else span(row["uptime_seconds"])),
    ]


def as_told(row: Row) -> list[Column]:
    """Of rows of a kind of which the command line knows nothing: what the first has that fits into a cell."""
    return [
        Column(field.replace("_", " ").upper(), _get(field))
        for field, value in row.items()
        if not isinstance(value, (dict, list))
    ]
