"""Event handlers over HTTP on the real parts: the contract's sample as it stands, what each made of it, figures."""

import json

import pytest

from eventually import eventually
from integration.calls import Calls, problem
from integration.installation import Installation
from integration.objects import handling, ready, scheduled
from integration.test_api_samples import shell

TRIGGER = """curl -X POST http://localhost:3051/api/v1/scheduler/events/trigger -H "Content-Type: application/json" \\
  -d '{"event_name": "workflow.completed", "data": {"workflow_id": "workflow-123", "status": "completed", "duration_ms": 45000}, "platform_id": "platform-123", "trace_id": "trace-456"}'"""  # noqa: E501
EVENT = {"event_name": "order.placed", "data": {"total": 7}}


@pytest.fixture
def calls(doored: Installation):
    with Calls(doored.url("api-1")) as client:
        yield client


def known(calls: Calls, name: str) -> dict[str, object]:
    """A handler that the API knows."""
    return eventually(lambda: (told := calls.get(f"/event-handlers/default:{name}")).is_success and told.json())


def in_force(calls: Calls, name: str, instead: tuple[str, ...] = ("failed",)) -> dict[str, object]:
    """A handler that a router has in force, too, and that does what it says, and not what may come instead."""
    found = known(calls, name)
    probe = {**EVENT, "event_name": str(found["event"])}

    def acted_on() -> bool:
        answers = calls.post("/events/trigger", json=probe).json()["matched"]
        return any(one["name"] == name and one["outcome"] not in ("not_in_force", "full", *instead) for one in answers)

    eventually(acted_on)
    return found


def test_the_sample_causes_what_handlers_say(doored: Installation, calls: Calls) -> None:
    assert shell(doored, TRIGGER)["message"] == "Event triggered successfully"
    doored.objects.apply(scheduled("follow-up", "default", "api:echo"))
    run = {"runJob": {"name": "follow-up"}}
    doored.objects.apply(handling("on-done", "workflow.*", action=run, priority=7))
    doored.objects.apply(handling("on-failed", "workflow.*", action=run, filter='event.data.status == "failed"'))
    doored.objects.apply(handling("elsewhere", "workflow.*", action=run, platformId="platform-9"))

    def told() -> dict[str, object] | None:
        found = shell(doored, TRIGGER)
        outcomes = {one["name"]: one["outcome"] for one in found["matched"]}
        assert outcomes == {"on-done": "started", "on-failed": "filtered"}, found
        assert [one["name"] for one in found["apart"]] == ["elsewhere"]
        return found

    found = eventually(told)
    started = found["matched"][0]
    execution = eventually(lambda: calls.get(f"/executions/{started['execution_id']}").json())
    assert (execution["trigger"], execution["trace_id"]) == ("event", "trace-456")
    result = eventually(lambda: calls.get(f"/executions/{started['execution_id']}").json()["result"])
    assert result["event_data"]["workflow_id"] == "workflow-123"


def test_a_dry_run_makes_nothing_and_a_key_acts_once(doored: Installation, calls: Calls) -> None:
    doored.wait(doored.objects.apply(scheduled("packer", "default", "api:echo")), ready)
    doored.objects.apply(handling("pack", "order.placed", action={"runJob": {"name": "packer"}}))
    in_force(calls, "pack")
    job = calls.get("/jobs/default:packer").json()
    before = calls.get(f"/jobs/{job['id']}/executions").headers["x-total-count"]
    dry = calls.post("/events/trigger?dry_run=true", json=EVENT).json()
    assert [(one["name"], one["outcome"]) for one in dry["matched"]] == [("pack", "planned")]
    assert calls.get(f"/jobs/{job['id']}/executions").headers["x-total-count"] == before
    headers = {"Idempotency-Key": "order-7"}
    first, again = (calls.post("/events/trigger", json=EVENT, headers=headers).json() for _ in range(2))
    assert first == again
    assert calls.get(f"/jobs/{job['id']}/executions").headers["x-total-count"] == str(int(before) + 1)


def test_an_event_by_hand_may_be_told_whole(doored: Installation, calls: Calls) -> None:
    doored.wait(doored.objects.apply(scheduled("picky", "default", "api:echo")), ready)
    only = 'event.source == "/shop" && event.subject == "s"'
    run = {"runJob": {"name": "picky"}}
    picks = doored.objects.apply(handling("picks", "order.told", action=run, filter=only))
    doored.objects.apply(handling("aside", "order.told", action=run, source={"stream": "stream:aside"}))
    doored.wait(picks, ready)
    for name in ("picks", "aside"):
        known(calls, name)
    whole = {"event_name": "order.told", "event_id": "o-1", "source": "/shop", "subject": "s", "extensions": {"t": "x"}}

    first, again = (calls.post("/events/trigger", json=whole).json() for _ in range(2))
    aside = calls.post("/events/trigger?dry_run=true", json={**whole, "stream": "stream:aside"}).json()

    assert first["event_id"] == "o-1"
    assert [(one["name"], one["outcome"], one["before"]) for one in first["matched"]] == [("picks", "started", False)]
    assert [(one["outcome"], one["before"]) for one in again["matched"]] == [("started", True)]
    assert [one["name"] for one in aside["matched"]] == ["aside"]
    for extensions, words in (({"id": "x"}, "'id' has a field of its own"), ({"Upper": "x"}, "is no attribute")):
        fault = problem(calls.post("/events/trigger", json={**whole, "extensions": extensions}), 400)
        assert words in fault["detail"]


def test_handlers_are_listed_and_tell_their_figures(doored: Installation, calls: Calls) -> None:
    run = {"runJob": {"name": "nothing"}}
    doored.objects.apply(handling("counted", "figures.wanted", action=run))
    doored.objects.apply(handling("off", "figures.*", action=run, enabled=False))
    doored.objects.apply(handling("bad", "figures.wanted", action=run, filter="data.("))
    listed = eventually(lambda: len(found := calls.get("/event-handlers?event=figures.wanted").json()) == 3 and found)
    standing = {one["name"]: one["status"] for one in listed}
    assert standing == {"counted": "active", "off": "disabled", "bad": "invalid"}
    assert calls.get("/event-handlers?event=another").json() == []
    # those of the test before may just have gone
    eventually(lambda: calls.post("/event-handlers/reload").json()["count"] == 1)
    found = in_force(calls, "counted", ())

    def figures() -> dict[str, object] | None:
        told = calls.get(f"/event-handlers/{found['id']}/stats").json()
        return told if told["trigger_count"] else None

    told = eventually(figures)
    assert {"success_count", "failure_count", "filtered_count", "last_triggered_at", "last_error"} <= set(told)
    problem(calls.get("/event-handlers/nobody"), 404)
    problem(calls.get("/event-handlers/default:nobody/stats"), 404)


def test_dead_letters_of_events(doored: Installation, calls: Calls) -> None:
    event = {"specversion": "1.0", "id": "dead-1", "source": "/x", "type": "nobody.listens"}
    letter = {"reason": "Unreadable", "message": "m", "stream": "stream:events", "entry": "1-1", "text": "nonsense"}
    first = doored.redis.xadd(doored.keys.dead_events, letter)
    second = doored.redis.xadd(doored.keys.dead_events, {**letter, "text": json.dumps(event)})
    listed = {one["id"]: one for one in calls.get("/dead-letters?kind=event").json()}
    assert listed[f"event-{first}"]["text"] == "nonsense"
    problem(calls.post(f"/dead-letters/event-{first}/replay"), 400)
    answer = calls.post(f"/dead-letters/event-{second}/replay")
    assert (answer.status_code, answer.json()["matched"]) == (202, [])
    assert calls.delete(f"/dead-letters/event-{first}").status_code == 204
    problem(calls.delete(f"/dead-letters/event-{first}"), 404)
