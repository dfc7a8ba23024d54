"""The handler type http against a real server: what is sent, and what the answer means."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import InvalidURL, web

from kronstream import __version__
from kronstream.domain.retry import Retry
from kronstream.ports import LastSuccess
from kronstream.worker.http.signature import signed
from kronstream.worker.http.type import failed
from kronstream.worker.rulings import Fault
from unit.httpbench import NOW, Bench, bench, claim
from unit.httpreceiver import Receiver, never

pytestmark = pytest.mark.anyio

SECRETS = {"api": {"token": "Bearer hunter2\n", "hook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "two": "a\nb"}}
TOKEN = {"name": "Authorization", "secretKeyRef": {"name": "api", "key": "token"}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def http(receiver: Receiver) -> AsyncIterator[Bench]:
    made = bench(receiver, secrets=SECRETS)
    yield made
    await made.kind.close()


async def fault(on: Bench, payload: Any = None, **fields: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await on.send(payload, **fields)
    return caught.value


# -- what is sent --------------------------------------------------------------------------------------------------


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
        ({"headersFrom": [{**TOKEN, "secretKeyRef": {"name": "api", "key": "two"}}]}, None, "headersFrom: the value"),
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


# -- what comes back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"text": '{"rows": [1, null]}', "content_type": "application/json"}, {"rows": [1, None]}),
        ({"text": '{"a": 1}', "content_type": "application/problem+json"}, {"a": 1}),
        ({"text": "{broken", "content_type": "application/json"}, "{broken"),
        ({"text": "NaN", "content_type": "application/json"}, "NaN"),
        ({"text": "1" * 5_000, "content_type": "application/json"}, "1" * 5_000),
        ({"text": "[" * 5_000, "content_type": "application/json"}, "[" * 5_000),
        ({"text": "plain", "content_type": "text/plain"}, "plain"),
        ({"body": b"\xff\xfe", "content_type": "application/octet-stream"}, "\ufffd\ufffd"),
    ],
)
async def test_the_result_has_the_body(http: Bench, receiver: Receiver, answer: dict[str, Any], result: Any) -> None:
    receiver.answers = [answer]

    found = await http.send()

    assert found["status"] == 200
    assert found["body"] == result
    assert found["headers"]["content-type"].startswith(answer["content_type"])


async def test_an_answer_without_a_body(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"status": 204, "headers": {"Location": "/orders/7", "X-Other": "x"}}]

    assert await http.send() == {"status": 204, "headers": {"location": "/orders/7"}}


async def test_a_head_request_has_none_either(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"text": "x" * 100}]

    assert "body" not in await http.send(http={"method": "HEAD"})


@pytest.mark.parametrize(
    "answer",
    [
        {"text": json.dumps({"blob": "x" * 70_000}), "content_type": "application/json"},
        {"text": "é" * 40_000},
        {"text": "\0" * 20_000},
        {"text": "x" * 65_536},
    ],
    ids=["json", "text", "escapes", "just-too-large"],
)
async def test_a_large_answer_is_cut_to_its_status(http: Bench, receiver: Receiver, answer: dict[str, Any]) -> None:
    receiver.answers = [answer]

    found = await http.send()

    assert {**found, "headers": {}} == {"status": 200, "headers": {}, "truncated": True}


async def test_a_deep_answer_is_kept_as_text(http: Bench, receiver: Receiver) -> None:
    text = "[" * 40 + "]" * 40
    receiver.answers = [{"text": text, "content_type": "application/json"}]

    assert (await http.send())["body"] == text


async def test_an_endless_answer_is_not_read_to_its_end(http: Bench, receiver: Receiver) -> None:
    written = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)
            written += 65_536

    receiver.answers = [endless]

    async with asyncio.timeout(10):
        assert (await http.send())["truncated"]
        await receiver.left.wait()
    assert written < 50_000_000


@pytest.mark.parametrize(
    ("codes", "status", "good"),
    [
        (["2xx"], 201, True), ([204], 204, True), ([204], 200, False), (["204", "5xx"], 503, True),
        ([404, "2xx"], 404, True), (["3xx"], 302, True),
    ],
)  # fmt: skip
async def test_which_statuses_are_a_success(
    http: Bench, receiver: Receiver, codes: list[Any], status: int, good: bool
) -> None:
    receiver.answers = [{"status": status}]
    fields = {"successCodes": codes}

    if good:
        assert (await http.send(http=fields))["status"] == status
    else:
        told = await fault(http, http=fields)
        assert (told.codes, told.permanent) == ((f"http:{status}",), False)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (401, True), (404, True), (410, True), (408, False), (425, False), (429, False), (500, False),
     (503, False)],
)  # fmt: skip
async def test_which_failures_are_worth_another_attempt(
    http: Bench, receiver: Receiver, status: int, permanent: bool
) -> None:
    receiver.answers = [{"status": status, "text": "the\n  reason " + "x" * 1_000}]

    told = await fault(http)

    assert (told.kind, told.codes, told.permanent, told.wait) == ("HttpStatus", (f"http:{status}",), permanent, None)
    assert re.match(rf"{status} [A-Z].* from http://127\.0\.0\.1:\d+/hook: the reason xxx", str(told))
    assert len(str(told)) < 600


@pytest.mark.parametrize(("named", "permanent"), [("http:404", False), ("http:4xx", False), ("http:5xx", True)])
async def test_a_policy_that_names_it_has_it_tried_again(
    http: Bench, receiver: Receiver, named: str, permanent: bool
) -> None:
    receiver.answers = [{"status": 404}]

    assert (await fault(http, retry=Retry(limit=3, only_on=(named,)))).permanent is permanent


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("30", 30_000), ("0", 0), (" 7 ", 7_000), ("99999999999999", 86_400_000),
        ("Mon, 23 Nov 2026 17:26:07 GMT", 60_000), ("Mon, 23 Nov 2026 17:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 17:26:07", 60_000), ("Mon, 23 Nov 2099 17:26:07 GMT", 86_400_000),
        ("soon", None), ("-5", None), ("²", None), ("Mon, 99 Nov 2026 17:26:07 GMT", None),
    ],
)  # fmt: skip
async def test_the_receiver_says_when_to_try_again(
    http: Bench, receiver: Receiver, value: str, wait: int | None
) -> None:
    receiver.answers = [{"status": 503, "headers": {"Retry-After": value}}]

    assert (await fault(http)).wait == wait


# -- redirects -----------------------------------------------------------------------------------------------------


def leads(location: str, status: int = 302) -> dict[str, Any]:
    return {"status": status, "headers": {"Location": location}}


async def test_a_redirect_is_a_failure_that_says_so(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [leads("https://elsewhere.example/x?token=abc")]

    told = await fault(http)

    assert (told.codes, told.permanent) == (("http:302",), True)
    assert "302 Found from" in str(told)
    assert "it redirects to https://elsewhere.example/x?token=…, and followRedirects is Never; write" in str(told)


@pytest.mark.parametrize(("status", "method", "body"), [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"5")])
async def test_a_redirect_on_the_same_host_is_followed(
    http: Bench, receiver: Receiver, status: int, method: str, body: bytes
) -> None:
    receiver.answers = [leads("/there?x=1", status), {"text": "found"}]
    signature = {"secretKeyRef": {"name": "api", "key": "hook"}}

    found = await http.send(5, http={"followRedirects": "SameHost", "headersFrom": [TOKEN], "signature": signature})

    assert found["body"] == "found"
    _, second = receiver.received
    assert (second.method, second.target, second.body) == (method, "/there?x=1", body)
    assert second.headers["authorization"] == "Bearer hunter2"
    wanted = signed(SECRETS["api"]["hook"], "u-s1795454707000", NOW // 1000, body)
    assert second.headers["webhook-signature"] == wanted["webhook-signature"]
    assert ("content-type" in second.headers) is bool(body)


async def test_a_redirect_to_another_host_is_not_followed(http: Bench, receiver: Receiver) -> None:
    other = Receiver()
    await other.start()
    try:
        for location in (f"{other.url}/x", other.url.replace("127.0.0.1", "127.0.0.2") + "/x"):
            receiver.answers = [leads(location, 307)]
            told = await fault(http, http={"followRedirects": "SameHost", "headersFrom": [TOKEN]})
            assert "which is elsewhere; write the address it leads to" in str(told)
            assert told.permanent
    finally:
        await other.stop()
    assert other.received == []


async def test_redirects_end(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [leads("/again")]

    told = await fault(http, http={"followRedirects": "SameHost"})

    assert len(receiver.received) == 6
    assert "5 have been followed already" in str(told)


async def test_an_answer_that_only_looks_like_a_redirect(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"status": 304}]

    assert "it redirects" not in str(await fault(http, http={"followRedirects": "SameHost"}))


# -- no answer -----------------------------------------------------------------------------------------------------


async def test_nobody_listens(http: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/?secret=hunter2"
        told = await fault(http, http={"url": url})

    assert (told.kind, told.codes, told.permanent) == ("HttpConnect", ("http:connect",), False)
    assert "gave no answer: ClientConnectorError" in str(told)
    assert "hunter2" not in str(told) + http.tail.text()
    assert "gave no answer" in http.tail.text()


async def test_a_connection_takes_too_long(http: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from kronstream.worker.http import gate

    monkeypatch.setattr(gate, "CONNECT", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            told = await fault(http, http={"url": f"http://127.0.0.1:{address[1]}/"})
        finally:
            for filler in fillers:
                filler.close()

    assert (told.kind, told.codes) == ("HttpTimeout", ("http:timeout",))


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 2", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_an_answer_that_is_none(http: Bench, said: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        told = await fault(http, http={"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"})

    assert (told.kind, told.codes, told.permanent) == ("HttpConnect", ("http:connect",), False)


async def test_a_cancelled_attempt_closes_its_connection(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [never]
    task = asyncio.create_task(http.send())
    async with asyncio.timeout(10):
        await receiver.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await receiver.left.wait()


async def test_a_connection_is_used_again(http: Bench, receiver: Receiver) -> None:
    for _ in range(3):
        await http.send()

    assert len(receiver.connections) == 1


async def test_cookies_are_not_kept_for_another_job(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"headers": {"Set-Cookie": "session=hunter2"}}]
    await http.send()
    await http.send()

    assert "cookie" not in receiver.received[1].headers


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


async def test_an_answer_that_is_packed_although_nobody_asked_is_not_unpacked(http: Bench, receiver: Receiver) -> None:
    import gzip

    packed = {"body": gzip.compress(b"x" * 10_000_000), "headers": {"Content-Encoding": "gzip"}}
    receiver.answers = [packed, {**packed, "status": 500}]

    assert (await http.send())["truncated"]
    assert re.fullmatch(r"500 Internal Server Error from \S+", str(await fault(http)))


async def test_a_template_that_only_a_newer_operator_can_read_fails_for_good(http: Bench) -> None:
    made = claim(http={"url": "https://example.com/"})
    for field in ("url", "body"):
        call = {"url": "https://example.com/", field: "https://example.com/${run.colour}"}
        with pytest.raises(Fault, match=rf"spec\.handler\.http\.{field}: 'run\.colour' is not known") as caught:
            await http.execute(replace(made, work=replace(made.work, call=call)))
        assert caught.value.permanent


def test_what_the_client_takes_for_no_url_is_refused() -> None:
    told = failed(InvalidURL("https://x"), "https://x")

    assert (told.codes, told.permanent) == (("http:refused",), True)


async def test_a_secret_that_is_no_key_is_told(http: Bench, receiver: Receiver) -> None:
    http.kind._secrets._cluster.secrets = {"api": {"hook": "whsec_%%%"}}  # type: ignore[attr-defined]

    told = await fault(http, http={"signature": {"secretKeyRef": {"name": "api", "key": "hook"}}})

    assert str(told) == "the key of the signature begins with whsec_, and what follows is not base64"
    assert receiver.received == []
