"""The examples with EventHandlers, as they are in `examples/`, on the real API server and Redis, with two operators and
two routers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventually import eventually
from integration.eventbench import counted, event, listening, send, unacknowledged
from integration.httphook import Hook
from integration.installation import Installation
from integration.objects import Object, ready, scheduled
from kronstream.dev.controlplane import ControlPlane

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = {"workflow_id": "123", "status": "completed"}
ENVIRON = {"KRONSTREAM_HTTP_ALLOW": "127.0.0.0/8"}


@pytest.fixture(scope="module")
def everything() -> Iterator[Installation]:
    """Two operators, two routers and two workers with the examples' handlers, which may send to loopback."""
    handlers = EXAMPLES / "handlers.py"
    with (
        ControlPlane(controller_manager=True) as plane,
        Installation(plane, operators=2, routers=2, workers=2, environ=ENVIRON, handlers=handlers) as installation,
    ):
        yield installation


@pytest.fixture
def installed(everything: Installation) -> Iterator[Installation]:
    yield everything
    everything.clear()
    complaints = everything.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def example(name: str) -> Object:
    """An object of a file in `examples/`, in the namespace default."""
    (found,) = yaml.safe_load_all((EXAMPLES / f"{name}.yaml").read_text("utf-8"))
    found["metadata"]["namespace"] = "default"
    return dict(found)


def listen(installation: Installation, *handlers: Object) -> list[Object]:
    """Applies handlers and waits until they are in force."""
    return [installation.wait(handler, listening) for handler in installation.apply(*handlers)]


def made_by(installation: Installation, handler: Object) -> list[Object]:
    """The ScheduledJobs that a handler made."""
    uid = handler["metadata"]["uid"]
    jobs = installation.objects.all("default")
    return [job for job in jobs if uid in [one["uid"] for one in job["metadata"].get("ownerReferences", ())]]


def test_the_missions_example(installed: Installation) -> None:
    written = example("eventhandler")
    everyone = {**written, "metadata": {"name": "cleanup-everywhere", "namespace": "default"}}
    everyone["spec"] = {name: value for name, value in written["spec"].items() if name != "platformId"}
    own, everyone = listen(installed, written, everyone)
    ours = event("workflow.completed", DATA, platformid="platform-123", traceid="trace-456")
    others = event("workflow.completed", {**DATA, "workflow_id": "9"}, platformid="platform-456")
    nobodys = event("workflow.completed", {**DATA, "workflow_id": "10"})

    send(installed, ours, others, nobodys)

    installed.wait(own, counted(trigger=1, success=1, failure=0))
    installed.wait(everyone, counted(trigger=3, success=3, failure=0))
    (job,) = made_by(installed, own)
    assert job["spec"] | {"runAt": "", "ttlAfterFinished": ""} == {
        "displayName": "workflow.completed:cleanup:artifacts",
        "description": "Triggered by event: workflow.completed",
        "payload": {"retention_days": 30, "event_data": DATA, "event_name": "workflow.completed"},
        "createdBy": "event-scheduler",
        "tags": ["event-triggered", "workflow.completed"],
        "platformId": "platform-123",
        "handler": {"function": {"name": "cleanup:artifacts"}},
        "timeout": "10m",
        "runAt": "",
        "ttlAfterFinished": "",
        **defaults(installed),
    }
    assert job["spec"]["ttlAfterFinished"] == "1h"
    (run,) = eventually(lambda: [one for one in installed.records(job) if one.state.terminal])
    assert (run.state.value, run.result, run.attempt) == ("success", {"workflow": "123"}, 1)
    assert "workflow.completed: artifacts of workflow 123 older than 30 days go" in run.output
    told = installed.wait(job, lambda found: found["status"]["runs"]["succeeded"] == 1)
    assert "completionTime" in told["status"]


def defaults(installation: Installation) -> dict[str, Any]:
    """What the API server writes into a spec by itself."""
    bare = scheduled("bare", runAt="2038-01-19T03:14:07Z")
    (kept,) = installation.apply(bare)
    installation.delete(kept)
    return {name: value for name, value in kept["spec"].items() if name not in bare["spec"]}


def test_global_handlers_see_what_others_of_a_platform_do_not(installed: Installation) -> None:
    written = example("eventhandler")
    everyone = {**written, "metadata": {"name": "cleanup-everywhere", "namespace": "default"}}
    everyone["spec"] = {name: value for name, value in written["spec"].items() if name != "platformId"}
    own, everyone = listen(installed, written, everyone)

    # one of each, again and again: both routers read some
    for number in range(20):
        send(installed, event("workflow.completed", {**DATA, "workflow_id": str(number)}, platformid="platform-456"))

    installed.wait(everyone, counted(trigger=20, success=20))
    eventually(lambda: unacknowledged(installed) == 0)
    assert made_by(installed, own) == []
    workflows = {job["spec"]["payload"]["event_data"]["workflow_id"] for job in made_by(installed, everyone)}
    assert workflows == {str(number) for number in range(20)}
    assert {job["spec"].get("platformId") for job in made_by(installed, everyone)} == {None}


def test_what_runs_goes_on_when_its_handler_is_deleted(installed: Installation) -> None:
    written = example("eventhandler")
    slow = {"handler": {"function": {"name": "examples:slow"}}}
    transform = '{"seconds": 9.0}'
    written["spec"] |= {"action": {"createJob": slow}, "transform": transform}
    (own,) = listen(installed, written)
    send(installed, event("workflow.completed", DATA, platformid="platform-123"))
    installed.wait(own, counted(success=1))
    (job,) = made_by(installed, own)
    eventually(lambda: [one for one in installed.records(job) if one.state.value == "running"])

    installed.delete(own)

    # the garbage collector of the cluster takes the job away, which belongs to the handler
    eventually(lambda: job["metadata"]["name"] not in [one["metadata"]["name"] for one in installed.objects.all()], 20)
    (run,) = eventually(lambda: [one for one in installed.records(job) if one.state.terminal], within=30)
    assert (run.state.value, run.result) == ("success", {"slept": 9.0})


def alerting(installation: Installation, hook: Hook) -> Object:
    """The alert chain of the examples, with the receiver of this test."""
    written = example("alert-chain")
    http = written["spec"]["action"]["createJob"]["handler"]["http"]
    assert http["url"].startswith("https://alerts.example.com/")
    http["url"] = f"{hook.url}/hooks/kronstream"
    (handler,) = listen(installation, written)
    return handler


def failing(installation: Installation, name: str) -> Object:
    """A job that fails whenever it is asked to run."""
    payload = {"failures": 99}
    (job,) = installation.apply(scheduled(name, "default", "examples:flaky", payload=payload, retry={"limit": 0}))
    return installation.wait(job, ready)


def fail(installation: Installation, job: Object, times: int) -> None:
    """Has a job run and fail, one after the other."""
    uid = job["metadata"]["uid"]
    for _ in range(times):
        before = len(installation.records(job))
        installation.ask(lambda service, key=str(before): service.runs.run_now(uid, f"{uid}-{key}"))

        def over(expected: int = before + 1) -> bool:
            return [one.state.value for one in installation.records(job)] == ["failed"] * expected

        eventually(over)


def test_the_third_failure_in_a_row_is_told_over_http(installed: Installation, hook: Hook) -> None:
    handler = alerting(installed, hook)
    job, other = failing(installed, "falls-thrice"), failing(installed, "falls-twice")

    fail(installed, other, 2)
    fail(installed, job, 3)

    installed.wait(handler, counted(trigger=1, success=1, filtered=4, error=0))
    eventually(lambda: hook.calls)
    fail(installed, job, 1)
    installed.wait(handler, counted(trigger=1, filtered=5))
    (call,) = hook.calls
    assert (call.method, call.target) == ("POST", "/hooks/kronstream")
    assert call.headers["x-job"] == "default/falls-thrice"
    third = sorted(installed.records(job), key=lambda run: run.finished or 0)[2]
    assert json.loads(call.body) == {
        "text": "Failed 3 times in a row: falls-thrice",
        "why": "attempt 1: the other side hung up",
        "run": third.id,
    }
    (made,) = made_by(installed, handler)
    (sent,) = eventually(lambda: [one for one in installed.records(made) if one.state.terminal])
    assert (sent.state.value, sent.result["status"]) == ("success", 200)
