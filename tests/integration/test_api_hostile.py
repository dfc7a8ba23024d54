"""Hostile values on the real parts: whatever a field holds is kept or refused with a problem, never a 500."""

import contextlib
import json
import socket
import time
from typing import Any

import httpx
import pytest

from eventually import eventually
from integration.calls import JOB, Calls, problem
from integration.installation import Installation

TEXTS = ["\x00", "\x00\x1f\x7f", "a\nb", "\u202e", "😀" * 60, "é" * 255, "'; drop", "${jndi:x}", "{{7*7}}", "../..",
         "%00", "\\", '"', "<script>", "-" * 63, " ", "\ufeff", "\ud7ff", "a:b", "0"]  # fmt: skip
VALUES: list[Any] = [None, 0, -1, 2**63, 2**64, 10**300, 1e308, 1e-320, True, [], {}, [[]], {"": ""}, {"\x00": "\x00"},
                     "x" * 65_534, [0] * 32_000, {str(n): n for n in range(5_000)}]  # fmt: skip


@pytest.fixture
def calls(doored: Installation):
    with Calls(doored.url("api-1")) as client:
        yield client


@pytest.mark.parametrize("field", ["name", "description", "platform_id", "created_by", "timezone", "schedule",
                                   "handler_name", "queue", "namespace"])  # fmt: skip
def test_texts(calls: Calls, field: str) -> None:
    for text in TEXTS:
        answer = calls.post("/jobs/cron", json={**JOB, field: text})
        if answer.status_code == 201:
            assert answer.json()[field] == text
            assert calls.get(f"/jobs/{answer.json()['id']}").json()[field] == text
        else:
            problem(answer, 404 if field == "namespace" else 400)


def test_payloads(calls: Calls) -> None:
    for value in VALUES:
        answer = calls.post("/jobs/cron", content=json.dumps({**JOB, "payload": value}),
                            headers={"Content-Type": "application/json"})  # fmt: skip
        if answer.status_code != 201:
            problem(answer, 400)
            continue
        job = answer.json()["id"]
        run = calls.post(f"/jobs/{job}/run", json={"payload": value})
        assert run.status_code in (201, 400), run.text
        assert calls.get(f"/jobs/{job}").status_code == 200
    assert calls.get("/jobs?limit=500").status_code == 200


def test_queries(calls: Calls) -> None:
    for text in TEXTS:
        for name in ("tag", "platform_id", "namespace", "status", "type", "limit", "offset"):
            assert calls.get("/jobs", params={name: text}).status_code in (200, 400, 404), (name, text)
        assert calls.get("/dead-letters", params={"before": text}).status_code in (200, 400)
        assert calls.get("/event-handlers", params={"event": text}).status_code in (200, 400)


def test_a_connection_that_says_no_http(doored: Installation, calls: Calls) -> None:
    port = doored.components["api-1"].port
    head = b"POST /api/v1/scheduler/jobs/cron HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{"
    for data in (b"\x16\x03\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", head):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(data)
    assert calls.get("/jobs").status_code == 200


def test_a_caller_that_goes_away_frees_its_stream(doored: Installation, calls: Calls) -> None:
    job = calls.make()
    gauge = "kronstream_api_requests_under_way"

    def under_way() -> float:
        root = str(calls.base_url).removesuffix("/api/v1/scheduler/")
        lines = calls.get(f"{root}/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(gauge)).split()[1])

    with calls.stream("GET", "/stream", params={"job": job["id"]}) as answer:
        next(answer.iter_lines())
        with Calls(doored.url("api-1")):
            pass
    eventually(lambda: under_way() <= 1)


def test_an_api_that_is_told_to_end_ends_its_streams(doored: Installation, calls: Calls) -> None:
    job = calls.make()
    begin = time.monotonic()
    with Calls(doored.url("api-2")) as other, other.stream("GET", "/stream", params={"job": job["id"]}) as answer:
        lines = answer.iter_lines()
        next(lines)
        doored.stop("api-2", grace=30)
        with contextlib.suppress(httpx.HTTPError):
            for _ in lines:
                pass
    took = time.monotonic() - begin
    doored.start("api-2")
    assert took < 20, "nobody waited for it to be killed"
    assert "ends" in doored.log("api-2")
