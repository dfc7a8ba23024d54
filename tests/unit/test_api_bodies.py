"""What bad input gets: a problem that names the field and says what to write instead, never a 500."""

import json
from typing import Any

import pytest

from unit.apibench import CRON, ApiBench, fields, judged

pytestmark = pytest.mark.anyio


WRONG = [
    ({"name": ""}, "name", "is empty"),
    ({"name": "x" * 256}, "name", "at most 255"),
    ({"name": 5}, "name", "not a text"),
    ({"schedule": "61 * * * *"}, "schedule", ""),
    ({"schedule": "whenever"}, "schedule", ""),
    ({"schedule": None}, "schedule", "not a text"),
    ({"timezone": "Mars/Base"}, "timezone", ""),
    ({"timezone": "../../etc/passwd"}, "timezone", ""),
    ({"handler_name": None}, "handler_name", "is missing"),
    ({"handler_name": "a b\n"}, "handler_name", ""),
    ({"handler_type": "shell"}, "handler_type", "'function'"),
    ({"handler_type": "http"}, "http", "is missing"),
    ({"handler_type": "http", "http": {"url": "ftp://x"}, "handler_name": None}, "http.url", ""),
    ({"handler_type": "http", "http": {"uri": "https://x"}, "handler_name": None}, "http.uri", "write url"),
    ({"http": {"url": "https://example.com"}}, "http", "handler_type function"),
    ({"max_retries": -1}, "max_retries", "at least 0"),
    ({"max_retries": 1.5}, "max_retries", "whole number"),
    ({"max_retries": "3"}, "max_retries", "whole number"),
    ({"max_retries": 10**30}, "max_retries", ""),
    ({"max_retries": True}, "max_retries", "whole number"),
    ({"timeout_ms": 999}, "timeout_ms", "at least 1000"),
    ({"timeout_ms": 10**12}, "timeout_ms", "at most"),
    ({"priority": "urgent"}, "priority", "'critical'"),
    ({"tags": "red"}, "tags", "not a list"),
    ({"tags": ["red", "red"]}, "tags[1]", "write each once"),
    ({"tags": [""]}, "tags[0]", "is empty"),
    ({"platform_id": "x" * 64}, "platform_id", "at most 63"),
    ({"queue": "No Queue"}, "queue", ""),
    ({"payload": "x" * 70_000}, "payload", "65536"),
    ({"colour": "red"}, "colour", "is not a field"),
    ({"created_by": ""}, "created_by", "is empty"),
]


@pytest.mark.parametrize(("change", "field", "said"), WRONG, ids=[str(case[0])[:40] for case in WRONG])
async def test_each_field_at_fault_is_named(bench: ApiBench, change: dict[str, Any], field: str, said: str) -> None:
    body = {name: value for name, value in {**CRON, **change}.items() if value is not None or name == "schedule"}
    found = judged(await bench.call("POST", "/jobs/cron", json=body), 400)
    assert field in fields(found)
    assert said in found["detail"]
    assert not bench.store.objects


async def test_all_faults_are_told_at_once(bench: ApiBench) -> None:
    body = {"name": 1, "schedule": "x", "max_retries": -1}
    assert set(fields(judged(await bench.call("POST", "/jobs/cron", json=body), 400))) >= {"name", "max_retries"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b'{"name": "\\ud800"}', 400),
        (b'{"name": NaN}', 400),
        (b'{"name": 1e999}', 400),
        (b'{"name": ' + b"9" * 5_000 + b"}", 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b'{"payload": {"a": 1, "a": 2}}', 400),
        (b"[" * 100_000, 400),
        (b'{"payload": ' + b"[" * 40 + b"]" * 40 + b"}", 400),
        (b'"' + b'\\"' * 130_000, 400),
        (b" " * 262_145, 413),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_no_body(bench: ApiBench, content: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    judged(await bench.call("POST", "/jobs/cron", content=content, headers=headers), status)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/json; charset=utf-16", ""])
async def test_only_json_is_read(bench: ApiBench, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    judged(await bench.call("POST", "/jobs/cron", content=json.dumps(CRON), headers=headers), 415)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs/nothing", 404),
        ("/jobs/..%2f..%2fpods", 404),
        ("/jobs/default:..", 404),
        ("/jobs/default:a%2fb", 404),
        ("/jobs/UPPER:case", 404),
        ("/jobs/%00", 404),
        ("/jobs/%ff%fe", 404),
        ("/jobs/00000000-0000-0000-0000-000000000000", 404),
        ("/jobs/" + "x" * 500, 400),
        ("/executions/nothing", 404),
        ("/executions/00000000-0000-0000-0000-000000000000-s1", 404),
        ("/nothing", 404),
        ("/jobs/", 404),
        ("/jobs?limit=0", 400),
        ("/jobs?limit=501", 400),
        ("/jobs?limit=x", 400),
        ("/jobs?offset=-1", 400),
        ("/jobs?status=asleep", 400),
        ("/jobs?type=weekly", 400),
        ("/jobs?namespace=No_Namespace", 404),
        ("/operations/..", 404),
        ("/stream?job=a&execution=b", 400),
    ],
)
async def test_paths_and_queries(bench: ApiBench, path: str, status: int) -> None:
    judged(await bench.call("GET", path), status)


async def test_methods_that_are_not_there(bench: ApiBench) -> None:
    for method, path in (("PATCH", "/jobs/x"), ("PUT", "/jobs"), ("DELETE", "/stats")):
        judged(await bench.call(method, path), 405)


async def test_names_of_any_text_become_names_of_resources(bench: ApiBench) -> None:
    texts = ["Daily Cleanup", "ÜBER größe", "日本語", "../../etc/passwd", "-", "a" * 255, "\x00\x1f", "Daily  cleanup!"]
    names = []
    for text in texts:
        job = await bench.made(name=text)
        assert job["name"] == text
        names.append(job["resource_name"])
    assert names[:2] == ["daily-cleanup", "uber-groe"]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 and name.strip("-") == name and name.isascii() for name in names)


async def test_a_namespace_that_is_not_there_tells_nothing(bench: ApiBench) -> None:
    found = judged(await bench.call("POST", "/jobs/cron", json={**CRON, "namespace": "nowhere"}), 404)
    assert "nowhere" in found["detail"]
    judged(await bench.call("POST", "/jobs/cron", json={**CRON, "namespace": "No Such"}), 404)


async def test_contradictions(bench: ApiBench) -> None:
    job = await bench.made()
    place = f"/jobs/{job['id']}/schedule"
    for body in ({}, {"schedule": "@daily", "execute_at": "2027-01-01T00:00:00Z"}):
        assert "schedule" in fields(judged(await bench.call("PUT", place, json=body), 400))
    both = {"execute_at": "2027-01-01T00:00:00Z", "timezone": "UTC"}
    assert fields(judged(await bench.call("PUT", place, json=both), 400)) == ["timezone"]
    once = {"name": "o", "handler_name": "echo", "execute_at": "tomorrow"}
    assert fields(judged(await bench.call("POST", "/jobs/once", json=once), 400)) == ["execute_at"]
    late = {"until": "2001-01-01T00:00:00Z"}
    assert fields(judged(await bench.call("POST", f"/jobs/{job['id']}/pause", json=late), 400)) == ["until"]
