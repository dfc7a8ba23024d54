"""A limit over several jobs: a group's slots go round in order, and come back whatever ends a run."""

import pytest

from builders import UID, adoption, card
from contract.acts import ask, dispatched, ended, failure, job, more, rid, state, taken
from contract.stores import LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Seed, Word

pytestmark = pytest.mark.anyio

OTHER = "another"
REGISTERING = 3000
WEEK = 7 * 86_400_000


async def test_jobs_of_a_group_take_turns(store: Store) -> None:
    (first,) = await dispatched(store, group="g")
    (second,) = await dispatched(store, uid=OTHER, group="g")
    (third,) = await more(store)
    for uid, nominal in ((UID, first), (OTHER, second), (UID, third)):
        (claim,) = await taken(store)
        assert (claim.uid, claim.nominal) == (uid, nominal)
        await ended(store, claim)
    assert await store.lines() == {}


async def test_a_group_may_have_several_slots(store: Store) -> None:
    await dispatched(store, 3, group="g", group_max=2)
    await dispatched(store, uid=OTHER, group="g", group_max=2)
    claims = await taken(store)
    assert len(claims) == 2
    await ended(store, claims[0])
    assert len(await taken(store)) == 1


async def test_a_group_is_one_of_a_namespace(store: Store) -> None:
    await dispatched(store, group="g")
    await dispatched(store, uid=OTHER, group="g", namespace="team")
    assert len(await taken(store)) == 2


@pytest.mark.parametrize("before", ["runs", "waits"])
async def test_forbid_skips_while_the_group_is_full(store: Store, before: str) -> None:
    await dispatched(store, 2, uid=OTHER, group="g", policy="Queue", max_concurrent=2)
    (claim,) = await taken(store)
    if before == "waits":
        await dispatched(store, uid="third", group="g")
    await dispatched(store, policy="Forbid", group="g")
    assert (await job(store)).skipped == {"Overlap": 1}
    assert await ask(store) == (Word.SKIPPED, "Overlap")
    await ended(store, claim)


async def test_forbid_goes_when_the_group_has_room(store: Store) -> None:
    await dispatched(store, group="g", group_max=2)
    await dispatched(store, uid=OTHER, policy="Forbid", group="g", group_max=2)
    assert len(await taken(store)) == 2


@pytest.mark.parametrize("end", ["failed", "cancelled", "worker lost", "forgotten"])
async def test_every_end_gives_the_slot_back(store: Store, end: str) -> None:
    (first,) = await dispatched(store, group="g", work_fields={"retry": Retry(limit=0)})
    (claim,) = await taken(store)
    (second,) = await dispatched(store, uid=OTHER, group="g")
    assert await taken(store) == []
    if end == "failed":
        await store.queue.finish(card(), [failure(claim)])
    elif end == "cancelled":
        await store.requests.cancel([rid(first)], "somebody")
        await store.queue.finish(card(), [failure(claim, state=State.CANCELLED)])
    elif end == "worker lost":
        await store.advance(LEASE + 1)
        await store.queue.sweep()
    else:
        await store.ledger.forget([UID])
        assert await taken(store) == []  # what runs may finish, and keeps its slot until then
        await ended(store, claim)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_a_queued_run_that_is_forgotten_gives_its_slot_back_and_wakes_a_worker(store: Store) -> None:
    await dispatched(store, group="g")
    (second,) = await dispatched(store, uid=OTHER, group="g")
    assert await store.queue.wait("default", 10)
    await store.ledger.forget([UID])
    assert await store.queue.wait("default", 10)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_a_cancelled_run_leaves_the_groups_line(store: Store) -> None:
    await dispatched(store, group="g")
    (second,) = await dispatched(store, uid=OTHER, group="g")
    (claim,) = await taken(store)
    await store.requests.cancel([rid(second, OTHER)], "somebody")
    await ended(store, claim)
    assert await taken(store) == []
    assert await store.lines() == {}


async def test_who_holds_others_up_by_a_smaller_limit_and_goes_lets_them_pass(store: Store) -> None:
    await dispatched(store, group="g", group_max=2)
    (second,) = await dispatched(store, uid=OTHER, group="g", group_max=1)
    (third,) = await more(store)
    assert len(await taken(store)) == 1
    await store.requests.cancel([rid(second, OTHER)], "somebody")
    assert [claim.nominal for claim in await taken(store)] == [third]


async def test_a_retry_keeps_the_groups_slot(store: Store) -> None:
    (first,) = await dispatched(store, group="g")
    await dispatched(store, uid=OTHER, group="g")
    (claim,) = await taken(store)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    assert await taken(store) == []
    assert await store.queue.sweep() == 1
    assert [claim.nominal for claim in await taken(store)] == [first]


@pytest.mark.parametrize("handed", [True, False])
async def test_a_run_handed_back_keeps_the_groups_slot(store: Store, *, handed: bool) -> None:
    (first,) = await dispatched(store, group="g")
    await dispatched(store, uid=OTHER, group="g")
    (claim,) = await taken(store)
    await store.queue.beat(card("worker-2"), [])
    if handed:
        assert await store.queue.hand_over(card(), claim, "worker-2")
        (again,) = await store.queue.take_pending(card("worker-2"), "default", 10)
    else:
        await store.queue.release(card(), [claim])
        (again,) = await taken(store)
    assert again.nominal == first
    assert await taken(store) == []


async def test_an_entry_that_vanished_comes_back_with_its_slot(store: Store) -> None:
    (first,) = await dispatched(store, group="g")
    (second,) = await dispatched(store, uid=OTHER, group="g")
    await store.lose_entries()
    await store.advance(60_001)
    await store.queue.sweep()
    (claim,) = await taken(store)
    assert claim.nominal == first
    await ended(store, claim)
    assert [claim.nominal for claim in await taken(store)] == [second]
    assert len(await store.lines()) == 1


async def test_job_and_group_limits_hold_together(store: Store) -> None:
    instants = await dispatched(store, 3, policy="Queue", group="g", group_max=2)
    others = await dispatched(store, 3, uid=OTHER, policy="Queue", group="g", group_max=2)
    order = []
    while claims := await taken(store):
        assert len({claim.uid for claim in claims}) == len(claims)
        order += [claim.nominal for claim in claims]
        await ended(store, *claims)
    assert sorted(order) == sorted(instants + others)
    assert await store.lines() == {}


async def test_a_replacement_keeps_its_jobs_place_in_the_line(store: Store) -> None:
    await dispatched(store, uid=OTHER, group="g")
    (claim,) = await taken(store)
    await dispatched(store, policy="Replace", group="g")
    await more(store, uid=OTHER)
    newest = (await more(store, 3))[-1]
    await ended(store, claim)
    (claim,) = await taken(store)
    assert claim.run == rid(newest)


async def test_an_edit_that_lets_more_into_the_group_lets_the_line_go(store: Store) -> None:
    instants = await dispatched(store, 3, group="g")
    assert len(await taken(store)) == 1
    await store.ledger.adopt([adoption(generation=2, group="g", group_max=3)])
    assert [claim.nominal for claim in await taken(store)] == instants[1:]


async def test_who_leaves_the_group_still_waits_its_turn_in_it(store: Store) -> None:
    _, second = await dispatched(store, 2, group="g")
    (claim,) = await taken(store)
    await store.ledger.adopt([adoption(generation=2)])
    (third,) = await more(store, generation=2)
    assert [claim.nominal for claim in await taken(store)] == [third]
    await ended(store, claim)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_who_leaves_the_group_waits_by_the_limit_it_came_with(store: Store) -> None:
    await dispatched(store, 2, uid=OTHER, group="g", group_max=2)
    claims = await taken(store)
    (third,) = await dispatched(store, group="g", group_max=2)
    await store.ledger.adopt([adoption(generation=2, group="g", group_max=1)])
    await ended(store, claims[0])
    assert await taken(store) == []
    await store.ledger.adopt([adoption(generation=3)])
    assert [claim.nominal for claim in await taken(store)] == [third]


async def test_a_record_that_went_without_a_word_frees_its_slot(store: Store) -> None:
    await dispatched(store, group="g")
    (claim,) = await taken(store)
    await store.ledger.forget([UID])
    for _ in range(3):  # its worker holds it for longer than the record of a forgotten job is kept
        await store.advance(WEEK // 3 + 1)
        await store.queue.beat(card(), [claim])
    (second,) = await dispatched(store, uid=OTHER, group="g")
    assert [claim.nominal for claim in await taken(store)] == [second]


@pytest.mark.parametrize("listed", [True, False])
async def test_after_a_lost_store_what_runs_has_its_slot(store: Store, *, listed: bool) -> None:
    (first,) = await dispatched(store, group="g")
    claims = await taken(store)
    await store.wipe()
    await store.reopen()
    seed = Seed({}, (rid(first),) if listed else ())
    await store.ledger.adopt([adoption(cursor=first, group="g", seed=seed)])
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    (second,) = await dispatched(store, uid=OTHER, group="g")
    await store.advance(REGISTERING)
    await store.queue.sweep()
    assert await taken(store) == []
    assert await state(store, first) is State.RUNNING
    await ended(store, *claims)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_a_listed_run_that_nobody_holds_lines_up_in_its_group(store: Store) -> None:
    (first,) = await dispatched(store, group="g")
    await store.wipe()
    await store.reopen()
    await dispatched(store, uid=OTHER, group="g")
    (other,) = await taken(store)
    await store.ledger.adopt([adoption(cursor=first, group="g", seed=Seed({}, (rid(first),)))])
    await store.advance(REGISTERING)
    await store.queue.sweep()
    assert await taken(store) == []
    await ended(store, other)
    assert [claim.nominal for claim in await taken(store)] == [first]


async def test_an_older_copy_gives_every_slot_back(store: Store) -> None:
    instants = await dispatched(store, 2, group="g")
    copy = await store.snapshot()
    claims = await taken(store)
    await store.restore(copy)
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    await ended(store, *claims)
    (claim,) = await taken(store)
    assert claim.nominal == instants[1]
    await ended(store, claim)
    assert await store.lines() == {}


async def test_a_run_of_an_older_copys_line_that_speaks_up_lets_others_pass(store: Store) -> None:
    await dispatched(store, uid=OTHER, group="g", group_max=3)
    (before,) = await taken(store)
    (second,) = await dispatched(store, group="g", group_max=1)
    (third,) = await dispatched(store, uid="third", group="g", group_max=3)
    copy = await store.snapshot()
    await ended(store, before)
    claims = await taken(store)
    assert [claim.nominal for claim in claims] == [second, third]
    await store.restore(copy)
    assert (await store.queue.beat(card(), claims[:1])).lost == frozenset()
    assert [claim.nominal for claim in await taken(store, consumer="worker-2")] == [third]


async def test_a_group_leaves_nothing_behind(store: Store) -> None:
    await dispatched(store, 3, group="g", policy="Queue", max_concurrent=2)
    claims = await taken(store)
    await store.ledger.forget([UID])
    await ended(store, *claims)
    assert await store.undying(UID) == set()
    assert await store.lines() == {}
