"""What an operator does when Redis is not what it was."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kronstream.controller import rebuild
from kronstream.controller.job import Job, asked_run
from kronstream.controller.roster import Roster
from kronstream.domain.run import State
from kronstream.ports import Dispatch, Verdict
from kronstream.resources.instant import render
from unit.fakecluster import EPOCH, NOW, UID, Stage, ends, manifest

pytestmark = pytest.mark.anyio


async def test_a_comparison_that_fails_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "RETRY", 0)
    roster, refreshed, answers = Roster(), asyncio.Event(), iter([ConnectionError("closed"), [1]])
    roster.put(Job("uid", "default", "daily", 1, 0, cursor=2))

    async def cursors(_: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    replicas: Any = SimpleNamespace(rolled_back=asyncio.Event())
    reconciler: Any = SimpleNamespace(refresh=lambda job: refreshed.set())
    ledger: Any = SimpleNamespace(cursors=cursors)
    room = rebuild.Rebuild(roster, ledger, SimpleNamespace(), reconciler, replicas, 0)  # type: ignore[arg-type]
    replicas.rolled_back.set()
    comparing = asyncio.create_task(room.run_comparison())
    async with asyncio.timeout(5):
        await refreshed.wait()
    assert not replicas.rolled_back.is_set()
    comparing.cancel()


class Patient:
    """The replicas of a store that was lost, this one alone."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.epoch = ""
        self.was_open = True
        self.lost = asyncio.Event()
        self.served = False

    async def beat(self, phase: str) -> None:
        await self.stage.ledger.beat("one", phase)

    async def ready(self) -> bool:
        self.epoch = (await self.stage.ledger.beat("one", "ready", EPOCH)).epoch
        self.stage.time.advance(600)
        return bool(self.epoch)

    def serve(self) -> None:
        self.served = True


async def refill(stage: Stage) -> None:
    """Lose the store and fill it again."""
    stage.store.wipe()
    replicas: Any = Patient(stage)
    room = rebuild.Rebuild(stage.roster, stage.ledger, stage.jobs.port(), stage.reconciler, replicas, 60_000)
    replicas.lost.set()
    filling = asyncio.create_task(room.run())
    async with asyncio.timeout(5):
        while replicas.lost.is_set():
            await asyncio.sleep(0.001)
    filling.cancel()
    assert replicas.served


async def adopted(stage: Stage, obj: dict[str, Any]) -> Job:
    stage.jobs.put(obj)
    stage.reconciler.observe("ADDED", obj)
    adopting = asyncio.create_task(stage.reconciler.run())
    async with asyncio.timeout(5):
        while not stage.armed:
            await asyncio.sleep(0.001)
    adopting.cancel()
    return stage.armed[-1]


async def test_the_cursor_is_the_latest_of_status_and_memory() -> None:
    for written, remembered in ((NOW - 3000, NOW - 1000), (NOW - 1000, NOW - 3000)):
        stage = Stage()
        known = await adopted(stage, manifest(status={"seq": 7, "cursor": render(written)}))
        known.cursor = remembered
        await refill(stage)
        assert stage.store.jobs[UID].cursor == NOW - 1000
        assert stage.store.jobs[UID].seq > 7


async def test_a_job_that_is_being_deleted_is_not_filled_in() -> None:
    stage = Stage(ends(manifest()))
    await refill(stage)
    assert stage.store.jobs == {}
    assert len(stage.roster) == 0


@pytest.mark.parametrize("once", ["dispatched", f"{UID}-s{NOW}"])
async def test_a_one_time_run_that_no_status_tells_of_is_not_lost(once: str) -> None:
    stage = Stage()
    known = await adopted(stage, manifest(runAt=render(NOW)))
    item = Dispatch(UID, 1, known.revision, known.cursor, NOW, (NOW,), once=True)
    assert await stage.ledger.dispatch(EPOCH, [item]) == [(Verdict.OK, 0)]
    known.once, known.cursor = once, NOW
    await refill(stage)
    assert (stage.store.jobs[UID].once, stage.store.jobs[UID].done) == (f"{UID}-s{NOW}", None)
    stage.time.advance(3000)
    assert await stage.ledger.sweep() == 1
    assert stage.store.runs[f"{UID}-s{NOW}"].state is State.QUEUED


async def test_a_one_time_job_that_was_skipped_gets_no_run() -> None:
    stage = Stage()
    known = await adopted(stage, manifest(runAt=render(NOW)))
    known.once, known.cursor = "Deadline", NOW
    await refill(stage)
    assert stage.store.runs == {}


@pytest.mark.parametrize(
    ("told", "remembered", "asked", "value"),
    [(None, "b", "b", "b"), ("a", "b", "b", "b"), ("b", "a", "b", "b"), ("a", None, "a", "a")],
)
async def test_a_handled_annotation_is_not_forgotten(
    told: str | None, remembered: str | None, asked: str, value: str
) -> None:
    stage = Stage()
    status = {"seq": 7, **({"handledRunNow": told} if told else {})}
    known = await adopted(stage, manifest(status=status))
    known.handled, known.run_now = remembered, asked
    known.note({"handledRunNow": told})
    await refill(stage)
    assert stage.store.jobs[UID].run_now == value
    assert stage.store.claims.keys() == ({asked_run(UID, remembered)} if remembered else set())


async def test_a_store_is_not_opened_before_it_has_the_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "RETRY", 0)
    stage = Stage(manifest())
    stage.store.wipe()
    replicas: Any = Patient(stage)
    room = rebuild.Rebuild(stage.roster, stage.ledger, stage.jobs.port(), stage.reconciler, replicas, 60_000)
    found: list[tuple[str, int]] = []

    async def pauses() -> None:
        found.append((replicas.epoch, len(stage.store.jobs)))
        if len(found) < 3:
            raise ConnectionError("the API server is away")

    room.pauses = pauses
    replicas.lost.set()
    filling = asyncio.create_task(room.run())
    async with asyncio.timeout(5):
        while replicas.lost.is_set():
            await asyncio.sleep(0)
    filling.cancel()
    assert found == [("", 0)] * 3
    assert replicas.epoch
