"""Handlers take turns as they come into force: by that a router knows of what it has not heard yet."""

import pytest

from builders import REVISION, adoption
from contract.acts import dispatched, ended, more, taken
from contract.handling import HANDLER, OTHER, handling, told
from contract.stores import Store
from kronstream.ports import Effects, Entered, Expect, Roll

pytestmark = pytest.mark.anyio

FAILED, SUCCEEDED = "kronstream.run.failed", "kronstream.run.succeeded"


def uids(roll: Roll) -> list[str]:
    return [one.uid for one in roll.entered]


async def rolled(effects: Effects, after: int = 0) -> Roll:
    return await effects.roll(after, 100)


async def test_handlers_come_in_the_order_in_which_they_came_into_force(store: Store) -> None:
    assert await rolled(store.effects) == Roll(0)
    await handling(store, OTHER, namespace="team-a")
    await handling(store)
    roll = await rolled(store.effects)
    assert roll.entered == (Entered(OTHER, 1, "team-a", "handler"), Entered(HANDLER, 1, "default", "handler"))
    assert not roll.more
    assert await rolled(store.effects, roll.turn) == Roll(roll.turn)

    await handling(store, OTHER, generation=2)
    again = await rolled(store.effects, roll.turn)
    assert again.entered == (Entered(OTHER, 2, "default", "handler"),)
    assert again.turn > roll.turn
    assert uids(await rolled(store.effects)) == [HANDLER, OTHER]


async def test_what_is_known_takes_no_turn_and_a_job_neither(store: Store) -> None:
    await handling(store)
    before = await rolled(store.effects)
    await handling(store)
    await store.ledger.adopt([adoption("a-job")])
    assert await rolled(store.effects) == before


async def test_a_spec_that_cannot_be_used_takes_its_turn(store: Store) -> None:
    await handling(store, invalid=True)
    assert uids(await rolled(store.effects)) == [HANDLER]


async def test_pages_follow_each_other(store: Store) -> None:
    names = [f"eh.{number}" for number in range(5)]
    for name in names:
        await handling(store, name)
    seen: list[str] = []
    turn, more = 0, True
    while more:
        roll = await store.effects.roll(turn, 2)
        seen += uids(roll)
        turn, more = roll.turn, roll.more
    assert seen == names
    assert turn == (await rolled(store.effects)).turn


async def test_a_deleted_handler_is_on_no_roll_and_its_turn_is_nobody_elses(store: Store) -> None:
    await handling(store)
    seen = (await rolled(store.effects)).turn
    await store.ledger.forget([HANDLER])
    await handling(store, OTHER)
    assert uids(await rolled(store.effects)) == [OTHER]
    assert uids(await rolled(store.effects, seen)) == [OTHER]


async def test_a_lost_store_is_told_from_its_first_turn(store: Store) -> None:
    for name in (HANDLER, OTHER):
        await handling(store, name)
    seen = (await rolled(store.effects)).turn
    await store.wipe()
    await store.reopen()
    await handling(store)
    assert uids(await rolled(store.effects, seen)) == [HANDLER]


async def test_an_api_server_that_went_back_takes_a_turn(store: Store) -> None:
    await handling(store, generation=3, cursor=5)
    seen = (await rolled(store.effects)).turn
    await handling(store, generation=2, expect=Expect(3, REVISION, 5))
    assert [one.generation for one in (await rolled(store.effects, seen)).entered] == [2]


async def test_who_does_not_know_every_handler_takes_back_nothing(store: Store) -> None:
    await handling(store)
    behind = (await rolled(store.effects)).turn
    await handling(store, OTHER, scope="*", outcomes=(SUCCEEDED,))

    assert not await store.effects.want("*", [], behind)

    await dispatched(store)
    await ended(store, *await taken(store))
    assert [event.type for event in await told(store)] == [SUCCEEDED]
    assert await store.effects.want("*", [], (await rolled(store.effects)).turn)
    await more(store)
    await ended(store, *await taken(store))
    assert len(await told(store)) == 1


async def test_what_a_handler_listens_for_is_told_beside_what_others_do(store: Store) -> None:
    assert await store.effects.want("*", [FAILED], 0)
    await handling(store, scope="*", outcomes=(SUCCEEDED, FAILED))
    await dispatched(store)
    await ended(store, *await taken(store))
    assert [event.type for event in await told(store)] == [SUCCEEDED]
