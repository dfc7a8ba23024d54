"""Jobs that are deleted some time after they were over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest

from kronstream.cluster.api import ApiError
from kronstream.controller import expiring
from kronstream.controller.expiring import Expiring
from kronstream.controller.job import Job, read
from kronstream.controller.replicas import Replicas
from kronstream.ports import Request
from kronstream.resources.instant import render
from unit.fakecluster import NOW, UID, manifest, until
from unit.office import Office

pytestmark = pytest.mark.anyio
OVER = {"observedGeneration": 1, "seq": 3, "completionTime": render(NOW - 5_000)}
DAY = 86_400_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "LOOK", 0.0)


def once(ttl: str | None = "10s", status: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    spec = {"runAt": render(NOW - 9_000), **({} if ttl is None else {"ttlAfterFinished": ttl}), **fields}
    return manifest(status={**OVER, **(status or {})}, **spec)


class Share:
    """A replica that is ready, and whose jobs are its own while `mine` is true."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.mine = True

    def owns(self, uid: str) -> bool:
        return self.mine and bool(uid)


class Room:
    """Expiring over an office; `passes` lets time go by and all that follows happen."""

    def __init__(self) -> None:
        self.office = Office()
        self.share = Share()
        stage = self.office.stage
        self.jobs, self.time = stage.jobs, stage.time
        self.expiring = Expiring(
            stage.roster, stage.ledger, stage.jobs.port(), cast("Replicas", self.share), stage.clock
        )
        stage.reconciler.asked = self.expiring.look

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.expiring.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def passes(self, ms: int) -> None:
        self.time.advance(ms)
        for _ in range(50):
            await asyncio.sleep(0)

    def tell(self, obj: dict[str, Any]) -> None:
        """A new version at the API server, and its event."""
        self.jobs.put(obj)
        self.office.stage.reconciler.observe("MODIFIED", obj)

    @property
    def kept(self) -> bool:
        return UID in self.jobs.objects


async def test_a_job_is_deleted_when_its_time_is_over_and_not_before() -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(once())
        await room.passes(4_999)
        assert (room.kept, room.jobs.gets) == (True, 0)
        await room.passes(1)
        assert not room.kept


async def test_at_once_when_nothing_is_to_be_waited_for() -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(once("0s"))
        await until(lambda: not room.kept)


@pytest.mark.parametrize(
    "obj",
    [
        once(None),
        once(status={"active": 1}),
        once(status={"completionTime": "never"}),
        manifest(runAt=render(NOW + DAY), ttlAfterFinished="0s"),
        once(runAt="2026-02-30T00:00:00Z"),
    ],
    ids=["no-ttl", "active", "no-instant", "not-over", "unusable"],
)
async def test_what_is_not_over_or_is_to_be_kept_stays(obj: dict[str, Any]) -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(obj)
        await room.passes(2 * DAY)
        assert (room.kept, room.jobs.gets) == (True, 0)


async def test_a_run_that_was_started_again_puts_it_off() -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(once())
        room.tell(once(status={"active": 1}))
        await room.passes(60_000)
        assert room.kept
        again = {"lastRun": {"id": "r", "status": "success", "startedAt": render(NOW + 58_000), "durationMs": 1_500}}
        room.tell(once(status=again))
        await room.passes(9_499)
        assert room.kept
        await room.passes(1)
        assert not room.kept


async def test_a_run_that_no_status_tells_of_yet_puts_it_off_too() -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(once())
        await room.office.requests.request(await room.office.requests.epoch(), [Request(UID, f"{UID}-m1", NOW)])
        await room.passes(5_000)
        assert (room.kept, room.jobs.gets) == (True, 1)
        (claim,) = await room.office.take()
        await room.office.finish(claim)
        await room.passes(expiring.AGAIN)
        assert not room.kept


async def test_the_live_object_decides_and_not_what_a_watch_told() -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(once())
        room.jobs.put(once("1h"))
        await room.passes(5_000)
        assert (room.kept, room.jobs.gets) == (True, 1)
        await room.passes(3_590_000)
        assert not room.kept


@pytest.mark.parametrize("change", [{"uid": "another"}, {"deletionTimestamp": render(NOW)}])
async def test_another_object_of_that_name_stays(change: dict[str, Any]) -> None:
    room = Room()
    async with room.working():
        obj = once()
        await room.office.adopt(obj)
        room.jobs.put({**obj, "metadata": {**obj["metadata"], **change}})
        room.jobs.objects.pop(UID) if "uid" in change else None
        await room.passes(DAY)
        assert len(room.jobs.objects) == 1
        assert room.jobs.gets == 1


async def test_what_changed_between_the_look_and_the_deletion_stays() -> None:
    room = Room()
    looks = 0
    reads = room.jobs.get

    async def get(namespace: str, name: str) -> dict[str, Any] | None:
        nonlocal looks
        looks += 1
        found = await reads(namespace, name)
        if looks == 1:
            room.jobs.objects[UID]["metadata"]["resourceVersion"] = "2"
        return found

    room.jobs.get = get  # type: ignore[method-assign]
    async with room.working():
        await room.office.adopt(once())
        await room.passes(5_000)
        assert room.kept
        await room.passes(expiring.AGAIN)
        assert (room.kept, looks) == (False, 2)


@pytest.mark.parametrize(
    ("refusal", "wait"),
    [(ApiError(503, "away"), expiring.AGAIN), (TimeoutError(), expiring.AGAIN), (ApiError(403, "no"), expiring.LATER)],
)
async def test_an_api_server_that_is_away_puts_it_off(refusal: Exception, wait: int) -> None:
    room = Room()
    async with room.working():
        await room.office.adopt(once())
        room.jobs.refusal = refusal
        await room.passes(5_000)
        asked = room.jobs.gets
        await room.passes(wait - 1)
        assert (room.kept, room.jobs.gets) == (True, asked)
        room.jobs.refusal = None
        await room.passes(1)
        assert not room.kept


async def test_another_replicas_job_is_its_own_until_it_goes() -> None:
    room = Room()
    room.share.mine = False
    async with room.working():
        await room.office.adopt(once())
        await room.passes(DAY)
        assert (room.kept, room.jobs.gets) == (True, 0)
        room.share.mine = True
        await room.passes(expiring.AGAIN)
        assert not room.kept


async def test_many_are_deleted_and_what_is_gone_costs_nothing() -> None:
    room = Room()
    uids = [f"{number:08}-0000" for number in range(40)]
    async with room.working():
        for uid in uids:
            await room.office.adopt({**once(), "metadata": manifest(uid, runAt=render(NOW))["metadata"]})
        gone = {**room.jobs.objects[uids[0]]}
        room.office.stage.reconciler.observe("DELETED", gone)
        await room.passes(5_000)
        assert list(room.jobs.objects) == [uids[0]]


@pytest.mark.parametrize(
    ("annotations", "depth"),
    [
        (None, 0),
        ({}, 0),
        ({"kronstream.dev/chain-depth": "3"}, 3),
        ({"kronstream.dev/chain-depth": "-3"}, 0),
        ({"kronstream.dev/chain-depth": "x"}, 0),
        ({"kronstream.dev/chain-depth": "9" * 7}, 0),
        ({"kronstream.dev/chain-depth": "²"}, 0),
    ],
)
def test_a_job_that_an_event_made_knows_how_deep_its_chain_is(annotations: Any, depth: int) -> None:
    obj = manifest()
    obj["metadata"]["annotations"] = annotations

    _, adoption = read(obj, 60_000)

    assert adoption.depth == depth


def test_a_run_that_ended_before_the_job_was_over_changes_nothing() -> None:
    def over(**status: Any) -> int | None:
        job, _ = read(once(status=status), 60_000)
        assert isinstance(job, Job)
        return job.over

    assert over() == NOW - 5_000
    assert over(lastRun={"startedAt": render(NOW - 9_000), "durationMs": 10}) == NOW - 5_000
    assert over(lastRun={"startedAt": render(NOW)}) == NOW - 5_000
    assert over(lastRun={"startedAt": "x", "durationMs": 1}) is None
