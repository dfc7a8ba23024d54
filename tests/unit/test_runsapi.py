"""The extension API server over a store in memory, asked as kube-apiserver asks: every answer, also of bad requests."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError
from redis.exceptions import ConnectionError as RedisAway

from kronstream.ports import Execution
from kronstream.runsapi.names import ROOT
from kronstream.runsapi.trust import Trust
from kronstream.testing import MemoryListing
from unit.fakecluster import manifest
from unit.office import Office
from unit.runsdoor import ANNA, DEFAULT, JOB, TABLE, Door, config, execution, made

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.adopt(manifest(payload={"a": 1, "b": 2}))
    return office


@pytest.fixture
def door(tmp_path: Path, office: Office) -> Door:
    return Door(tmp_path, office)


# -- who asks -----------------------------------------------------------------------------------------------------


async def test_nobody_but_kube_apiserver_is_answered(door: Door) -> None:
    async with door.open():
        for path in (ROOT, DEFAULT, "/apis", "/openapi/v3"):
            status, told = await door.ask("GET", path, certificate=False)
            assert (status, told["kind"], told["reason"], told["code"]) == (401, "Status", "Unauthorized", 401)
        status, told = await door.ask("GET", DEFAULT, headers={})
        assert (status, told["message"]) == (401, "kube-apiserver did not tell who asks")
        other = door.front.issue("other", "somebody-else")
        assert (await door.ask("GET", DEFAULT, pair=other))[0] == 401
        with pytest.raises(ClientError):
            await door.ask("GET", DEFAULT, pair=door.cluster.issue("admin", "front-proxy-client"))
        assert (await door.ask("GET", DEFAULT))[0] == 200


async def test_another_authority_is_in_force_from_the_next_handshake_on(door: Door) -> None:
    new = door.cluster.issue("new-proxy", "proxy")
    async with door.open():
        assert (await door.ask("GET", DEFAULT))[0] == 200
        door.trust(Trust.read(config(door.cluster.pair.certificate, "proxy")))
        assert (await door.ask("GET", DEFAULT, pair=new))[0] == 200
        with pytest.raises(ClientError):
            await door.ask("GET", DEFAULT)


async def test_before_anybody_is_trusted_it_is_not_ready(door: Door) -> None:
    async with door.open():
        async with door.session(None) as session:
            assert (await session.get("/readyz")).status == 200
            door.answering.trust = None
            assert (await session.get("/readyz")).status == 503
        assert (await door.ask("GET", DEFAULT))[0] == 503


async def test_of_another_clusters_data_nothing_is_told(door: Door) -> None:
    said = "the data of stream s belongs to installation b"
    door.answering.unfit = lambda: said
    async with door.open():
        for method, path in (("GET", DEFAULT), ("GET", f"{DEFAULT}/x"), ("POST", DEFAULT), ("DELETE", f"{DEFAULT}/x")):
            status, told = await door.ask(method, path)
            assert (status, told["reason"], told["message"]) == (503, "ServiceUnavailable", said)
        assert (await door.ask("GET", ROOT))[0] == 200


# -- what is served -----------------------------------------------------------------------------------------------


async def test_discovery_needs_no_store(door: Door) -> None:
    door.answering._listing = door.answering._reading._listing = None  # type: ignore[assignment]
    async with door.open():
        _, told = await door.ask("GET", ROOT)
        (resource,) = told["resources"]
        assert (resource["name"], resource["kind"], resource["shortNames"]) == ("executions", "Execution", ["kex"])
        assert "delete" not in resource["verbs"]
        for path, kind in (
            ("/apis", "APIGroupList"),
            ("/apis/runs.kronstream.dev", "APIGroup"),
            ("/api", "APIVersions"),
        ):
            assert (await door.ask("GET", path))[1]["kind"] == kind
        _, index = await door.ask("GET", "/openapi/v3")
        (place,) = index["paths"].values()
        _, document = await door.ask("GET", place["serverRelativeURL"].partition("?")[0])
        assert document["openapi"] == "3.0.0"
        assert (await door.ask("GET", "/openapi/v2"))[0] == 404
        assert (await door.ask("POST", ROOT, {}))[0] == 405


async def test_every_field_that_an_object_has_is_documented(door: Door, office: Office) -> None:
    async with door.open():
        _, document = await door.ask("GET", "/openapi/v3/apis/runs.kronstream.dev/v1")
        schema = document["components"]["schemas"]["dev.kronstream.runs.v1.Execution"]["properties"]
        name = (await made(door, payload={"a": 2}, traceId="t-1"))["metadata"]["name"]
        (claim,) = await office.take()
        await office.finish(claim)
        _, told = await door.ask("GET", f"{DEFAULT}/{name}")
    for part in ("spec", "status"):
        assert told[part].keys() <= schema[part]["properties"].keys()
    assert told["spec"] == {
        "job": JOB, "trigger": "manual", "scheduledAt": told["spec"]["scheduledAt"], "generation": 1,
        "requestedBy": "anna", "traceId": "t-1", "payload": {"a": 2},
    }  # fmt: skip
    assert told["status"]["state"] == "success"
    assert told["status"]["result"] == {"ok": True}
    assert {one["type"]: one["status"] for one in told["status"]["conditions"]} == {
        "Finished": "True",
        "Succeeded": "True",
    }


async def test_a_list_in_each_form(door: Door) -> None:
    async with door.open():
        name = (await made(door))["metadata"]["name"]
        _, whole = await door.ask("GET", DEFAULT)
        _, table = await door.ask("GET", DEFAULT, headers={**ANNA, "Accept": TABLE})
        accept = (
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
        )
        _, metadata = await door.ask("GET", DEFAULT, headers={**ANNA, "Accept": accept})
        status, told = await door.ask("GET", DEFAULT, headers={**ANNA, "Accept": "application/yaml"})
    assert (whole["kind"], [item["metadata"]["name"] for item in whole["items"]]) == ("ExecutionList", [name])
    assert [column["name"] for column in table["columnDefinitions"] if not column["priority"]] == [
        "Name", "Job", "Status", "Trigger", "Due", "Started", "Duration", "Attempt",
    ]  # fmt: skip
    assert table["rows"][0]["cells"][:4] == [name, JOB, "queued", "manual"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert metadata["kind"] == "PartialObjectMetadataList"
    assert metadata["items"][0]["metadata"] == whole["items"][0]["metadata"]
    assert (status, told["reason"]) == (406, "NotAcceptable")


async def test_another_namespace_has_nothing_of_it(door: Door) -> None:
    async with door.open():
        name = (await made(door))["metadata"]["name"]
        for path in (f"{ROOT}/namespaces/other/executions/{name}", f"{DEFAULT}/{name}x"):
            status, told = await door.ask("GET", path)
            assert (status, told["reason"]) == (404, "NotFound")
            assert (await door.ask("DELETE", path))[0] == 404
        _, told = await door.ask("GET", f"{ROOT}/namespaces/other/executions")
        assert told["items"] == []
        _, told = await door.ask("POST", f"{ROOT}/namespaces/other/executions", execution(job=JOB))
        assert told["reason"] == "NotFound"
        _, told = await door.ask("POST", f"{ROOT}/namespaces/other/executions", execution(retryOf=name))
        assert told["reason"] == "Invalid"
        _, everywhere = await door.ask("GET", f"{ROOT}/executions")
        assert len(everywhere["items"]) == 1


# -- changes ------------------------------------------------------------------------------------------------------


async def test_a_run_is_started_cancelled_and_done_again(door: Door, office: Office) -> None:
    async with door.open():
        first = await made(door, payload={"b": 3}, mergePayload=True)
        name = first["metadata"]["name"]
        status, told = await door.ask("POST", DEFAULT, execution(retryOf=name))
        assert (status, told["reason"]) == (409, "Conflict")
        status, told = await door.ask("DELETE", f"{DEFAULT}/{name}", {"propagationPolicy": "Background"})
        assert (status, told["status"], told["details"].get("uid")) == (200, "Success", None)
        record = await office.records.get(name)
        assert record is not None
        assert record.state.value == "cancelled"
        status, told = await door.ask("DELETE", f"{DEFAULT}/{name}")
        assert (status, told["reason"]) == (409, "Conflict")
        status, again = await door.ask("POST", DEFAULT, execution(retryOf=name, job=JOB))
        assert status == 201
        assert again["spec"]["retryOf"] == name
        assert again["spec"]["payload"] == {"a": 1, "b": 3}


async def test_a_dry_run_changes_nothing(door: Door, office: Office) -> None:
    named = {**execution(job=JOB), "metadata": {"name": "monday"}}
    async with door.open():
        status, planned = await door.ask("POST", DEFAULT, named, dryRun="All")
        assert status == 201
        assert await office.records.get(planned["metadata"]["name"]) is None
        _, real = await door.ask("POST", DEFAULT, named)
        assert real["metadata"]["name"] == planned["metadata"]["name"]
        status, told = await door.ask("POST", DEFAULT, named)
        assert (status, told["reason"]) == (409, "AlreadyExists")
        assert (await door.ask("DELETE", f"{DEFAULT}/{real['metadata']['name']}", dryRun="All"))[0] == 200
        record = await office.records.get(real["metadata"]["name"])
        assert record is not None
        assert record.state.value == "queued"
        assert (await door.ask("POST", DEFAULT, named, dryRun="Some"))[0] == 400


async def test_a_precondition_must_hold(door: Door) -> None:
    async with door.open():
        name = (await made(door))["metadata"]["name"]
        for field in ("uid", "resourceVersion"):
            status, told = await door.ask("DELETE", f"{DEFAULT}/{name}", {"preconditions": {field: "1"}})
            assert (status, told["reason"]) == (409, "Conflict")


DEEP = (
    '{"apiVersion":"runs.kronstream.dev/v1","kind":"Execution","spec":{"job":"x","payload":' + "[" * 40 + "]" * 40
).encode()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "the body is not JSON"),
        (b"{", 400, "the body is not JSON"),
        (b"[" * 100_000, 400, "the body is not JSON"),
        (b"\xff\xfe", 400, "the body is not JSON"),
        (b"[]", 400, "must have apiVersion runs.kronstream.dev/v1"),
        (b"null", 400, "must have apiVersion runs.kronstream.dev/v1"),
        (b"x" * 300_000, 413, "a body may have"),
        ({"apiVersion": "v1", "kind": "Pod"}, 400, "must have apiVersion runs.kronstream.dev/v1"),
        (execution(), 422, "write job: the ScheduledJob to run now"),
        ({**execution(), "spec": []}, 422, "write job: the ScheduledJob to run now"),
        ({**execution(job="x"), "metadata": []}, 404, 'scheduledjobs.kronstream.dev "x" not found'),
        ({**execution(job="x"), "metadata": [1]}, 400, "metadata.namespace"),
        ({**execution(job="x"), "metadata": {"namespace": "other"}}, 400, "the request is for namespace default"),
        ({**execution(job="x"), "metadata": {"name": 7}}, 422, "metadata.name"),
        ({**execution(job="x"), "metadata": {"name": "x" * 300}}, 422, "metadata.name"),
        (execution(job=7), 422, "spec.job: write a text"),
        (execution(job="\ud800"), 422, "spec.job: write a text"),
        (execution(job="x\x00"), 422, "spec.job: write a text"),
        (execution(retryOf=""), 422, "spec.retryOf: write a text"),
        (execution(job=JOB, traceId=7), 422, "spec.traceId"),
        (execution(job=JOB, state="success"), 422, "spec.state: cannot be given"),
        (execution(job=JOB, mergePayload="yes"), 422, "write true or false"),
        (execution(job=JOB, mergePayload=True), 422, "there is nothing to merge"),
        (execution(retryOf="x", payload=1), 422, "has the payload that it had"),
        (execution(job=JOB, payload="x" * 70_000), 422, "65536 are allowed"),
        (execution(job=JOB, payload=float("nan")), 422, "is not JSON"),
        (execution(job=JOB, payload="\ud800"), 422, "is not JSON"),
        (DEEP + b"}}", 422, "nested more than 32 levels deep"),
    ],
)  # fmt: skip
async def test_what_cannot_be_created(door: Door, office: Office, body: Any, status: int, said: str) -> None:
    async with door.open():
        answer, told = await door.ask("POST", DEFAULT, body)
        assert (answer, told["kind"], told["code"]) == (status, "Status", status)
        assert said in told["message"]
    assert await office.take() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", f"{DEFAULT}/x", 405),
        ("PATCH", f"{DEFAULT}/x", 405),
        ("DELETE", DEFAULT, 405),
        ("POST", f"{ROOT}/executions", 405),
        ("POST", f"{DEFAULT}/x", 405),
        ("GET", f"{DEFAULT}/x/log", 404),
        ("GET", f"{DEFAULT}/%00", 404),
        ("GET", f"{DEFAULT}/%ff%ed%a0%80", 404),
        ("GET", f"{DEFAULT}/{'x' * 2000}", 404),
        ("GET", f"{ROOT}/namespaces//executions", 404),
        ("GET", f"{ROOT}/pods", 404),
        ("GET", "/", 404),
        ("GET", "/metrics", 404),
    ],
)
async def test_paths_and_methods_that_there_are_not(door: Door, method: str, path: str, status: int) -> None:
    async with door.open():
        answer, told = await door.ask(method, path)
        assert (answer, told["kind"]) == (status, "Status")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"limit": "many"}, "limit: 'many' is not a whole number"),
        ({"limit": "-1"}, "is not a whole number"),
        ({"continue": "x"}, "continue: is not what a list of these gave"),
        ({"continue": "W10="}, "continue: is not what a list of these gave"),
        ({"continue": "x" * 5_000}, "continue: is not what a list of these gave"),
        ({"labelSelector": "a in b"}, "labelSelector"),
        ({"labelSelector": "a==b==c"}, "labelSelector"),
        ({"labelSelector": "x" * 5_000}, "5000 characters and 4096 are allowed"),
        ({"labelSelector": "a=\x00"}, "cannot be printed"),
        ({"fieldSelector": "spec.colour=red"}, "field label not supported: spec.colour; write one of"),
        ({"fieldSelector": "status.state"}, "cannot be read; write field=value"),
        ({"resourceVersion": "new"}, "resourceVersion"),
        ({"includeObject": "All"}, "includeObject"),
    ],
)
async def test_queries_that_cannot_be_used(door: Door, query: dict[str, str], said: str) -> None:
    async with door.open():
        status, told = await door.ask("GET", DEFAULT, **query)
        assert (status, told["reason"]) == (400, "BadRequest")
        assert said in told["message"]


class Away(MemoryListing):
    """A store that is away."""

    async def now(self) -> int:
        raise RedisAway("gone")

    async def read(self, runs: Sequence[str], *, whole: bool) -> list[Execution | None]:
        raise RedisAway("gone")

    async def job_named(self, namespace: str, name: str) -> str | None:
        raise RedisAway("gone")


async def test_a_store_that_is_away_is_told_as_503(tmp_path: Path, office: Office) -> None:
    door = Door(tmp_path, office, Away(office.stage.store))
    async with door.open():
        for method, path, body in (
            ("GET", DEFAULT, None),
            ("GET", f"{DEFAULT}/x", None),
            ("GET", f"{DEFAULT}?watch=1", None),
            ("POST", DEFAULT, execution(job=JOB)),
            ("DELETE", f"{DEFAULT}/x", None),
        ):
            status, told = await door.ask(method, path, body)
            assert (status, told["reason"], told["details"]["retryAfterSeconds"]) == (503, "ServiceUnavailable", 1)
        assert (await door.ask("GET", ROOT))[0] == 200


async def test_a_lost_store_takes_no_orders(door: Door, office: Office) -> None:
    async with door.open():
        office.stage.store.epoch = None
        status, told = await door.ask("POST", DEFAULT, execution(job=JOB))
        assert (status, told["reason"]) == (503, "ServiceUnavailable")


async def test_requests_are_counted_by_what_they_ask_for(door: Door) -> None:
    async with door.open():
        await made(door)
        for method, path, told in (
            ("GET", DEFAULT, 200), ("GET", f"{DEFAULT}/none", 404), ("GET", ROOT, 200),
            ("PUT", DEFAULT, 405), ("GET", "/else", 404),
        ):  # fmt: skip
            assert (await door.ask(method, path))[0] == told
        with contextlib.suppress(ValueError):  # a probe is answered by a word
            await door.ask("GET", "/healthz")
    value = door.registry.get_sample_value
    name = "kronstream_runs_apiserver_requests_total"
    for verb, code in (("create", "201"), ("list", "200"), ("get", "404"), ("discovery", "200"), ("probe", "200")):
        assert value(name, {"verb": verb, "code": code}) == 1
    assert (value(name, {"verb": "other", "code": "405"}), value(name, {"verb": "other", "code": "404"})) == (1, 1)
    assert value("kronstream_runs_apiserver_request_seconds_count", {"verb": "create"}) == 1
    assert value("kronstream_runs_apiserver_watches") == 0
