"""Executions over HTTP on the real parts, many at a time too; workers, queues, totals, dead letters, events."""

import json
import signal
from typing import Any

import pytest

from eventually import eventually
from integration.calls import Calls, problem
from integration.installation import Installation
from integration.objects import scheduled

MANY = 20  # as many as a job's history keeps


@pytest.fixture
def calls(doored: Installation):
    with Calls(doored.url("api-1")) as client:
        yield client


def ended(calls: Calls, run: str) -> dict[str, Any]:
    """An execution once it is over."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = calls.get(f"/executions/{run}").json()
        return found if found.get("completed_at") else None

    return eventually(look, 20)


def started(calls: Calls, job: dict[str, Any], **body: Any) -> str:
    answer = calls.post(f"/jobs/{job['id']}/run", json=body or None)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["execution_id"])


def test_a_run_with_a_payload_of_its_own(calls: Calls) -> None:
    job = calls.make(handler_name="api:echo", payload={"a": 1, "b": 2})
    assert ended(calls, started(calls, job))["result"] == {"a": 1, "b": 2}
    assert ended(calls, started(calls, job, payload=[1]))["result"] == [1]
    merged = ended(calls, started(calls, job, payload={"b": None, "c": 3}, merge=True, trace_id="t 1"))
    assert (merged["result"], merged["trace_id"], merged["trigger"]) == ({"a": 1, "c": 3}, "t 1", "manual")
    problem(calls.post(f"/jobs/{job['id']}/run", json={"merge": True}), 400)
    whole = calls.get(f"/jobs/{job['id']}/executions")
    assert whole.headers["x-total-count"] == "3"
    assert whole.json()[0]["id"] == merged["id"]
    eventually(lambda: calls.get(f"/jobs/{job['id']}").json()["success_count"] == 3)
    figures = calls.get(f"/jobs/{job['id']}/stats?window=1h").json()
    assert (figures["runs"], figures["success_rate"], figures["outcomes"]["success"]) == (3, 1.0, 3)
    assert figures["duration_ms"]["p99"] >= 0


def test_retry_is_linked_to_the_old(calls: Calls) -> None:
    job = calls.make(handler_name="api:fail", max_retries=0)
    run = started(calls, job)
    old = ended(calls, run)
    assert (old["status"], old["error"]["type"]) == ("failed", "ValueError")
    answer = calls.post(f"/executions/{run}/retry")
    assert answer.status_code == 200, answer.text
    new = answer.json()
    assert set(new) == {"execution_id", "status", "duration_ms"}
    assert ended(calls, new["execution_id"])["retry_of"] == run
    waiting = calls.make(name="waits", handler_name="api:echo", queue="nobody")
    problem(calls.post(f"/executions/{started(calls, waiting)}/retry"), 409)


def test_cancel(calls: Calls) -> None:
    job = calls.make(handler_name="api:echo", queue="nobody")
    run = started(calls, job)
    assert calls.post(f"/executions/{run}/cancel").status_code == 202
    assert ended(calls, run)["status"] == "cancelled"
    problem(calls.post(f"/executions/{run}/cancel"), 409)


def test_many_by_filter(calls: Calls) -> None:
    job = calls.make(handler_name="api:fail", max_retries=0)
    for run in [started(calls, job) for _ in range(3)]:
        ended(calls, run)
    body = {"job": job["id"], "status": "failed"}
    assert calls.post("/executions:retry", json={**body, "dry_run": True}).json()["count"] == 3
    begun = calls.post("/executions:retry", json=body)
    assert (begun.status_code, begun.json()["count"]) == (202, 3)
    place = f"/operations/{begun.json()['operation_id']}"
    eventually(lambda: calls.get(place).json()["state"] == "done")
    assert calls.get(place).json()["done"] == 3
    eventually(lambda: calls.get(f"/jobs/{job['id']}/executions?status=failed").headers["x-total-count"] == "6")
    problem(calls.post("/executions:cancel", json=body), 400)
    waiting = calls.make(name="waits", handler_name="api:echo", queue="nobody")
    runs = [started(calls, waiting) for _ in range(2)]
    assert calls.post("/executions:cancel", json={"job": waiting["id"]}).json()["count"] == 2
    assert {ended(calls, run)["status"] for run in runs} == {"cancelled"}


def test_many_of_a_namespace_by_filter(calls: Calls) -> None:
    jobs = [calls.make(name=name, handler_name="api:echo", queue="nobody") for name in ("one", "two")]
    runs = [started(calls, job) for job in jobs for _ in range(2)]
    body = {"namespace": "default", "status": "queued"}
    for where in ("default", "*"):
        asked = {**body, "namespace": where, "dry_run": True}
        eventually(lambda asked=asked: calls.post("/executions:cancel", json=asked).json()["count"] == 4)
    begun = calls.post("/executions:cancel", json=body, headers={"Idempotency-Key": "many"})
    place = f"/operations/{begun.json()['operation_id']}"
    found = eventually(lambda: (found := calls.get(place).json())["state"] == "done" and found)
    assert (found["kind"], found["job_id"], found["namespace"], found["done"]) == ("cancel", None, "default", 4)
    assert found["started_by"] == "anonymous"
    assert found["completed_at"] >= found["created_at"]
    assert {ended(calls, run)["status"] for run in runs} == {"cancelled"}
    problem(calls.delete(place), 409)
    for wrong in ({"namespace": "default"}, {**body, "job": jobs[0]["id"]}):
        problem(calls.post("/executions:cancel", json=wrong), 400)
    problem(calls.post("/executions:cancel", json={"namespace": "No One", "status": "queued"}), 404)


def abandoned(doored: Installation, job: str) -> tuple[str, bool]:
    """An order of a replica that was killed as soon as it had answered, and whether it was in the middle of it."""
    others = ("api-1", "api-3")
    with Calls(doored.url("api-2")) as dying:
        dying.get("/jobs")
        for name in others:  # one of them might be the first to look
            doored.send(name, signal.SIGSTOP)
        begun = dying.post("/executions:retry", json={"job": job, "status": "cancelled"}).json()
        doored.send("api-2", signal.SIGKILL)
    left = doored.redis.hgetall(doored.keys.order(begun["operation_id"]))
    for name in others:
        doored.send(name, signal.SIGCONT)
    return begun["operation_id"], (left["st"], left["ok"]) == ("running", "0")


def test_another_replica_goes_on_with_an_order(doored: Installation, calls: Calls) -> None:
    for _ in range(5):  # the replica may be quicker than the signal
        job = calls.make(handler_name="api:echo", queue="nobody")
        for _ in range(MANY):
            started(calls, job)
        first = calls.post("/executions:cancel", json={"job": job["id"]}).json()
        eventually(lambda first=first: calls.get(f"/operations/{first['operation_id']}").json()["done"] == MANY, 30)
        order, unfinished = abandoned(doored, job["id"])
        if unfinished:
            break
        doored.stop("api-2")
        doored.start("api-2")
    try:
        assert unfinished, "it never died in the middle"
        place = f"/operations/{order}"
        found = eventually(lambda: (found := calls.get(place).json())["state"] == "done" and found, 40)
        assert (found["count"], found["done"], found["failed"]) == (MANY, MANY, 0)
        waiting = calls.get(f"/jobs/{job['id']}/executions?status=queued").headers["x-total-count"]
        assert waiting == str(MANY), "each was done again once"
    finally:
        doored.stop("api-2")
        doored.start("api-2")


def test_a_backfill(calls: Calls) -> None:
    job = calls.make(handler_name="api:echo", schedule="0 0 * * *")
    body = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z"}
    dry = calls.post(f"/jobs/{job['id']}/backfill", json={**body, "dry_run": True}).json()
    assert (dry["count"], dry["instants"][0]) == (3, "2026-01-01T00:00:00.000Z")
    begun = calls.post(f"/jobs/{job['id']}/backfill", json={**body, "concurrent": 3})
    assert begun.status_code == 202, begun.text
    place = f"/operations/{begun.json()['operation_id']}"
    eventually(lambda: calls.get(place).json()["state"] == "done", 20)
    found = calls.get(place).json()
    assert (found["kind"], found["count"], found["job_id"]) == ("backfill", 3, job["id"])
    problem(calls.delete(place), 409)
    assert "no backfill nothing" in problem(calls.get("/operations/nothing"), 404)["detail"]
    problem(calls.post(f"/jobs/{job['id']}/backfill", json={**body, "to": "2025-01-01T00:00:00Z"}), 400)


def test_workers_queues_and_totals(calls: Calls) -> None:
    (worker,) = calls.get("/workers").json()
    assert worker["consumer_name"] == "worker-1"
    assert {"messages_processed", "messages_succeeded", "messages_failed", "uptime_seconds"} <= set(worker)
    assert calls.post("/queues/default/pause", json={"reason": "x"}).json() == {"message": "Queue paused successfully"}
    queues = {queue["name"]: queue for queue in calls.get("/queues").json()}
    assert queues["default"]["paused"]["reason"] == "x"
    assert calls.post("/queues/default/resume").status_code == 200
    calls.make()
    totals = calls.get("/stats").json()
    assert totals["jobs"]["active"] >= 1
    assert {"jobs", "runs", "queues", "workers", "dead_letters"} == set(totals)
    problem(calls.post("/queues/Not%20One/pause"), 400)


def test_dead_letters(doored: Installation, calls: Calls) -> None:
    job = calls.make(handler_name="api:echo")
    run = started(calls, job)
    ended(calls, run)
    entry = doored.redis.xadd(doored.keys.dead, {"kind": "run", "run": run, "reason": "too_many_deliveries"})
    (letter,) = [one for one in calls.get("/dead-letters").json() if one["id"] == f"run-{entry}"]
    assert (letter["execution_id"], letter["reason"]) == (run, "too_many_deliveries")
    answer = calls.post(f"/dead-letters/run-{entry}/replay")
    assert answer.status_code == 202, answer.text
    assert ended(calls, answer.json()["execution_id"])["retry_of"] == run
    problem(calls.delete(f"/dead-letters/run-{entry}"), 404)
    entry = doored.redis.xadd(doored.keys.dead, {"kind": "entry", "reason": "nonsense"})
    problem(calls.post(f"/dead-letters/run-{entry}/replay"), 400)
    assert calls.delete(f"/dead-letters/run-{entry}").status_code == 204
    assert calls.get("/dead-letters?kind=event").status_code == 200
    for letter in (f"run-{entry}", f"event-{entry}"):
        found = problem(calls.delete(f"/dead-letters/{letter}"), 404)
        assert found["detail"].startswith(f"there is no dead letter {entry}: it was replayed or dropped")
    problem(calls.delete("/dead-letters/nothing"), 404)


def test_work_elsewhere_tells_its_end(doored: Installation, calls: Calls) -> None:
    job = calls.make(handler_name="writer", handler_type="agent", payload={"topic": "cron"})
    run = started(calls, job)

    def order() -> dict[str, str] | None:
        found = [fields for _, fields in doored.redis.xrange("stream:agents:dispatch") if fields["run"] == run]
        return found[0] if found else None

    token = eventually(order)["token"]
    problem(calls.post(f"/executions/{run}/complete", json={"status": "success"}), 401)
    problem(calls.post(f"/executions/{run}/complete", json={"status": "success", "token": "wrong"}), 409)
    told = calls.post(f"/executions/{run}/complete", json={"status": "progress", "progress": 50, "token": token})
    assert told.status_code == 200, told.text
    assert calls.get(f"/executions/{run}").json()["progress"] == 50
    headers = {"Kronstream-Token": token}
    body = {"status": "success", "result": {"words": 7}}
    assert calls.post(f"/executions/{run}/complete", json=body, headers=headers).status_code == 200
    assert ended(calls, run)["result"] == {"words": 7}


def test_events_are_taken(doored: Installation, calls: Calls) -> None:
    event = {"specversion": "1.0", "id": "api-1", "source": "/api", "type": "api.tested", "data": {"a": 1}}
    kind = {"Content-Type": "application/cloudevents+json"}
    answer = calls.post("/events", content=json.dumps(event), headers=kind)
    assert (answer.status_code, answer.json()) == (202, {"ids": ["api-1"]})
    texts = [fields["event"] for _, fields in doored.redis.xrange("stream:events")]
    assert any(json.loads(text)["id"] == "api-1" for text in texts)
    problem(calls.post("/events", content="{}", headers=kind), 400)
    problem(calls.post("/events", content="{}", headers={"Content-Type": "application/json"}), 415)


def test_following_an_execution(doored: Installation, calls: Calls) -> None:
    doored.objects.apply(scheduled("followed", "default", "api:sleep", payload={"seconds": 1}))
    job = calls.get("/jobs/default:followed").json()
    run = started(calls, job)
    seen: list[str] = []
    with calls.stream("GET", "/stream", params={"execution": run}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            seen.append(line)
            if line == "event: end":
                break
    last = [json.loads(line[6:]) for line in seen if line.startswith("data: {") and len(line) > 20][-1]
    assert (last["id"], last["status"], last["result"]) == (run, "success", "slept")
    problem(calls.get("/stream"), 400)
