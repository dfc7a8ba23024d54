"""An execution as the API tells it: pure rendering of its record."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from kronstream.api.bodies.base import shown
from kronstream.api.views.stamps import stamp
from kronstream.domain.run import State, Trigger
from kronstream.operations.rows import Row
from kronstream.ports import Execution

TRIGGERS = {trigger: trigger.name.lower() for trigger in Trigger}
EXAMPLE: dict[str, Any] = {
    "id": "5f0f6a3e-9b1c-4c77-8d0e-1f6f2f0a7c11-s1795454707000",
    "job_id": "5f0f6a3e-9b1c-4c77-8d0e-1f6f2f0a7c11",
    "job_name": "Daily Cleanup",
    "namespace": "default",
    "resource_name": "daily-cleanup",
    "status": "success",
    "reason": None,
    "trigger": "schedule",
    "attempt": 1,
    "max_attempts": 4,
    "scheduled_at": "2026-12-24T07:00:00.000Z",
    "started_at": "2026-12-24T07:00:00.004Z",
    "completed_at": "2026-12-24T07:00:01.208Z",
    "duration_ms": 1204,
    "result": {"records_cleaned": 1000},
    "error": None,
    "output": "",
    "progress": None,
    "trace_id": None,
    "worker_id": "consumer-1",
    "retry_of": None,
    "priority": "medium",
    "platform_id": "platform-123",
    "requested_by": None,
    "attempts": [],
}


class ExecutionView(BaseModel):
    """An execution: what became of one run of a job."""

    model_config = shown(EXAMPLE)

    id: str
    job_id: str
    job_name: str
    namespace: str
    resource_name: str
    status: State
    reason: str | None
    trigger: str
    attempt: int
    max_attempts: int | None
    scheduled_at: str | None
    started_at: str | None
    completed_at: str | None
    duration_ms: int | None
    result: Any
    error: dict[str, Any] | None
    output: str
    progress: Any
    trace_id: str | None
    worker_id: str | None
    retry_of: str | None
    priority: str | None
    platform_id: str | None
    requested_by: str | None
    attempts: list[dict[str, Any]]


def spec_of(job: Row | None) -> dict[str, Any] | None:
    """What its executions tell of a job; None for one that is not there any more."""
    return None if job is None else dict(job.object["spec"])


def execution_view(run: Execution, known: dict[str, Any] | None) -> dict[str, Any]:
    """A record's fields; what only the job knows (``spec_of``) is told as long as there is one."""
    spec = known or {}
    error = dict(run.error) if run.error else None
    return {
        "id": run.id,
        "job_id": run.uid,
        "job_name": spec.get("displayName") or run.name,
        "namespace": run.namespace,
        "resource_name": run.name,
        "status": run.state.value,
        "reason": run.reason,
        "trigger": TRIGGERS[run.trigger],
        "attempt": run.attempt,
        "max_attempts": (spec.get("retry") or {}).get("limit", 3) + 1 if known is not None else None,
        "scheduled_at": stamp(run.nominal),
        "started_at": stamp(run.started),
        "completed_at": stamp(run.finished),
        "duration_ms": run.duration,
        "result": run.result,
        "error": error,
        "output": run.output,
        "progress": run.progress,
        "trace_id": run.trace,
        "worker_id": run.worker,
        "retry_of": run.retry_of,
        "priority": spec.get("priority") or ("medium" if known is not None else None),
        "platform_id": spec.get("platformId"),
        "requested_by": run.requested_by,
        "attempts": [
            {
                "number": attempt.number,
                "worker_id": attempt.worker,
                "started_at": stamp(attempt.started),
                "completed_at": stamp(attempt.finished),
                "reason": attempt.reason,
                "error": attempt.error or None,
            }
            for attempt in run.attempts
        ],
    }
