"""The admission webhook: what it says to an AdmissionReview, and to what is none."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

import bad_handlers
from bad_specs import BEYOND, BOUNDED, JUDGED, WORDED, only
from kronstream.admission import review, server
from kronstream.admission.server import JSON, MOST_BODY, PATH, WebhookServer
from kronstream.admission.settings import WebhookSettings
from kronstream.cli.checking import check
from kronstream.cli.documents import read
from kronstream.cli.manifests import Manifest
from kronstream.dev.pki import Authority
from kronstream.resources.inspection import Inspection
from kronstream.setting import read_settings

NOW = 1_795_000_000_000
Object = dict[str, Any]


def job(spec: Any, **meta: Any) -> Object:
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": "report", "namespace": "team-a", **meta},
        "spec": spec,
    }


def asked(obj: Any, before: Any = None) -> Object:
    request = {"uid": "42", "operation": "UPDATE" if before else "CREATE", "namespace": "team-a", "object": obj}
    return {"apiVersion": review.API_VERSION, "kind": review.KIND, "request": {**request, "oldObject": before}}


def response(obj: Any, before: Any = None) -> Object:
    request = review.read(json.dumps(asked(obj, before)).encode())
    told = review.answer(request, review.judge(request, NOW))
    assert (told["apiVersion"], told["kind"], told["response"]["uid"]) == (review.API_VERSION, review.KIND, "42")
    found: Object = told["response"]
    return found


def validated(obj: Object) -> list[str]:
    """What `kronstream validate` says, without the places in the file."""
    (document,) = read(json.dumps(obj))
    found = check(Manifest("f", document), "default", NOW)
    return [f"{one.field}: {one.message}" for one in found if one.severity == "error"]


@pytest.mark.parametrize("case", [*WORDED, *BOUNDED, *BEYOND, *JUDGED])
def test_the_messages_are_those_of_validate(case: str) -> None:
    obj = job({**WORDED, **BOUNDED, **BEYOND, **JUDGED}[case][0])
    said = validated(obj)
    told = response(obj)
    assert said
    assert not told["allowed"]
    assert (told["status"]["code"], told["status"]["reason"]) == (422, "Invalid")
    lines = set(told["status"]["message"].split("\n"))
    assert lines == {one if len(one) <= review.LONGEST else f"{one[: review.LONGEST - 1]}…" for one in said}
    assert (told["status"]["details"]["kind"], told["status"]["details"]["name"]) == ("ScheduledJob", "report")
    fields = {cause["field"] for cause in told["status"]["details"]["causes"]}
    assert fields == {one.split(": ")[0] for one in said}


@pytest.mark.parametrize("case", bad_handlers.JUDGED)
def test_handlers_are_judged_too(case: str) -> None:
    obj = {**job(bad_handlers.JUDGED[case][0]), "kind": "EventHandler"}
    assert response(obj)["status"]["message"].split("\n") == validated(obj)


def test_a_good_object_is_allowed_without_a_word() -> None:
    assert response(job(only(schedule="0 2 * * *"))) == {"uid": "42", "allowed": True}


def test_what_never_runs_is_allowed_with_a_warning() -> None:
    told = response(job(only(schedule="0 0 31 2 *")))
    assert told["allowed"]
    assert told["warnings"][0].startswith("spec.schedule: never runs")


def test_a_field_of_newer_crds_is_a_warning() -> None:
    told = response(job(only(schedule="0 2 * * *", sooner=True)))
    assert told["allowed"]
    assert told["warnings"][0].startswith("spec.sooner: is not a field; write ")


def test_only_a_changed_spec_is_judged() -> None:
    bad, worse = job(only(schedule="61 * * * *")), job(only(schedule="62 * * * *"))
    assert response({**bad, "metadata": {"name": "report", "labels": {"a": "b"}}}, before=bad)["allowed"]
    assert not response(worse, before=bad)["allowed"]
    assert not response(bad, before=job(only(schedule="0 * * * *")))["allowed"]
    assert response(job(only(schedule="0 * * * *")), before=bad)["allowed"]


def test_what_is_being_deleted_is_left_alone() -> None:
    bad = job(only(schedule="61 * * * *"), deletionTimestamp="2026-11-28T00:00:00Z")
    assert response(bad, before=job(only(schedule="0 * * * *")))["allowed"]


def test_objects_of_others_are_allowed() -> None:
    assert response({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})["allowed"]


def test_many_faults_are_told_up_to_a_bound() -> None:
    told = response(job(only(every="x", tags=[f"{'ä' * 200}{number}" for number in range(99)])))
    lines = told["status"]["message"].split("\n")
    assert len(lines) <= review.MOST_TOLD + 1
    assert max(map(len, lines)) <= review.LONGEST
    wide = response(job({f"field{number}" * 99: 1 for number in range(999)} | only(every="5s")))
    assert wide["allowed"]
    assert len(wide["warnings"]) == review.MOST_TOLD
    assert max(map(len, wide["warnings"])) == review.LONGEST_WARNING


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[]", "is no AdmissionReview"),
        (b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}', "is no AdmissionReview"),
        (json.dumps({**asked({}), "request": None}).encode(), "request.uid is missing"),
        (json.dumps({**asked({}), "request": {"uid": 5}}).encode(), "request.uid is missing"),
        (json.dumps(asked(None)).encode(), "request.object is missing"),
        (json.dumps(asked({"apiVersion": 5})).encode(), "request.object is missing"),
    ],
)
def test_what_is_no_review_is_told(body: bytes, why: str) -> None:
    with pytest.raises(review.Unreadable, match=why):
        review.read(body)


@pytest.mark.parametrize(
    "obj",
    [
        {"apiVersion": "kronstream.dev/v1"},
        {"apiVersion": "kronstream.dev/v1", "kind": ["a"], "metadata": 5, "spec": 5},
        {"apiVersion": "kronstream.dev/v1", "kind": "ScheduledJob", "metadata": [], "spec": None},
        {"apiVersion": "kronstream.dev/v2", "kind": "ScheduledJob"},
        job([]),
        job({"handler": {"function": {"name": "x" * 1_000_000}}}),
        job(only(every="5s"), name=None),
        job(only(every="5s"), deletionTimestamp=None, creationTimestamp=5, name=5),
    ],
    ids=range(8),
)
def test_hostile_objects_are_refused_in_words(obj: Object) -> None:
    told = response(obj)
    assert not told["allowed"]
    assert told["status"]["message"]


# -- served ------------------------------------------------------------------------------------------------------


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def webhook(tmp_path: Path, registry: CollectorRegistry) -> WebhookServer:
    pair = Authority(tmp_path).issue("webhook", "webhook", server=True)
    settings = read_settings(WebhookSettings, {}, cert=str(pair.certificate), key=str(pair.key), port="9443")
    return WebhookServer(settings, registry)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", "/readyz", b"", "", 200),
        ("GET", PATH, b"", "", 405),
        ("POST", "/", b"{}", JSON, 404),
        ("POST", PATH, b"{}", "text/plain", 415),
        ("POST", PATH, b"{", JSON, 400),
        ("POST", PATH, b" " * (MOST_BODY + 1), JSON, 413),
        ("POST", PATH, json.dumps(asked(job(only(every="5s")))).encode(), JSON, 200),
    ],
)
async def test_requests(webhook: WebhookServer, method: str, path: str, body: bytes, kind: str, status: int) -> None:
    headers = {"Content-Type": kind} if kind else {}
    async with TestClient(TestServer(webhook.app())) as client:
        answer = await client.request(method, path, data=body or None, headers=headers)
        assert answer.status == status


@pytest.mark.anyio
async def test_what_was_judged_is_counted(webhook: WebhookServer, registry: CollectorRegistry) -> None:
    async with TestClient(TestServer(webhook.app())) as client:
        for spec in (only(every="5s"), only(every="x"), only(schedule="0 0 31 2 *")):
            await client.post(PATH, json=asked(job(spec)))
        await client.post(PATH, json=asked({"apiVersion": "v1", "kind": "Secret" * 99}))

    def count(kind: str, verdict: str) -> float | None:
        return registry.get_sample_value("kronstream_admission_reviews_total", {"kind": kind, "verdict": verdict})

    assert [count("ScheduledJob", verdict) for verdict in ("allowed", "refused", "warned")] == [1, 1, 1]
    assert count("?", "allowed") == 1
    assert registry.get_sample_value("kronstream_admission_seconds_count") == 4


@pytest.mark.anyio
async def test_probes_are_answered_while_an_object_is_judged(
    webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(server, "judge", lambda *_: go.wait(10) and Inspection())
    async with TestClient(TestServer(webhook.app())) as client:
        judging = asyncio.ensure_future(client.post(PATH, json=asked(job(only(every="5s")))))
        try:
            assert (await client.get("/healthz")).status == 200
            assert not judging.done()
        finally:
            go.set()
        assert (await judging).status == 200


@pytest.mark.anyio
async def test_bodies_that_do_not_come_keep_others_out_only_for_a_time(
    webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "READ_WITHIN", 2.0)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {MOST_BODY}\r\n\r\n{{"
    async with TestClient(TestServer(webhook.app())) as client:

        async def review() -> int:
            return (await client.post(PATH, json=asked(job(only(every="5s"))))).status

        slow = [await asyncio.open_connection(client.host, client.port) for _ in range(server.MOST_HELD // MOST_BODY)]
        for _, writer in slow:
            writer.write(head.encode())
        async with asyncio.timeout(30):
            while await review() != 503:
                await asyncio.sleep(0)
        said = [await reader.readline() for reader, _ in slow]
        assert said == [b"HTTP/1.1 408 Request Timeout\r\n"] * len(slow)
        assert await review() == 200
        for _, writer in slow:
            writer.close()


def test_it_does_not_start_without_its_certificate(tmp_path: Path) -> None:
    settings = read_settings(WebhookSettings, {}, cert=str(tmp_path / "tls.crt"))
    with pytest.raises(FileNotFoundError, match=r"tls\.crt"):
        WebhookServer(settings, CollectorRegistry())
