"""What a job sends, to a real server."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from kronstream import __version__
from kronstream.ports import LastSuccess
from kronstream.worker.http.signature import signed
from kronstream.worker.rulings import Fault
from unit.httpbench import NOW, SECRETS, TOKEN, Bench, claim, fault
from unit.httpreceiver import Receiver

pytestmark = pytest.mark.anyio


async def test_by_default_the_payload_is_posted_as_json(http: Bench, receiver: Receiver) -> None:
    await http.send({"order": 7, "größe": 1})

    (got,) = receiver.received
    assert (got.method, got.target, got.json) == ("POST", "/hook", {"order": 7, "größe": 1})
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", got.headers.pop("traceparent"))
    assert got.headers == {
        "host": receiver.url.removeprefix("http://"),
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-length": str(len(got.body)),
        "content-type": "application/json",
        "idempotency-key": "u-s1795454707000",
        "kronstream-attempt": "1",
        "kronstream-nominal-time": "2026-11-23T17:25:07Z",
        "user-agent": f"kronstream/{__version__}",
    }


async def test_templates_are_filled_in_everywhere(http: Bench, receiver: Receiver) -> None:
    await http.send(
        {"id": "a/b c", "n": 2},
        http={
            "url": f"{receiver.url}/jobs/${{payload.id}}?since=${{last.nominal}}&n=${{payload.n}}",
            "method": "PUT",
            "headers": {"X-Job": "${job.namespace}/${job.name} of ${job.platformId}", "content-type": "text/csv"},
            "body": "${run.attempt},${run.maxAttempts},${run.previous},${last.run},${run.deadline},${payload.n}",
        },
        attempt=2,
        previous=NOW - 60_000,
        last_success=LastSuccess("u-s1", NOW - 120_000),
    )

    (got,) = receiver.received
    assert (got.method, got.target) == ("PUT", "/jobs/a%2Fb%20c?since=2026-11-23T17%3A23%3A07Z&n=2")
    assert got.headers["x-job"] == "ns/job of acme"
    assert got.headers["content-type"] == "text/csv"
    assert got.body == b"2,4,2026-11-23T17:24:07Z,u-s1,2026-11-23T17:26:07Z,2"


@pytest.mark.parametrize(
    ("fields", "payload", "body", "kind"),
    [
        ({"body": '{"n": ${payload}}'}, 5, b'{"n": 5}', "application/json"),
        ({"body": "n is ${payload}"}, 5, b"n is 5", "text/plain; charset=utf-8"),
        ({"body": ""}, 5, b"", "text/plain; charset=utf-8"),
        ({}, None, b"", None),
        ({"method": "DELETE"}, 5, b"", None),
        ({"method": "DELETE", "body": "[]"}, 5, b"[]", "application/json"),
        ({"method": "GET"}, 5, b"", None),
        ({"method": "PATCH"}, 5, b"5", "application/json"),
    ],
)
async def test_the_body_and_its_type(
    http: Bench, receiver: Receiver, fields: dict[str, Any], payload: Any, body: bytes, kind: str | None
) -> None:
    await http.send(payload, http=fields)

    (got,) = receiver.received
    assert (got.body, got.headers.get("content-type")) == (body, kind)


async def test_attempts_of_a_run_share_its_key_and_trace(http: Bench, receiver: Receiver) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for attempt in (1, 2):
        await http.send(attempt=attempt, trace=trace, http={"headers": {"X-Trace": "${run.trace}"}})

    first, second = (got.headers for got in receiver.received)
    assert first["idempotency-key"] == second["idempotency-key"]
    assert first["traceparent"][:36] == second["traceparent"][:36] == f"00-{trace}-"
    assert first["traceparent"] != second["traceparent"]
    assert (first["x-trace"], second["kronstream-attempt"]) == (trace, "2")


async def test_a_header_comes_from_a_secret_and_is_written_nowhere(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"text": 'you sent "Bearer hunter2"', "headers": {"Location": "/?Bearer hunter2"}}]

    result = await http.send(http={"headersFrom": [TOKEN], "url": f"{receiver.url}/x?token=hunter2&q=1"})

    assert receiver.received[0].headers["authorization"] == "Bearer hunter2"
    assert result["body"] == 'you sent "***"'
    assert re.fullmatch(r"POST http://127\.0\.0\.1:\d+/x\?token=…&q=…: 200 OK, 25 bytes in \d+ ms\n", http.tail.text())
    assert "hunter2" not in json.dumps(result) + http.tail.text()


async def test_a_failure_repeats_no_secret(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"status": 500, "reason": "no Bearer hunter2", "text": 'bad token "Bearer hunter2"'}]

    told = await fault(http, http={"headersFrom": [TOKEN], "headers": {"X-Api-Key": "s3cret", "X-Other": "bad"}})

    assert "hunter2" not in str(told) + http.tail.text()
    assert 'bad token "***"' in str(told)


async def test_a_request_is_signed(http: Bench, receiver: Receiver) -> None:
    await http.send({"n": 1}, http={"signature": {"secretKeyRef": {"name": "api", "key": "hook"}}})

    (got,) = receiver.received
    wanted = signed(SECRETS["api"]["hook"], "u-s1795454707000", NOW // 1000, got.body)
    assert {name: got.headers[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("fields", "payload", "says"),
    [
        ({"headers": {"X-A": "${payload}"}}, "a\r\nX-Evil: 1", "spec.handler.http.headers.X-A: has a line end"),
        ({"headers": {"X-A": "${payload}"}}, "x" * 9_000, "headers.X-A: has 9000 characters, and 8192"),
        ({"headers": {"X-A": "${payload.id}"}}, {}, "headers.X-A: ${payload.id} cannot be told: Key not found in map"),
        ({"body": "${payload.n / 0}"}, {"n": 1}, "body: ${payload.n / 0} cannot be told: divide by zero"),
        ({"body": "${payload}" * 20}, "x" * 16_000, "body: has 320000 bytes, and 262144 are allowed"),
        ({"url": "https://example.com/${payload}"}, "..", "url: the URL has a . or .. in its path"),
    ],
)
async def test_what_gives_nothing_to_send_fails_for_good(
    http: Bench, receiver: Receiver, fields: dict[str, Any], payload: Any, says: str
) -> None:
    told = await fault(http, payload, http=fields)

    assert told.permanent
    assert says in str(told)
    assert receiver.received == []


async def test_a_block_that_this_version_cannot_use_fails_for_good(http: Bench) -> None:
    made = claim(http={"url": "https://example.com/"})
    made = replace(made, work=replace(made.work, call={"url": "https://example.com/", "method": "TRACE"}))
    with pytest.raises(Fault, match=r"spec\.handler\.http\.method: 'TRACE' is not known") as caught:
        await http.execute(made)

    assert caught.value.permanent


async def test_a_header_of_the_job_stands_instead_of_ours(http: Bench, receiver: Receiver) -> None:
    seen = []

    async def look(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers.getall("Accept"), request.headers.getall("Content-Type")))
        return web.Response()

    receiver.answers = [look]
    await http.send(5, http={"headers": {"accept": "text/csv", "content-type": "application/x-five"}})

    assert seen == [(["text/csv"], ["application/x-five"])]


async def test_the_secret_part_of_a_header_is_hidden_by_itself(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"text": "1 bad credential: c2VjcmV0OnNlY3JldA=="}]
    headers = {"Authorization": "Basic c2VjcmV0OnNlY3JldA==", "X-Key-Version": "1"}

    assert (await http.send(http={"headers": headers}))["body"] == "1 bad credential: ***"


async def test_a_template_that_only_a_newer_operator_can_read_fails_for_good(http: Bench) -> None:
    made = claim(http={"url": "https://example.com/"})
    for field in ("url", "body"):
        call = {"url": "https://example.com/", field: "https://example.com/${run.colour}"}
        with pytest.raises(Fault, match=rf"spec\.handler\.http\.{field}: 'run\.colour' is not known") as caught:
            await http.execute(replace(made, work=replace(made.work, call=call)))
        assert caught.value.permanent


async def test_a_secret_that_is_no_key_is_told(http: Bench, receiver: Receiver) -> None:
    http.kind._secrets._cluster.secrets = {"api": {"hook": "whsec_%%%"}}  # type: ignore[attr-defined]

    told = await fault(http, http={"signature": {"secretKeyRef": {"name": "api", "key": "hook"}}})

    assert str(told) == "the key of the signature begins with whsec_, and what follows is not base64"
    assert receiver.received == []


async def test_a_secret_of_two_lines_is_no_header(http: Bench, receiver: Receiver) -> None:
    ref = {"name": "api", "key": "two"}

    told = await fault(http, http={"headersFrom": [{"name": "Authorization", "secretKeyRef": ref}]})

    assert (told.kind, told.permanent, receiver.received) == ("SecretUnusable", False, [])
    assert "the value of Authorization has a line end or another control character" in str(told)
