"""How many runs of a job are active at a time, who waits, and in which order they go."""

import pytest

from builders import UID, adoption, card
from contract.acts import ask, dispatched, ended, failure, job, more, record, rid, state, taken
from contract.stores import LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Seed, Word

pytestmark = pytest.mark.anyio

REGISTERING = 3000


async def test_forbid_lets_as_many_go_as_it_allows(store: Store) -> None:
    instants = await dispatched(store, 4, policy="Forbid", max_concurrent=2)
    claims = await taken(store)
    assert [claim.nominal for claim in claims] == instants[:2]
    assert (await job(store)).skipped == {"Overlap": 2}
    await ended(store, claims[0])
    await more(store, 2)
    assert (await job(store)).skipped == {"Overlap": 3}
    assert len(await taken(store)) == 1


async def test_queue_lets_runs_wait_and_go_in_order(store: Store) -> None:
    instants = await dispatched(store, 4, policy="Queue")
    for nominal in instants:
        (claim,) = await taken(store)
        assert claim.nominal == nominal
        assert (await job(store)).active == 4 - instants.index(nominal)
        await ended(store, claim)
    assert await taken(store) == []
    assert (await job(store)).runs == {"success": 4}


async def test_queue_of_two_slots_keeps_both_filled(store: Store) -> None:
    instants = await dispatched(store, 5, policy="Queue", max_concurrent=2)
    first, second = await taken(store)
    await ended(store, second)
    (third,) = await taken(store)
    await ended(store, first, third)
    assert [claim.nominal for claim in await taken(store)] == instants[3:]


async def test_a_full_queue_skips(store: Store) -> None:
    instants = await dispatched(store, 5, policy="Queue", max_queued=2, backlog=3)
    known = await job(store)
    assert (known.active, known.skipped, known.runs) == (3, {"QueueFull": 2}, {"skipped": 2})
    assert known.last_skip
    assert known.last_skip.first == instants[-1]
    assert await ask(store) == (Word.SKIPPED, "QueueFull")
    (claim,) = await taken(store)
    await ended(store, claim)
    assert await ask(store, "2") == (Word.STARTED, "")


async def test_who_waits_for_a_slot_is_no_backlog(store: Store) -> None:
    await dispatched(store, 6, policy="Queue", max_queued=10, backlog=2)
    assert (await job(store)).skipped == {}


@pytest.mark.parametrize("policy", ["Queue", "Replace"])
@pytest.mark.parametrize("end", ["failed", "cancelled", "worker lost"])
async def test_every_end_lets_the_next_go(store: Store, end: str, policy: str) -> None:
    (first,) = await dispatched(store, policy=policy, work_fields={"retry": Retry(limit=0)})
    (claim,) = await taken(store)
    (second,) = await more(store)
    assert await taken(store) == []
    if end == "failed":
        await store.queue.finish(card(), [failure(claim)])
    elif end == "cancelled":
        await store.requests.cancel([rid(first)], "somebody")
        await store.queue.finish(card(), [failure(claim, state=State.CANCELLED)])
    else:
        await store.advance(LEASE + 1)
        assert await store.queue.sweep() == 1
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_a_run_that_comes_too_late_to_start_lets_the_next_go(store: Store) -> None:
    first, second = await dispatched(store, 2, policy="Queue", starting_deadline=30_000)
    await store.advance(25_000)
    assert await taken(store) == []
    assert [await state(store, nominal) for nominal in (first, second)] == [State.SKIPPED, State.QUEUED]
    assert await taken(store) == []
    assert await state(store, second) is State.SKIPPED
    assert await store.lines() == {}


async def test_a_retry_keeps_its_slot(store: Store) -> None:
    first, second = await dispatched(store, 2, policy="Queue")
    (claim,) = await taken(store)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    assert await taken(store) == []
    assert await store.queue.sweep() == 1
    (again,) = await taken(store)
    assert (again.nominal, again.attempt) == (first, 2)
    await ended(store, again)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_a_run_handed_back_keeps_its_slot(store: Store) -> None:
    first, _ = await dispatched(store, 2, policy="Queue")
    claims = await taken(store)
    await store.queue.release(card(), claims)
    assert [claim.nominal for claim in await taken(store)] == [first]
    assert await taken(store) == []


async def test_replace_with_two_slots_ends_the_oldest(store: Store) -> None:
    first, second = await dispatched(store, 2, policy="Replace", max_concurrent=2)
    claims = await taken(store)
    (third,) = await more(store)
    assert (await store.queue.beat(card(), claims)).cancel == {rid(first): "replaced"}
    assert await taken(store) == []
    (fourth,) = await more(store)
    assert (await store.queue.beat(card(), claims)).cancel == {rid(first): "replaced", rid(second): "replaced"}
    (fifth,) = await more(store)
    found = await record(store, third)
    assert (found.state, found.reason) == (State.SKIPPED, "overlap")
    await store.queue.finish(card(), [failure(claim, state=State.CANCELLED) for claim in claims])
    assert [claim.nominal for claim in await taken(store)] == [fourth, fifth]
    known = await job(store)
    assert (known.runs, known.active) == ({"skipped": 1, "cancelled": 2}, 2)


async def test_replace_ends_what_runs_before_what_is_queued(store: Store) -> None:
    first, second = await dispatched(store, 2, policy="Replace", max_concurrent=2)
    claims = await taken(store, 1)
    (third,) = await more(store)
    assert (await store.queue.beat(card(), claims)).cancel == {rid(first): "replaced"}
    assert [claim.nominal for claim in await taken(store)] == [second]
    await store.queue.finish(card(), [failure(claims[0], state=State.CANCELLED)])
    assert [claim.nominal for claim in await taken(store)] == [third]


async def test_an_edit_that_allows_more_lets_the_line_go(store: Store) -> None:
    instants = await dispatched(store, 5, policy="Queue")
    assert len(await taken(store)) == 1
    await store.ledger.adopt([adoption(generation=2, policy="Queue", max_concurrent=3)])
    assert [claim.nominal for claim in await taken(store)] == instants[1:3]
    await store.ledger.adopt([adoption(generation=3, policy="Allow")])
    assert [claim.nominal for claim in await taken(store)] == instants[3:]


async def test_an_edit_that_allows_less_waits_until_so_many_ended(store: Store) -> None:
    await dispatched(store, 3, policy="Queue", max_concurrent=3)
    claims = await taken(store)
    await store.ledger.adopt([adoption(generation=2, policy="Queue", max_concurrent=1)])
    (fourth,) = await more(store, generation=2)
    for claim in claims:
        assert await taken(store) == []
        await ended(store, claim)
    assert [claim.nominal for claim in await taken(store)] == [fourth]


async def test_a_manual_run_waits_for_its_turn(store: Store) -> None:
    await dispatched(store, policy="Queue")
    assert await ask(store) == (Word.STARTED, "")
    (scheduled,) = await taken(store)
    (nominal,) = await more(store)
    await ended(store, scheduled)
    (manual,) = await taken(store)
    assert "-m" in manual.run
    await ended(store, manual)
    assert [claim.nominal for claim in await taken(store)] == [nominal]


async def test_a_waiting_run_that_is_cancelled_leaves_the_line(store: Store) -> None:
    _, second, third = await dispatched(store, 3, policy="Queue")
    claims = await taken(store)
    await store.requests.cancel([rid(second)], "somebody")
    assert await state(store, second) is State.CANCELLED
    await ended(store, *claims)
    assert [claim.nominal for claim in await taken(store)] == [third]
    assert await store.lines() == {}


async def test_a_line_goes_with_its_job(store: Store) -> None:
    await dispatched(store, 4, policy="Queue")
    claims = await taken(store)
    await store.ledger.forget([UID])
    await ended(store, *claims)
    assert await taken(store) == []
    assert await store.lines() == {}
    assert await store.undying(UID) == set()


async def test_runs_that_a_status_listed_wait_until_their_workers_could_speak(store: Store) -> None:
    first, second = await dispatched(store, 2)
    (one, other) = await taken(store)
    await store.wipe()
    await store.ledger.adopt([adoption(cursor=second, seed=Seed({}, (rid(first), rid(second))))])
    # the end of one says nothing of the other, which its worker still executes
    assert await store.queue.finish(card(), [failure(one)]) == [True]
    assert await taken(store, consumer="worker-2") == []
    assert (await store.queue.beat(card(), [other])).lost == frozenset()
    await store.advance(REGISTERING)
    assert await store.queue.sweep() == 0
    assert await state(store, second) is State.RUNNING


@pytest.mark.parametrize("speaks", [True, False])
async def test_after_a_lost_store_a_line_goes_on_within_its_limit(store: Store, *, speaks: bool) -> None:
    first, second = await dispatched(store, 2, policy="Queue")
    claims = await taken(store)
    await store.wipe()
    seed = Seed({}, (rid(second), rid(first)))
    await store.ledger.adopt([adoption(cursor=second, policy="Queue", seed=seed)])
    if speaks:
        await store.queue.beat(card(), claims)
    await store.advance(REGISTERING)
    await store.queue.sweep()
    again = await taken(store, consumer="worker-2")
    assert len(again) == (0 if speaks else 1)
    await ended(store, *(claims if speaks else again))
    (last,) = await taken(store, consumer="worker-2")
    assert {last.nominal, (claims if speaks else again)[0].nominal} == {first, second}
    await ended(store, last)
    assert await store.lines() == {}


async def test_a_first_word_that_is_a_retry_keeps_the_slot_and_its_patience(store: Store) -> None:
    first, second = await dispatched(store, 2, policy="Queue")
    (claim,) = await taken(store)
    await store.wipe()
    await store.ledger.adopt([adoption(cursor=second, policy="Queue", seed=Seed({}, (rid(first), rid(second))))])
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=60_000)])
    await store.advance(REGISTERING)
    await store.queue.sweep()
    assert await taken(store) == []  # one waits for its time, the other for the first
    await store.advance(60_000)
    await store.queue.sweep()
    (again,) = await taken(store)
    assert (again.nominal, again.attempt) == (first, 2)
    await ended(store, again)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_a_run_that_speaks_up_lets_others_pass_that_stood_behind_it(store: Store) -> None:
    first, second = await dispatched(store, 2, policy="Queue", max_concurrent=2)
    claims = await taken(store, 1)
    await store.wipe()
    seed = Seed({}, (rid(first),))
    await store.ledger.adopt([adoption(cursor=first, policy="Queue", max_concurrent=2, seed=seed)])
    await store.reopen()
    assert await more(store) == [second]
    assert await taken(store, consumer="worker-2") == []
    await store.queue.beat(card(), claims)
    assert [claim.nominal for claim in await taken(store, consumer="worker-2")] == [second]


@pytest.mark.parametrize("speaks", [True, False])
async def test_after_a_lost_store_a_replacement_waits_for_what_may_still_run(store: Store, *, speaks: bool) -> None:
    (first,) = await dispatched(store, policy="Replace")
    claims = await taken(store)
    await store.wipe()
    await store.reopen()
    await store.ledger.adopt([adoption(cursor=first, policy="Replace", seed=Seed({}, (rid(first),)))])
    skipped, newest = await more(store, 2)
    assert await taken(store, consumer="worker-2") == []
    if speaks:
        assert (await store.queue.beat(card(), claims)).cancel == {rid(first): "replaced"}
        await store.queue.finish(card(), [failure(claims[0], state=State.CANCELLED)])
    else:
        await store.advance(REGISTERING)
        await store.queue.sweep()
    # the first look at its entry ends what was to be replaced
    again = await taken(store, consumer="worker-2") + await taken(store, consumer="worker-2")
    assert [claim.nominal for claim in again] == [newest]
    assert await state(store, skipped) is State.SKIPPED
    found = await record(store, first)
    assert (found.state, found.reason) == (State.CANCELLED, "replaced")
    assert await store.lines() == {}
