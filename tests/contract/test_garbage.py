"""Entries that no worker can understand are set aside with the reason, and hold nothing up."""

import pytest

from builders import card
from contract.acts import dispatched, job, rid
from contract.stores import Store

pytestmark = pytest.mark.anyio

ENTRY = {"v": "1", "uid": "u", "namespace": "default", "name": "job", "nominal": "1", "generation": "1"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"task": "send-mail"}, 'no field "run"'),
        (ENTRY, 'no field "run"'),
        ({**ENTRY, "run": "u-s1", "v": "9"}, "version 9 of the entry format; this worker reads up to 2"),
        ({"run": "u-s1"}, "version nil of the entry format; this worker reads up to 2"),
    ],
)
async def test_a_garbage_entry_is_set_aside(store: Store, fields: dict[str, str], reason: str) -> None:
    await store.inject(fields)
    assert await store.queue.take(card(), "default", 10) == []
    (letter,) = await store.dead_letters()
    assert reason in letter["reason"]
    assert {name.removeprefix("field."): value for name, value in letter.items() if name.startswith("field.")} == fields
    assert await store.entries() == []
    assert await store.pending() == []


async def test_an_entry_of_an_unknown_run_is_dropped(store: Store) -> None:
    await store.inject({**ENTRY, "run": "u-s1"})
    assert await store.queue.take(card(), "default", 10) == []
    assert await store.dead_letters() == []
    assert await store.entries() == []
    assert await store.pending() == []


async def test_a_second_entry_of_a_run_is_dropped(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await store.inject({**ENTRY, "run": rid(nominal)})
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [nominal]
    assert len(await store.entries()) == 1
    assert (await job(store)).active == 1


async def test_a_run_behind_garbage_is_reached_at_once(store: Store) -> None:
    for number in range(5):
        await store.inject({"noise": str(number)})
    (nominal,) = await dispatched(store)
    claims = await store.queue.take(card(), "default", 1)
    assert [claim.nominal for claim in claims] == [nominal]
    assert len(await store.dead_letters()) == 5


async def test_garbage_is_cut_to_a_bound(store: Store) -> None:
    await store.inject({"blob": "x" * 100_000, **{f"name-{number}": "y" for number in range(100)}})
    await store.queue.take(card(), "default", 10)
    (letter,) = await store.dead_letters()
    assert sum(len(name) + len(value) for name, value in letter.items()) < 4096
