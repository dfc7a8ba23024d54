"""A router that is behind another catches up before it judges events: a handler that is in force misses none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kronstream.cluster.api import ApiError
from kronstream.events import abreast as room
from unit.eventstage import KEY, STREAM, EventStage, event, manifest, soon, uid

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BROUGHT", 0.01)


async def behind(first: EventStage, *objects: dict[str, Any]) -> EventStage:
    """A second router over the same store and API server, whose watch has brought nothing yet."""
    stage = EventStage(*objects, store=first.store)
    await stage.pulse.beat()
    await stage.log.join(STREAM, "0")
    stage.table.changed = stage.abreast.stirred
    return stage


async def both(*objects: dict[str, Any]) -> tuple[EventStage, EventStage]:
    first = EventStage()
    await first.open(*objects)
    await first.adopt_job()
    return first, await behind(first, *objects)


@asynccontextmanager
async def adopting(stage: EventStage) -> AsyncIterator[None]:
    """Meanwhile its adoption goes on."""
    task = asyncio.create_task(stage.adopting.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_waits_for_a_handler_that_another_router_took_in() -> None:
    _, late = await both(manifest())
    async with adopting(late):
        await late.deliver(event())
    assert (await late.state()).succeeded == 1
    assert len(late.store.runs) == 1


async def test_the_generation_that_is_in_force_judges() -> None:
    first, late = await both(manifest(event="other.type"))
    async with adopting(late):
        assert await late.abreast.reach()
        await first.open(manifest(generation=2))
        late.handlers.put(manifest(generation=2))
        await late.deliver(event())
    assert (await late.state()).succeeded == 1


async def test_what_the_watch_brings_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BROUGHT", 30)
    _, late = await both(manifest())
    async with adopting(late):
        reached = asyncio.create_task(late.abreast.reach())
        await soon(late.abreast._one.locked)
        late.adopting.observe("ADDED", manifest())
        assert await asyncio.wait_for(reached, 5)
    assert late.handlers.gets == 0


async def test_who_is_abreast_waits_for_nobody() -> None:
    first, _ = await both(manifest())
    assert await first.abreast.reach()
    assert first.abreast.turn == 1
    assert first.handlers.gets == 0


async def test_one_that_was_deleted_meanwhile_is_not_waited_for() -> None:
    first, _ = await both(manifest())
    late = await behind(first)
    async with adopting(late):
        assert await asyncio.wait_for(late.abreast.reach(), 5)
    assert late.table.get(KEY) is None


async def test_handlers_of_namespaces_that_others_look_after_are_not_waited_for() -> None:
    first, late = await both(manifest(namespace="theirs"))
    late.abreast._covers = lambda namespace: namespace != "theirs"
    assert await asyncio.wait_for(late.abreast.reach(), 5)
    assert late.abreast.turn == (await first.effects.roll(0, 1)).turn


async def test_an_api_server_that_is_away_holds_events_up_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    first, late = await both(manifest(name="paid"), manifest(uid(2)))
    late.handlers.refusal = ApiError(503, "away")
    async with adopting(late):
        assert not await late.abreast.reach()
        assert "2 event handler(s) that are in force cannot be read" in caplog.text
        assert "default/paid and others" in caplog.text
        assert await late.abreast.reach(), "nobody waits for them again"
        late.handlers.refusal = None
        await soon(lambda: len(late.table) == 2)
    assert len(first.table) == 2


async def test_however_many_pages_an_api_server_is_away_for_it_is_waited_for_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "PAGE", 1)
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    _, late = await both(*(manifest(uid(number), name=f"number-{number}") for number in range(5)))
    late.handlers.refusal = ApiError(503, "away")
    async with adopting(late):
        assert not await late.abreast.reach()
    (told,) = [one.message for one in caplog.records if one.name == room.__name__]
    assert told.startswith("5 event handler(s) ")
    assert late.adopting.backlog == 5, "each is asked for"


async def test_a_lost_store_begins_anew() -> None:
    first, _ = await both(manifest())
    assert await first.abreast.reach()
    first.abreast.lost()
    assert first.abreast.turn == 0
    assert await first.abreast.reach()
    assert first.abreast.turn == 1


async def test_all_pages_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAGE", 2)
    _, late = await both(*(manifest(uid(number), name=f"number-{number}") for number in range(5)))
    async with adopting(late):
        assert await asyncio.wait_for(late.abreast.reach(), 5)
    assert len(late.table) == 5
