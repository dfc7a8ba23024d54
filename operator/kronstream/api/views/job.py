"""A job as the API tells it: pure rendering of its row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from kronstream.api.bodies.base import more
from kronstream.api.bodies.job import CRON_EXAMPLE
from kronstream.api.views.stamps import restamped, stamp
from kronstream.domain import duration
from kronstream.operations.rows import Form, Row, Standing

EXAMPLE: dict[str, Any] = {
    "id": "5f0f6a3e-9b1c-4c77-8d0e-1f6f2f0a7c11",
    "namespace": "default",
    "resource_name": "daily-cleanup",
    **CRON_EXAMPLE,
    "type": "cron",
    "status": "active",
    "next_run": "2026-12-25T07:00:00.000Z",
    "last_run": "2026-12-24T07:00:00.012Z",
    "executions_count": 31,
    "success_count": 30,
    "failure_count": 1,
    "avg_duration_ms": 1204,
    "created_at": "2026-11-23T10:00:00.000Z",
    "updated_at": "2026-11-23T10:00:00.000Z",
}


class JobView(BaseModel):
    """A job. A handler of type http, job or workflow is told as a block of that name, as in the resource."""

    model_config = more(EXAMPLE)

    id: str
    namespace: str
    resource_name: str
    name: str
    description: str | None
    type: Form
    status: Standing
    schedule: str | None = Field(description="The cron expression; several are joined by '; '")
    timezone: str | None
    execute_at: str | None
    handler_name: str | None
    handler_type: str
    payload: Any
    max_retries: int
    max_attempts: int
    timeout_ms: int
    priority: str
    queue: str
    tags: list[str]
    platform_id: str | None
    created_by: str | None
    next_run: str | None
    last_run: str | None
    executions_count: int
    success_count: int
    failure_count: int
    avg_duration_ms: int | None
    paused: dict[str, Any] | None
    message: str | None = Field(description="Why the job cannot be used, where its status is invalid")
    created_at: str
    updated_at: str


def job_bytes(row: Row) -> bytes:
    """The JSON of a job; made once for each version of its object."""
    if row.view is None:
        row.view = json.dumps(job_view(row), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return row.view


def jobs_bytes(rows: Sequence[Row]) -> bytes:
    """The JSON of a list of jobs."""
    return b"[" + b",".join(map(job_bytes, rows)) + b"]"


def job_view(row: Row) -> dict[str, Any]:
    """A job's fields."""
    obj = row.object
    spec, status = obj["spec"], obj["status"]
    return {
        "id": row.uid,
        "namespace": row.namespace,
        "resource_name": row.name,
        "name": spec.get("displayName") or row.name,
        "description": spec.get("description"),
        "type": row.form.value,
        "status": row.standing.value,
        **_when(row, spec),
        **_handler(_map(spec.get("handler"))),
        "payload": spec.get("payload"),
        **_execution(spec),
        "tags": list(row.tags),
        "platform_id": spec.get("platformId"),
        "created_by": spec.get("createdBy"),
        **_history(status),
        "paused": _paused(_map(status.get("paused"))),
        "message": _fault(status) if row.standing is Standing.INVALID else None,
        "created_at": stamp(row.created),
        "updated_at": stamp(row.updated),
    }


def _when(row: Row, spec: Mapping[str, Any]) -> dict[str, Any]:
    crons = spec.get("schedules")
    joined = "; ".join(map(str, crons)) if isinstance(crons, list) else None
    walls = row.form is Form.CRON
    found = {
        "schedule": spec.get("schedule") or joined,
        "timezone": spec.get("timeZone") or ("UTC" if walls else None),
        "execute_at": restamped(spec.get("runAt")),
    }
    return found | {name: spec[name] for name in ("rrule", "every") if spec.get(name) is not None}


def _handler(handler: Mapping[str, Any]) -> dict[str, Any]:
    kind = next((name for name in ("function", "agent", "workflow", "http", "job") if name in handler), "function")
    block = _map(handler.get(kind))
    named = _map(block.get("stream")) if kind == "workflow" else block
    found = {"handler_type": kind, "handler_name": named.get("name")}
    told = kind in ("http", "job") or (kind == "workflow" and "stream" not in block)
    return found | ({kind: block} if told else {})


def _execution(spec: Mapping[str, Any]) -> dict[str, Any]:
    retries = _map(spec.get("retry")).get("limit", 3)
    retries = retries if isinstance(retries, int) else 3
    return {
        "max_retries": retries,
        "max_attempts": retries + 1,
        "timeout_ms": _span(spec.get("timeout")),
        "priority": spec.get("priority") or "medium",
        "queue": spec.get("queue") or "default",
    }


def _history(status: Mapping[str, Any]) -> dict[str, Any]:
    runs, last = _map(status.get("runs")), _map(status.get("lastRun"))
    return {
        "next_run": restamped(status.get("nextRunTime")),
        "last_run": restamped(last.get("startedAt")) or restamped(status.get("lastScheduleTime")),
        "executions_count": runs.get("total", 0),
        "success_count": runs.get("succeeded", 0),
        "failure_count": runs.get("failed", 0) + runs.get("dead", 0),
        "avg_duration_ms": status.get("averageDurationMs"),
    }


def _paused(pause: Mapping[str, Any]) -> dict[str, Any] | None:
    if not pause:
        return None
    return {
        "by": pause.get("by"),
        "reason": pause.get("reason"),
        "since": restamped(pause.get("since")),
        "until": restamped(pause.get("until")),
    }


def _fault(status: Mapping[str, Any]) -> str | None:
    conditions = [one for one in status.get("conditions") or () if one.get("type") == "Stalled"]
    return conditions[0].get("message") if conditions else None


def _span(text: Any) -> int:
    try:
        return duration.parse(text)
    except (ValueError, TypeError):
        return 300_000


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
