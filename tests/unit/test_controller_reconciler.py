"""From what the API server says to what is in force."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from kronstream.controller.absence import Absence
from kronstream.controller.job import read
from kronstream.controller.measures import Measures
from kronstream.ports import Adopted, Adoption, Conflict, Gone, Stale
from kronstream.testing import MemoryLedger
from unit.fakecluster import NOW, UID, Stage, ends, manifest, until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[None]:
    task = asyncio.create_task(stage.reconciler.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def absence(stage: Stage) -> Absence:
    measures = Measures(CollectorRegistry())
    return Absence(stage.roster, stage.ledger, stage.jobs.port(), stage.clock, stage.reconciler, measures, 300)


class Slow(MemoryLedger):
    """Answers adoptions only when it is let."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def adopt(self, adoptions: Sequence[Adoption]) -> list[Adopted | Stale | Conflict | Gone]:
        if adoptions:
            self.asked.set()
            await self.let.wait()
        return await super().adopt(adoptions)


def slowly() -> tuple[Stage, Slow]:
    ledger = Slow()
    stage = Stage(manifest(), ledger=ledger)
    MemoryLedger.__init__(ledger, stage.store)
    return stage, ledger


class Late(MemoryLedger):
    """Seconds pass from the count of what an edit leaves behind until the store hears of it."""

    def __init__(self) -> None:
        self.stage: Stage | None = None

    async def adopt(self, adoptions: Sequence[Adoption]) -> list[Adopted | Stale | Conflict | Gone]:
        if self.stage and any(adoption.expect for adoption in adoptions):
            self.stage.time.now += 3_000
        return await super().adopt(adoptions)


async def test_an_edit_loses_nothing_that_comes_due_before_the_store_hears_of_it() -> None:
    ledger = Late()
    ledger.stage = stage = Stage(manifest(), ledger=ledger)
    MemoryLedger.__init__(ledger, stage.store)
    async with running(stage):
        stage.reconciler.observe(None, manifest())
        await until(lambda: stage.armed)
        stage.reconciler.observe(manifest(), manifest(generation=2, every="2s"))
        await until(lambda: len(stage.armed) == 2)
    job = stage.armed[1]
    # ten seconds were left behind; what came due since is due by the new schedule
    assert (job.generation, job.cursor) == (2, NOW)
    assert stage.store.jobs[UID].skipped == {"Edited": 10}


async def test_an_object_comes_into_force_and_is_armed() -> None:
    stage = Stage()
    async with running(stage):
        stage.reconciler.observe(None, manifest())
        await until(lambda: stage.armed)
    job = stage.roster.get(UID)
    assert job is stage.armed[0]
    assert (job.adopted, job.firing, job.cursor) == (True, True, NOW - 10_000)


async def test_a_job_that_is_being_deleted_is_not_found_again_by_the_comparison_of_lists() -> None:
    stage = Stage(ends(manifest()))
    looking = absence(stage)
    async with running(stage):
        for _ in range(3):
            await looking.compare()
        assert not stage.reconciler.awaits(UID)
        stage.reconciler.discover(UID, "default", f"job-{UID[:8]}")
        await until(lambda: stage.jobs.gets and not stage.reconciler.awaits(UID))
    assert stage.roster.get(UID) is None


async def test_a_job_whose_deletion_the_watch_did_not_tell_stops_at_the_next_comparison() -> None:
    stage = Stage(manifest())
    looking = absence(stage)
    async with running(stage):
        stage.reconciler.observe(None, manifest())
        await until(lambda: stage.armed)
        stage.jobs.put(ends(manifest()))
        await looking.compare()
        await until(lambda: stage.roster.get(UID) is None)


@pytest.mark.parametrize("how", ["DELETED", "MODIFIED"])
async def test_a_job_that_goes_while_its_adoption_is_on_the_way_does_not_come_back(how: str) -> None:
    stage, ledger = slowly()
    async with running(stage):
        stage.reconciler.observe("ADDED", manifest())
        await ledger.asked.wait()
        stage.reconciler.observe(how, ends(manifest()))
        ledger.let.set()
        await until(lambda: UID in stage.store.jobs or UID in stage.store.tombs)
        await until(lambda: not stage.reconciler.awaits(UID))
    assert stage.roster.get(UID) is None
    assert stage.armed == []


async def test_a_job_that_another_replica_forgot_leaves_this_ones_roster_too() -> None:
    stage = Stage(manifest(suspend=True))
    looking = absence(stage)
    async with running(stage):
        stage.reconciler.observe(None, manifest(suspend=True))
        await until(lambda: stage.armed)
        stage.jobs.objects.clear()
        await stage.ledger.forget([UID])  # the other one's comparison was first
        await looking.compare()
        await looking.compare()
        await until(lambda: stage.roster.get(UID) is None)


async def test_a_late_replica_takes_up_what_is_in_force_before_its_watch_tells() -> None:
    stage, ledger = slowly()
    async with running(stage):
        stage.reconciler.observe("ADDED", manifest())
        await ledger.asked.wait()
        newer = manifest(generation=2)
        stage.jobs.put(newer)
        await MemoryLedger.adopt(ledger, [read(newer, 60_000)[1]])  # another replica
        ledger.let.set()
        await until(lambda: stage.armed)
    job = stage.roster.get(UID)
    assert job is not None
    assert (job.generation, job.firing) == (2, True)


async def test_a_generation_of_a_newer_engine_is_left_to_the_replicas_that_have_it() -> None:
    stage = Stage(manifest())
    await stage.ledger.adopt([replace(read(manifest(), 60_000)[1], revision="9999.newer")])
    async with running(stage):
        stage.reconciler.observe("ADDED", manifest())
        await until(lambda: stage.jobs.gets and not stage.reconciler.awaits(UID))
    job = stage.roster.get(UID)
    assert job is not None
    assert (job.generation, job.firing) == (1, False)
    assert stage.armed == []


async def test_a_generation_of_a_newer_engine_that_nobody_runs_any_more_is_taken_over() -> None:
    stage = Stage(manifest())
    await stage.ledger.adopt([replace(read(manifest(), 60_000)[1], revision="9999.newer")])
    async with running(stage):
        stage.reconciler.observe("ADDED", manifest())
        await until(lambda: stage.jobs.gets and not stage.reconciler.awaits(UID))
        assert stage.armed == []
        stage.revisions.clear()
        await absence(stage).compare()
        await until(lambda: stage.armed)
    job = stage.roster.get(UID)
    assert job is not None
    assert job.firing
    assert stage.store.jobs[UID].revision == job.revision


async def test_an_api_server_that_went_back_is_followed() -> None:
    stage = Stage(manifest(generation=3))
    await stage.ledger.adopt([read(manifest(generation=5), 60_000)[1]])
    async with running(stage):
        stage.reconciler.observe(None, manifest(generation=3))
        await until(lambda: stage.armed)
    assert stage.store.jobs[UID].generation == 3


@pytest.mark.parametrize("stored", ['{"rrule":"FREQ=DAILY"}', '{"cron":"0 3 * * *","zone":"Mars/Base"}', "garbage"])
async def test_a_stored_schedule_that_cannot_be_read_here_does_not_keep_its_job_from_being_edited(stored: str) -> None:
    stage = Stage(manifest(generation=2))
    await stage.ledger.adopt([replace(read(manifest(), 60_000)[1], when=stored)])
    async with running(stage):
        stage.reconciler.observe("MODIFIED", manifest(generation=2))
        await until(lambda: stage.armed)
    job = stage.roster.get(UID)
    assert job is not None
    assert (job.generation, job.cursor, job.firing) == (2, NOW, True)
    assert sum(stage.store.jobs[UID].skipped.values()) == 0


async def test_what_a_pause_leaves_behind_is_counted_once_and_not_run() -> None:
    stage = Stage()
    await stage.ledger.adopt([read(manifest(suspend=True), 60_000)[1]])
    async with running(stage):
        stage.reconciler.observe("MODIFIED", manifest(generation=2))
        await until(lambda: stage.armed)
    job = stage.roster.get(UID)
    assert job is not None
    assert job.cursor == NOW
    assert dict(stage.store.jobs[UID].skipped) == {"Suspended": 10}


async def test_an_api_server_that_is_away_keeps_questions_but_no_adoptions_waiting() -> None:
    stage = Stage(manifest())
    stage.jobs.refusal = ConnectionError("away")
    async with running(stage):
        stage.reconciler.discover(UID, "default", f"job-{UID[:8]}")
        await until(lambda: stage.jobs.gets)
        stage.reconciler.observe("ADDED", manifest("another"))
        await until(lambda: stage.armed)
        assert stage.reconciler.awaits(UID)
    assert [job.uid for job in stage.armed] == ["another"]
