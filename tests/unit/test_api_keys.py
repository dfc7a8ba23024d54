"""The header Idempotency-Key: what is done once, what is kept of it, and of what nothing is kept."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAway

from kronstream.api import idempotency
from kronstream.api.app import create_app
from kronstream.api.rights import Act
from kronstream.ports.jobstore import StoreAway
from unit.apibench import BASE, CRON, ApiBench, judged, token

pytestmark = pytest.mark.anyio
KEY = {"Idempotency-Key": "k-1"}


async def test_a_key_is_done_once_on_both_replicas(bench: ApiBench) -> None:
    first = await bench.client.post(f"{BASE}/jobs/cron", json=CRON, headers=KEY)
    again = await bench.other.post(f"{BASE}/jobs/cron", json=CRON, headers=KEY)
    assert (first.status_code, again.status_code, first.content) == (201, 201, again.content)
    assert again.headers["location"] == first.headers["location"]
    assert len(bench.store.objects) == 1
    judged(await bench.other.post(f"{BASE}/jobs/cron", json={**CRON, "name": "x"}, headers=KEY), 409)
    judged(await bench.call("POST", "/jobs/cron", json=CRON, headers={"Idempotency-Key": "a b"}), 400)


async def test_what_needs_no_right_and_what_is_a_fault_keeps_nothing(guarded: ApiBench) -> None:
    run = "00000000-0000-4000-8000-000000000001-s1"
    guarded.reviews.grant("t", "anna")
    calls = (
        (f"/executions/{run}/complete", {"status": "success", "token": "guessed"}, {}, 409),
        (f"/executions/{run}/complete", {"status": "success"}, {"Kronstream-Token": "guessed"}, 409),
        (f"/executions/{run}/complete", {"status": "success"}, {}, 401),
        ("/executions/x/complete", {"status": "success", "token": "guessed"}, {}, 409),
        ("/preview", {"schedule": "* * * * *", "n": 1000}, token("t"), 200),
        ("/preview", {"schedule": "nonsense"}, token("t"), 400),
        ("/jobs/cron", CRON, token("t"), 403),
        ("/jobs/cron", CRON, token("bad"), 401),
    )
    for number, (path, body, headers, status) in enumerate(calls):
        answer = await guarded.call("POST", path, json=body, headers={**headers, "Idempotency-Key": f"k-{number}"})
        assert answer.status_code == status, answer.text
    assert guarded.answers.keys() == []

    guarded.reviews.grant("t", "anna", Act.CREATE_JOB.of("default"))
    judged(await guarded.call("POST", "/jobs/cron", json={**CRON, "schedule": "x"}, headers=token("t") | KEY), 400)
    assert guarded.answers.keys() == []
    assert (await guarded.call("POST", "/jobs/cron", json=CRON, headers=token("t") | KEY)).status_code == 201
    assert len(guarded.answers.keys()) == 1


async def test_an_end_that_was_told_may_be_told_again_with_its_key(bench: ApiBench) -> None:
    job = await bench.made()
    await bench.call("POST", f"/jobs/{job['id']}/run")
    (claim,) = await bench.office.take()
    elsewhere = bench.services.externals
    secret = await elsewhere.attach(claim)
    assert secret
    assert await elsewhere.park(claim, 60_000)
    path, headers = f"/executions/{claim.run}/complete", {**KEY, "Kronstream-Token": secret}
    for number in range(3):
        progress = {"status": "progress", "progress": {"done": number}}
        answer = await bench.call("POST", path, json=progress, headers={**headers, "Idempotency-Key": f"p-{number}"})
        assert answer.status_code == 200, answer.text
    assert bench.answers.keys() == []
    first, again = [await bench.call("POST", path, json={"status": "success"}, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotency-replayed"] == "true"
    judged(await bench.call("POST", path, json={"status": "success", "token": secret}, headers=KEY), 409)


async def test_a_large_answer_is_not_kept_but_what_it_answered_is_known(
    bench: ApiBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**CRON, "payload": {"text": "x" * 20_000}}
    whole = {"Idempotency-Key": "k-2"}
    first = await bench.call("POST", "/jobs/cron", json={**body, "name": "other"}, headers=whole)
    again = await bench.call("POST", "/jobs/cron", json={**body, "name": "other"}, headers=whole)
    assert (again.status_code, again.text) == (201, first.text)
    monkeypatch.setattr(idempotency, "LARGEST", 16_384)
    first = await bench.call("POST", "/jobs/cron", json=body, headers=KEY)
    assert first.status_code == 201
    again = await bench.call("POST", "/jobs/cron", json=body, headers=KEY)
    assert "answered 201" in judged(again, 409)["detail"]
    assert again.headers["location"] == first.headers["location"]
    assert len(bench.store.objects) == 2


async def test_a_key_under_way_is_told_to_wait(bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    go = asyncio.Event()
    create = bench.store.create

    async def slow(job: object) -> object:
        await go.wait()
        return await create(job)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.store, "create", slow)
    first = asyncio.create_task(bench.client.post(f"{BASE}/jobs/cron", json=CRON, headers=KEY))
    await asyncio.sleep(0.05)
    waiting = await bench.other.post(f"{BASE}/jobs/cron", json=CRON, headers=KEY)
    judged(waiting, 409)
    assert waiting.headers["retry-after"] == "1"
    go.set()
    assert (await first).status_code == 201


async def test_an_answer_is_kept_before_it_leaves(bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it and asks again finds it."""
    end, order = bench.answers.end, list[str]()

    async def ended(*given: Any) -> None:
        await end(*given)
        order.append("kept")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(CRON).encode(), "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        order.append(message["type"])

    monkeypatch.setattr(bench.answers, "end", ended)
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"idempotency-key", b"k")]
    scope = {"type": "http", "method": "POST", "path": f"{BASE}/jobs/cron", "query_string": b"", "headers": headers}
    await create_app(bench._services())(scope, receive, send)
    assert order == ["kept", "http.response.start", "http.response.body"]


async def test_an_answer_that_cannot_be_kept_leaves(bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise RedisAway("no")

    monkeypatch.setattr(bench.answers, "end", away)
    assert (await bench.call("POST", "/jobs/cron", json=CRON, headers=KEY)).status_code == 201


async def test_what_came_to_nothing_may_be_asked_again_with_its_key(bench: ApiBench) -> None:
    bench.store.fault = StoreAway("no")
    judged(await bench.client.post(f"{BASE}/jobs/cron", json=CRON, headers=KEY), 503)
    bench.store.fault = None
    assert (await bench.client.post(f"{BASE}/jobs/cron", json=CRON, headers=KEY)).status_code == 201
