"""What is written into status, when, and what is not lost on the way."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from kronstream.budget import Budget
from kronstream.cluster.api import ApiError
from kronstream.cluster.events import Events
from kronstream.controller import statuswriter
from kronstream.controller.job import read
from kronstream.controller.measures import Measures
from kronstream.controller.offers import Offers
from kronstream.controller.pauses import Pauses
from kronstream.controller.replicas import Replicas
from kronstream.controller.statuswriter import ONE_JOBS, StatusWriter
from unit.fakecluster import UID, Stage, manifest, until

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time between two looks and two writes."""
    for name in ("POLL", "APART", "SOON", "AWAY"):
        monkeypatch.setattr(statuswriter, name, 0.0)


class Alone:
    """The only replica, or none of the replicas that a job belongs to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.mine = True

    def owns(self, uid: str) -> bool:
        return self.mine and bool(uid)


class Silent:
    """Posts no Event."""

    async def post(self, namespace: str, event: dict[str, Any]) -> None:
        assert namespace
        assert event["kind"] == "Event"


class Desk:
    """A status writer over a stage."""

    def __init__(
        self, *objects: dict[str, Any], sustained: float = 1e6, peak: float = 1e7, steady: Budget | None = None
    ) -> None:
        self.stage = Stage(*objects)
        self.replicas = Alone()
        self.taken_up: list[tuple[str, int]] = []
        budget = Budget(sustained, peak, sustained, time.monotonic())
        self.writer = StatusWriter(
            self.stage.roster,
            self.stage.ledger,
            self.stage.jobs.port(),
            cast("Events", Silent()),
            cast("Replicas", self.replicas),
            Offers(self.stage.ledger, self.stage.roster),
            Pauses(self.stage.ledger, self.stage.roster, self.stage.clock, cast("Replicas", self.replicas)),
            self.stage.clock,
            Measures(CollectorRegistry()),
            budget,
            steady,
        )
        self.writer.take_up = lambda uid, seq: self.taken_up.append((uid, seq))

    async def adopt(self, *objects: dict[str, Any]) -> None:
        """Take objects into force, as the reconciler does."""
        for obj in objects:
            self.stage.jobs.put(obj)
            self.stage.reconciler.observe("ADDED", obj)
        task = asyncio.create_task(self.stage.reconciler.run())
        await until(lambda: all(self.stage.roster.get(obj["metadata"]["uid"]) for obj in objects))
        task.cancel()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def written(self) -> list[int]:
        """Sequence numbers in the order of writing."""
        return [status["seq"] for status in self.stage.jobs.written]


async def test_a_mark_is_written_and_taken_back() -> None:
    desk = Desk()
    await desk.adopt(manifest())
    async with desk.writing():
        await until(lambda: not desk.stage.store.dirty)
    assert desk.written == [desk.stage.store.jobs[UID].seq]
    assert desk.stage.jobs.objects[UID]["status"]["observedGeneration"] == 1


async def test_another_replicas_mark_is_left_to_it() -> None:
    desk = Desk()
    desk.replicas.mine = False
    await desk.adopt(manifest())
    desk.writer.fresh(UID)
    async with desk.writing():
        for _ in range(100):
            await asyncio.sleep(0)
    assert desk.written == []
    assert UID in desk.stage.store.dirty


async def test_a_generation_that_is_not_the_stores_leaves_the_mark() -> None:
    desk = Desk()
    await desk.adopt(manifest())
    await desk.stage.ledger.adopt([read(manifest(generation=2), 60_000)[1]])
    async with desk.writing():
        for _ in range(100):
            await asyncio.sleep(0)
    assert desk.written == []
    assert UID in desk.stage.store.dirty


async def test_news_after_an_older_copy_of_the_store_came_back_are_not_taken_for_written_ones() -> None:
    desk = Desk()
    await desk.adopt(manifest())
    job = desk.stage.roster.get(UID)
    assert job is not None
    job.written = 1_000  # by this replica, before the store went back
    desk.stage.jobs.objects[UID]["status"] = {"seq": 1_000}
    async with desk.writing():
        await until(lambda: desk.taken_up)
    assert desk.taken_up[0] == (UID, 1_001)
    assert UID in desk.stage.store.dirty


async def test_a_status_on_its_way_is_not_overtaken_by_the_next_one() -> None:
    desk = Desk()
    await desk.adopt(manifest())
    let, begun = asyncio.Event(), 0
    write = desk.stage.jobs.write_status

    async def slow(namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        nonlocal begun
        begun += 1
        await let.wait()
        await write(namespace, name, uid, status)

    desk.stage.jobs.write_status = slow  # type: ignore[method-assign]
    async with desk.writing():
        await until(lambda: begun)
        desk.stage.store.touch(desk.stage.store.jobs[UID])
        desk.writer.changed(UID)
        for _ in range(200):
            await asyncio.sleep(0)
        assert begun == 1
        let.set()
        await until(lambda: not desk.stage.store.dirty)
    assert desk.written == sorted(desk.written)
    assert desk.written[-1] == desk.stage.store.jobs[UID].seq


async def test_a_new_generation_goes_before_results_also_where_the_budget_is_short() -> None:
    desk = Desk(sustained=1, peak=10)
    await desk.adopt(*(manifest(f"result-{number}") for number in range(20)))
    await desk.adopt(*(manifest(f"fresh-{number}") for number in range(2)))
    for number in range(20):
        desk.writer.changed(f"result-{number}")
    for number in range(2):
        desk.writer.fresh(f"fresh-{number}")
    now = time.monotonic() + 100
    names = [job.uid for step in range(3) for job in desk.writer._choose(64, now + 2 * step)]
    assert names[:2] == ["fresh-0", "fresh-1"]


async def test_jobs_that_change_all_the_time_take_turns_and_leave_the_burst_to_the_others() -> None:
    steady = Budget(2, 20, 2, 0.0)
    desk = Desk(steady=steady)
    restless = [f"restless-{number}" for number in range(6)]
    await desk.adopt(*(manifest(uid=uid) for uid in [*restless, *(f"calm-{number}" for number in range(50))]))
    now, chosen = time.monotonic() + 100, []
    for second in range(4):
        at = now + second
        for job in desk.stage.roster:
            # the calm ones change for the first time in long; a change alone, with nothing that a replica said
            job.written_at = at - 5 if job.uid in restless else 0.0
            desk.writer._results[job.uid] = None
        desk.writer._forced.clear()
        chosen.append([job.uid for job in desk.writer._choose(64, at)])
    assert all(sum(uid.startswith("calm") for uid in each) == 50 for each in chosen), "the burst is theirs"
    assert [sum(uid in restless for uid in each) for each in chosen[1:]] == [2, 2, 2]
    assert {uid for each in chosen[1:] for uid in each if uid in restless} == set(restless), "each has its turn"


async def test_what_a_replica_has_to_say_does_not_wait_for_its_turn() -> None:
    desk = Desk(steady=Budget(0.001, 0.01, 0.001, 0.0))
    await desk.adopt(manifest())
    job = desk.stage.roster.get(UID)
    assert job is not None
    now = time.monotonic() + 100
    job.written_at = now - 5
    desk.writer._results[UID] = None
    desk.writer._forced.clear()
    assert desk.writer._choose(64, now) == []
    desk.writer.changed(UID)
    assert desk.writer._choose(64, now) == [job]


def outcomes(desk: Desk) -> dict[str, float]:
    """How many writes of a status ended so, as the metric tells."""
    (metric,) = desk.writer._measures.status_writes.collect()
    return {one.labels["outcome"]: one.value for one in metric.samples if one.name.endswith("_total") and one.value}


async def test_a_status_that_the_crd_refuses_is_not_sent_again_at_once(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    await desk.adopt(manifest())
    refused = 0

    async def refuse(namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        nonlocal refused
        refused += 1
        raise ApiError(422, f"{namespace}/{name}: {uid}: {len(status)}")

    desk.stage.jobs.write_status = refuse  # type: ignore[method-assign]
    async with desk.writing():
        await until(lambda: refused)
        for _ in range(500):
            await asyncio.sleep(0)
    assert refused == 1
    assert outcomes(desk) == {"failed": 1}
    assert UID in desk.stage.store.dirty
    assert caplog.text.count("refuses a status") == 1


@pytest.mark.parametrize("code", [400, 403, 413])
async def test_a_refusal_of_one_job_holds_no_other_up(code: int) -> None:
    desk = Desk()
    await desk.adopt(manifest(uid="refused"))
    write, asked = desk.stage.jobs.write_status, 0

    async def refuse(namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        nonlocal asked
        if uid != "refused":
            return await write(namespace, name, uid, status)
        asked += 1
        raise ApiError(code, "not here")

    desk.stage.jobs.write_status = refuse  # type: ignore[method-assign]
    async with desk.writing():
        await until(lambda: asked)
        await desk.adopt(manifest(uid="accepted"))
        await until(lambda: "accepted" not in desk.stage.store.dirty)
        assert desk.writer._quiet_until == 0.0, "nothing was held up"
    assert asked == 1
    assert outcomes(desk)["failed"] == 1, "it is seen, as one that was not answered is"
    assert "refused" in desk.stage.store.dirty


async def test_what_was_forbidden_for_a_moment_is_written_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ONE_JOBS, 403, ONE_JOBS[403] / 1000)
    monkeypatch.setattr("kronstream.controller.statuswriter.APART", 0.0)
    monkeypatch.setattr("kronstream.controller.statuswriter.SOON", 0.0)
    desk = Desk()
    await desk.adopt(manifest())
    desk.stage.jobs.refusal = ApiError(403, "the roles are not known yet")
    async with desk.writing():
        for _ in range(100):
            await asyncio.sleep(0)
        assert UID in desk.stage.store.dirty
        desk.stage.jobs.refusal = None
        await until(lambda: not desk.stage.store.dirty)
    assert ONE_JOBS[403] < ONE_JOBS[413] / 10


async def test_an_api_server_that_is_away_loses_nothing() -> None:
    desk = Desk()
    await desk.adopt(manifest())
    desk.stage.jobs.refusal = ConnectionError("away")
    async with desk.writing():
        for _ in range(100):
            await asyncio.sleep(0)
        assert UID in desk.stage.store.dirty
        desk.stage.jobs.refusal = None
        await until(lambda: not desk.stage.store.dirty)
    assert desk.written == [desk.stage.store.jobs[UID].seq]


async def test_a_job_that_went_leaves_nothing_behind() -> None:
    desk = Desk()
    await desk.adopt(manifest())
    desk.writer.fresh(UID)
    await desk.stage.ledger.forget([UID])
    async with desk.writing():
        await until(lambda: not desk.writer._forced)
    assert desk.written == []
