"""Executions as objects of the API."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from kronstream.domain.run import State, Trigger, digest
from kronstream.ports import Execution
from kronstream.resources.instant import render
from kronstream.runsapi.names import API_VERSION, JOB, JOB_UID, KIND, STATUS, TRIGGER

Object = dict[str, Any]

LABEL = 63
_STATES = list(State)


def version(record: Execution) -> int:
    """The resourceVersion: 8 times the instant of the last change (milliseconds), plus the state.

    It grows with every change of the state, by the store's clock, and is the same for the same state everywhere.
    """
    instants = [record.dispatched, record.started or 0, record.finished or 0]
    instants += [attempt.finished or 0 for attempt in record.attempts]
    return max(instants) * len(_STATES) + _STATES.index(record.state)


def version_at(now: int) -> int:
    """The resourceVersion of a list that was read at an instant: no object of it has a higher one."""
    return now * len(_STATES) + len(_STATES) - 1


def instant_of(resource_version: int) -> int:
    """The instant of a resourceVersion in milliseconds."""
    return resource_version // len(_STATES)


def job_label(name: str) -> str:
    """A job's name as the value of a label, which is shorter: the beginning of a long one, and what stands for it."""
    return name if len(name) <= LABEL else f"{name[:40]}..{digest(name)}"


def labels(record: Execution) -> dict[str, str]:
    """The labels by which executions are chosen."""
    return {
        JOB: job_label(record.name),
        JOB_UID: record.uid,
        STATUS: record.state.value,
        TRIGGER: word(record.trigger),
    }


def fields(record: Execution) -> dict[str, str]:
    """The fields by which executions are chosen."""
    return {
        "metadata.name": record.id,
        "metadata.namespace": record.namespace,
        "spec.job": record.name,
        "spec.trigger": word(record.trigger),
        "spec.retryOf": record.retry_of or "",
        "status.state": record.state.value,
        "status.reason": record.reason or "",
        "status.worker": record.worker or "",
    }


FIELDS = ("metadata.name", "metadata.namespace", "spec.job", "spec.trigger", "spec.retryOf", "status.state",
          "status.reason", "status.worker")  # fmt: skip


def word(trigger: Trigger) -> str:
    """Why a run exists, in a word."""
    return trigger.name.lower()


def metadata(record: Execution) -> Object:
    """The metadata; the UID follows from the run's identity."""
    return {
        "name": record.id,
        "namespace": record.namespace,
        "uid": str(uuid5(NAMESPACE_URL, f"{API_VERSION}/{record.id}")),
        "resourceVersion": str(version(record)),
        "creationTimestamp": seconds(record.dispatched),
        "labels": labels(record),
    }


def execution(record: Execution) -> Object:
    """The object; what a record does not have is left out."""
    spec = {
        "job": record.name,
        "trigger": word(record.trigger),
        "scheduledAt": _instant(record.nominal),
        "generation": record.generation or None,
        "retryOf": record.retry_of,
        "requestedBy": record.requested_by,
        "traceId": record.trace,
    }
    if record.payload is not None:
        spec["payload"] = json.loads(record.payload)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(record),
        "spec": {name: value for name, value in spec.items() if value is not None or name == "payload"},
        "status": _status(record),
    }


def _status(record: Execution) -> Object:
    error = record.error or {}
    status = {
        "state": record.state.value,
        "reason": record.reason,
        "message": message(record) or None,
        "attempt": record.attempt,
        "dispatchedAt": _instant(record.dispatched),
        "startedAt": _instant(record.started),
        "completedAt": _instant(record.finished),
        "durationMs": record.duration,
        "worker": record.worker,
        "slow": record.slow or None,
        "progress": record.progress,
        "result": record.result,
        "error": {name: text for name, text in error.items() if text} or None,
        "output": record.output or None,
        "attempts": [_attempt(attempt) for attempt in record.attempts] or None,
        "conditions": _conditions(record),
    }
    return {name: value for name, value in status.items() if value is not None}


def _attempt(attempt: Any) -> Object:
    told = {
        "number": attempt.number,
        "worker": attempt.worker,
        "startedAt": _instant(attempt.started),
        "completedAt": _instant(attempt.finished),
        "reason": attempt.reason,
        "error": attempt.error or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _conditions(record: Execution) -> list[Object]:
    """For `kubectl wait --for=condition=Finished` and `=Succeeded`; a run that goes on has not succeeded yet."""
    over, state = record.state.terminal, record.state
    changed = seconds(record.finished or record.started or record.dispatched)
    good = "True" if state is State.SUCCESS else "False" if over else "Unknown"
    reason = state.value.capitalize()
    return [
        {"type": "Finished", "status": "True" if over else "False", "reason": reason, "lastTransitionTime": changed},
        {"type": "Succeeded", "status": good, "reason": reason, "lastTransitionTime": changed},
    ]


def message(record: Execution) -> str:
    """What went wrong, in a line."""
    error = record.error or {}
    told = ": ".join(part for part in (error.get("type"), error.get("message")) if part)
    return " ".join(told.split())


def seconds(ms: int) -> str:
    """An instant as metadata has it: whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(ms: int | None) -> str | None:
    return None if ms is None else render(ms)
