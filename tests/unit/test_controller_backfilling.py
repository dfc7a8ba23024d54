"""Carrying backfills on: whose they are, at what pace, and what holds none up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
from redis.exceptions import RedisError

from kronstream.controller import backfilling
from kronstream.controller.backfilling import Backfilling
from kronstream.controller.replicas import Replicas
from kronstream.ports import Backfill
from unit.fakecluster import EPOCH, NOW, UID, manifest, until
from unit.office import Office

pytestmark = pytest.mark.anyio

BEGIN, END = NOW - 5_000, NOW - 3_000  # three instants


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "LOOK", 0.0)


class Share:
    """A replica to which all jobs belong but ``others``."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.open = asyncio.Event()
        self.open.set()
        self.others: set[str] = set()
        self.rejected = 0

    def owns(self, uid: str) -> bool:
        return uid not in self.others

    def reject(self) -> None:
        self.rejected += 1
        self.open.clear()


class Desk:
    """Backfilling over an office."""

    def __init__(self) -> None:
        self.office = Office()
        self.share = Share()
        stage = self.office.stage
        self.backfilling = Backfilling(stage.roster, stage.ledger, self.office.backfills, cast("Replicas", self.share))

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.backfilling.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def nominals(self) -> list[int]:
        return sorted(run.nominal for run in self.office.stage.store.runs.values())


async def test_a_backfill_is_carried_on_to_its_end() -> None:
    desk = Desk()
    await desk.office.adopt(manifest())
    backfill = await desk.office.backfills.start(UID, "k", BEGIN, END)
    async with desk.going_on():
        for number in range(3):
            await until(lambda number=number: len(desk.nominals()) == number + 1)
            (claim,) = await desk.office.take()
            await desk.office.finish(claim)
        await until(lambda: desk.office.stage.store.backfills[backfill.id].state == "done")
    assert desk.nominals() == [BEGIN, BEGIN + 1_000, END]


async def test_the_job_of_another_replica_is_left_to_it() -> None:
    desk = Desk()
    for uid in (UID, "mine"):
        await desk.office.adopt(manifest(uid))
        await desk.office.backfills.start(uid, "k", BEGIN, END)
    desk.share.others = {UID}
    async with desk.going_on():
        await until(lambda: desk.office.stage.store.active["mine"])
        assert not desk.office.stage.store.active[UID]
        desk.share.others = set()
        await until(lambda: desk.office.stage.store.active[UID])


async def test_one_that_cannot_be_read_holds_no_other_up(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    await desk.office.adopt(manifest())
    await desk.office.requests.create_backfill(Backfill("a", UID, "nonsense", BEGIN, END, BEGIN - 1, 0, 1, 3))
    desk.office.stage.time.advance(1)
    await desk.office.backfills.start(UID, "k", BEGIN, END)
    async with desk.going_on():
        await until(desk.nominals)
        await until(lambda: "cannot be carried on" in caplog.text)
    assert f"a of job {UID}" in caplog.text


@pytest.mark.parametrize(("run_if", "nominals"), [("run.year < 2000", []), ("run.trigger == 'backfill'", [BEGIN])])
async def test_a_condition_is_asked(run_if: str, nominals: list[int]) -> None:
    desk = Desk()
    await desk.office.adopt(manifest(runIf=run_if))
    backfill = await desk.office.backfills.start(UID, "k", BEGIN, END)
    async with desk.going_on():
        store = desk.office.stage.store
        await until(lambda: desk.nominals() if nominals else store.backfills[backfill.id].state == "done")
    assert desk.nominals() == nominals


async def test_a_job_that_this_replica_does_not_know_is_filled_all_the_same() -> None:
    desk = Desk()
    job = await desk.office.adopt(manifest())
    desk.office.stage.roster.drop(job.uid)
    await desk.office.backfills.start(UID, "k", BEGIN, END)
    async with desk.going_on():
        await until(desk.nominals)


async def test_a_lost_store_is_told_and_waited_for() -> None:
    desk = Desk()
    await desk.office.adopt(manifest())
    await desk.office.backfills.start(UID, "k", BEGIN, END)
    desk.share.epoch = "another"
    async with desk.going_on():
        await until(lambda: desk.share.rejected == 1)
        assert desk.nominals() == []
        desk.share.epoch = EPOCH
        desk.share.open.set()
        await until(desk.nominals)


async def test_a_store_that_is_away_puts_it_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    await desk.office.adopt(manifest())
    await desk.office.backfills.start(UID, "k", BEGIN, END)

    async def away(limit: int) -> Any:
        raise RedisError(f"no {limit} answers")

    with monkeypatch.context() as patch:
        patch.setattr(desk.office.backfills, "due", away)
        async with desk.going_on():
            await until(lambda: "backfills have to wait: no 100 answers" in caplog.text)
    async with desk.going_on():
        await until(desk.nominals)
