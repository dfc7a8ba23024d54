"""Event handlers, and what they made of an event, as the API tells them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from kronstream.api.views.stamps import restamped
from kronstream.operations.shelf import Kept
from kronstream.operations.triggered import Answer


class HandlerView(BaseModel):
    """An event handler; its status is active, disabled or invalid, and message then says why."""

    id: str
    namespace: str
    name: str
    event: str
    enabled: bool
    status: str
    message: str | None
    priority: int
    platform_id: str | None
    stream: str | None
    filter: str | None
    action: str
    created_at: str | None


class HandlerFigures(BaseModel):
    """What became of the events of a handler."""

    id: str
    trigger_count: int
    success_count: int
    failure_count: int
    filtered_count: int
    waiting: int
    last_triggered_at: str | None
    last_error: dict[str, Any] | None


class AnswerView(BaseModel):
    """What one handler made of an event; before tells that it had this effect already."""

    handler_id: str
    namespace: str
    name: str
    priority: int
    action: str
    outcome: str
    why: str
    execution_id: str | None
    job: str | None
    before: bool


def handler_view(kept: Kept) -> dict[str, Any]:
    """A handler's fields."""
    known, obj = kept.known, kept.object
    spec = obj["spec"] if isinstance(obj["spec"], dict) else {}
    listener = known.listener
    standing = "invalid" if listener is None else "active" if known.enabled else "disabled"
    return {
        "id": kept.uid,
        "namespace": known.namespace,
        "name": known.name,
        "event": known.event,
        "enabled": known.enabled,
        "status": standing,
        "message": str(known.fault) if known.fault is not None else None,
        "priority": known.priority,
        "platform_id": listener.platform if listener is not None else None,
        "stream": listener.stream if listener is not None else None,
        "filter": spec.get("filter"),
        "action": known.action,
        "created_at": restamped(obj["metadata"].get("creationTimestamp")),
    }


def handler_figures(kept: Kept) -> dict[str, Any]:
    """What its status tells."""
    status = kept.object["status"]
    error = status.get("lastError")
    return {
        "id": kept.uid,
        "trigger_count": status.get("triggerCount", 0),
        "success_count": status.get("successCount", 0),
        "failure_count": status.get("failureCount", 0),
        "filtered_count": status.get("filteredCount", 0),
        "waiting": status.get("waiting", 0),
        "last_triggered_at": restamped(status.get("lastTriggerTime")),
        "last_error": error
        and {"message": error.get("message"), "event": error.get("event"), "at": restamped(error.get("at"))},
    }


def answer_view(answer: Answer) -> dict[str, Any]:
    """What a handler made of an event."""
    return {
        "handler_id": answer.uid,
        "namespace": answer.namespace,
        "name": answer.name,
        "priority": answer.priority,
        "action": answer.action,
        "outcome": answer.outcome.value,
        "why": answer.why,
        "execution_id": answer.run,
        "job": answer.job,
        "before": answer.before,
    }
