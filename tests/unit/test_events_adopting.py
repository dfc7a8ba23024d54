"""From the API server's word to what is in force, in this router and in the store."""

import asyncio

import pytest

from kronstream.events.absence import Absence
from kronstream.ports import HANDLER
from unit.eventstage import CREATE_JOB, KEY, UID, EventStage, manifest, uid
from unit.fakecluster import NOW, ends

pytestmark = pytest.mark.anyio


async def step(stage: EventStage) -> None:
    while stage.adopting._questions:
        await stage.adopting._ask()
    await stage.adopting._step()


def in_force(stage: EventStage) -> int | None:
    found = stage.table.get(KEY)
    return found.generation if found else None


async def test_a_generation_is_in_force_once_the_store_has_it() -> None:
    stage = EventStage()
    stage.adopting.observe(None, manifest())
    assert in_force(stage) is None

    await step(stage)

    assert in_force(stage) == 1
    assert (await stage.state()).generation == 1


async def test_a_known_generation_is_only_noted() -> None:
    stage = EventStage()
    await stage.open(manifest())

    stage.adopting.observe("MODIFIED", manifest(status={"seq": 7, "observedGeneration": 1}))

    found = stage.table.get(KEY)
    assert found is not None
    assert found.status["seq"] == 7
    assert not stage.adopting.backlog


@pytest.mark.parametrize("deleted", ["event", "finalizer"])
async def test_a_deleted_handler_hears_nothing_at_once(deleted: str) -> None:
    stage = EventStage()
    await stage.open(manifest())

    stage.adopting.observe(*(("DELETED", manifest()) if deleted == "event" else ("MODIFIED", ends(manifest()))))

    assert in_force(stage) is None
    await step(stage)
    assert await stage.ledger.known(handlers=True) == ([] if deleted == "event" else [KEY])


async def test_a_mended_spec_comes_into_force() -> None:
    stage = EventStage()
    await stage.open(manifest(filter="("))
    assert stage.store.jobs[KEY].invalid

    await stage.open(manifest(generation=2))

    found = stage.table.get(KEY)
    assert found is not None
    assert found.fault is None
    assert not stage.store.jobs[KEY].invalid


async def test_a_late_router_reads_what_is_live() -> None:
    stage = EventStage()
    await stage.open(manifest(generation=3))
    late = EventStage(manifest(generation=3, event="order.paid"))
    late.adopting._ledger = stage.ledger

    late.adopting.observe(None, manifest(generation=2))
    await step(late)
    await step(late)

    assert in_force(late) == 3


async def test_an_api_server_that_went_back_is_followed() -> None:
    stage = EventStage()
    await stage.open(manifest(generation=3))
    stage.handlers.put(manifest(generation=2, event="order.paid"))

    await stage.adopting.reread(KEY)
    await step(stage)

    assert in_force(stage) == 2
    assert (await stage.state()).generation == 2


async def test_counts_come_back_from_the_status_when_the_store_was_lost() -> None:
    stage = EventStage()
    await stage.open(manifest())
    status = {
        "seq": 9, "observedGeneration": 1, "triggerCount": 5, "successCount": 4, "failureCount": 1,
        "lastTriggerTime": "2026-11-18T11:06:30Z",
        "lastError": {"message": "it fell", "event": "e-1", "at": "2026-11-18T11:06:30Z"},
    }  # fmt: skip
    stage.adopting.observe("MODIFIED", manifest(status=status))
    stage.store.jobs.clear()

    stage.adopting.adopt_again()
    await step(stage)

    state = await stage.state()
    assert (state.triggered, state.succeeded, state.failed) == (5, 4, 1)
    assert state.seq >= 9
    assert state.last_trigger == NOW - 10_000
    assert state.last_error is not None
    assert (state.last_error.message, state.last_error.event) == ("it fell", "e-1")


async def test_a_handler_of_a_work_of_its_own_is_adopted_with_it() -> None:
    stage = EventStage()
    await stage.open(
        manifest(
            action={"dispatchAgent": {"name": "reviewer", "timeout": "3m", "priority": "high", "queue": "agents"}}
        ),
        manifest(uid(2), action=CREATE_JOB),
    )

    stored = await stage.requests.stored(KEY)
    assert stored is not None
    assert stored.work is not None
    assert '"@agent"' in stored.work
    assert '"timeout":180000' in stored.work
    assert (stage.store.jobs[KEY].queue, stage.store.jobs[KEY].lane) == ("agents", "high")


async def test_what_was_deleted_while_nobody_watched_is_forgotten_and_jobs_are_not() -> None:
    stage = EventStage()
    await stage.open(manifest(), manifest(uid(2)))
    await stage.adopt_job()
    stage.time.advance(1_000)
    del stage.handlers.objects[uid(2)]
    absence = Absence(stage.table, stage.ledger, stage.adopting._handlers, stage.clock, stage.adopting, 60)

    await absence.compare()

    assert await stage.ledger.known(handlers=True) == [KEY]
    assert len(await stage.ledger.known()) == 1
    assert stage.adopting.awaits(HANDLER + uid(2))


async def test_everything_is_known_once_what_is_listed_is_in_force() -> None:
    stage = EventStage()
    stage.handlers.put(manifest())
    absence = Absence(stage.table, stage.ledger, stage.adopting._handlers, stage.clock, stage.adopting, 60)

    await absence.compare()
    assert not absence.known.is_set()
    stage.adopting.observe(None, manifest())
    await absence.compare()
    assert not absence.known.is_set()
    await step(stage)
    await absence.compare()

    assert absence.known.is_set()


async def test_the_room_adopts_and_forgets_until_it_is_cancelled() -> None:
    stage = EventStage()
    entered: list[str] = []
    stage.adopting.entered = lambda handler: entered.append(handler.kube_uid)
    room = asyncio.create_task(stage.adopting.run())
    stage.adopting.observe(None, manifest())
    async with asyncio.timeout(5):
        while not entered:
            await asyncio.sleep(0)
        stage.adopting.observe("DELETED", manifest())
        while await stage.ledger.known(handlers=True):
            await asyncio.sleep(0)

    assert entered == [UID]
    room.cancel()
    await asyncio.wait([room])
