"""What an answer of a real server means."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from aiohttp import web

from kronstream.domain.retry import Retry
from unit.httpbench import Bench, fault
from unit.httpreceiver import Receiver

pytestmark = pytest.mark.anyio


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


async def test_an_answer_that_is_packed_although_nobody_asked_is_not_unpacked(http: Bench, receiver: Receiver) -> None:
    import gzip

    packed = {"body": gzip.compress(b"x" * 10_000_000), "headers": {"Content-Encoding": "gzip"}}
    receiver.answers = [packed, {**packed, "status": 500}]

    assert (await http.send())["truncated"]
    assert re.fullmatch(r"500 Internal Server Error from \S+", str(await fault(http)))
