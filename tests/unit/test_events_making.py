"""The ScheduledJob that createJob makes: a job that the operator takes, named by its event."""

from typing import Any

from kronstream.operations.listener import Listener
from kronstream.operations.making import job_name, job_of
from kronstream.operations.routing import Heard
from kronstream.resources import parse_spec
from kronstream.resources.cloudevent import read_event
from kronstream.resources.judged import judge
from unit.eventstage import UID, event, handler
from unit.fakecluster import NOW

ITEM = "0123456789abcdef0123"


def made(text: str, **fields: Any) -> dict[str, Any]:
    found = handler(**fields).listener
    assert isinstance(found, Listener)
    return job_of(found, Heard(read_event(text), text), ITEM, NOW)


def test_the_missions_job() -> None:
    action = {
        "createJob": {
            "handler": {"function": {"name": "cleanup:artifacts"}},
            "timeout": "10m",
            "priority": "high",
            "retry": {"limit": 1},
            "maxOpen": 7,
            "payload": {"retention_days": 30},
        }
    }
    data = {"workflow_id": "123", "status": "completed"}
    text = event("workflow.completed", data, platformid="platform-123")

    job = made(text, event="workflow.completed", name="on-completed", action=action, platformId="platform-123")

    assert job["metadata"] == {
        "name": f"on-completed-{ITEM}",
        "namespace": "default",
        "labels": {"kronstream.dev/event-handler": "on-completed"},
        "annotations": {"kronstream.dev/chain-depth": "1", "kronstream.dev/event": "/tests 1"},
        "ownerReferences": [
            {"apiVersion": "kronstream.dev/v1", "kind": "EventHandler", "name": "on-completed", "uid": UID}
        ],
    }
    assert job["spec"] == {
        "handler": {"function": {"name": "cleanup:artifacts"}},
        "timeout": "10m",
        "priority": "high",
        "retry": {"limit": 1},
        "ttlAfterFinished": "1h",
        "runAt": "2026-11-18T11:06:40Z",
        "payload": {"retention_days": 30, "event_data": data, "event_name": "workflow.completed"},
        "displayName": "workflow.completed:cleanup:artifacts",
        "description": "Triggered by event: workflow.completed",
        "tags": ["event-triggered", "workflow.completed"],
        "createdBy": "event-scheduler",
        "platformId": "platform-123",
    }
    assert judge(parse_spec(job["spec"]), NOW, "default/x").schedule is not None


def test_long_names_fit_and_stay_apart() -> None:
    action = {"createJob": {"handler": {"function": {"name": "f" * 120}}}}
    kind = f"{'a' * 120}.{'b' * 120}"
    job = made(event(kind), event=kind, name="h." + "x" * 240, action=action)

    assert job["metadata"]["name"] == f"h-{'x' * 40}-{ITEM}"
    assert len(job["metadata"]["name"]) == 63
    assert len(job["metadata"]["labels"]["kronstream.dev/event-handler"]) <= 63
    parse_spec(job["spec"])


def test_a_name_does_not_end_in_two_dashes() -> None:
    found = handler(name="a" * 41 + "-b").listener
    assert found is not None
    assert job_name(found, ITEM) == f"{'a' * 41}-{ITEM}"
