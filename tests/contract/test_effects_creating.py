"""Jobs that handlers create: only so many are open at a time, the rest stand in line."""

import pytest

from builders import dispatch
from contract.acts import adopted, dispatched, ended, taken
from contract.handling import HANDLER, OTHER, creation, due, handler, handling, item_of, route, settle
from contract.stores import EPOCH, Store
from kronstream.ports import Debounce, Ending, FateWord, Verdict

pytestmark = pytest.mark.anyio

LOOKED_AT = 5_001


async def created(store: Store, number: int, most_open: int = 2) -> None:
    """Events that create jobs come, and as many as may be are made; their UIDs are made-0 and so on."""
    await handling(store)
    events = [creation(f"{key}", most_open=most_open) for key in range(number)]
    assert await route(store, *events) == [FateWord.QUEUED] * number
    for waiting in await due(store):
        uid = f"made-{(await handler(store)).succeeded}"
        assert await settle(store, waiting, created=uid)


async def once(store: Store, uid: str) -> None:
    """The operator adopts a created job and dispatches its only run."""
    cursor = await adopted(store, uid)
    item = dispatch(cursor, cursor + 1000, uid=uid, once=True)
    assert await store.ledger.dispatch(EPOCH, [item]) == [(Verdict.OK, 0)]


async def test_only_so_many_are_open(store: Store) -> None:
    await created(store, 5)
    known = await handler(store)
    assert (known.triggered, known.succeeded, known.open, known.waiting) == (2, 2, 2, 3)
    assert await store.effects.tend() == 0
    assert await due(store) == []


async def test_whoever_stands_in_line_goes_on_in_order_when_one_is_over(store: Store) -> None:
    await created(store, 5)
    await once(store, "made-0")
    await store.advance(LOOKED_AT)
    assert await store.effects.tend() == 0  # it runs
    await ended(store, *await taken(store))
    await store.advance(LOOKED_AT)
    assert await store.effects.tend() == 1
    assert await store.effects.tend() == 0
    (waiting,) = await due(store)
    assert waiting.item == item_of("2")
    assert await settle(store, waiting, created="made-2")
    known = await handler(store)
    assert (known.open, known.waiting) == (2, 2)


async def test_a_deleted_job_is_over(store: Store) -> None:
    await created(store, 3)
    await adopted(store, "made-1")
    await store.ledger.forget(["made-1"])
    await store.advance(LOOKED_AT)
    assert await store.effects.tend() == 1
    assert [waiting.item for waiting in await due(store)] == [item_of("2")]


async def test_a_job_that_nobody_ever_heard_of_is_over_after_ten_minutes(store: Store) -> None:
    await created(store, 3)
    await store.advance(590_000)
    assert await store.effects.tend() == 0
    await store.advance(16_000)
    assert await store.effects.tend() == 1


async def test_an_attempt_that_failed_keeps_its_place_and_one_that_is_given_up_frees_it(store: Store) -> None:
    await handling(store)
    await route(store, creation("1", most_open=1), creation("2", most_open=1))
    (waiting,) = await due(store)
    await settle(store, waiting, Ending.RETRY, wait=0, message="no")
    assert await store.effects.tend() == 0
    (again,) = await due(store)
    assert (again.item, again.attempt) == (item_of("1"), 2)
    assert (await handler(store)).open == 1
    await settle(store, again, Ending.FAILED, message="no")
    assert (await handler(store)).open == 0
    assert await store.effects.tend() == 1
    assert [waiting.item for waiting in await due(store)] == [item_of("2")]


async def test_a_higher_limit_lets_more_go_and_the_status_hears_of_ended_ones(store: Store) -> None:
    await created(store, 2)
    await once(store, "made-0")
    await ended(store, *await taken(store))
    before = await handler(store)
    await store.advance(LOOKED_AT)
    await store.effects.tend()
    known = await handler(store)
    assert (before.open, known.open) == (2, 1)
    assert known.seq > before.seq
    assert await route(store, creation("9", most_open=2)) == [FateWord.QUEUED]
    assert len(await due(store)) == 1


async def test_lines_of_handlers_are_their_own(store: Store) -> None:
    await created(store, 3, most_open=1)
    await handling(store, OTHER)
    assert await route(store, creation("1", OTHER, most_open=1)) == [FateWord.QUEUED]
    assert [waiting.handler for waiting in await due(store)] == [OTHER]


async def test_one_that_came_out_of_its_window_stands_in_line_too(store: Store) -> None:
    await created(store, 1, most_open=1)
    await route(store, creation("d", most_open=1, debounce=Debounce("k", 1_000, 1_000)))
    await store.advance(1_001)
    assert await due(store) == []
    assert (await handler(store)).waiting == 1
    await settle_all(store)
    await store.advance(LOOKED_AT)
    assert await store.effects.tend() == 1
    assert [waiting.item for waiting in await due(store)] == [item_of("d")]


async def settle_all(store: Store) -> None:
    """The open job is over."""
    await once(store, "made-0")
    await ended(store, *await taken(store))


async def test_what_was_open_when_its_handler_went_is_nobodys(store: Store) -> None:
    await created(store, 2)
    await store.ledger.forget([HANDLER])
    await handling(store, generation=2, alive=True)
    known = await handler(store)
    assert (known.open, known.waiting, known.triggered) == (0, 0, 0)
    assert (await dispatched(store)) != []
