"""Watches of executions, as kubectl and controllers ask for them, over a store in memory."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from unit.fakecluster import UID, manifest
from unit.office import Office
from unit.runsdoor import DEFAULT, TABLE, Door, made

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.adopt(manifest(payload={"a": 1, "b": 2}))
    return office


@pytest.fixture
def door(tmp_path: Path, office: Office) -> Door:
    return Door(tmp_path, office)


async def got(events: "asyncio.Queue[Any]") -> Any:
    async with asyncio.timeout(10):
        return await events.get()


async def test_a_watch_tells_what_comes_and_changes(door: Door, office: Office) -> None:
    async with door.open(), door.watch() as events:
        name = (await made(door))["metadata"]["name"]
        first = await got(events)
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", name)
        office.stage.time.advance(10)
        (claim,) = await office.take()
        second = await got(events)
        assert (second["type"], second["object"]["status"]["state"]) == ("MODIFIED", "running")
        office.stage.time.advance(10)
        await office.finish(claim)
        third = await got(events)
        assert (third["type"], third["object"]["status"]["result"]) == ("MODIFIED", {"ok": True})
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in (first, second, third)]
        assert versions == sorted(set(versions))
        await office.stage.ledger.forget([UID])
        await office.stage.ledger.purge("default")
        assert (await got(events))["type"] == "DELETED"


async def test_what_a_deleted_job_still_executes_is_told_to_its_end(door: Door, office: Office) -> None:
    async with door.open(), door.watch() as events:
        name = (await made(door))["metadata"]["name"]
        assert (await got(events))["type"] == "ADDED"
        office.stage.time.advance(10)
        (claim,) = await office.take()
        assert (await got(events))["object"]["status"]["state"] == "running"
        await office.stage.ledger.forget([UID])
        office.stage.time.advance(10)
        await office.finish(claim)
        last = await got(events)
        assert (last["type"], last["object"]["status"]["state"]) == ("MODIFIED", "success")
        for query in ({}, {"fieldSelector": "spec.job=" + last["object"]["spec"]["job"]}):
            _, told = await door.ask("GET", DEFAULT, **query)
            assert [one["metadata"]["name"] for one in told["items"]] == [name]


async def test_a_watch_goes_on_from_a_list(door: Door, office: Office) -> None:
    async with door.open():
        await made(door)
        office.stage.time.advance(1_000)
        _, told = await door.ask("GET", DEFAULT)
        office.stage.time.advance(1_000)
        name = (await made(door))["metadata"]["name"]
        async with door.watch(TABLE, resourceVersion=told["metadata"]["resourceVersion"]) as events:
            event = await got(events)
            assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
            assert event["object"]["rows"][0]["cells"][0] == name
            assert event["object"]["columnDefinitions"]
            office.stage.time.advance(1_000)
            await office.take()
            changes = [await got(events) for _ in range(2)]
            assert [change["type"] for change in changes] == ["MODIFIED"] * 2
            assert all(change["object"]["columnDefinitions"] == [] for change in changes)


async def test_a_watch_that_wants_everything_first_is_told_where_that_ends(door: Door) -> None:
    async with door.open():
        name = (await made(door))["metadata"]["name"]
        selector = f"metadata.name={name}"
        async with door.watch(sendInitialEvents="true", fieldSelector=selector, timeoutSeconds="1") as events:
            assert (await got(events))["type"] == "ADDED"
            mark = await got(events)
            assert mark["type"] == "BOOKMARK"
            assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            assert await got(events) is None


async def test_what_leaves_a_selection_is_told_as_deleted(door: Door, office: Office) -> None:
    async with door.open(), door.watch(labelSelector="kronstream.dev/status=queued") as events:
        await made(door)
        assert (await got(events))["type"] == "ADDED"
        await office.take()
        assert (await got(events))["type"] == "DELETED"


async def test_a_watch_of_long_ago_is_refused(door: Door) -> None:
    async with door.open():
        status, told = await door.ask("GET", DEFAULT, watch="1", resourceVersion="8")
        assert (status, told["reason"]) == (410, "Expired")


async def test_watches_are_counted(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.runsapi.answering.MOST_WATCHES", 1)
    async with door.open(), door.watch() as events:
        await made(door)
        await got(events)
        status, told = await door.ask("GET", DEFAULT, watch="1", timeoutSeconds="1")
        assert (status, told["reason"]) == (429, "TooManyRequests")


async def test_too_many_executions_are_not_watched(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.runsapi.watching.MOST", 1)
    async with door.open(), door.watch() as events:
        await made(door)
        assert (await got(events))["type"] == "ADDED"
        await made(door)
        last = await got(events)
        assert (last["type"], last["object"]["reason"]) == ("ERROR", "TooManyRequests")
        assert await got(events) is None
