"""A backfill's pace: a run that ends brings the next one on only where nothing but its end was waited for."""

from dataclasses import replace

import pytest

from builders import UID, WHEN
from contract.acts import adopted, ended, taken
from contract.stores import EPOCH, Store
from kronstream.ports import Backfill

pytestmark = pytest.mark.anyio


async def begun(store: Store, **pace: int) -> Backfill:
    cursor = await adopted(store)
    fields = {"interval": 0, "concurrent": 1, **pace}
    new = Backfill("b1", UID, WHEN, cursor - 10_000, cursor - 5_000, cursor - 10_001, total=6, **fields)
    await store.requests.create_backfill(new)
    return new


async def step(store: Store, backfill: Backfill, nominal: int) -> str:
    known = await store.requests.backfill(backfill.id)
    assert known
    return await store.requests.step_backfill(EPOCH, known, nominal)


async def due(store: Store) -> list[str]:
    return [each.id for each in await store.requests.backfills_due()]


async def test_a_run_that_ends_does_not_shorten_the_interval(store: Store) -> None:
    backfill = await begun(store, interval=3_600_000, concurrent=2)
    assert await step(store, backfill, backfill.begin) == "ok"
    assert await due(store) == []
    await ended(store, *await taken(store))
    assert await due(store) == []
    known = await store.requests.backfill(backfill.id)
    assert known == replace(
        backfill, cursor=backfill.begin, started=1, succeeded=1, created=known.created if known else 0
    )


async def test_a_run_that_ends_makes_room_at_once(store: Store) -> None:
    backfill = await begun(store)
    assert await step(store, backfill, backfill.begin) == "ok"
    assert await due(store) == [backfill.id]
    assert await step(store, backfill, backfill.begin + 1_000) == "wait"
    assert await due(store) == []
    await ended(store, *await taken(store))
    assert await due(store) == [backfill.id]
    assert await step(store, backfill, backfill.begin + 1_000) == "ok"
